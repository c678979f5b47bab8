package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// speech is the block of words that is open: index -1 is none. Calls stay open
// beside it.
type speech struct {
	kind  speechKind
	index int
}

type speechKind uint8

const (
	textSpeech speechKind = iota
	thoughtSpeech
	refusalSpeech
)

func (k speechKind) block() llm.Block {
	switch k {
	case thoughtSpeech:
		return llm.Thought{Raw: true}
	case refusalSpeech:
		return llm.Refusal{}
	default:
		return llm.Text{}
	}
}

// choice reads a choice. Only the first is an answer: events hold no more.
func (r *reader) choice(v []byte) {
	var c choice
	if c.read(v) != nil || c.index != 0 {
		return
	}
	r.start()
	if c.delta != nil {
		r.delta(c.delta)
	}
	if len(c.finish) == 0 {
		return
	}
	stop, failure := stopOf(string(c.finish))
	if failure != nil {
		r.Fail(failure)
		return
	}
	r.stop, r.stopped = stop, true
	r.closeAll()
}

// delta reads what a chunk adds, or the whole message of a body. Its members
// are taken in the order in which a model makes them, whatever their order.
func (r *reader) delta(v []byte) {
	var content, thought, thoughtToo, parts, refusal, notes, calls, function, audio, images []byte
	it := jsonscan.Members(v)
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "content":
			content = v
		case "reasoning_content":
			thought = v
		case "reasoning":
			thoughtToo = v
		case "reasoning_details":
			parts = v
		case "refusal":
			refusal = v
		case "annotations":
			notes = v
		case "tool_calls":
			calls = v
		case "function_call":
			function = v
		case "audio":
			audio = v
		case "images":
			images = v
		}
	}
	if len(innerOf(thought)) == 0 {
		thought = thoughtToo
	}
	r.say(thoughtSpeech, innerOf(thought))
	if jsonscan.KindOf(parts) == jsonscan.Array {
		r.detail(parts, len(innerOf(thought)) > 0)
	}
	r.content(content)
	r.say(refusalSpeech, innerOf(refusal))
	r.annotate(notes)
	r.opaque("audio", audio)
	r.opaque("images", images)
	if jsonscan.KindOf(calls) == jsonscan.Array {
		for it := jsonscan.Elements(calls); it.Next(); {
			r.call(it.Value())
		}
	}
	if jsonscan.KindOf(function) == jsonscan.Object {
		r.oldCall(function)
	}
}

// say adds words to the open block, or to a new one if they are of another
// kind.
func (r *reader) say(kind speechKind, delta []byte) {
	if len(delta) == 0 {
		return
	}
	r.speak(kind)
	r.refused = r.refused || kind == refusalSpeech
	r.Emit(llm.Event{Type: llm.BlockDelta, Index: r.open.index, Delta: delta})
}

// speak makes a block of the kind the open one.
func (r *reader) speak(kind speechKind) {
	if r.open.index >= 0 && r.open.kind == kind {
		return
	}
	r.hush()
	r.open = speech{kind, r.begin(kind.block())}
}

// begin opens a block.
func (r *reader) begin(b llm.Block) (index int) {
	index = r.blocks
	r.blocks++
	r.Emit(llm.Event{Type: llm.BlockStart, Index: index, Block: b})
	return index
}

// hush closes the open block of words.
func (r *reader) hush() {
	if r.open.index < 0 {
		return
	}
	ev := llm.Event{Type: llm.BlockEnd, Index: r.open.index}
	switch r.open.kind {
	case thoughtSpeech:
		ev.Seal = r.details.seal()
	case textSpeech:
		if len(r.citations) > 0 {
			ev.Block = llm.Text{Citations: r.citations}
			r.citations = nil
		}
	case refusalSpeech:
	}
	r.open.index = -1
	r.Emit(ev)
}

// content reads text, or the list of parts that some servers send.
func (r *reader) content(v []byte) {
	if jsonscan.KindOf(v) == jsonscan.Array {
		for it := jsonscan.Elements(v); it.Next(); {
			r.contentPart(it.Value())
		}
		return
	}
	r.tagged(innerOf(v))
}

// tagged says text in which reasoning may be marked by tags.
func (r *reader) tagged(inner []byte) {
	if r.think == nil {
		r.say(textSpeech, inner)
		return
	}
	if len(inner) > 0 {
		r.scratch = r.think.split(r.scratch, inner, r.say)
	}
}

func (r *reader) contentPart(v []byte) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	switch textOf(jsonscan.Get(v, "type")) {
	case "text":
		r.tagged(innerOf(jsonscan.Get(v, "text")))
	case "refusal":
		r.say(refusalSpeech, innerOf(jsonscan.Get(v, "refusal")))
	case "thinking": // Mistral
		thinking := jsonscan.Get(v, "thinking")
		if jsonscan.KindOf(thinking) != jsonscan.Array {
			r.say(thoughtSpeech, innerOf(thinking))
			return
		}
		for it := jsonscan.Elements(thinking); it.Next(); {
			if jsonscan.KindOf(it.Value()) == jsonscan.Object {
				r.say(thoughtSpeech, innerOf(jsonscan.Get(it.Value(), "text")))
			}
		}
	}
}

// annotate keeps the citations of the text until it ends.
func (r *reader) annotate(v []byte) {
	if jsonscan.KindOf(v) != jsonscan.Array {
		return
	}
	for it := jsonscan.Elements(v); it.Next(); {
		r.speak(textSpeech)
		r.citations = append(r.citations, llm.Opaque{Origin: origin, Field: "annotations", Raw: protocol.Raw(it.Value())})
	}
}

// opaque passes on what the neutral form has no word for.
func (r *reader) opaque(field string, v []byte) {
	if kind := jsonscan.KindOf(v); kind != jsonscan.Object && (kind != jsonscan.Array || !hasElements(v)) {
		return
	}
	r.hush()
	b := llm.Opaque{Origin: origin, Field: field}
	index := r.begin(b)
	b.Raw = protocol.Raw(v)
	r.Emit(llm.Event{Type: llm.BlockEnd, Index: index, Block: b})
}

// closeAll ends what is open.
func (r *reader) closeAll() {
	if r.think != nil {
		r.scratch = r.think.flush(r.scratch, r.say)
	}
	r.hush()
	for i := range r.calls {
		c := &r.calls[i]
		if !c.closed {
			c.closed = true
			r.Emit(llm.Event{Type: llm.BlockEnd, Index: c.index, Seal: c.seal})
		}
	}
}
