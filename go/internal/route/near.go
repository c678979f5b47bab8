package route

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// maxNear bounds how many names an error lists.
const maxNear = 5

// notFound is the error for a model that leads nowhere. It lists names that
// resemble it, and which of the routes there are where none does.
func (s *snapshot) notFound(q *Query, learned map[string][]string) error {
	var b strings.Builder
	b.WriteString("The model \"" + q.Model + "\" does not exist here: ")
	switch {
	case !s.builtin:
		b.WriteString("no route matches it.")
	case s.idle():
		b.WriteString("no provider has a key.")
	default:
		b.WriteString("no provider is known to have it.")
	}
	if near := s.near(q, learned); len(near) > 0 {
		b.WriteString(" Did you mean " + strings.Join(near, ", ") + "?")
	} else if ways := s.ways(); len(ways) > 0 {
		b.WriteString(" There are: " + strings.Join(ways, ", ") + ".")
	}
	err := llm.Errorf(llm.ModelNotFound, "%s", b.String())
	err.Field, err.Code = "model", CodeModelNotFound
	return err
}

func (s *snapshot) idle() bool {
	return !slices.ContainsFunc(s.order, func(p *pool) bool { return p != s.loopback && len(p.ready) > 0 })
}

// near returns the names closest to the model asked for, closest first, of
// those the key may use.
func (s *snapshot) near(q *Query, learned map[string][]string) []string {
	type hit struct {
		name string
		far  int
	}
	limit := max(2, len(q.Model)/3)
	asked := strings.ToLower(q.Model)
	var hits []hit
	seen := map[string]bool{q.Model: true}
	s.names(learned, func(name string) {
		if seen[name] || !allowed(q.Principal.Models, name) {
			return
		}
		seen[name] = true
		if far := distance(asked, strings.ToLower(name), limit); far <= limit && s.answers(name, learned) != nil {
			hits = append(hits, hit{name, far})
		}
	})
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name))
	})
	out := make([]string, 0, maxNear)
	for _, h := range hits[:min(len(hits), maxNear)] {
		out = append(out, h.name)
	}
	return out
}

// names visits every name that may be meant, some of them twice.
func (s *snapshot) names(learned map[string][]string, visit func(string)) {
	for name := range s.exact {
		visit(name)
	}
	for i := range s.rules {
		r := &s.rules[i]
		if !isPattern(r.match) {
			visit(r.match)
		}
		for j := range r.targets {
			if t := &r.targets[j]; t.fixed && match(r.match, t.model) {
				visit(t.model)
			}
		}
	}
	if s.loopback != nil {
		visit(loopbackName)
	}
	for id := range s.explicit {
		visit(id)
	}
	for id := range learned {
		visit(id)
	}
	for _, p := range s.order {
		if s.builtin && len(p.ready) > 0 && !reports(p, learned) {
			for _, id := range [...]string{p.info.Defaults.Large, p.info.Defaults.Small} {
				if id != "" {
					visit(id)
				}
			}
		}
	}
}

// ways lists the patterns that lead somewhere, a few of them.
func (s *snapshot) ways() []string {
	var out []string
	add := func(text string) {
		if text != "" && len(out) < 2*maxNear && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	for i := range s.rules {
		add(s.rules[i].match)
	}
	if s.builtin {
		for _, f := range s.families {
			if len(f.pool.ready) > 0 {
				add(f.pattern)
			}
		}
	}
	if s.loopback != nil {
		add(loopbackName)
	}
	return out
}

// distance is the number of edits (insert, delete, replace, swap of
// neighbours) from a to b in bytes, or limit+1 if there are more.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1
	}
	var space [3][maxModel + 1]int
	before, last, row := space[0][:len(b)+1], space[1][:len(b)+1], space[2][:len(b)+1]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > limit+1 {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
