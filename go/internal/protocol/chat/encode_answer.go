package chat

import (
	"bytes"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// answer is an earlier answer, sorted by the members of its message.
type answer struct {
	text, refusal, reasoning string

	said    bool // there is text, be it empty
	calls   []llm.ToolCall
	details []byte // elements of reasoning_details
	audio   []byte
	dropped bool // there was more, which the target cannot take
}

// nothing reports whether no message is left to write.
func (a *answer) nothing() bool {
	return a.dropped && !a.said && len(a.calls) == 0 && a.refusal == "" && a.audio == nil && a.reasoning == "" && len(a.details) == 0
}

func (e *encoder) answerOf(i int) *answer {
	a := &answer{}
	blocks := e.req.Turns[i].Blocks
	for _, b := range blocks {
		if c, ok := b.(llm.ToolCall); ok {
			a.calls = append(a.calls, c)
		}
	}
	for j, b := range blocks {
		at := e.req.At(i, j)
		switch b := b.(type) {
		case llm.Text:
			e.uncached(at, b.Cache)
			a.text, a.said = a.text+b.Text, true
		case llm.Refusal:
			a.refusal += b.Text
		case llm.Thought:
			e.thought(at, b, a)
		case llm.ToolCall:
			e.uncached(at, b.Cache)
		case llm.Opaque:
			if b.Origin == origin && b.Field == "audio" {
				a.audio = b.Raw
				continue
			}
			a.dropped = true
			e.find(protocol.LossOf(b), at, "unsupported_block")
		case llm.Media, llm.ToolResult, llm.ToolReference:
			a.dropped = true
			e.find(llm.Lost, at, "unsupported_block")
		}
	}
	if e.to.Quirks.EchoReasoning && len(a.calls) > 0 && a.reasoning == "" && !e.to.Quirks.ThinkTags {
		a.reasoning = " " // servers that demand it refuse an empty text too
	}
	return a
}

// thought gives reasoning back where it is of use: sealed, only to who sealed
// it; as text, to servers that want it.
func (e *encoder) thought(at string, t llm.Thought, a *answer) {
	q, own := e.to.Quirks, e.valid(t.Origin)
	details := sealDetails(t.Seal)
	switch {
	case own && len(details) > 0 && !e.to.Native:
		if len(a.details) > 0 {
			a.details = append(a.details, ',')
		}
		a.details = append(a.details, details...)
		if q.EchoReasoning && len(a.calls) > 0 {
			a.reasoning += t.Text
		}
	case q.EchoReasoning && len(a.calls) == 0:
		a.dropped = true
		e.find(llm.Dropped, at, "reasoning_not_wanted")
	case q.EchoReasoning && q.ThinkTags && own && t.Text != "":
		a.text, a.said = a.text+"<think>\n"+strings.TrimSpace(t.Text)+"\n</think>\n\n", true
	case q.EchoReasoning && t.Text != "":
		if !own {
			e.find(llm.Approximated, at, "foreign_reasoning_as_text")
		}
		a.reasoning += t.Text
	case own && !e.to.Native && !q.ThinkTags && t.Text != "":
		a.reasoning += t.Text
	default:
		a.dropped = true
		reason := "foreign_reasoning"
		if own {
			reason = "not_supported"
		}
		e.find(llm.Dropped, at, reason)
	}
}

// sealDetails returns the elements of a seal of this protocol, which is an
// array of reasoning details.
func sealDetails(seal string) []byte {
	v := []byte(seal)
	if len(v) == 0 || jsonscan.KindOf(v) != jsonscan.Array || jsonscan.Valid(v) != nil {
		return nil
	}
	v = bytes.TrimSpace(v)
	return bytes.TrimSpace(v[1 : len(v)-1])
}
