package responses

import (
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// carryOn stands in for a prefilled answer, which this protocol cannot go on
// with.
const carryOn = "Continue your last message exactly where it stopped, without repeating any of it."

// items writes the input array.
type items struct {
	*encoder
	out   []byte // the items written, separated by commas
	parts []byte // of the message that is being written
	turn  int
	role  llm.Role

	phase    string
	answered map[string]bool
	called   map[string]bool
	lifted   []llm.Media // images of tool results that must be text
}

// input writes instructions and conversation.
func (e *encoder) input() error {
	if s := e.instructions(); s != "" {
		e.string("instructions", s)
	}
	w := &items{encoder: e, answered: map[string]bool{}, called: map[string]bool{}}
	for _, turn := range e.req.Turns {
		for _, b := range turn.Blocks {
			if r, ok := b.(llm.ToolResult); ok {
				w.answered[r.CallID] = true
			}
		}
	}
	for i, turn := range e.req.Turns {
		w.turn, w.role, w.phase = i, turn.Role, turn.Phase
		if err := w.writeTurn(turn); err != nil {
			return err
		}
	}
	w.prefill()
	if len(w.out) == 0 {
		return llm.InvalidField("messages", "There is no message that this model could be sent.")
	}
	e.raw("input", append(append([]byte{'['}, w.out...), ']'))
	return nil
}

// instructions joins what stands before the first turn.
func (e *encoder) instructions() string {
	var all []string
	for i, b := range e.req.System {
		field := fmt.Sprintf("system[%d]", i)
		switch b := b.(type) {
		case llm.Text:
			e.marked(b.Cache, field)
			if b.Text != "" {
				all = append(all, b.Text)
			}
		case llm.Opaque:
			if b.Field == protocol.Attribution {
				e.found(llm.Dropped, field, "attribution_block_removed")
				continue
			}
			e.found(llm.Lost, field, reasonUnsupported)
		default:
			e.found(llm.Lost, field, reasonUnsupported)
		}
	}
	return strings.Join(all, paragraph)
}

// marked reports a cache mark: what this protocol has instead, only some
// models take.
func (e *encoder) marked(mark *llm.CacheMark, field string) {
	if mark != nil {
		e.found(llm.Dropped, field+".cache_control", reasonUnsupported)
	}
}

func (w *items) writeTurn(turn llm.Turn) error {
	if turn.Name != "" {
		w.found(llm.Approximated, w.req.At(w.turn, -1)+".name", "name_in_text")
		w.part(partText(w.partType(), turn.Name+": "))
	}
	for j, b := range turn.Blocks {
		if err := w.block(w.req.At(w.turn, j), b); err != nil {
			return err
		}
	}
	w.flush()
	w.lift()
	w.complete(turn)
	return nil
}

func (w *items) block(field string, b llm.Block) error {
	switch b := b.(type) {
	case llm.Text:
		w.marked(b.Cache, field)
		if b.Text != "" {
			w.part(w.textPart(b))
		}
	case llm.Refusal:
		if w.role != llm.Assistant {
			w.part(partText(partInput, b.Text))
			return nil
		}
		w.part([]byte(`{"type":"refusal","refusal":` + string(jsonscan.AppendString(nil, b.Text)) + `}`))
	case llm.Media:
		w.marked(b.Cache, field)
		part, err := w.mediaPart(field, b)
		if err != nil {
			return err
		}
		w.part(part)
	case llm.Thought:
		w.thought(field, b)
	case llm.ToolCall:
		w.marked(b.Cache, field)
		w.call(field, b)
	case llm.ToolResult:
		w.marked(b.Cache, field)
		return w.result(field, b)
	case llm.ToolReference:
		w.part(partText(w.partType(), "Tool loaded: "+b.Name))
	case llm.Opaque:
		w.opaque(field, b)
	}
	return nil
}

// partType is the type of a text part on this side of the conversation.
func (w *items) partType() string {
	if w.role == llm.Assistant {
		return partOutput
	}
	return partInput
}

func partText(kind, s string) []byte {
	out := append([]byte(`{"type":"`), kind...)
	out = append(out, `","text":`...)
	out = jsonscan.AppendString(out, s)
	return append(out, '}')
}

func (w *items) textPart(b llm.Text) []byte {
	part := partText(w.partType(), b.Text)
	if w.role != llm.Assistant {
		return part
	}
	part = append(part[:len(part)-1], `,"annotations":[`...)
	first := true
	for _, c := range b.Citations {
		if c.Origin != llm.Responses {
			continue
		}
		if !first {
			part = append(part, ',')
		}
		first = false
		part = append(part, c.Raw...)
	}
	return append(part, "]}"...)
}

func (w *items) part(p []byte) {
	if len(w.parts) > 0 {
		w.parts = append(w.parts, ',')
	}
	w.parts = append(w.parts, p...)
}

// item adds one item.
func (w *items) item(it []byte) {
	if len(w.out) > 0 {
		w.out = append(w.out, ',')
	}
	w.out = append(w.out, it...)
}

// flush ends the message that is being written.
func (w *items) flush() {
	if len(w.parts) == 0 {
		return
	}
	role := string(w.role)
	if w.role == llm.Developer && w.to.Quirks.NoDeveloperRole {
		role = "system"
	}
	it := []byte(`{"type":"message","role":"` + role + `","content":[`)
	it = append(append(it, w.parts...), ']')
	if w.phase != "" && w.role == llm.Assistant {
		it = appendMember(it, []byte("phase"), jsonscan.AppendString(nil, w.phase))
	}
	w.parts = w.parts[:0]
	w.item(append(it, '}'))
}

// opaque gives back what this protocol had said.
func (w *items) opaque(field string, b llm.Opaque) {
	switch {
	case b.Origin != llm.Responses:
		w.found(llm.Lost, field, reasonUnsupported)
	case strings.HasPrefix(b.Field, opaquePart):
		w.part(b.Raw)
	default:
		w.flush()
		w.item(b.Raw)
	}
}

// thought gives reasoning back to who sealed it. The sealed content alone
// carries the state; an id would be looked up where nothing is stored.
func (w *items) thought(field string, b llm.Thought) {
	ours := b.Origin == string(llm.Responses) || b.Origin != "" && b.Origin == w.to.Origin
	stored := b.Seal == "" && b.ID != "" && w.req.Store != nil && *w.req.Store
	open := b.Seal == "" && b.Raw && !w.to.Native // servers that show the model's own words
	if !ours || b.Seal == "" && !stored && !open {
		w.found(llm.Dropped, field, reasonForeign)
		return
	}
	w.flush()
	it := []byte(`{"type":"reasoning"`)
	if stored || open && b.ID != "" {
		it = appendMember(it, []byte("id"), jsonscan.AppendString(nil, b.ID))
	}
	summary, content := []byte("[]"), []byte(nil)
	switch {
	case b.Text == "":
	case b.Raw:
		content = append(append([]byte{'['}, partText("reasoning_text", b.Text)...), ']')
	default:
		summary = append(append([]byte{'['}, partText("summary_text", b.Text)...), ']')
	}
	it = appendMember(it, []byte("summary"), summary)
	if content != nil {
		it = appendMember(it, []byte("content"), content)
	}
	if b.Seal != "" {
		it = appendMember(it, []byte("encrypted_content"), jsonscan.AppendString(nil, b.Seal))
	}
	w.item(append(it, '}'))
}

// complete answers the calls of a turn that nobody answers: one of them would
// make the upstream refuse this and every later request.
func (w *items) complete(turn llm.Turn) {
	if turn.Role != llm.Assistant {
		return
	}
	for j, b := range turn.Blocks {
		call, ok := b.(llm.ToolCall)
		if !ok || w.answered[call.ID] {
			continue
		}
		w.answered[call.ID] = true
		w.found(llm.Approximated, w.req.At(w.turn, j), "tool_result_missing")
		w.item(w.outputItem(w.nativeKind(call.Kind, call.Name, call.Namespace), call.ID, false,
			jsonscan.AppendString(nil, protocol.NoResult)))
	}
}

// prefill mends a conversation that ends in the middle of an answer.
func (w *items) prefill() {
	n := len(w.req.Turns)
	if n == 0 || w.req.Turns[n-1].Role != llm.Assistant {
		return
	}
	last := w.req.Turns[n-1].Blocks
	if len(last) == 0 {
		return
	}
	if _, ok := last[len(last)-1].(llm.Text); !ok || w.to.Prefill {
		return
	}
	w.found(llm.Approximated, w.req.At(n-1, -1), "prefill_as_instruction")
	w.role = llm.User
	w.part(partText(partInput, carryOn))
	w.flush()
}
