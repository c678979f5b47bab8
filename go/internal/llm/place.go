package llm

import (
	"cmp"
	"strconv"
	"strings"
)

// Places says where in a client's request the blocks of its turns stood.
type Places struct {
	List  string    // the client's word for the conversation: messages, input
	Parts string    // the client's word for what an entry of it holds; "" is content
	Turns [][]Place // by turn and block; nil where they stood just as they are numbered

	Results string // the client's word for what a tool result holds; "" is content
	Apart   bool   // that is not one list, so its pieces have no number
	Failed  string // the client's word for one that failed; "" is is_error

	// Own returns the client's name of a setting, which may be the same. Nil
	// says that all are the same.
	Own func(setting string) string
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

// Within names a piece of the tool result at a path that At has made.
func (r *Request) Within(at string, piece int) string {
	if r.Places == nil {
		return path(at+".content", piece, "", -1)
	}
	at += "." + cmp.Or(r.Places.Results, "content")
	if r.Places.Apart {
		return at
	}
	return path(at, piece, "", -1)
}

// FailedAt names the mark of failure of the tool result at a path.
func (r *Request) FailedAt(at string) string {
	if r.Places == nil {
		return at + ".is_error"
	}
	return at + "." + cmp.Or(r.Places.Failed, "is_error")
}

// Field returns the client's name of a field: a setting of this vocabulary,
// such as max_tokens, stop[0] or tools[1].strict. A path that At has made stays
// as it is.
func (r *Request) Field(field string) string {
	setting, rest := field, ""
	if i := strings.IndexByte(field, '['); i >= 0 {
		setting, rest = field[:i], field[i:]
	}
	if setting == "tools" {
		number, more, _ := strings.Cut(strings.TrimPrefix(rest, "["), "]")
		if i, err := strconv.Atoi(number); err == nil && i < len(r.Tools) && r.Tools[i].At != "" {
			return r.Tools[i].At + more
		}
	}
	if r.Places == nil || r.Places.Own == nil {
		return field
	}
	return r.Places.Own(setting) + rest
}

func path(list string, item int, parts string, part int) string {
	at := list + "[" + strconv.Itoa(item) + "]"
	if part < 0 {
		return at
	}
	return at + "." + parts + "[" + strconv.Itoa(part) + "]"
}
