package messages

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// speech is one message as it will be sent.
type speech struct {
	role  llm.Role
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
		return "messages"
	}
	return e.req.At(i.turn, i.index)
}

// added is a text of the gateway's own.
func added(text string) item { return item{block: llm.Text{Text: text}, turn: -1} }

// planTurns brings the turns into the order that the protocol demands: user
// first, roles by turns, every call answered at once and before anything else.
func (e *encoder) planTurns() error {
	if err := e.checkSampling(); err != nil {
		return err
	}
	for i, turn := range e.req.Turns {
		role, items := e.planTurn(i, turn)
		e.speeches = join(e.speeches, speech{role, items})
	}
	if len(e.speeches) == 0 {
		return llm.InvalidField("messages", "messages: at least one message with content is required")
	}
	if e.speeches[0].role != llm.User {
		e.note(llm.Approximated, e.req.At(0, -1), "user_turn_put_first")
		e.speeches = append([]speech{{llm.User, []item{added("(continued)")}}}, e.speeches...)
	}
	e.pair()
	e.endTurns()
	return nil
}

// planTurn returns the role a turn is sent in and the blocks that are left.
func (e *encoder) planTurn(i int, turn llm.Turn) (llm.Role, []item) {
	var items []item
	for j, b := range turn.Blocks {
		it := item{b, i, j}
		if kept := e.usable(it, turn.Role); kept != nil {
			it.block = kept
			items = append(items, it)
		}
	}
	if turn.Name != "" && len(items) > 0 {
		if t, ok := items[0].block.(llm.Text); ok {
			t.Text = turn.Name + ": " + t.Text
			items[0].block = t
			e.note(llm.Approximated, e.req.At(i, -1)+".name", "name_in_text")
		}
	}
	if turn.Role != llm.Developer || len(items) == 0 {
		return turn.Role, items
	}
	// The protocol takes an instruction in mid-conversation after a user turn.
	n := len(e.speeches)
	if e.to.Midway && !e.to.Quirks.NoMidSystem && n > 0 && e.speeches[n-1].role != llm.Assistant {
		return llm.Developer, items
	}
	e.note(llm.Approximated, e.req.At(i, -1), "system_role_as_text")
	for j, it := range items {
		if t, ok := it.block.(llm.Text); ok {
			t.Text = "<system-reminder>" + t.Text + "</system-reminder>"
			items[j].block = t
		}
	}
	return llm.User, items
}

// usable returns the block as it can be sent, or nil.
func (e *encoder) usable(it item, role llm.Role) llm.Block {
	switch b := it.block.(type) {
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
	return it.block
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
	if last.role != llm.Assistant {
		return
	}
	end := &last.items[len(last.items)-1]
	text, ok := end.block.(llm.Text)
	if !ok {
		return // a turn that the vendor paused goes back as it is
	}
	if e.to.Prefill {
		text.Text = strings.TrimRight(text.Text, " \t\r\n")
		end.block = text
		return
	}
	e.note(llm.Approximated, e.req.At(len(e.req.Turns)-1, -1), "prefill_as_instruction")
	e.speeches = append(e.speeches, speech{llm.User, []item{
		added("Go on with your answer exactly where it stops. Do not repeat what it says already."),
	}})
}
