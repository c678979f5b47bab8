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

// match compares the whole name with a pattern of letters, * (any run,
// slashes included, since model names hold them) and ? (one byte). It takes
// at most len(pattern) times len(name) steps, whatever the pattern.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, resume := -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
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
