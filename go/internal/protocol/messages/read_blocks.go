package messages

import (
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// blockKind is what an open block takes.
type blockKind uint8

const (
	textBlock blockKind = iota + 1
	thinkingBlock
	callBlock
	shapedBlock // a call of jsonTool, which is text to everyone else
	opaqueBlock
)

// openBlock is a block of the answer that has not ended.
type openBlock struct {
	wire      int64 // the upstream's index
	index     int   // ours
	kind      blockKind
	spoken    bool   // a delta has gone out
	text      []byte // textBlock: what was said, escaped; citations come with all of it
	seal      string // signature so far
	citations []llm.Opaque
	raw       []byte // opaqueBlock: as it began; a call: input given at once
	input     []byte // opaqueBlock: input that came in pieces
	field     string // opaqueBlock: its type
}

func (r *reader) find(wire int64) int {
	return slices.IndexFunc(r.open, func(b openBlock) bool { return b.wire == wire })
}

// add opens a block.
func (r *reader) add(b openBlock, block llm.Block) *openBlock {
	r.begun()
	b.index = r.next
	r.next++
	r.open = append(r.open, b)
	r.Emit(llm.Event{Type: llm.BlockStart, Index: b.index, Block: block})
	return &r.open[len(r.open)-1]
}

// say emits a delta; an empty one says nothing.
func (r *reader) say(b *openBlock, delta []byte) {
	if len(delta) > 0 {
		b.spoken = true
		if b.kind == textBlock {
			b.text = append(b.text, delta...)
		}
		r.Emit(llm.Event{Type: llm.BlockDelta, Index: b.index, Delta: delta})
	}
}

// begin opens the block that the upstream starts. A block with everything in
// it, as in a whole body, is begun and ended.
func (r *reader) begin(wire int64, v []byte) {
	if i := r.find(wire); i >= 0 {
		r.close(i)
	}
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	kind, _ := jsonscan.Text(jsonscan.Get(v, "type"))
	switch kind {
	case "text":
		b := r.add(openBlock{wire: wire, kind: textBlock}, llm.Text{})
		r.say(b, inner(v, "text"))
		if cited := jsonscan.Get(v, "citations"); jsonscan.KindOf(cited) == jsonscan.Array {
			it := jsonscan.Elements(cited)
			for it.Next() {
				b.cite(it.Value())
			}
		}
	case "thinking":
		b := r.add(openBlock{wire: wire, kind: thinkingBlock}, llm.Thought{Origin: string(origin)})
		r.say(b, inner(v, "thinking"))
		b.seal, _ = jsonscan.Text(jsonscan.Get(v, "signature"))
	case "redacted_thinking":
		b := r.add(openBlock{wire: wire, kind: thinkingBlock}, llm.Thought{Origin: string(origin), Redacted: true})
		b.seal, _ = jsonscan.Text(jsonscan.Get(v, "data"))
	case "tool_use":
		r.beginCall(wire, v)
	default:
		b := openBlock{wire: wire, kind: opaqueBlock, raw: slices.Clone(v), field: kind}
		r.add(b, llm.Opaque{Origin: origin, Field: kind})
	}
}

func (r *reader) beginCall(wire int64, v []byte) {
	call := llm.ToolCall{Kind: llm.FunctionTool}
	call.ID, _ = jsonscan.Text(jsonscan.Get(v, "id"))
	call.Name, _ = jsonscan.Text(jsonscan.Get(v, "name"))
	b := openBlock{wire: wire, kind: callBlock}
	if input := jsonscan.Get(v, "input"); input != nil {
		b.raw = []byte(compact(input))
	}
	if call.Name == jsonTool {
		b.kind = shapedBlock
		r.shaped = true
		r.add(b, llm.Text{})
		return
	}
	r.called = true
	r.add(b, call)
}

func inner(v []byte, name string) []byte {
	text, _ := jsonscan.Inner(jsonscan.Get(v, name))
	return text
}

func (b *openBlock) cite(v []byte) {
	b.citations = append(b.citations, llm.Opaque{Origin: origin, Field: "citations", Raw: slices.Clone(v)})
}

// delta continues a block. What belongs to another kind of block than the one
// that is open begins a new one.
func (r *reader) delta(wire int64, v []byte) {
	var kind, value []byte
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "type":
			kind, _ = jsonscan.Inner(it.Value())
		case "text", "thinking", "partial_json", "signature", "citation":
			value = it.Value()
		}
	}
	text, _ := jsonscan.Inner(value)
	switch string(kind) {
	case "text_delta":
		r.say(r.want(wire, textBlock), text)
	case "thinking_delta":
		r.say(r.want(wire, thinkingBlock), text)
	case "input_json_delta":
		r.arguments(wire, text)
	case "signature_delta":
		if i := r.find(wire); i >= 0 && r.open[i].kind == thinkingBlock {
			seal, _ := jsonscan.Text(value)
			r.open[i].seal += seal
		}
	case "citations_delta":
		if i := r.find(wire); i >= 0 && r.open[i].kind == textBlock && value != nil {
			r.open[i].cite(value)
		}
	default:
		r.patch(wire, v)
	}
}

// want returns the open block of that kind, opening one if need be.
func (r *reader) want(wire int64, kind blockKind) *openBlock {
	if i := r.find(wire); i >= 0 {
		if r.open[i].kind == kind {
			return &r.open[i]
		}
		r.close(i)
	}
	if kind == thinkingBlock {
		return r.add(openBlock{wire: wire, kind: kind}, llm.Thought{Origin: string(origin)})
	}
	return r.add(openBlock{wire: wire, kind: kind}, llm.Text{})
}

// arguments continues a call. Without one there is nothing to say what is
// called.
func (r *reader) arguments(wire int64, text []byte) {
	i := r.find(wire)
	if i < 0 {
		return
	}
	switch b := &r.open[i]; b.kind {
	case callBlock, shapedBlock:
		r.say(b, text)
	case opaqueBlock:
		b.input = append(b.input, text...)
	case textBlock, thinkingBlock:
	}
}

// patch takes over the members of a delta that this codec has no name for.
func (r *reader) patch(wire int64, v []byte) {
	i := r.find(wire)
	if i < 0 || r.open[i].kind != opaqueBlock {
		return
	}
	it := jsonscan.Members(v)
	for it.Next() {
		if name := string(it.Key()); name != "type" {
			r.open[i].raw = setMember(r.open[i].raw, name, it.Value())
		}
	}
}

func (r *reader) end(wire int64) {
	if i := r.find(wire); i >= 0 {
		r.close(i)
	}
}

// close ends the i-th open block.
func (r *reader) close(i int) {
	b := &r.open[i]
	ev := llm.Event{Type: llm.BlockEnd, Index: b.index, Seal: b.seal}
	switch b.kind {
	case callBlock, shapedBlock:
		if !b.spoken {
			r.say(b, jsonscan.AppendEscaped(nil, orEmpty(b.raw)))
		}
	case textBlock:
		if len(b.citations) > 0 {
			ev.Block = llm.Text{Text: string(jsonscan.Unescape(nil, b.text)), Citations: b.citations}
		}
	case opaqueBlock:
		if input := jsonscan.Unescape(nil, b.input); isJSONObject(input) {
			b.raw = setMember(b.raw, "input", input)
		}
		ev.Block = llm.Opaque{Origin: origin, Field: b.field, Raw: b.raw}
	case thinkingBlock:
	}
	r.Emit(ev)
	r.open = slices.Delete(r.open, i, i+1)
}

func orEmpty(object []byte) []byte {
	if jsonscan.KindOf(object) != jsonscan.Object {
		return []byte("{}")
	}
	return object
}

// setMember returns the object v with a member set.
func setMember(v []byte, name string, value []byte) []byte {
	it := jsonscan.Members(v)
	for it.Next() {
		if string(it.Key()) == name {
			start, end := it.Span()
			return slices.Concat(v[:start], value, v[end:])
		}
	}
	end := slices.Index(v, '{') + 1
	key := jsonscan.AppendString(nil, name)
	comma := ","
	if jsonscan.KindOf(v) == jsonscan.Object && isEmptyObject(v) {
		comma = ""
	}
	return slices.Concat(v[:end], key, []byte(":"), value, []byte(comma), v[end:])
}

func isEmptyObject(v []byte) bool {
	it := jsonscan.Members(v)
	return !it.Next()
}
