package chat

import (
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// results writes the results of a turn's calls behind it, in the order of the
// calls and one for each, as the protocol demands. They are looked for up to
// the next answer.
func (e *encoder) results(i int, calls []llm.ToolCall) {
	for _, c := range calls {
		turn, block := e.resultOf(i, c.ID)
		if turn < 0 {
			e.find(llm.Approximated, e.req.At(i, -1), "missing_tool_result")
			e.toolMessage(c.ID, protocol.NoResult)
			continue
		}
		e.answered[[2]int{turn, block}] = true
		r, _ := e.req.Turns[turn].Blocks[block].(llm.ToolResult)
		e.toolMessage(c.ID, e.resultText(turn, block, r))
	}
}

func (e *encoder) resultOf(i int, id string) (turn, block int) {
	for t := i + 1; t < len(e.req.Turns) && e.req.Turns[t].Role != llm.Assistant; t++ {
		for j, b := range e.req.Turns[t].Blocks {
			if r, ok := b.(llm.ToolResult); ok && r.CallID == id && !e.answered[[2]int{t, j}] {
				return t, j
			}
		}
	}
	return -1, -1
}

func (e *encoder) toolMessage(id, content string) {
	e.open("tool")
	e.b = text(e.b, "tool_call_id", e.callID(id))
	e.b = append(text(e.b, "content", content), '}')
}

// resultText returns a result as text. What a tool message cannot hold is
// carried over to the next user message.
func (e *encoder) resultText(turn, block int, r llm.ToolResult) string {
	at := e.req.At(turn, block)
	e.uncached(at, r.Cache)
	var said []string
	for j, b := range r.Blocks {
		inner := e.req.Within(at, j)
		switch b := b.(type) {
		case llm.Text:
			e.uncached(inner, b.Cache)
			said = append(said, b.Text)
		case llm.ToolReference:
			said = append(said, "Tools loaded: "+b.Name)
		case llm.Media:
			said = append(said, e.resultMedia(inner, r.CallID, b))
		case llm.Opaque:
			e.find(llm.Approximated, inner, "block_as_json")
			said = append(said, string(b.Raw))
		default:
			e.find(llm.Lost, inner, "unsupported_block")
		}
	}
	out := strings.Join(said, "\n")
	if r.Failed && !strings.HasPrefix(out, "Error") {
		out = "Error: " + out
	}
	if r.Failed {
		e.find(llm.Approximated, e.req.FailedAt(at), "error_as_text")
	}
	return out
}

// resultMedia moves a picture or a file out of a result and returns the note
// that stays in its place.
func (e *encoder) resultMedia(at, call string, m llm.Media) string {
	p := e.media(at, m)
	if p.raw == nil {
		return p.text
	}
	e.find(llm.Approximated, at, "moved_to_user_message")
	id := e.callID(call)
	e.carry = append(e.carry, part{text: fmt.Sprintf("[%s returned by tool call %s]", m.Kind, id)}, p)
	return fmt.Sprintf("[%s: see next user message, %s]", m.Kind, id)
}

// carryOrphans keeps results that answer no call: as a message of their own
// they would be refused.
func (e *encoder) carryOrphans(i int, blocks []llm.Block) {
	for j, b := range blocks {
		r, ok := b.(llm.ToolResult)
		if !ok || e.answered[[2]int{i, j}] {
			continue
		}
		e.find(llm.Approximated, e.req.At(i, j), "orphan_tool_result")
		e.carry = append(e.carry, part{text: "[result of an earlier tool call]\n" + e.resultText(i, j, r)})
	}
}
