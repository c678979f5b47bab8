package gemini

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// speech is one content as it will be sent.
type speech struct {
	role  llm.Role // User or Assistant
	items []item
}

// item is a block and where it stood; turn is -1 for what was not said by the
// client.
type item struct {
	block       llm.Block
	turn, index int
}

// at is the item's place in the client's words.
func (e *encoder) at(i item) string {
	if i.turn < 0 {
		return "contents"
	}
	return e.req.At(i.turn, i.index)
}

func added(text string) item { return item{block: llm.Text{Text: text}, turn: -1} }

// planTurns brings the turns into the order that the protocol demands: user
// first, roles by turns, every call answered in the turn after it.
func (e *encoder) planTurns() error {
	for i, turn := range e.req.Turns {
		s := e.planTurn(i, turn)
		if n := len(e.speeches); n > 0 && e.speeches[n-1].role == s.role {
			e.speeches[n-1].items = append(e.speeches[n-1].items, s.items...)
		} else if len(s.items) > 0 {
			e.speeches = append(e.speeches, s)
		}
	}
	if len(e.speeches) == 0 {
		return llm.InvalidField("contents", "contents: at least one turn with content is required")
	}
	if e.speeches[0].role != llm.User {
		e.note(llm.Approximated, e.req.At(0, -1), "user_turn_put_first")
		e.speeches = append([]speech{{llm.User, []item{added("(continued)")}}}, e.speeches...)
	}
	e.pair()
	if last := &e.speeches[len(e.speeches)-1]; last.role == llm.Assistant && !e.to.Prefill {
		e.note(llm.Approximated, e.req.At(len(e.req.Turns)-1, -1), "prefill_as_instruction")
		e.speeches = append(e.speeches, speech{llm.User, []item{
			added("Go on with your answer exactly where it stops. Do not repeat what it says already."),
		}})
	}
	return nil
}

// planTurn returns a turn with the blocks that are left of it.
func (e *encoder) planTurn(i int, turn llm.Turn) speech {
	s := speech{role: turn.Role}
	if turn.Role == llm.Developer {
		s.role = llm.User
	}
	for j, b := range turn.Blocks {
		it := item{b, i, j}
		if it.block = e.usable(it, s.role); it.block != nil {
			s.items = append(s.items, it)
		}
	}
	if len(s.items) == 0 {
		return s
	}
	if t, ok := s.items[0].block.(llm.Text); ok && turn.Name != "" {
		t.Text = turn.Name + ": " + t.Text
		s.items[0].block = t
		e.note(llm.Approximated, e.req.At(i, -1)+".name", "name_in_text")
	}
	if turn.Role == llm.Developer {
		e.note(llm.Approximated, e.req.At(i, -1), "system_role_as_text")
		for j, it := range s.items {
			if t, ok := it.block.(llm.Text); ok {
				t.Text = "<system-reminder>" + t.Text + "</system-reminder>"
				s.items[j].block = t
			}
		}
	}
	return s
}

// usable returns the block as it can be sent, or nil.
func (e *encoder) usable(it item, role llm.Role) llm.Block {
	switch b := it.block.(type) {
	case llm.Text:
		if strings.TrimSpace(b.Text) == "" {
			return nil
		}
		if len(b.Citations) > 0 {
			e.note(llm.Dropped, e.at(it)+".citations", notSupported)
		}
	case llm.Refusal:
		if strings.TrimSpace(b.Text) == "" {
			return nil
		}
		e.note(llm.Approximated, e.at(it), "refusal_as_text")
		return llm.Text{Text: b.Text}
	case llm.Thought:
		if role != llm.Assistant || !e.valid(b.Origin) {
			e.note(llm.Dropped, e.at(it), "foreign_reasoning")
			return nil
		}
	case llm.ToolCall:
		if role != llm.Assistant {
			e.note(llm.Lost, e.at(it), "call_outside_assistant_turn")
			return nil
		}
		if b.Seal != "" && !e.valid(b.Origin) {
			e.note(llm.Dropped, e.at(it), "foreign_reasoning")
			b.Seal = ""
		}
		return b
	case llm.ToolResult:
		if role != llm.User {
			e.note(llm.Lost, e.at(it), "result_outside_user_turn")
			return nil
		}
	case llm.ToolReference:
		e.note(llm.Lost, e.at(it), "reference_outside_tool_result")
		return nil
	case llm.Opaque:
		if b.Origin != origin {
			e.note(protocol.LossOf(b), e.at(it), notSupported)
			return nil
		}
	case llm.Media:
	}
	return it.block
}

// valid reports whether the target takes back what was sealed at an origin.
func (e *encoder) valid(from string) bool {
	return from == string(origin) || from != "" && from == e.to.Origin
}

// interrupted is the result of a call whose own is lost.
const interrupted = "(no result: tool call was interrupted)"

// place is an item among the speeches.
type place struct{ speech, item int }

// pair answers every call in the turn after it, in the order of the calls and
// before anything else. What is missing is made up; what answers nothing
// becomes text.
func (e *encoder) pair() {
	results := map[string][]place{} // not yet given to a call, by call id
	for i, s := range e.speeches {
		for j, it := range s.items {
			if r, ok := it.block.(llm.ToolResult); ok {
				results[r.CallID] = append(results[r.CallID], place{i, j})
			}
		}
	}
	given := map[place]bool{}
	var out []speech
	var answers []item
	for i, s := range e.speeches {
		if s.role == llm.Assistant {
			out = append(out, s)
			if answers = e.answers(i, results, given); len(answers) > 0 && i+1 == len(e.speeches) {
				out = append(out, speech{llm.User, answers})
			}
			continue
		}
		items := append(answers, e.rest(i, given)...)
		answers = nil
		if len(items) > 0 {
			out = append(out, speech{llm.User, items})
		}
	}
	e.speeches = out
}

// answers returns the results of the calls in the speech at i, under the names
// that their calls have on the wire.
func (e *encoder) answers(i int, results map[string][]place, given map[place]bool) []item {
	var out []item
	for _, it := range e.speeches[i].items {
		call, ok := it.block.(llm.ToolCall)
		if !ok {
			continue
		}
		name := e.names.Out(call.Namespace, toolName(call.Kind, call.Name))
		found := false
		for n, where := range results[call.ID] {
			if where.speech <= i {
				continue
			}
			results[call.ID] = append(results[call.ID][:n:n], results[call.ID][n+1:]...)
			given[where], found = true, true
			result := e.speeches[where.speech].items[where.item]
			if r, ok := result.block.(llm.ToolResult); ok {
				r.Name = name
				result.block = r
			}
			if where.speech > i+1 {
				e.note(llm.Approximated, e.at(result), "tool_result_moved_to_its_call")
			}
			out = append(out, result)
			break
		}
		if !found {
			e.note(llm.Approximated, e.at(it), "tool_result_missing")
			out = append(out, item{turn: -1, block: llm.ToolResult{
				CallID: call.ID, Name: name, Failed: true, Blocks: []llm.Block{llm.Text{Text: interrupted}},
			}})
		}
	}
	return out
}

// rest returns what else a user turn says.
func (e *encoder) rest(i int, given map[place]bool) []item {
	var out []item
	for j, it := range e.speeches[i].items {
		result, ok := it.block.(llm.ToolResult)
		switch {
		case !ok:
			out = append(out, it)
		case !given[place{i, j}]:
			e.note(llm.Approximated, e.at(it), "tool_result_without_call")
			out = append(out, item{llm.Text{Text: "Result of the tool call " + result.CallID + ":"}, it.turn, it.index})
			for _, b := range result.Blocks {
				if kept := e.usable(item{b, it.turn, it.index}, llm.User); kept != nil {
					out = append(out, item{kept, it.turn, it.index})
				}
			}
		}
	}
	return out
}
