package messages

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// interrupted is the result of a call whose own is lost.
const interrupted = "(no result: tool call was interrupted)"

// pairing answers every call in the message after it.
type pairing struct {
	e       *encoder
	results map[string][]place // not yet given to a call, by call id
	given   map[place]bool
	taken   map[string]bool // call ids in use
}

// place is an item among the speeches.
type place struct{ speech, item int }

// pair moves tool results to where the protocol wants them: all of a turn's in
// the next user turn and before any other block. What is missing is made up,
// what answers nothing becomes text.
func (e *encoder) pair() {
	p := &pairing{e: e, results: map[string][]place{}, given: map[place]bool{}, taken: map[string]bool{}}
	calls := false
	for i, s := range e.speeches {
		for j, it := range s.items {
			switch b := it.block.(type) {
			case llm.ToolResult:
				p.results[b.CallID] = append(p.results[b.CallID], place{i, j})
			case llm.ToolCall:
				calls = true
			default:
			}
		}
	}
	if !calls && len(p.results) == 0 {
		return
	}
	var out []speech
	var answers []item // to the calls of the speech before
	for i, s := range e.speeches {
		if s.role == llm.Assistant {
			s.items, answers = p.calls(i, s.items)
			out = join(out, s)
			if i+1 == len(e.speeches) {
				out = join(out, speech{llm.User, answers})
			}
			continue
		}
		s.items = append(answers, p.rest(i, s.items)...)
		answers = nil
		out = join(out, s)
	}
	e.speeches = out
}

// join adds a speech. It goes on with the one before where both have one role,
// and an instruction that has no user turn before it becomes part of one.
func join(out []speech, s speech) []speech {
	n := len(out)
	switch {
	case len(s.items) == 0:
		return out
	case n > 0 && out[n-1].role == s.role:
		out[n-1].items = append(out[n-1].items, s.items...)
		return out
	case s.role == llm.Developer && (n == 0 || out[n-1].role == llm.Assistant):
		s.role = llm.User
	}
	return append(out, s)
}

// calls gives the calls of an assistant turn ids that are used once and finds
// their results.
func (p *pairing) calls(at int, items []item) (said, answers []item) {
	for _, it := range items {
		call, ok := it.block.(llm.ToolCall)
		if !ok {
			said = append(said, it)
			continue
		}
		id := protocol.CallID(call.ID)
		for n := 2; p.taken[id]; n++ {
			id = protocol.CallID(call.ID + "#" + strconv.Itoa(n))
		}
		p.taken[id] = true
		answers = append(answers, p.answer(at, it, call.ID, id))
		call.ID = id
		it.block = call
		said = append(said, it)
	}
	return said, answers
}

// answer returns the result for a call said in the speech at.
func (p *pairing) answer(at int, it item, callID, wireID string) item {
	for n, where := range p.results[callID] {
		if where.speech <= at {
			continue
		}
		p.results[callID] = append(p.results[callID][:n:n], p.results[callID][n+1:]...)
		p.given[where] = true
		found := p.e.speeches[where.speech].items[where.item]
		if where.speech > at+1 {
			p.e.note(llm.Approximated, p.e.at(found), "tool_result_moved_to_its_call")
		}
		result, _ := found.block.(llm.ToolResult)
		result.CallID = wireID
		found.block = result
		return found
	}
	p.e.note(llm.Approximated, p.e.at(it), "tool_result_missing")
	return item{turn: -1, block: llm.ToolResult{
		CallID: wireID, Failed: true, Blocks: []llm.Block{llm.Text{Text: interrupted}},
	}}
}

// rest returns what else a user turn says. Results that nobody asked for are
// turned into text.
func (p *pairing) rest(at int, items []item) []item {
	var out []item
	for j, it := range items {
		result, ok := it.block.(llm.ToolResult)
		switch {
		case !ok:
			out = append(out, it)
		case !p.given[place{at, j}]:
			p.e.note(llm.Approximated, p.e.at(it), "tool_result_without_call")
			out = append(out, item{llm.Text{Text: "Result of the tool call " + result.CallID + ":"}, it.turn, it.index})
			for _, b := range result.Blocks {
				if kept := p.e.usable(item{b, it.turn, it.index}, llm.User); kept != nil {
					out = append(out, item{kept, it.turn, it.index})
				}
			}
		}
	}
	return out
}
