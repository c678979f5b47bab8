package gemini

import (
	"bytes"
	"net"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Peek reads the head of a request. The model and whether to stream are in the
// path; the caller sets them.
func (*Codec) Peek(op llm.Operation, body []byte) (protocol.Head, error) {
	head := protocol.Head{Operation: op, WantUsage: true}
	err := protocol.Members(body, func(name string, v []byte, at protocol.Span) error {
		if jsonscan.IsNull(v) {
			return nil
		}
		return peekMember(&head, name, v, at)
	})
	if err != nil {
		err = invalid(body, err)
	}
	return head, err
}

func peekMember(head *protocol.Head, name string, v []byte, at protocol.Span) error {
	want := ""
	switch camel(name) {
	case "model":
		head.ModelAt = at
		if _, ok := jsonscan.Text(v); !ok {
			want = "a string"
		}
	case "requests":
		if jsonscan.KindOf(v) != jsonscan.Array {
			want = "an array"
		}
	case "contents":
		head.HistoryAt = at
		if jsonscan.KindOf(v) != jsonscan.Array {
			want = "an array"
		}
	case "tools":
		if jsonscan.KindOf(v) != jsonscan.Array {
			want = "an array"
			break
		}
		it := jsonscan.Elements(v)
		head.Tools = it.Next()
	case "generationConfig":
		if jsonscan.KindOf(v) != jsonscan.Object {
			want = "an object"
			break
		}
		for it := jsonscan.Members(v); it.Next(); {
			if camel(string(it.Key())) == "maxOutputTokens" {
				n, _ := jsonscan.Int(it.Value())
				head.MaxTokens = int(n)
			}
		}
	case wrappedRequest:
		if jsonscan.KindOf(v) != jsonscan.Object {
			want = "an object"
		}
	}
	if want != "" {
		return protocol.Wrong(top(name), want, v)
	}
	return nil
}

// Patch changes nothing but what names a model, and signatures that carry our
// envelope, from an earlier answer of another protocol. Usage is reported
// without being asked for.
func (c *Codec) Patch(body []byte, head protocol.Head, to protocol.Target) (net.Buffers, error) {
	var edits []protocol.Edit
	model := jsonscan.AppendString(nil, "models/"+to.Model)
	it := jsonscan.Members(body)
	for it.Next() {
		start, end := it.Span()
		switch camel(string(it.Key())) {
		case "model":
			edits = append(edits, protocol.Edit{At: protocol.Span{Start: start, End: end}, With: model})
		case "contents":
			edits = append(edits, c.unseal(it.Value(), start, to)...)
		case "requests":
			for each := jsonscan.Elements(it.Value()); each.Next(); {
				at, _ := each.Span()
				for inner := jsonscan.Members(each.Value()); inner.Next(); {
					if string(inner.Key()) == "model" {
						from, till := inner.Span()
						edits = append(edits, protocol.Edit{At: protocol.Span{Start: start + at + from, End: start + at + till}, With: model})
					}
				}
			}
		case wrappedRequest:
			for inner := jsonscan.Members(it.Value()); inner.Next(); {
				from, till := inner.Span()
				switch camel(string(inner.Key())) {
				case "model":
					edits = append(edits, protocol.Edit{At: protocol.Span{Start: start + from, End: start + till}, With: model})
				case "contents":
					edits = append(edits, c.unseal(inner.Value(), start+from, to)...)
				}
			}
		}
	}
	return protocol.Splice(body, edits...), nil
}

// unseal returns the edits for the turns at offset base.
func (c *Codec) unseal(contents []byte, base int, to protocol.Target) []protocol.Edit {
	var edits []protocol.Edit
	if jsonscan.KindOf(contents) != jsonscan.Array || !bytes.Contains(contents, []byte(`"`+envelopeMark)) {
		return nil
	}
	for turns := jsonscan.Elements(contents); turns.Next(); {
		at, _ := turns.Span()
		for members := jsonscan.Members(turns.Value()); members.Next(); {
			if string(members.Key()) != "parts" || !bytes.Contains(members.Value(), []byte(`"`+envelopeMark)) {
				continue
			}
			start, end := members.Span()
			span := protocol.Span{Start: base + at + start, End: base + at + end}
			edits = append(edits, protocol.Edit{At: span, With: c.unsealParts(members.Value(), to)})
		}
	}
	return edits
}

// unsealParts writes the parts of a turn anew: an envelope is opened for the
// upstream that it is for. For any other, a thought goes and a call is told to
// be that of another model.
func (c *Codec) unsealParts(parts []byte, to protocol.Target) []byte {
	var kept [][]byte
	for it := jsonscan.Elements(parts); it.Next(); {
		part := it.Value()
		thought := false
		var at protocol.Span
		var e protocol.Envelope
		var wrapped, ok bool
		for members := jsonscan.Members(part); members.Next(); {
			switch camel(string(members.Key())) {
			case "thought":
				thought = string(members.Value()) == "true"
			case "thoughtSignature":
				at.Start, at.End = members.Span()
				e, wrapped, ok = unwrap(c.sealer, text(members.Value()))
			}
		}
		switch {
		case !wrapped:
			kept = append(kept, part)
			continue
		case ok && e.Seal != "" && (e.Origin == to.Origin || e.Origin == string(origin)):
			part = replace(part, at, jsonscan.AppendString(nil, e.Seal))
		case thought:
			continue
		case hasCall(part):
			part = replace(part, at, jsonscan.AppendString(nil, skipSignature))
		default:
			part = replace(part, at, []byte("null"))
		}
		kept = append(kept, part)
	}
	if len(kept) == 0 {
		kept = append(kept, textPart(protocol.Opening))
	}
	return appendArray(nil, kept)
}

func hasCall(part []byte) bool {
	return jsonscan.Get(part, "functionCall") != nil || jsonscan.Get(part, "function_call") != nil
}

func replace(v []byte, at protocol.Span, with []byte) []byte {
	out := append([]byte(nil), v[:at.Start]...)
	return append(append(out, with...), v[at.End:]...)
}
