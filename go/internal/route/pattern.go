package route

import "strings"

// match reports whether name is in the language of pattern, where every *
// stands for any text, the empty one included. Everything else is literal.
func match(pattern, name string) bool {
	star, from := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			from++
			p, n = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// covers reports whether every name that inner matches is matched by outer. A
// star of inner is a character that only a star of outer can take.
func covers(outer, inner string) bool { return match(outer, inner) }

// isPattern reports whether text stands for more than itself.
func isPattern(text string) bool { return strings.Contains(text, "*") }

// literals counts the characters of pattern that stand for themselves.
func literals(pattern string) int { return len(pattern) - strings.Count(pattern, "*") }

// allowed reports whether a key may use a model of any of these names. Nil
// allows all, an empty list none.
func allowed(models []string, names ...string) bool {
	if models == nil {
		return true
	}
	for _, pattern := range models {
		for _, name := range names {
			if match(pattern, name) {
				return true
			}
		}
	}
	return false
}

const loopbackName = "loopback"

// isLoopback reports whether model belongs to the built-in provider.
func isLoopback(model string) bool {
	rest, ok := strings.CutPrefix(model, loopbackName)
	return ok && (rest == "" || rest[0] == ':')
}

// printable makes text fit for a header.
func printable(text string) string {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return '?'
				}
				return r
			}, text)
		}
	}
	return text
}
