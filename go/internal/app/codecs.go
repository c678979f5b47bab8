package app

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/gemini"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
)

// Codecs returns every protocol the gateway speaks.
func Codecs(sealer *protocol.Sealer) map[llm.Protocol]protocol.Codec {
	return map[llm.Protocol]protocol.Codec{
		llm.Chat:      chat.New(sealer),
		llm.Messages:  messages.New(sealer),
		llm.Responses: responses.New(sealer),
		llm.Gemini:    gemini.New(sealer),
		llm.Plain:     chat.NewPlain(),
	}
}
