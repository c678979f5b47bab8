package messages

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// bodyBlock is a finished block of a whole answer.
type bodyBlock struct {
	raw []byte

	// broken are the arguments of a call that are no JSON object. What to do
	// with it is known when the answer ends.
	broken string
	isCall bool
}

func (w *writer) foldText(cited []llm.Opaque) {
	raw := append([]byte(`{"type":"text","text":"`), w.live.text...)
	raw = append(raw, '"')
	if len(cited) > 0 {
		list := make([][]byte, len(cited))
		for i, c := range cited {
			list[i] = c.Raw
		}
		raw = appendList(append(raw, `,"citations":`...), list)
	}
	w.body = append(w.body, bodyBlock{raw: append(raw, '}')})
}

func (w *writer) foldThought(signature string) {
	raw := append([]byte(`{"type":"thinking","thinking":"`), w.live.text...)
	raw = append(raw, `","signature":`...)
	w.body = append(w.body, bodyBlock{raw: append(jsonscan.AppendString(raw, signature), '}')})
}

func (w *writer) foldCall(call llm.ToolCall) {
	arguments := string(jsonscan.Unescape(nil, w.live.text))
	input, mended := objectOf(arguments)
	b := bodyBlock{isCall: true}
	if mended {
		b.broken = arguments
	}
	b.raw = callJSON(call, input)
	w.body = append(w.body, b)
}

func callJSON(call llm.ToolCall, input string) []byte {
	raw := append(appendCallHead(nil, call), `,"input":`...)
	return append(append(raw, input...), '}')
}

// finishBody writes the whole answer. A call that was cut off is left out: its
// input would have to be an object. One that merely is no JSON goes out with
// its text, so that the client can tell the model.
func (w *writer) finishBody() {
	whole := w.ending.stop.Reason == llm.StopTools || w.ending.stop.Reason == llm.StopEnd
	w.ending.calls = false
	blocks := make([][]byte, 0, len(w.body))
	for _, b := range w.body {
		if b.broken != "" && !whole {
			w.Note(llm.Lost, "content", "truncated_tool_call")
			continue
		}
		if b.broken != "" {
			w.Note(llm.Approximated, "content", "arguments_are_no_json_object")
		}
		w.ending.calls = w.ending.calls || b.isCall
		blocks = append(blocks, b.raw)
	}
	w.appendHead()
	w.Out = appendList(append(w.Out, `,"content":`...), blocks)
	w.Out = append(w.Out, ',')
	w.Out = w.ending.appendStop(w.Out)
	w.Out = append(w.Out, `,"usage":`...)
	w.Out = appendUsage(w.Out, &w.Usage)
	w.Out = append(w.Out, '}')
}
