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

	// Plain is OpenAI's paths that hold no conversation, and those that are
	// made like them: the answer goes on as it comes, to no other protocol.
	Plain Protocol = "openai-plain"
)
