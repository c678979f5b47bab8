package identity

// Allowed reports whether the principal may use a model. A principal without
// a list may use all, one with an empty list none.
func Allowed(p Principal, model string) bool {
	if p.Models == nil {
		return true
	}
	for _, pattern := range p.Models {
		if match(pattern, model) {
			return true
		}
	}
	return false
}

// within reports whether every model that inner allows is allowed by outer.
func within(inner, outer []string) bool {
	switch {
	case outer == nil:
		return true
	case inner == nil:
		return false
	}
	for _, pattern := range inner {
		// A star of the inner pattern is a character that only a star of an
		// outer pattern can take.
		if !Allowed(Principal{Models: outer}, pattern) {
			return false
		}
	}
	return true
}

// match compares the whole name with a pattern in which * stands for any run
// of characters, slashes included, since model names hold them. It takes at
// most len(pattern) times len(name) steps, whatever the pattern.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, resume := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			resume++
			p, n = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
