package protocol

import (
	"net"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// Edit replaces the bytes of body[At.Start:At.End] by With. An empty range
// inserts.
type Edit struct {
	At   Span
	With []byte
}

// Splice returns body with the edits made, as segments that alias body. Edits
// must be in order and must not overlap.
func Splice(body []byte, edits ...Edit) net.Buffers {
	out := make(net.Buffers, 0, 2*len(edits)+1)
	pos := 0
	for _, e := range edits {
		if e.At.Start > pos {
			out = append(out, body[pos:e.At.Start])
		}
		if len(e.With) > 0 {
			out = append(out, e.With)
		}
		pos = e.At.End
	}
	if pos < len(body) {
		out = append(out, body[pos:])
	}
	return out
}

// SetModel returns the edit that puts model into the body, or false if it is
// there already.
func SetModel(body []byte, head Head, model string) (Edit, bool) {
	if head.Model == model && !head.ModelAt.Empty() {
		return Edit{}, false
	}
	if head.ModelAt.Empty() {
		return insertMember(body, `"model":`, jsonscan.AppendString(nil, model)), true
	}
	return Edit{At: head.ModelAt, With: jsonscan.AppendString(nil, model)}, true
}

// InsertMember returns the edit that adds a member at the head of the object.
// Name is written as it is and must not need escaping.
func InsertMember(body []byte, name string, value []byte) Edit {
	return insertMember(body, `"`+name+`":`, value)
}

func insertMember(body []byte, name string, value []byte) Edit {
	at := 0
	for at < len(body) && body[at] != '{' {
		at++
	}
	at++
	with := append([]byte(name), value...)
	next := at
	for next < len(body) && (body[next] == ' ' || body[next] == '\n' || body[next] == '\r' || body[next] == '\t') {
		next++
	}
	if next < len(body) && body[next] != '}' {
		with = append(with, ',')
	}
	return Edit{At: Span{at, at}, With: with}
}
