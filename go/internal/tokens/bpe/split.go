package bpe

import (
	"unicode"
	"unicode/utf8"
)

// The published vocabularies say by regular expressions how a text is cut into
// pieces before bytes are joined. The expressions look ahead, which Go's do
// not, so that they stand here as code; \s, \p{L} and \p{N} are those of
// Unicode.

// first decodes the rune that begins s; size 0 at the end.
func first(s string) (rune, int) {
	if s == "" {
		return 0, 0
	}
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	return utf8.DecodeRuneInString(s)
}

// run returns the length of the longest beginning of s whose runes are in is.
func run(s string, is func(rune) bool) int {
	n := 0
	for n < len(s) {
		r, size := first(s[n:])
		if !is(r) {
			break
		}
		n += size
	}
	return n
}

func isLine(r rune) bool  { return r == '\r' || r == '\n' }
func isSlash(r rune) bool { return isLine(r) || r == '/' }
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r|0x20 >= 'a' && r|0x20 <= 'z'
	}
	return unicode.IsLetter(r)
}

func isDigit(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= '0' && r <= '9'
	}
	return unicode.In(r, unicode.N)
}

func isSign(r rune) bool { return !unicode.IsSpace(r) && !isWord(r) && !isDigit(r) }

// isLead may stand before a word and belongs to it.
func isLead(r rune) bool { return !isLine(r) && !isWord(r) && !isDigit(r) }

// isUpper and isLower overlap: marks and letters without case are both.
func isUpper(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'A' && r <= 'Z'
	}
	return unicode.In(r, unicode.Lu, unicode.Lt, unicode.Lm, unicode.Lo, unicode.M)
}

func isLower(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z'
	}
	return unicode.In(r, unicode.Ll, unicode.Lm, unicode.Lo, unicode.M)
}

// nextCL100K is (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ |
// \p{N}{1,3} | ` ?[^\s\p{L}\p{N}]+[\r\n]*` | \s*[\r\n]+ | \s+(?!\S) | \s+.
func nextCL100K(s string) int {
	if n := contraction(s); n > 0 {
		return n
	}
	r, size := first(s)
	switch {
	case isWord(r):
		return run(s, isWord)
	case isLead(r):
		if n := run(s[size:], isWord); n > 0 {
			return size + n
		}
	}
	return rest(s, isLine)
}

// nextO200K is, with U and L for the upper and lower classes and C for the
// contractions: [^\r\n\p{L}\p{N}]?U*L+C? | [^\r\n\p{L}\p{N}]?U+L*C? and then
// as above, but that signs take slashes after them.
func nextO200K(s string) int {
	r, lead := first(s)
	for _, word := range [...]func(string) int{lowerWord, upperWord} {
		if isLead(r) {
			if n := word(s[lead:]); n > 0 {
				return lead + n + contraction(s[lead+n:])
			}
		}
		if n := word(s); n > 0 {
			return n + contraction(s[n:])
		}
	}
	return rest(s, isSlash)
}

// lowerWord is U*L+, with the U* giving back as little as it must.
func lowerWord(s string) int {
	n, last := 0, 0 // last: the end of the last rune so far that is lower too
	for n < len(s) {
		r, size := first(s[n:])
		if !isUpper(r) {
			break
		}
		n += size
		if isLower(r) {
			last = n
		}
	}
	if lower := run(s[n:], isLower); lower > 0 {
		return n + lower
	}
	return last
}

// upperWord is U+L*.
func upperWord(s string) int {
	n := run(s, isUpper)
	if n == 0 {
		return 0
	}
	return n + run(s[n:], isLower)
}

// rest cuts what is no word.
func rest(s string, tail func(rune) bool) int {
	r, size := first(s)
	if isDigit(r) {
		n := size
		for range 2 {
			r, size := first(s[n:])
			if size == 0 || !isDigit(r) {
				break
			}
			n += size
		}
		return n
	}
	from := 0
	if r == ' ' {
		from = 1
	}
	if n := run(s[from:], isSign); n > 0 {
		n += from
		return n + run(s[n:], tail)
	}
	return blank(s)
}

// blank is \s*[\r\n]+ | \s+(?!\S) | \s+.
func blank(s string) int {
	n, last, line := 0, 0, 0 // last: the start of the last rune
	for n < len(s) {
		r, size := first(s[n:])
		if !unicode.IsSpace(r) {
			break
		}
		last = n
		n += size
		if isLine(r) {
			line = n
		}
	}
	switch {
	case line > 0:
		return line
	case n < len(s) && last > 0:
		return last
	}
	return n
}

// contraction is the length of 's, 't, 're, 've, 'm, 'll or 'd in any case at
// the head of s.
func contraction(s string) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	switch s[1] | 0x20 {
	case 's', 't', 'm', 'd':
		return 2
	}
	if r, size := first(s[1:]); r == 'ſ' { // folds to s
		return 1 + size
	}
	if len(s) < 3 {
		return 0
	}
	switch string([]byte{s[1] | 0x20, s[2] | 0x20}) {
	case "re", "ve", "ll":
		return 3
	}
	return 0
}
