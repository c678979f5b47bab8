package messages

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// shape is how the model is made to answer in a given form.
type shape struct {
	schema      []byte // asked for natively
	forced      bool   // by a call of jsonTool
	instruction string // by words
}

// planShape picks the best way the target has: its own structured output, else
// a forced tool whose input is the answer, else words.
func (e *encoder) planShape() error {
	f := e.req.Format
	switch {
	case f == nil:
		return nil
	case f.Schema == nil:
		e.shapeByWords(f)
	case e.to.Schemas != nil && *e.to.Schemas, e.to.Schemas == nil && e.to.Native:
		e.shape.schema = f.Schema
		if closed, changed := closeObjects(f.Schema); changed {
			e.shape.schema = closed
			e.note(llm.Approximated, "response_format", "additional_properties_closed")
		}
	case len(e.tools) > 0, e.thinks(), e.to.Quirks.NoForcedTool, jsonscan.KindOf(jsonscan.Get(f.Schema, "properties")) != jsonscan.Object:
		e.shapeByWords(f)
	default:
		e.shape.forced = true
		raw := append([]byte(`{"name":"`+jsonTool+`","description":"Give the answer.","input_schema":`), f.Schema...)
		e.tools = append(e.tools, sentTool{jsonTool, append(raw, '}')})
	}
	return nil
}

func (e *encoder) shapeByWords(f *llm.Format) {
	words, reason := protocol.FormatWords(f)
	e.shape.instruction = words
	e.note(llm.Approximated, "response_format", reason)
}

// thinks reports whether the model will be asked to think, beside which no
// tool can be forced.
func (e *encoder) thinks() bool {
	r := e.req.Reasoning
	return r != nil && !off(r) && e.to.Thinking != "none" && (r.Adaptive || r.Budget != nil || r.Effort != "")
}

// closeObjects adds "additionalProperties":false to every object in a schema
// that does not say; the vendor refuses open ones.
func closeObjects(schema []byte) ([]byte, bool) {
	out := closeInto(make([]byte, 0, len(schema)+64), schema)
	return out, len(out) != len(schema)
}

func closeInto(dst, v []byte) []byte {
	switch jsonscan.KindOf(v) {
	case jsonscan.Object:
		return closeObject(dst, v)
	case jsonscan.Array:
		return each(dst, v, jsonscan.Elements(v))
	default:
		return append(dst, v...)
	}
}

func closeObject(dst, v []byte) []byte {
	open := string(jsonscan.Get(v, "type")) == `"object"` && jsonscan.Get(v, "additionalProperties") == nil
	dst = each(dst, v, jsonscan.Members(v))
	if open {
		dst = append(dst[:len(dst)-1], `,"additionalProperties":false}`...)
	}
	return dst
}

// each copies the space between the values of v and closes the values.
func each(dst, v []byte, it jsonscan.Iter) []byte {
	pos := 0
	for it.Next() {
		start, end := it.Span()
		dst = append(dst, v[pos:start]...)
		dst = closeInto(dst, v[start:end])
		pos = end
	}
	return append(dst, v[pos:]...)
}
