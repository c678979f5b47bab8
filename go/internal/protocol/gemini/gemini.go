// Package gemini is the codec of Google's generateContent, with countTokens and
// the model list. It knows the wire only: no other protocol, no provider and no
// key.
//
// Requests may spell every field in two ways, camelCase and snake_case. The
// model and whether to stream are in the path of a call, not in its body: both
// are the caller's to set.
package gemini

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// origin marks what only this protocol understands.
const origin = llm.Gemini

// Codec is Google's protocol, both ways. It is safe for concurrent use.
type Codec struct{ sealer *protocol.Sealer }

var _ protocol.Codec = (*Codec)(nil)

// New returns the codec. The sealer wraps what other protocols signed.
func New(sealer *protocol.Sealer) *Codec { return &Codec{sealer: sealer} }

// Name returns llm.Gemini.
func (*Codec) Name() llm.Protocol { return origin }

// AppendKeepAlive appends an empty line: it is nothing both between events and
// between the elements of an array, and the vendor's own clients fail on
// comments.
func (*Codec) AppendKeepAlive(dst []byte) []byte { return append(dst, '\n') }

// text returns the string v, or "" if it is none.
func text(v []byte) string {
	s, _ := jsonscan.Text(v)
	return s
}

// compact returns JSON without the white space between its tokens: a frame is
// one line, and arguments are compared as text.
func compact(v []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		return v
	}
	return b.Bytes()
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
