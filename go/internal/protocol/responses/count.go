package responses

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

var _ protocol.Counter = (*Codec)(nil)

// EncodeCountRequest writes the question how many tokens a prompt is. The
// vendor refuses members that have no place there.
func (c *Codec) EncodeCountRequest(req *llm.Request, to protocol.Target) ([]byte, []llm.Finding, error) {
	body, findings, err := c.EncodeRequest(req, to)
	if err != nil {
		return nil, nil, err
	}
	return protocol.Keep(body, "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls",
		"reasoning", "text", "truncation"), findings, nil
}

// DecodeCount reads the answer to that question.
func (*Codec) DecodeCount(body []byte) (int64, bool) { return protocol.ReadCount(body, "input_tokens") }

// EncodeCount returns the answer for a prompt of n tokens.
func (*Codec) EncodeCount(n int64) []byte {
	return append(strconv.AppendInt([]byte(`{"object":"response.input_tokens","input_tokens":`), n, 10), '}')
}
