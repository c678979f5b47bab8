package gemini

import (
	"bytes"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

var _ protocol.Counter = (*Codec)(nil)

// EncodeCountRequest writes the question how many tokens a prompt is. Only
// inside a whole request may it hold more than the turns, and there the model
// is told a second time.
func (c *Codec) EncodeCountRequest(req *llm.Request, to protocol.Target) ([]byte, []llm.Finding, error) {
	body, findings, err := c.EncodeRequest(req, to)
	if err != nil {
		return nil, nil, err
	}
	rest := bytes.TrimPrefix(protocol.Keep(body, "contents", "systemInstruction", "tools", "toolConfig"), []byte("{"))
	out := append([]byte(`{"`+wrappedRequest+`":{"model":`), jsonscan.AppendString(nil, "models/"+to.Model)...)
	if len(rest) > 1 {
		out = append(out, ',')
	}
	return append(append(out, rest...), '}'), findings, nil
}

// DecodeCount reads the answer to that question.
func (*Codec) DecodeCount(body []byte) (int64, bool) { return protocol.ReadCount(body, "totalTokens") }

// EncodeCount returns the answer to countTokens for a prompt of n tokens.
func (*Codec) EncodeCount(n int64) []byte {
	return append(strconv.AppendInt([]byte(`{"totalTokens":`), n, 10), '}')
}
