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
// refuse a user who speaks right after a tool, so where the protocol has a
// place for words beside a result they go there.
func Telling(p llm.Protocol, history []byte, words string) (Insert, bool) {
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
			return intoResult(last, start, words)
		}
		turn = `,{"role":"user","content":`
	case llm.Messages:
		content := member(last, "content")
		if is(jsonscan.Get(last, "role"), "user") && some(last[content.Start:content.End]) {
			return Insert{start + content.End - 1, block(`,{"type":"text","text":`, text, `}`)}, true
		}
		turn = `,{"role":"user","content":`
	case llm.Responses:
		return Insert{end, block(`,{"type":"message","role":"user","content":[{"type":"input_text","text":`, text, `}]}`)}, true
	case llm.Gemini:
		return Insert{end, block(`,{"role":"user","parts":[{"text":`, text, `}]}`)}, true
	default:
		return Insert{}, false
	}
	return Insert{end, block(turn, text, `}`)}, true
}

// intoResult puts the words at the end of a tool message's content.
func intoResult(message []byte, at int, words string) (Insert, bool) {
	span := member(message, "content")
	content := message[span.Start:span.End]
	switch jsonscan.KindOf(content) {
	case jsonscan.String:
		inner := words
		if len(content) > 2 {
			inner = "\n\n" + words
		}
		return Insert{at + span.End - 1, jsonscan.AppendEscaped(nil, inner)}, true
	case jsonscan.Array:
		head := `,{"type":"text","text":`
		if !some(content) {
			head = head[1:]
		}
		return Insert{at + span.End - 1, block(head, jsonscan.AppendString(nil, words), `}`)}, true
	default:
		return Insert{}, false
	}
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
