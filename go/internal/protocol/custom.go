package protocol

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// CustomSchema is the schema of the function that stands in for a custom tool
// where a protocol or a server has none.
const CustomSchema = `{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`

// CustomHint describes a custom tool to a model that is offered its stand-in:
// what the schema cannot say.
func CustomHint(t *llm.Tool) string {
	hint := "Put the raw text into `input`."
	if t.Grammar != nil {
		hint += " Grammar (" + t.Grammar.Syntax + "):\n" + t.Grammar.Definition
	}
	if t.Description == "" {
		return hint
	}
	return t.Description + "\n\n" + hint
}

// WrapInput returns the arguments of that function for a custom tool's input.
func WrapInput(input string) string {
	return string(append(jsonscan.AppendString([]byte(`{"input":`), input), '}'))
}

// UnwrapInput returns the input of a custom tool from the arguments that a
// model gave to its stand-in. Models wrap raw text in other ways too: under
// other names, in a code fence, or not at all.
func UnwrapInput(arguments string) string {
	v := []byte(strings.TrimSpace(arguments))
	if jsonscan.Valid(v) != nil {
		return unfence(arguments)
	}
	switch jsonscan.KindOf(v) {
	case jsonscan.String:
		text, _ := jsonscan.Text(v)
		return unfence(text)
	case jsonscan.Object:
		for _, name := range [...]string{"input", "patch", "code", "command"} {
			if text, ok := inputOf(jsonscan.Get(v, name)); ok {
				return unfence(text)
			}
		}
	default:
	}
	return arguments
}

// inputOf reads a string, or the last string of an array such as
// ["apply_patch", "*** Begin Patch…"].
func inputOf(v []byte) (string, bool) {
	if jsonscan.KindOf(v) == jsonscan.Array {
		var last []byte
		it := jsonscan.Elements(v)
		for it.Next() {
			last = it.Value()
		}
		v = last
	}
	return jsonscan.Text(v)
}

// unfence takes the text out of a Markdown code fence that holds all of it.
func unfence(text string) string {
	trimmed := strings.TrimSpace(text)
	body, fenced := strings.CutPrefix(trimmed, "```")
	if !fenced {
		return text
	}
	body, closed := strings.CutSuffix(body, "```")
	_, body, found := strings.Cut(body, "\n")
	if !closed || !found || strings.Contains(body, "```") {
		return text
	}
	return body
}
