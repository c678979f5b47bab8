package protocol_test

import (
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func TestCanBeStrict(t *testing.T) {
	for schema, want := range map[string]bool{
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`:        true,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`:                                     false,
		`{"type":"object","properties":{"a":{"type":"string"},"b":{}},"required":["a"],"additionalProperties":false}`: false,
		`{"type":"object","properties":{},"additionalProperties":false}`:                                              true,
		`{"type":"object"}`: false,
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"object"}}},"required":["a"],"additionalProperties":false}`:                                                              false,
		`{"type":"array","items":{"type":"string","enum":["x"]}}`:                                                                                                                                    false,
		`{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"object"}]}},"required":["a"],"additionalProperties":false}`:                                                         false,
		`{"type":"object","properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}},"required":["a"],"additionalProperties":false}`:                                                           true,
		`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"],"additionalProperties":false,"$defs":{"x":{"type":"object","properties":{"a":{}},"additionalProperties":false}}}`: false,
		`{"type":"object","properties":{"a":{"type":"string","minLength":3}},"required":["a"],"additionalProperties":false}`:                                                                         false,
		`{"anyOf":1}`: false,
		`[]`:          false,
	} {
		if got := protocol.CanBeStrict([]byte(schema)); got != want {
			t.Errorf("%s: got %t", schema, got)
		}
	}
}
