package guard

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Insert is text that is put into a history at an offset.
type Insert struct {
	At   int
	Text []byte
}

// Telling returns what makes a history say the words at its end. Some servers
// of Chat refuse a user who speaks right after a tool, so its tools say them.
// Those of other protocols do so if inResult asks for it, which is for
// a history that becomes Chat; else the words stand beside the result.
func Telling(p llm.Protocol, history []byte, words string, inResult bool) (Insert, bool) {
	it := jsonscan.Backward(history)
	if !it.Next() {
		return Insert{}, false
	}
	start, end := it.Span()
	last := it.Value()
	text := jsonscan.AppendString(nil, words)
	turn := ""
	switch p {
	case llm.Chat:
		if is(jsonscan.Get(last, "role"), "tool") {
			return intoResult(last, start, "content", "text", words)
		}
		turn = `,{"role":"user","content":`
	case llm.Messages:
		content := member(last, "content")
		if is(jsonscan.Get(last, "role"), "user") && some(last[content.Start:content.End]) {
			if inResult {
				if in, ok := intoBlock(last[content.Start:content.End], start+content.Start, words); ok {
					return in, true
				}
			}
			return Insert{start + content.End - 1, block(`,{"type":"text","text":`, text, `}`)}, true
		}
		turn = `,{"role":"user","content":`
	case llm.Responses:
		kind := jsonscan.Get(last, "type")
		if inResult && (is(kind, "function_call_output") || is(kind, "custom_tool_call_output")) {
			if in, ok := intoResult(last, start, "output", "input_text", words); ok {
				return in, true
			}
		}
		return Insert{end, block(`,{"type":"message","role":"user","content":[{"type":"input_text","text":`, text, `}]}`)}, true
	case llm.Gemini:
		if inResult {
			if in, ok := intoResponse(last, start, text); ok {
				return in, true
			}
		}
		return Insert{end, block(`,{"role":"user","parts":[{"text":`, text, `}]}`)}, true
	default:
		return Insert{}, false
	}
	return Insert{end, block(turn, text, `}`)}, true
}

// intoBlock puts the words into the last block of a turn, if it is a result.
func intoBlock(content []byte, at int, words string) (Insert, bool) {
	it := jsonscan.Backward(content)
	if !it.Next() || !is(jsonscan.Get(it.Value(), "type"), "tool_result") {
		return Insert{}, false
	}
	start, _ := it.Span()
	return intoResult(it.Value(), at+start, "content", "text", words)
}

// intoResult puts the words at the end of the named member of a result, which
// is a text or parts of the form.
func intoResult(result []byte, at int, name, form, words string) (Insert, bool) {
	span := member(result, name)
	content := result[span.Start:span.End]
	switch jsonscan.KindOf(content) {
	case jsonscan.String:
		inner := words
		if len(content) > 2 {
			inner = "\n\n" + words
		}
		return Insert{at + span.End - 1, jsonscan.AppendEscaped(nil, inner)}, true
	case jsonscan.Array:
		head := `,{"type":"` + form + `","text":`
		if !some(content) {
			head = head[1:]
		}
		return Insert{at + span.End - 1, block(head, jsonscan.AppendString(nil, words), `}`)}, true
	default:
		return Insert{}, false
	}
}

// intoResponse makes the text a member of what the last part of a content says
// that a function gave, if that is what it is.
func intoResponse(content []byte, at int, text []byte) (Insert, bool) {
	parts := member(content, "parts")
	it := jsonscan.Backward(content[parts.Start:parts.End])
	if !it.Next() {
		return Insert{}, false
	}
	part := it.Value()
	start, _ := it.Span()
	given := member(part, "functionResponse")
	if given.End == 0 {
		given = member(part, "function_response")
	}
	response := member(part[given.Start:given.End], "response")
	v := part[given.Start:given.End][response.Start:response.End]
	if jsonscan.KindOf(v) != jsonscan.Object {
		return Insert{}, false
	}
	head := `,"gateway_note":`
	if members := jsonscan.Members(v); !members.Next() {
		head = head[1:]
	}
	return Insert{at + parts.Start + start + given.Start + response.End - 1, block(head, text, "")}, true
}

// member returns where the value of a member lies, the last of that name.
func member(v []byte, name string) jsonscan.Range {
	var at jsonscan.Range
	for it := jsonscan.Members(v); it.Next(); {
		if string(it.Key()) == name {
			at.Start, at.End = it.Span()
		}
	}
	return at
}

// some reports whether v is an array with elements.
func some(v []byte) bool {
	if jsonscan.KindOf(v) != jsonscan.Array {
		return false
	}
	it := jsonscan.Elements(v)
	return it.Next()
}

func block(head string, text []byte, tail string) []byte {
	out := make([]byte, 0, len(head)+len(text)+len(tail))
	return append(append(append(out, head...), text...), tail...)
}
