package llm

import (
	"cmp"
	"strconv"
)

// Places says where in a client's request the blocks of its turns stood.
type Places struct {
	List  string    // the client's word for the conversation: messages, input
	Parts string    // the client's word for what an entry of it holds; "" is content
	Turns [][]Place // by turn and block; nil where they stood just as they are numbered
}

// Place is where a block stood: the index of a message or item, and that of a
// part of its content, or -1 for the message itself.
type Place struct{ Item, Part int }

// At names a block of a turn as the client knows it: messages[2].content[0].
// A block of -1 is the turn as a whole.
func (r *Request) At(turn, block int) string {
	if r.Places == nil {
		return path("turns", turn, "blocks", block)
	}
	where := Place{turn, block}
	if r.Places.Turns != nil {
		where.Part = -1
		if turn < len(r.Places.Turns) && max(block, 0) < len(r.Places.Turns[turn]) {
			where = r.Places.Turns[turn][max(block, 0)]
		}
		if block < 0 {
			where.Part = -1
		}
	}
	return path(r.Places.List, where.Item, cmp.Or(r.Places.Parts, "content"), where.Part)
}

func path(list string, item int, parts string, part int) string {
	at := list + "[" + strconv.Itoa(item) + "]"
	if part < 0 {
		return at
	}
	return at + "." + parts + "[" + strconv.Itoa(part) + "]"
}
