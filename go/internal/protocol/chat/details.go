package chat

import (
	"bytes"
	"encoding/json"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// details gathers the reasoning_details of an answer. A stream sends one in
// many pieces; the server wants it back whole.
type details struct{ list []detail }

// detail is one of them. Its text, or its data, is cut out of the first piece
// and grows with the others.
type detail struct {
	kind, index string
	text        []byte // escaped
	textName    string
	signature   json.RawMessage
	rest        []byte // the other members, as they came first
}

// detail reads the reasoning details of a delta. They are said unless told
// says that the delta has the text elsewhere too.
func (r *reader) detail(v []byte, told bool) {
	for it := jsonscan.Elements(v); it.Next(); {
		if jsonscan.KindOf(it.Value()) != jsonscan.Object {
			continue
		}
		r.speak(thoughtSpeech)
		said := r.details.add(it.Value())
		if !told {
			r.say(thoughtSpeech, said)
		}
	}
}

// add takes one piece and returns the words in it.
func (d *details) add(v []byte) (said []byte) {
	p := detail{}
	it := jsonscan.Members(v)
	for it.Next() {
		v, name := it.Value(), string(it.Key())
		switch name {
		case "text", "summary", "data":
			if inner, ok := jsonscan.Inner(v); ok {
				p.text, p.textName = inner, name
			}
		case "signature":
			if !jsonscan.IsNull(v) {
				p.signature = protocol.Raw(v)
			}
		case "type":
			p.kind = textOf(v)
			p.rest = append(textKey(begin(p.rest), name), v...)
		case "index":
			p.index = string(v)
			p.rest = append(textKey(begin(p.rest), name), v...)
		default:
			if !jsonscan.IsNull(v) {
				p.rest = append(textKey(begin(p.rest), name), v...)
			}
		}
	}
	if p.textName != "data" {
		said = p.text
	}
	if last := len(d.list) - 1; last >= 0 && d.list[last].kind == p.kind && d.list[last].index == p.index && p.index != "" {
		l := &d.list[last]
		l.text = append(l.text, p.text...)
		if l.textName == "" {
			l.textName = p.textName
		}
		if p.signature != nil {
			l.signature = p.signature
		}
		return said
	}
	p.text = bytes.Clone(p.text)
	d.list = append(d.list, p)
	return said
}

// begin begins an object unless it is begun.
func begin(b []byte) []byte {
	if b == nil {
		return []byte{'{'}
	}
	return b
}

// seal returns the array that the server wants back and begins anew. Pieces
// that hold no more than words are no seal; they wait for what may follow.
func (d *details) seal() string {
	sealed := false
	b := []byte{'['}
	for _, l := range d.list {
		sealed = sealed || l.signature != nil || l.textName == "data"
		b = append(next(b), begin(l.rest)...)
		if l.textName != "" {
			b = quoted(b, l.textName, l.text)
		}
		if l.signature != nil {
			b = append(key(b, "signature"), l.signature...)
		}
		b = append(b, '}')
	}
	if !sealed {
		return ""
	}
	d.list = nil
	return string(append(b, ']'))
}
