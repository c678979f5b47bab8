package chat

import (
	"bytes"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// call is one tool call on its way in.
type call struct {
	wire   int64 // its index on the wire, -1 if it has none
	index  int   // of the block
	id     string
	seal   string
	seen   []byte // arguments so far, where the server repeats them
	closed bool
}

// piece is what one chunk says of a call.
type piece struct {
	wire              int64
	id, name          []byte
	arguments, extra  []byte
	custom, hasObject bool
}

func (p *piece) read(v []byte) {
	it := jsonscan.Members(v)
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "index":
			if n, ok := jsonscan.Int(v); ok && n >= 0 {
				p.wire = n
			}
		case "id":
			p.id = innerOf(v)
		case "function":
			p.body(v, "arguments")
		case "custom":
			p.custom = true
			p.body(v, "input")
		case "extra_content":
			p.extra = v
		}
	}
}

func (p *piece) body(v []byte, arguments string) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "name":
			p.name = innerOf(it.Value())
		case arguments:
			p.arguments = innerOf(it.Value())
			if jsonscan.KindOf(it.Value()) == jsonscan.Object { // not a string, as it should be
				p.arguments, p.hasObject = it.Value(), true
			}
		}
	}
}

// call reads one element of tool_calls.
func (r *reader) call(v []byte) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	p := piece{wire: -1}
	p.read(v)
	r.add(&p)
}

// oldCall reads the deprecated form, of which there is but one.
func (r *reader) oldCall(v []byte) {
	p := piece{}
	p.body(v, "arguments")
	r.add(&p)
}

func (r *reader) add(p *piece) {
	c := r.find(p)
	if c == nil {
		c = r.newCall(p)
	}
	if p.extra != nil {
		if seal := textOf(jsonscan.Get(p.extra, "google", "thought_signature")); seal != "" {
			c.seal = seal
		}
	}
	if delta := r.arguments(c, p); len(delta) > 0 && !c.closed {
		r.Emit(llm.Event{Type: llm.BlockDelta, Index: c.index, Delta: delta})
	}
}

// find returns the call that a piece belongs to, or nil for a new one. Servers
// leave out the index, give every call the same one, or repeat the id.
func (r *reader) find(p *piece) *call {
	for i := len(r.calls) - 1; i >= 0; i-- {
		c := &r.calls[i]
		sameID := len(p.id) > 0 && c.id == string(p.id)
		switch {
		case p.wire >= 0 && c.wire == p.wire:
			if len(p.id) > 0 && !sameID && len(p.name) > 0 {
				return nil // another call under the same index
			}
			return c
		case p.wire < 0 && (sameID || len(p.id) == 0 && len(p.name) == 0):
			return c
		}
	}
	return nil
}

func (r *reader) newCall(p *piece) *call {
	if r.think != nil {
		r.scratch = r.think.flush(r.scratch, r.say)
	}
	r.hush()
	b := llm.ToolCall{ID: string(p.id), Name: unescaped(p.name), Kind: llm.FunctionTool}
	if p.custom {
		b.Kind, b.Plain = llm.CustomTool, true
	}
	if b.ID == "" {
		b.ID = protocol.InventCallID(r.id, len(r.calls))
	}
	r.calls = append(r.calls, call{wire: p.wire, id: b.ID, index: r.begin(b)})
	return &r.calls[len(r.calls)-1]
}

func unescaped(inner []byte) string {
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	return string(jsonscan.Unescape(nil, inner))
}

// arguments returns the text that a piece adds.
func (r *reader) arguments(c *call, p *piece) []byte {
	if p.hasObject {
		from := len(r.scratch)
		r.scratch = jsonscan.AppendEscaped(r.scratch, p.arguments)
		return r.scratch[from:]
	}
	if !r.quirks.CumulativeArguments {
		return p.arguments
	}
	fresh, again := bytes.CutPrefix(p.arguments, c.seen)
	if !again {
		fresh = p.arguments
	}
	c.seen = append(c.seen, fresh...)
	return fresh
}
