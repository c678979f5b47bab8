package responses

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func (w *writer) thoughtDelta(b llm.Thought, delta []byte) {
	if !w.block.begun {
		w.beginThought()
		w.thoughtPart(b, "added", "")
	}
	w.block.begun = true
	w.block.text = append(w.block.text, delta...)
	if !w.head.Stream {
		return
	}
	kind, index, _ := thoughtWords(b)
	w.ref("response." + kind + ".delta")
	w.Out = append(append(append(w.Out, index...), `,"delta":"`...), delta...)
	w.Out = append(w.Out, '"')
	w.close()
}

// thoughtWords are the words for a summary, or for the model's own thoughts.
func thoughtWords(b llm.Thought) (event, index, part string) {
	if b.Raw {
		return "reasoning_text", `,"content_index":0`, "reasoning_text"
	}
	return "reasoning_summary_text", `,"summary_index":0`, "summary_text"
}

func (w *writer) beginThought() {
	it := w.beginItem(itemReasoning, "rs_")
	w.itemEvent("response.output_item.added", appendThought(nil, it.id, llm.Thought{}, nil, ""))
}

// thoughtPart writes added or done of the one part of a reasoning item.
func (w *writer) thoughtPart(b llm.Thought, what, text string) {
	if !w.head.Stream {
		return
	}
	_, index, part := thoughtWords(b)
	if b.Raw {
		w.ref("response.content_part." + what)
	} else {
		w.ref("response.reasoning_summary_part." + what)
	}
	w.Out = append(append(w.Out, index...), `,"part":{"type":"`...)
	w.Out = append(append(w.Out, part...), `","text":"`...)
	w.Out = append(append(w.Out, text...), `"}`...)
	w.close()
}

// endThought finishes a reasoning item. What another protocol has signed goes
// into an envelope, with the words that were signed: clients send back what is
// in there unchanged, and not always the rest.
func (w *writer) endThought(b llm.Thought, seal string) {
	if w.resp.meta.Protocol != llm.Responses && (seal != "" || w.block.begun) {
		e := protocol.Envelope{Origin: w.origin(), ItemID: b.ID, Seal: seal}
		e.Text = string(jsonscan.Unescape(nil, w.block.text))
		if b.Redacted {
			e.Kind = sealRedacted
		}
		seal = w.sealer.Wrap(e)
	}
	if !w.block.begun {
		if seal == "" {
			return
		}
		w.beginThought()
	}
	if w.block.begun && w.head.Stream {
		kind, index, _ := thoughtWords(b)
		w.ref("response." + kind + ".done")
		w.Out = append(append(append(w.Out, index...), `,"text":"`...), w.block.text...)
		w.Out = append(w.Out, '"')
		w.close()
		w.thoughtPart(b, "done", string(w.block.text))
	}
	w.done(appendThought(nil, w.item.id, b, w.block.text, seal))
}

// sealedCall writes the signature of a call as a reasoning item after it: a
// call has no place for one.
func (w *writer) sealedCall(seal string) {
	w.beginThought()
	w.done(appendThought(nil, w.item.id, llm.Thought{}, nil, seal))
}

// appendThought writes a reasoning item. Text is escaped.
func appendThought(dst []byte, id string, b llm.Thought, text []byte, seal string) []byte {
	dst = append(dst, `{"id":`...)
	dst = jsonscan.AppendString(dst, id)
	dst = append(dst, `,"type":"reasoning","summary":[`...)
	_, _, part := thoughtWords(b)
	words := func() {
		dst = append(append(dst, `{"type":"`...), part...)
		dst = append(append(append(dst, `","text":"`...), text...), `"}`...)
	}
	if len(text) > 0 && !b.Raw {
		words()
	}
	dst = append(dst, ']')
	if len(text) > 0 && b.Raw {
		dst = append(dst, `,"content":[`...)
		words()
		dst = append(dst, ']')
	}
	if seal != "" {
		dst = append(dst, `,"encrypted_content":`...)
		dst = jsonscan.AppendString(dst, seal)
	}
	return append(dst, '}')
}
