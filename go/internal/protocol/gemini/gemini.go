// Package gemini reads Google's generateContent: requests and answers, whole
// and streamed. It only reads; it is no codec yet. It knows the wire only: no
// other protocol, no provider and no key.
//
// Requests may spell every field in two ways, camelCase and snake_case.
package gemini

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// text returns the string v, or "" if it is none.
func text(v []byte) string {
	s, _ := jsonscan.Text(v)
	return s
}

// camel returns a field name in the spelling that the vendor documents.
func camel(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	var b strings.Builder
	up := false
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_':
			up = true
			continue
		case up && c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		}
		up = false
		b.WriteByte(c)
	}
	return b.String()
}
