package gemini

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// at is the item's place in the client's words.
func (e *encoder) at(i protocol.Item) string {
	if i.Turn < 0 {
		return "contents"
	}
	return e.req.At(i.Turn, i.Index)
}

// planTurns brings the turns into the order that the protocol demands: user
// first, roles by turns, every call answered in the turn after it.
func (e *encoder) planTurns() error {
	for i, turn := range e.req.Turns {
		e.speeches = protocol.Join(e.speeches, e.planTurn(i, turn))
	}
	if len(e.speeches) == 0 {
		return llm.InvalidField("contents", "contents: at least one turn with content is required")
	}
	if e.speeches[0].Role != llm.User {
		e.note(llm.Approximated, e.req.At(0, -1), "user_turn_put_first")
		e.speeches = append([]protocol.Speech{{Role: llm.User, Items: []protocol.Item{protocol.Added(protocol.Opening)}}}, e.speeches...)
	}
	e.pair()
	if last := &e.speeches[len(e.speeches)-1]; last.Role == llm.Assistant && !e.to.Prefill {
		e.note(llm.Approximated, e.req.At(len(e.req.Turns)-1, -1), "prefill_as_instruction")
		e.speeches = append(e.speeches, protocol.GoOn())
	}
	return nil
}

// pair answers every call. A result goes by the name that its call has on the
// wire.
func (e *encoder) pair() {
	e.speeches = protocol.Pairing{
		Usable: e.usable,
		Note:   func(class llm.FindingClass, it protocol.Item, reason string) { e.note(class, e.at(it), reason) },
		Fit: func(call *llm.ToolCall, result *llm.ToolResult) {
			result.Name = e.names.Out(call.Namespace, protocol.NameOf(call.Kind, call.Name))
		},
	}.Pair(e.speeches)
}

// planTurn returns a turn with the blocks that are left of it.
func (e *encoder) planTurn(i int, turn llm.Turn) protocol.Speech {
	s := protocol.Speech{Role: turn.Role}
	if turn.Role == llm.Developer {
		s.Role = llm.User
	}
	for j, b := range turn.Blocks {
		it := protocol.Item{Block: b, Turn: i, Index: j}
		if it.Block = e.usable(it, s.Role); it.Block != nil {
			s.Items = append(s.Items, it)
		}
	}
	if len(s.Items) == 0 {
		return s
	}
	if protocol.Introduce(s.Items, turn.Name) {
		e.note(llm.Approximated, e.req.At(i, -1)+".name", "name_in_text")
	}
	if turn.Role == llm.Developer {
		e.note(llm.Approximated, e.req.At(i, -1), "system_role_as_text")
		protocol.Remind(s.Items)
	}
	return s
}

// usable returns the block as it can be sent, or nil.
func (e *encoder) usable(it protocol.Item, role llm.Role) llm.Block {
	switch b := it.Block.(type) {
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
	return it.Block
}

// valid reports whether the target takes back what was sealed at an origin.
func (e *encoder) valid(from string) bool {
	return from == string(origin) || from != "" && from == e.to.Origin
}
