package responses

import (
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// turns groups input items. Calls and outputs belong together by their ids,
// not by where they stand: Codex writes an assistant message between a call
// and its output, and other protocols refuse that order.
type turns struct {
	system   []llm.Block
	list     []*turn
	answered map[string]bool // calls that have an output somewhere
	calls    map[string]*turn

	item    int             // the index of the input item that is being read
	pending *turn           // the assistant turn that waits for outputs, or nil
	open    map[string]bool // its calls whose output is still to come
}

type turn struct {
	llm.Turn
	places  []llm.Place // where each block stood in the input
	results *turn       // the user turn that answers the calls of this one
	isReply bool        // holds nothing but results
}

// add begins a turn with what a message holds.
func (t *turns) add(role llm.Role, blocks ...llm.Block) *turn {
	n := &turn{Turn: llm.Turn{Role: role, Blocks: blocks}, places: t.parts(len(blocks))}
	t.list = append(t.list, n)
	return n
}

// parts are the places of the parts of the message that is being read.
func (t *turns) parts(n int) []llm.Place {
	places := make([]llm.Place, n)
	for i := range places {
		places[i] = llm.Place{Item: t.item, Part: i}
	}
	return places
}

// put adds an item, which is one block, to a turn.
func (t *turns) put(n *turn, b llm.Block) {
	n.Blocks = append(n.Blocks, b)
	n.places = append(n.places, llm.Place{Item: t.item, Part: -1})
}

func (t *turns) last() *turn {
	if len(t.list) == 0 {
		return nil
	}
	return t.list[len(t.list)-1]
}

// instruction adds the words of a system or developer message.
func (t *turns) instruction(blocks []llm.Block) {
	if len(t.list) == 0 {
		t.system = append(t.system, blocks...)
		return
	}
	t.add(llm.Developer, blocks...)
}

// message adds what the assistant said.
func (t *turns) message(phase string, blocks []llm.Block) {
	n := t.pending
	switch {
	case n != nil:
		at := len(n.Blocks)
		for at > 0 && isCall(n.Blocks[at-1]) {
			at--
		}
		n.Blocks = slices.Insert(n.Blocks, at, blocks...)
		n.places = slices.Insert(n.places, at, t.parts(len(blocks))...)
	case t.last() != nil && t.last().Role == llm.Assistant && !t.last().spoke():
		n = t.last()
		n.Blocks = append(n.Blocks, blocks...)
		n.places = append(n.places, t.parts(len(blocks))...)
	default:
		n = t.add(llm.Assistant, blocks...)
	}
	if phase != "" {
		n.Phase = phase
	}
}

// thought adds reasoning, which comes before what it led to.
func (t *turns) thought(b llm.Thought) {
	n := t.pending
	if n == nil {
		n = t.last()
		if n == nil || n.Role != llm.Assistant || n.spoke() {
			n = t.add(llm.Assistant)
		}
	}
	t.put(n, b)
}

// act adds a call, or an item of the vendor's on the assistant's side.
func (t *turns) act(b llm.Block) {
	n := t.pending
	if n == nil {
		n = t.last()
	}
	if n == nil || n.Role != llm.Assistant {
		n = t.add(llm.Assistant)
	}
	t.put(n, b)
	call, ok := b.(llm.ToolCall)
	if !ok || call.ID == "" {
		return
	}
	if t.open == nil {
		t.open, t.calls = map[string]bool{}, map[string]*turn{}
	}
	t.calls[call.ID] = n
	if t.answered[call.ID] {
		t.open[call.ID], t.pending = true, n
	}
}

// result adds the output of a call, directly after the turn that made it.
func (t *turns) result(r llm.ToolResult) {
	n := t.calls[r.CallID]
	if n == nil { // an orphan; encoders say what becomes of it
		last := t.last()
		if last == nil || !last.isReply {
			last = t.add(llm.User)
			last.isReply = true
		}
		t.put(last, r)
		return
	}
	if n.results == nil {
		n.results = &turn{Turn: llm.Turn{Role: llm.User}, isReply: true}
		at := len(t.list)
		for t.list[at-1] != n {
			at--
		}
		t.list = slices.Insert(t.list, at, n.results)
	}
	t.put(n.results, r)
	if delete(t.open, r.CallID); len(t.open) == 0 {
		t.pending = nil
	}
}

// sign puts a seal on a call that is already there.
func (t *turns) sign(callID, seal, origin string) {
	n := t.calls[callID]
	if n == nil {
		return
	}
	for i, b := range n.Blocks {
		if call, ok := b.(llm.ToolCall); ok && call.ID == callID {
			call.Seal, call.Origin = seal, origin
			n.Blocks[i] = call
		}
	}
}

// spoke reports whether the turn holds a message already. The next message is
// a turn of its own then, so that messages keep their boundaries.
func (n *turn) spoke() bool {
	return slices.ContainsFunc(n.Blocks, func(b llm.Block) bool {
		switch b.(type) {
		case llm.Text, llm.Refusal:
			return true
		default:
			return false
		}
	})
}

func isCall(b llm.Block) bool {
	_, ok := b.(llm.ToolCall)
	return ok
}

// setting returns the name that a setting has in this protocol.
func setting(name string) string {
	switch name {
	case "max_tokens":
		return "max_output_tokens"
	case "reasoning_effort", "thinking":
		return "reasoning.effort"
	case "logprobs":
		return "top_logprobs"
	case "response_format":
		return "text.format"
	case "verbosity":
		return "text.verbosity"
	case "system":
		return "instructions"
	}
	return name
}

func (t *turns) done() ([]llm.Turn, *llm.Places) {
	out := make([]llm.Turn, 0, len(t.list))
	places := &llm.Places{List: "input", Results: "output", Own: setting, Turns: make([][]llm.Place, 0, len(t.list))}
	for _, n := range t.list {
		if len(n.Blocks) > 0 {
			out = append(out, n.Turn)
			places.Turns = append(places.Turns, n.places)
		}
	}
	return out, places
}
