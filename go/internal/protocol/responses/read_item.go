package responses

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// maxParts bounds the parts of one message that a stream may name.
const maxParts = 1 << 12

// track is an item on its way. It is found by its output index: some servers
// change the item's id on the way.
type track struct {
	output int
	phase  string
	parts  []span // of a message
	span          // of anything else
	part   int    // reasoning: the part that came last
	raw    bool   // reasoning: the model's own words
	done   bool
}

// span is one block of an item.
type span struct {
	block        int
	open, closed bool
	fed          bool // content has come
}

func (r *reader) track(output int) *track {
	for i := len(r.tracks) - 1; i >= 0; i-- {
		if r.tracks[i].output == output {
			return r.tracks[i]
		}
	}
	t := &track{output: output}
	r.tracks = append(r.tracks, t)
	r.start(llm.Meta{})
	return t
}

// begin opens a block.
func (r *reader) begin(s *span, b llm.Block) {
	s.block, s.open = r.blocks, true
	r.blocks++
	r.Emit(llm.Event{Type: llm.BlockStart, Index: s.block, Block: b})
}

func (r *reader) delta(s *span, delta []byte) {
	if s.open && len(delta) > 0 {
		s.fed = true
		r.Emit(llm.Event{Type: llm.BlockDelta, Index: s.block, Delta: delta})
	}
}

func (r *reader) end(s *span, b llm.Block, seal string) {
	if s.open {
		s.open, s.closed = false, true
		r.Emit(llm.Event{Type: llm.BlockEnd, Index: s.block, Block: b, Seal: seal})
	}
}

// close ends whatever of an item is still open.
func (r *reader) close(t *track) {
	for i := range t.parts {
		r.end(&t.parts[i], nil, "")
	}
	r.end(&t.span, nil, "")
}

// itemAdded opens a call. Other items open with their first content, or come
// whole at their end.
func (r *reader) itemAdded(ev *event) {
	t := r.track(ev.output)
	it := readItem(ev.item)
	t.phase = text(it.phase)
	if it.kind == itemFunction || it.kind == itemCustom {
		r.beginCall(t, &it)
	}
}

func (r *reader) beginCall(t *track, it *item) {
	call, ok := it.call()
	if !ok || t.open || t.closed {
		return
	}
	r.tools = true
	if call.ID == "" {
		call.ID = call.ItemID
	}
	call.Name, call.Namespace = r.names.Out(call.Namespace, call.Name), ""
	call.Arguments = ""
	call.Plain = call.Kind == llm.CustomTool
	r.begin(&t.span, call)
}

func (r *reader) callDelta(ev *event, delta []byte) { r.delta(&r.track(ev.output).span, delta) }

// callWhole takes the arguments from the end, where no piece of them came.
func (r *reader) callWhole(ev *event, all []byte) {
	if t := r.track(ev.output); !t.fed {
		r.delta(&t.span, all)
	}
}

// content returns the part of a message, opening its block.
func (r *reader) content(output, index int, refusal bool) *span {
	t := r.track(output)
	if index >= maxParts {
		index = maxParts - 1
	}
	for len(t.parts) <= index {
		t.parts = append(t.parts, span{})
	}
	s := &t.parts[index]
	switch {
	case s.open || s.closed:
	case refusal:
		r.refused = true
		r.begin(s, llm.Refusal{})
	default:
		r.begin(s, llm.Text{Phase: t.phase})
	}
	return s
}

func (r *reader) partDelta(ev *event, delta []byte, refusal bool) {
	r.delta(r.content(ev.output, ev.part, refusal), delta)
}

func (r *reader) partWhole(ev *event, all []byte, refusal bool) {
	if s := r.content(ev.output, ev.part, refusal); !s.fed {
		r.delta(s, all)
	}
}

func (r *reader) partDone(ev *event) {
	if ev.partObj != nil {
		r.finishPart(ev.output, ev.part, ev.partObj)
	}
}

// finishPart ends a part of a message with the part as a whole.
func (r *reader) finishPart(output, index int, part []byte) {
	var all []byte
	refusal := false
	switch text(jsonscan.Get(part, "type")) {
	case partOutput, partInput, "text":
		all, _ = jsonscan.Inner(jsonscan.Get(part, "text"))
	case partRefusal:
		refusal = true
		all, _ = jsonscan.Inner(jsonscan.Get(part, "refusal"))
	default:
		return
	}
	s := r.content(output, index, refusal)
	if !s.fed {
		r.delta(s, all)
	}
	if cited := citations(jsonscan.Get(part, "annotations")); len(cited) > 0 {
		r.end(s, llm.Text{
			Text: string(jsonscan.Unescape(nil, all)), Citations: cited, Phase: r.track(output).phase,
		}, "")
		return
	}
	r.end(s, nil, "")
}

// thoughtDelta adds to a reasoning text. Where a server tells both a summary
// and the model's own words, what came first is kept.
func (r *reader) thoughtDelta(ev *event, delta []byte, raw bool) {
	t := r.track(ev.output)
	if !t.open && !t.closed {
		t.raw, t.part = raw, ev.part
		r.begin(&t.span, llm.Thought{Raw: raw})
	}
	if t.raw != raw {
		return
	}
	if t.fed && t.part != ev.part {
		r.delta(&t.span, []byte(`\n\n`))
	}
	t.part = ev.part
	r.delta(&t.span, delta)
}

// itemDone ends an item, with all that was not streamed.
func (r *reader) itemDone(output int, v []byte) {
	t := r.track(output)
	if t.done || jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	t.done = true
	it := readItem(v)
	if it.phase != nil {
		t.phase = text(it.phase)
	}
	switch it.kind {
	case itemMessage:
		parts := jsonscan.Elements(it.content)
		for i := 0; parts.Next(); i++ {
			r.finishPart(output, i, parts.Value())
		}
		r.close(t)
	case itemReasoning:
		r.thoughtDone(t, &it)
	case itemFunction, itemCustom:
		r.beginCall(t, &it)
		if !t.fed {
			all := it.arguments
			if it.kind == itemCustom {
				all = it.input
			}
			inner, _ := jsonscan.Inner(all)
			r.delta(&t.span, inner)
		}
		r.end(&t.span, nil, "")
	default:
		r.ownDone(t, &it)
	}
}

func (r *reader) thoughtDone(t *track, it *item) {
	seal := text(it.encrypted)
	words, raw := it.thinking()
	if !t.open && !t.closed && (seal != "" || words != "") {
		r.begin(&t.span, llm.Thought{ID: text(it.id), Raw: raw})
	}
	if !t.fed {
		r.delta(&t.span, jsonscan.AppendEscaped(nil, words))
	}
	r.end(&t.span, nil, seal)
}

// ownDone tells a call to one of the vendor's own kinds of tool, or an item
// that is kept as it came.
func (r *reader) ownDone(t *track, it *item) {
	if t.open || t.closed || len(t.parts) > 0 {
		r.close(t) // it began as another kind, and what was told stays told
		return
	}
	if call, ok := it.call(); ok {
		args := jsonscan.AppendEscaped(nil, call.Arguments)
		r.beginCall(t, it)
		r.delta(&t.span, args)
		r.end(&t.span, nil, "")
		return
	}
	whole := it.opaque()
	r.begin(&t.span, llm.Opaque{Origin: llm.Responses, Field: it.kind})
	r.end(&t.span, whole, "")
}
