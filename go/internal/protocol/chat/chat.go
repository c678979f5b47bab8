// Package chat is the codec of the OpenAI Chat Completions protocol, with
// embeddings and the model list. It knows no provider, no key, no price and no
// other protocol.
package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// origin marks what only this protocol understands, and seals that a client
// holds in this protocol's own form.
const origin = llm.Chat

// Codec is the Chat Completions protocol, both ways. It is safe for concurrent
// use.
type Codec struct{ sealer *protocol.Sealer }

var (
	_ protocol.Codec  = (*Codec)(nil)
	_ protocol.Mender = (*Codec)(nil)
)

// New returns the codec. The sealer wraps what other protocols signed.
func New(sealer *protocol.Sealer) *Codec { return &Codec{sealer: sealer} }

// Name returns llm.Chat.
func (*Codec) Name() llm.Protocol { return origin }

// AppendKeepAlive appends a comment, which every SSE reader skips.
func (*Codec) AppendKeepAlive(dst []byte) []byte {
	return append(dst, ": keep-alive\n\n"...)
}
