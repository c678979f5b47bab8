// Package messages is the codec of the Anthropic Messages protocol, with
// count_tokens and the model list. It knows no provider, no key, no price and
// no other protocol.
package messages

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// origin marks what only this protocol understands.
const origin = llm.Messages

// jsonTool is the tool a model without structured output is made to call. Its
// input is the answer's text; no client ever sees the call.
const jsonTool = "json_output"

// Codec is the Messages protocol, both ways. It is safe for concurrent use.
type Codec struct{ sealer *protocol.Sealer }

var _ protocol.Codec = (*Codec)(nil)

// New returns the codec. The sealer wraps what other protocols signed.
func New(sealer *protocol.Sealer) *Codec { return &Codec{sealer: sealer} }

// Name returns llm.Messages.
func (*Codec) Name() llm.Protocol { return origin }

// AppendKeepAlive appends a ping event, which clients count as a sign of life.
func (*Codec) AppendKeepAlive(dst []byte) []byte {
	return append(dst, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
}
