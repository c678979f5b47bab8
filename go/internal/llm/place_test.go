package llm_test

import (
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

func TestAt(t *testing.T) {
	moved := &llm.Places{List: "input", Turns: [][]llm.Place{{{3, 0}, {3, 1}, {5, -1}}, {}}}
	for name, c := range map[string]struct {
		places      *llm.Places
		turn, block int
		want        string
	}{
		"no client":        {nil, 1, 2, "turns[1].blocks[2]"},
		"a turn of none":   {nil, 1, -1, "turns[1]"},
		"as numbered":      {&llm.Places{List: "messages"}, 1, 2, "messages[1].content[2]"},
		"a message":        {&llm.Places{List: "messages"}, 1, -1, "messages[1]"},
		"a part elsewhere": {moved, 0, 1, "input[3].content[1]"},
		"an item":          {moved, 0, 2, "input[5]"},
		"a turn of items":  {moved, 0, -1, "input[3]"},
		"nothing there":    {moved, 1, 0, "input[1]"},
		"beyond the end":   {moved, 7, 0, "input[7]"},
	} {
		if got := (&llm.Request{Places: c.places}).At(c.turn, c.block); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
