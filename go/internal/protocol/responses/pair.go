package responses

import "bytes"

// pair keeps back half a surrogate pair until the other half comes. Pieces
// are cut between the halves by some servers, and strict clients refuse an
// event that holds one half.
type pair struct{ half []byte }

// join returns what of the delta can go out, after what was kept back.
func (p *pair) join(delta []byte) []byte {
	if len(p.half) > 0 {
		delta = append(p.half, delta...)
		p.half = nil
	}
	if n := len(delta) - escapeLen; n >= 0 && leads(delta[n:]) && !escaped(delta[:n]) {
		p.half = bytes.Clone(delta[n:])
		return delta[:n]
	}
	return delta
}

// rest returns what is left when nothing more comes.
func (p *pair) rest() []byte {
	half := p.half
	p.half = nil
	return half
}

// escapeLen is the length of \uXXXX.
const escapeLen = 6

// escaped reports whether what follows s in a string is escaped by its end.
func escaped(s []byte) bool {
	return (len(s)-len(bytes.TrimRight(s, `\`)))%2 == 1
}

// leads reports whether s begins with the escape of the first half of a pair.
func leads(s []byte) bool {
	return len(s) >= escapeLen && s[0] == '\\' && s[1] == 'u' && s[2]|0x20 == 'd' &&
		bytes.IndexByte([]byte("89abAB"), s[3]) >= 0
}
