package responses

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// beginItem opens an item. What it is so far goes out as added.
func (w *writer) beginItem(kind, prefix string) *openItem {
	w.endItem(statusCompleted)
	it := &w.item
	it.kind, it.id = kind, w.itemID(prefix)
	it.phase, it.count, it.parts, it.seal = "", 0, it.parts[:0], ""
	it.ref = append(it.ref[:0], `,"item_id":`...)
	it.ref = jsonscan.AppendString(it.ref, it.id)
	it.ref = append(it.ref, `,"output_index":`...)
	it.ref = strconv.AppendInt(it.ref, int64(w.begun), 10)
	w.begun++
	return it
}

// itemEvent writes added or done of the item at hand.
func (w *writer) itemEvent(kind string, item []byte) {
	if !w.head.Stream {
		return
	}
	w.event(kind)
	w.Out = append(w.Out, `,"output_index":`...)
	w.Out = strconv.AppendInt(w.Out, int64(w.begun-1), 10)
	w.Out = append(w.Out, `,"item":`...)
	w.Out = append(w.Out, item...)
	w.close()
}

// ref begins an event about the item at hand. Only for streams.
func (w *writer) ref(kind string) {
	w.event(kind)
	w.Out = append(w.Out, w.item.ref...)
}

// done finishes an item with what it is as a whole.
func (w *writer) done(item []byte) {
	w.itemEvent("response.output_item.done", item)
	if len(w.output) > 0 {
		w.output = append(w.output, ',')
	}
	w.output = append(w.output, item...)
	w.item.kind = ""
}

// endItem finishes the open item, if there is one.
func (w *writer) endItem(status string) {
	if status == statusFailed {
		status = statusIncomplete
	}
	switch it := &w.item; it.kind {
	case "":
	case itemMessage:
		w.done(w.message(status))
	default:
		it.call.status = status
		seal := it.seal
		w.done(it.call.append(nil))
		if seal != "" {
			w.sealedCall(seal)
		}
	}
}

// message is the message item as a whole.
func (w *writer) message(status string) []byte {
	it := &w.item
	out := make([]byte, 0, len(it.parts)+128)
	out = append(out, `{"id":`...)
	out = jsonscan.AppendString(out, it.id)
	out = append(out, `,"type":"message","status":"`...)
	out = append(out, status...)
	out = append(out, `","role":"assistant","content":[`...)
	out = append(append(out, it.parts...), ']')
	if it.phase != "" {
		out = appendMember(out, []byte("phase"), jsonscan.AppendString(nil, it.phase))
	}
	return append(out, '}')
}

// beginPart opens a part of a message, in the open one if that goes on.
func (w *writer) beginPart(part, phase string) {
	if w.item.kind != itemMessage || w.item.phase != phase {
		w.beginItem(itemMessage, "msg_").phase = phase
		w.itemEvent("response.output_item.added", w.message(statusInProgress))
	}
	if w.head.Stream {
		w.ref("response.content_part.added")
		w.contentIndex()
		w.Out = append(append(w.Out, `,"part":`...), part...)
		w.close()
	}
}

func (w *writer) contentIndex() {
	w.Out = append(w.Out, `,"content_index":`...)
	w.Out = strconv.AppendInt(w.Out, int64(w.item.count), 10)
}

// endPart closes a part of a message. Kind is the event's, field the member
// that holds the text.
func (w *writer) endPart(kind, field, part string, rest []byte) {
	text := w.block.text
	whole := append([]byte(nil), `{"type":"`...)
	whole = append(append(whole, part...), `","`...)
	whole = append(append(whole, field...), `":"`...)
	whole = append(append(whole, text...), '"')
	whole = append(append(whole, rest...), '}')
	if w.head.Stream {
		w.ref(kind)
		w.contentIndex()
		w.Out = append(append(append(w.Out, `,"`...), field...), `":"`...)
		w.Out = append(append(w.Out, text...), '"')
		if part == partOutput {
			w.Out = append(w.Out, `,"logprobs":[]`...)
		}
		w.close()
		w.ref("response.content_part.done")
		w.contentIndex()
		w.Out = append(append(w.Out, `,"part":`...), whole...)
		w.close()
	}
	if w.item.count > 0 {
		w.item.parts = append(w.item.parts, ',')
	}
	w.item.parts = append(w.item.parts, whole...)
	w.item.count++
}

// annotations writes what a text cites. Citations of other protocols point
// into sources that this one cannot name.
func (w *writer) annotations(cited []llm.Opaque) []byte {
	out := []byte(`,"annotations":[`)
	n := 0
	for _, c := range cited {
		if c.Origin != llm.Responses {
			w.Note(llm.Dropped, "output["+strconv.Itoa(w.begun-1)+"].citations", reasonUnsupported)
			continue
		}
		if w.head.Stream {
			w.ref("response.output_text.annotation.added")
			w.contentIndex()
			w.Out = append(w.Out, `,"annotation_index":`...)
			w.Out = strconv.AppendInt(w.Out, int64(n), 10)
			w.Out = append(append(w.Out, `,"annotation":`...), oneLine(c.Raw)...)
			w.close()
		}
		out = append(separate(out, n), oneLine(c.Raw)...)
		n++
	}
	return append(out, `],"logprobs":[]`...)
}
