package messages

import (
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// at is the item's place in the client's words.
func (e *encoder) at(i protocol.Item) string {
	if i.Turn < 0 {
		return "messages"
	}
	return e.req.At(i.Turn, i.Index)
}

// planTurns brings the turns into the order that the protocol demands: user
// first, roles by turns, every call answered at once and before anything else.
func (e *encoder) planTurns() error {
	if err := e.checkSampling(); err != nil {
		return err
	}
	for i, turn := range e.req.Turns {
		role, items := e.planTurn(i, turn)
		e.speeches = protocol.Join(e.speeches, protocol.Speech{Role: role, Items: items})
	}
	if len(e.speeches) == 0 {
		return llm.InvalidField("messages", "messages: at least one message with content is required")
	}
	if e.speeches[0].Role != llm.User {
		e.note(llm.Approximated, e.req.At(0, -1), "user_turn_put_first")
		e.speeches = append([]protocol.Speech{{Role: llm.User, Items: []protocol.Item{protocol.Added(protocol.Opening)}}}, e.speeches...)
	}
	e.pair()
	e.endTurns()
	return nil
}

// pair answers every call at once. The protocol wants ids that are used once
// and hold certain characters only.
func (e *encoder) pair() {
	taken := map[string]bool{}
	e.speeches = protocol.Pairing{
		Usable: e.usable,
		Note:   func(class llm.FindingClass, it protocol.Item, reason string) { e.note(class, e.at(it), reason) },
		Fit: func(call *llm.ToolCall, result *llm.ToolResult) {
			id := protocol.CallID(call.ID)
			for n := 2; taken[id]; n++ {
				id = protocol.CallID(call.ID + "#" + strconv.Itoa(n))
			}
			taken[id] = true
			call.ID, result.CallID = id, id
		},
	}.Pair(e.speeches)
}

// planTurn returns the role a turn is sent in and the blocks that are left.
func (e *encoder) planTurn(i int, turn llm.Turn) (llm.Role, []protocol.Item) {
	var items []protocol.Item
	for j, b := range turn.Blocks {
		it := protocol.Item{Block: b, Turn: i, Index: j}
		if kept := e.usable(it, turn.Role); kept != nil {
			it.Block = kept
			items = append(items, it)
		}
	}
	if protocol.Introduce(items, turn.Name) {
		e.note(llm.Approximated, e.req.At(i, -1)+".name", "name_in_text")
	}
	if turn.Role != llm.Developer || len(items) == 0 {
		return turn.Role, items
	}
	// The protocol takes an instruction in mid-conversation after a user turn.
	n := len(e.speeches)
	if e.to.Midway && !e.to.Quirks.NoMidSystem && n > 0 && e.speeches[n-1].Role != llm.Assistant {
		return llm.Developer, items
	}
	e.note(llm.Approximated, e.req.At(i, -1), "system_role_as_text")
	protocol.Remind(items)
	return llm.User, items
}

// usable returns the block as it can be sent, or nil.
func (e *encoder) usable(it protocol.Item, role llm.Role) llm.Block {
	switch b := it.Block.(type) {
	case llm.Text:
		if blank(b.Text) {
			return nil
		}
	case llm.Refusal:
		if blank(b.Text) {
			return nil
		}
		e.note(llm.Approximated, e.at(it), "refusal_as_text")
		return llm.Text{Text: b.Text}
	case llm.Thought:
		if role != llm.Assistant || !e.valid(b) {
			e.note(llm.Dropped, e.at(it), "foreign_reasoning")
			return nil
		}
	case llm.ToolCall:
		if role != llm.Assistant {
			e.note(llm.Lost, e.at(it), "call_outside_assistant_turn")
			return nil
		}
		if b.Seal != "" {
			e.note(llm.Dropped, e.at(it), "foreign_reasoning")
		}
	case llm.Opaque:
		if b.Origin != origin {
			e.note(protocol.LossOf(b), e.at(it), notSupported)
			return nil
		}
	case llm.ToolReference:
		e.note(llm.Lost, e.at(it), "reference_outside_tool_result")
		return nil
	case llm.ToolResult:
		if role != llm.User {
			e.note(llm.Lost, e.at(it), "result_outside_user_turn")
			return nil
		}
	case llm.Media:
	}
	return it.Block
}

// valid reports whether the target takes a thought back: its own seal, or
// none where the server does not sign.
func (e *encoder) valid(t llm.Thought) bool {
	if t.Origin != string(origin) && (t.Origin == "" || t.Origin != e.to.Origin) {
		return false
	}
	return t.Seal != "" || !e.to.Native && !t.Redacted
}

// endTurns handles a conversation whose last word the assistant has.
func (e *encoder) endTurns() {
	last := &e.speeches[len(e.speeches)-1]
	if last.Role != llm.Assistant {
		return
	}
	end := &last.Items[len(last.Items)-1]
	text, ok := end.Block.(llm.Text)
	if !ok {
		return // a turn that the vendor paused goes back as it is
	}
	if e.to.Prefill {
		text.Text = strings.TrimRight(text.Text, " \t\r\n")
		end.Block = text
		return
	}
	e.note(llm.Approximated, e.req.At(len(e.req.Turns)-1, -1), "prefill_as_instruction")
	e.speeches = append(e.speeches, protocol.GoOn())
}
