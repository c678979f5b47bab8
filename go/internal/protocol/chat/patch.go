package chat

import (
	"bytes"
	"net"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// withUsage asks for usage in a stream. The ledger needs it, whether or not
// the client does; the meter hides what the client did not ask for.
const withUsage = `{"include_usage":true}`

// Patch sets the model and, in a stream, asks for usage.
func (*Codec) Patch(body []byte, head protocol.Head, to protocol.Target) (net.Buffers, error) {
	var edits []protocol.Edit
	if edit, ok := protocol.SetModel(body, head, to.Model); ok {
		edits = append(edits, edit)
	}
	if head.Operation != llm.Embed && head.Stream {
		edit, ok := askUsage(body, head, to)
		switch {
		case !ok:
		case len(edits) > 0 && edit.At.Start < edits[0].At.Start:
			edits = append([]protocol.Edit{edit}, edits...)
		case len(edits) > 0 && edit.At == edits[0].At:
			edits[0].With = append(edits[0].With, edit.With...) // both go to the head of the object
		default:
			edits = append(edits, edit)
		}
	}
	return protocol.Splice(body, edits...), nil
}

// askUsage returns the edit that makes the upstream report usage, or that
// takes the option away where the upstream refuses it.
func askUsage(body []byte, head protocol.Head, to protocol.Target) (protocol.Edit, bool) {
	at := head.OptionsAt
	switch {
	case to.Quirks.NoStreamOptions:
		return protocol.Edit{At: memberSpan(body, at)}, !at.Empty()
	case head.WantUsage:
		return protocol.Edit{}, false
	case at.Empty():
		return protocol.InsertMember(body, "stream_options", []byte(withUsage)), true
	}
	options := body[at.Start:at.End]
	if jsonscan.KindOf(options) != jsonscan.Object {
		return protocol.Edit{At: at, With: []byte(withUsage)}, true
	}
	it := jsonscan.Members(options)
	for it.Next() {
		if string(it.Key()) == "include_usage" {
			start, end := it.Span()
			return protocol.Edit{At: protocol.Span{Start: at.Start + start, End: at.Start + end}, With: []byte("true")}, true
		}
	}
	edit := protocol.InsertMember(options, "include_usage", []byte("true"))
	edit.At.Start += at.Start
	edit.At.End += at.Start
	return edit, true
}

// memberSpan widens the span of a value to the whole member: its name, which
// holds no quote, and one comma.
func memberSpan(body []byte, at protocol.Span) protocol.Span {
	if at.Empty() {
		return at
	}
	start := bytes.LastIndexByte(body[:at.Start], '"')
	start = bytes.LastIndexByte(body[:start], '"')
	end := at.End + len(body[at.End:]) - len(bytes.TrimLeft(body[at.End:], " \t\r\n"))
	if body[end] == ',' {
		return protocol.Span{Start: start, End: end + 1}
	}
	before := bytes.TrimRight(body[:start], " \t\r\n")
	if before[len(before)-1] == ',' {
		start = len(before) - 1
	}
	return protocol.Span{Start: start, End: at.End}
}
