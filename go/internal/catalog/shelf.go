package catalog

import "strings"

// shelf holds the models of one provider.
type shelf struct {
	models    map[string]*Model
	revisions []string // endings of a snapshot that is its model in all else
	prefixes  []string // may stand in front of an id
	patterns  []pattern
}

// pattern stands for ids that the table does not name. What it says of
// abilities and of prices is taken apart: the first that has either.
type pattern struct {
	globs []glob
	model *Model // nil: says nothing of abilities
	price *Price // nil: says nothing of prices
}

// named returns the model with this id, or the one it is a snapshot of.
func (s *shelf) named(id string) *Model {
	if m := s.models[id]; m != nil {
		return m
	}
	for _, prefix := range s.prefixes {
		if rest, ok := strings.CutPrefix(id, prefix); ok {
			id = rest
			if m := s.models[id]; m != nil {
				return m
			}
		}
	}
	for _, r := range s.revisions {
		if cut := len(id) - len(r); cut > 0 && match(r, id[cut:]) {
			if m := s.models[id[:cut]]; m != nil {
				return m
			}
		}
	}
	return nil
}

func (s *shelf) matching(id string) (m *Model, price *Price) {
	for _, prefix := range s.prefixes {
		if rest, ok := strings.CutPrefix(id, prefix); ok {
			id = rest
		}
	}
	for i := range s.patterns {
		p := &s.patterns[i]
		if (m == nil && p.model != nil || price == nil && p.price != nil) && p.matches(id) {
			if m == nil {
				m = p.model
			}
			if price == nil {
				price = p.price
			}
		}
	}
	return m, price
}

func (p *pattern) matches(id string) bool {
	for i := range p.globs {
		if g := &p.globs[i]; strings.Contains(id, g.must) && match(g.text, id) {
			return true
		}
	}
	return false
}

// glob is a pattern and the longest text that whatever fits it holds, by which
// most ids are told apart quickly.
type glob struct{ text, must string }

func globs(patterns ...string) []glob {
	all := make([]glob, len(patterns))
	for i, text := range patterns {
		all[i].text = text
		for literal := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '*' || r == '#' || r == '$' }) {
			if len(literal) > len(all[i].must) {
				all[i].must = literal
			}
		}
	}
	return all
}

// match compares text with a pattern: * stands for any text, # for a digit,
// and $ at the end for the end or for anything that does not go on with a
// letter or a digit. It takes time in the product of both lengths at most.
func match(pattern, text string) bool {
	pattern, open := strings.CutSuffix(pattern, "$")
	star, retry := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case open && p == len(pattern) && !wordByte(text[t]):
			return true
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, t
			p++
		case p < len(pattern) && (pattern[p] == text[t] || pattern[p] == '#' && text[t] >= '0' && text[t] <= '9'):
			p++
			t++
		case star >= 0:
			retry++
			p, t = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
