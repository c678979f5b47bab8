// Package llm is the gateway's vocabulary: a conversation, its answer and
// what it used, in no vendor's shape. It knows no wire format, no provider
// and no price, and imports the standard library only.
package llm

// Protocol names a wire protocol.
type Protocol string

// The protocols the gateway knows.
const (
	Chat      Protocol = "openai-chat"
	Responses Protocol = "openai-responses"
	Messages  Protocol = "anthropic-messages"
	Gemini    Protocol = "gemini"
)

// Operation is what a client asks for, whatever the protocol.
type Operation string

// The operations.
const (
	Generate    Operation = "generate"
	CountTokens Operation = "count_tokens"
	Embed       Operation = "embed"
	ListModels  Operation = "list_models"
)
