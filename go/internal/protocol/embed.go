package protocol

import "github.com/tokligence/tokligence-gateway/go/internal/llm"

// Embedder is a codec whose protocol has embeddings. Another that has them too
// can stand on the other side.
type Embedder interface {
	// DecodeEmbed reads a client's request (*llm.Error of kind Invalid naming
	// the field in the client's own words).
	DecodeEmbed(body []byte) (*llm.EmbedRequest, error)

	// EncodeEmbed writes req for the target; for Gemini it is always a batch.
	EncodeEmbed(req *llm.EmbedRequest, to Target) ([]byte, []llm.Finding, error)

	// DecodeVectors reads an upstream's answer; the error is an *llm.Error.
	DecodeVectors(body []byte) (*llm.Vectors, error)

	// EncodeVectors writes the answer for a client.
	EncodeVectors(v *llm.Vectors, head Head) []byte
}
