package messages

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// inputOf returns the arguments of a call as a JSON object. The protocol takes
// nothing else; text that is none is wrapped, so that one bad call does not
// make its conversation unusable for ever.
func inputOf(b llm.ToolCall) (input string, mended bool) {
	if b.Kind == llm.CustomTool {
		return protocol.WrapInput(b.Arguments), false
	}
	return objectOf(b.Arguments)
}

func objectOf(arguments string) (input string, mended bool) {
	trimmed := strings.TrimSpace(arguments)
	if trimmed == "" || trimmed == "null" {
		return "{}", false
	}
	if isJSONObject([]byte(trimmed)) {
		return trimmed, false
	}
	return string(append(jsonscan.AppendString([]byte(`{"_raw":`), arguments), '}')), true
}

func isJSONObject(v []byte) bool {
	return jsonscan.KindOf(v) == jsonscan.Object && jsonscan.Valid(v) == nil
}
