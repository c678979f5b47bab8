package messages

import (
	"bytes"
	"net"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Patch sets the model. Usage is reported without being asked for. Thoughts
// that carry our envelope, from an earlier answer of another protocol, are
// taken out; everything else stays as the client wrote it.
func (c *Codec) Patch(body []byte, head protocol.Head, to protocol.Target) (net.Buffers, error) {
	var edits []protocol.Edit
	if bytes.Contains(body, envelopeMark) {
		edits = c.unseal(body, to)
	}
	if edit, changed := protocol.SetModel(body, head, to.Model); changed {
		edits = insertEdit(edits, edit)
	}
	return protocol.Splice(body, edits...), nil
}

// envelopeMark is how a string begins that holds one of our envelopes.
var envelopeMark = []byte(`"gw1.`)

// insertEdit keeps edits in the order of the body.
func insertEdit(edits []protocol.Edit, edit protocol.Edit) []protocol.Edit {
	i := 0
	for i < len(edits) && edits[i].At.Start < edit.At.Start {
		i++
	}
	return append(edits[:i:i], append([]protocol.Edit{edit}, edits[i:]...)...)
}

// unseal returns the edits that take foreign thoughts out of a request. Where
// the turn that is going on loses its thought, a thinking budget is switched
// off: the vendor would refuse the turn without it.
func (c *Codec) unseal(body []byte, to protocol.Target) []protocol.Edit {
	var edits []protocol.Edit
	var budget protocol.Span
	lost := false // in the last assistant turn
	top := jsonscan.Members(body)
	for top.Next() {
		start, end := top.Span()
		switch string(top.Key()) {
		case "thinking":
			if kind, _ := jsonscan.Text(jsonscan.Get(top.Value(), "type")); kind == "enabled" {
				budget = protocol.Span{Start: start, End: end}
			}
		case "messages":
			if jsonscan.KindOf(top.Value()) != jsonscan.Array {
				continue
			}
			turns := jsonscan.Elements(top.Value())
			for turns.Next() {
				at, _ := turns.Span()
				edit, gone := c.unsealTurn(turns.Value(), start+at, to)
				if !edit.At.Empty() {
					edits = append(edits, edit)
				}
				if role, _ := jsonscan.Text(jsonscan.Get(turns.Value(), "role")); role == string(llm.Assistant) {
					lost = gone
				}
			}
		}
	}
	if lost && !budget.Empty() {
		edits = insertEdit(edits, protocol.Edit{At: budget, With: []byte(`{"type":"disabled"}`)})
	}
	return edits
}

// unsealTurn returns the edit for the message that begins at offset at, an
// empty one for none, and whether a thought was lost.
func (c *Codec) unsealTurn(turn []byte, at int, to protocol.Target) (edit protocol.Edit, lost bool) {
	if jsonscan.KindOf(turn) != jsonscan.Object || !bytes.Contains(turn, envelopeMark) {
		return edit, false
	}
	members := jsonscan.Members(turn)
	for members.Next() {
		if string(members.Key()) != "content" || jsonscan.KindOf(members.Value()) != jsonscan.Array {
			continue
		}
		start, end := members.Span()
		kept, changed, lost := c.unsealBlocks(members.Value(), to)
		if !changed {
			return edit, false
		}
		if len(kept) == 0 {
			kept = [][]byte{[]byte(`{"type":"text","text":"` + protocol.Opening + `"}`)}
		}
		return protocol.Edit{At: protocol.Span{Start: at + start, End: at + end}, With: appendList(nil, kept)}, lost
	}
	return edit, false
}

func (c *Codec) unsealBlocks(content []byte, to protocol.Target) (kept [][]byte, changed, lost bool) {
	blocks := jsonscan.Elements(content)
	for blocks.Next() {
		block := blocks.Value()
		member, seal := sealIn(block)
		if !protocol.Wrapped(seal) {
			kept = append(kept, block)
			continue
		}
		changed = true
		if e, ok := c.sealer.Unwrap(seal); ok && e.Origin != "" && e.Origin == to.Origin && (e.Seal != "" || !to.Native) {
			kept = append(kept, setMember(block, member, jsonscan.AppendString(nil, e.Seal)))
			continue
		}
		lost = true
	}
	return kept, changed, lost
}

// sealIn returns the seal of a thought and the member that holds it.
func sealIn(block []byte) (member, seal string) {
	if jsonscan.KindOf(block) != jsonscan.Object {
		return "", ""
	}
	kind, _ := jsonscan.Text(jsonscan.Get(block, "type"))
	switch kind {
	case "thinking":
		member = "signature"
	case "redacted_thinking":
		member = "data"
	default:
		return "", ""
	}
	seal, _ = jsonscan.Text(jsonscan.Get(block, member))
	return member, seal
}
