package protocol

import "github.com/tokligence/tokligence-gateway/go/internal/llm"

// Speech is a turn as it will be sent, by an encoder whose protocol wants user
// and assistant to speak by turns and every call answered in the turn after.
type Speech struct {
	Role  llm.Role
	Items []Item
}

// Item is a block and where it stood; Turn is -1 for what was not said by the
// client.
type Item struct {
	Block       llm.Block
	Turn, Index int
}

// Added is a text of the gateway's own.
func Added(text string) Item { return Item{Block: llm.Text{Text: text}, Turn: -1} }

// Opening is what the user says where the assistant has spoken first.
const Opening = "(continued)"

// GoOn asks for the rest of an answer where a protocol does not let the
// assistant have the last word.
func GoOn() Speech {
	return Speech{llm.User, []Item{
		Added("Go on with your answer exactly where it stops. Do not repeat what it says already."),
	}}
}

// Join adds a speech. It goes on with the one before where both have one role,
// and an instruction that has no user turn before it becomes part of one.
func Join(out []Speech, s Speech) []Speech {
	n := len(out)
	switch {
	case len(s.Items) == 0:
		return out
	case n > 0 && out[n-1].Role == s.Role:
		out[n-1].Items = append(out[n-1].Items, s.Items...)
		return out
	case s.Role == llm.Developer && (n == 0 || out[n-1].Role == llm.Assistant):
		s.Role = llm.User
	}
	return append(out, s)
}

// Introduce puts the name of a speaker before what they say, where a protocol
// has no place for it. It is false if there is no text to put it into.
func Introduce(items []Item, name string) bool {
	if name == "" || len(items) == 0 {
		return false
	}
	t, ok := items[0].Block.(llm.Text)
	if ok {
		t.Text = name + ": " + t.Text
		items[0].Block = t
	}
	return ok
}

// Remind marks an instruction that can only be said in the user's words.
func Remind(items []Item) {
	for i := range items {
		if t, ok := items[i].Block.(llm.Text); ok {
			t.Text = "<system-reminder>" + t.Text + "</system-reminder>"
			items[i].Block = t
		}
	}
}
