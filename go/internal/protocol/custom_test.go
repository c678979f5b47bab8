package protocol_test

import (
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func TestUnwrapInput(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"wrapped":       {`{"input":"a \"b\"\nc"}`, "a \"b\"\nc"},
		"patch":         {`{"patch":"*** Begin"}`, "*** Begin"},
		"command":       {`{"command":["apply_patch","*** Begin"]}`, "*** Begin"},
		"code":          {`{"code":"1+1"}`, "1+1"},
		"a JSON string": {`"raw"`, "raw"},
		"bare text":     {"*** Begin Patch\n*** End Patch", "*** Begin Patch\n*** End Patch"},
		"fenced":        {"{\"input\":\"```diff\\n+a\\n```\"}", "+a\n"},
		"two fences":    {"```\na\n```\n```\nb\n```", "```\na\n```\n```\nb\n```"},
		"other members": {`{"x":1}`, `{"x":1}`},
		"nothing":       {``, ``},
		"empty":         {`{"input":""}`, ``},
	} {
		if got := protocol.UnwrapInput(c.in); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	for _, text := range []string{"", "a\"b\\", "é\u2028\x00"} {
		if got := protocol.UnwrapInput(protocol.WrapInput(text)); got != text {
			t.Errorf("%q came back as %q", text, got)
		}
	}
}
