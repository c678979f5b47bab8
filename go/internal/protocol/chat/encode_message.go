package chat

import (
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

const (
	goOnPrompt = "Continue your last message from exactly where it stops. Do not repeat any of it."
)

func (e *encoder) messages() {
	e.b = append(key(e.b, "messages"), '[')
	e.system()
	for i := range e.req.Turns {
		switch e.req.Turns[i].Role {
		case llm.Assistant:
			e.assistant(i)
		case llm.Developer:
			e.developer(i)
		default:
			e.user(i)
		}
	}
	e.flush()
	e.prefill()
	if e.b[len(e.b)-1] == '[' {
		e.refuse("messages", "There is no message that this model could be sent.")
	}
	e.b = append(e.b, ']')
}

// open begins a message.
func (e *encoder) open(role string) {
	e.b = append(next(e.b), '{')
	e.b = text(e.b, "role", role)
}

// instructor is the role that gives instructions.
func (e *encoder) instructor() string {
	if e.to.Reasoning && !e.to.Quirks.NoDeveloperRole {
		return "developer"
	}
	return "system"
}

// system writes the leading instructions as one message: some servers take no
// second.
func (e *encoder) system() {
	var said []string
	for i, b := range e.req.System {
		at := fmt.Sprintf("system[%d]", i)
		switch b := b.(type) {
		case llm.Text:
			e.uncached(at, b.Cache)
			if b.Text != "" {
				said = append(said, b.Text)
			}
		case llm.Opaque:
			if b.Field == protocol.Attribution {
				e.find(llm.Dropped, at, "attribution_block_removed")
				continue
			}
			e.find(llm.Lost, at, "unsupported_block")
		default:
			e.find(llm.Lost, at, "unsupported_block")
		}
	}
	if hint := e.formatHint(); hint != "" {
		said = append(said, hint)
	}
	if len(said) == 0 {
		return
	}
	e.open(e.instructor())
	e.b = append(text(e.b, "content", strings.Join(said, "\n\n")), '}')
}

// uncached reports a mark that the protocol has no word for.
func (e *encoder) uncached(at string, mark *llm.CacheMark) {
	if mark != nil {
		e.find(llm.Dropped, at+".cache_control", "not_supported")
	}
}

// developer writes instructions in mid-conversation, where they stand. A
// server that refuses that gets them with the user's next words.
func (e *encoder) developer(i int) {
	turn := e.req.Turns[i]
	at := e.req.At(i, -1)
	parts := e.parts(i, turn.Blocks)
	if e.to.Quirks.NoMidSystem {
		e.find(llm.Approximated, at, "system_role_as_user")
		for _, p := range parts {
			if p.raw == nil {
				p.text = "<system-reminder>\n" + p.text + "\n</system-reminder>"
			}
			e.carry = append(e.carry, p)
		}
		return
	}
	role := e.instructor()
	if role == "developer" {
		e.find(llm.Approximated, at, "system_role_as_developer")
	}
	e.flush()
	e.open(role)
	e.content(joined(parts, "\n\n"))
	e.b = append(e.b, '}')
}

// user writes what a user said. Results that answer a call are written with
// the call; one that answers none becomes words.
func (e *encoder) user(i int) {
	turn := e.req.Turns[i]
	e.carryOrphans(i, turn.Blocks)
	parts := append(e.carry, e.parts(i, turn.Blocks)...)
	e.carry = nil
	if len(parts) == 0 {
		return
	}
	e.userMessage(turn.Name, parts)
}

func (e *encoder) userMessage(name string, parts []part) {
	e.open("user")
	if name != "" {
		e.b = text(e.b, "name", name)
	}
	e.content(parts)
	e.b = append(e.b, '}')
}

// flush writes what waited for a user message that does not come.
func (e *encoder) flush() {
	if len(e.carry) > 0 {
		e.userMessage("", e.carry)
		e.carry = nil
	}
}

// prefill turns an answer begun by the client into an instruction, where the
// model would not simply go on with it.
func (e *encoder) prefill() {
	last := len(e.req.Turns) - 1
	if last < 0 || e.req.Turns[last].Role != llm.Assistant || e.to.Prefill {
		return
	}
	for _, b := range e.req.Turns[last].Blocks {
		if _, ok := b.(llm.ToolCall); ok {
			return // its results have been filled in
		}
	}
	e.find(llm.Approximated, e.req.At(last, -1), "prefill_as_instruction")
	e.userMessage("", []part{{text: goOnPrompt}})
}

// assistant writes an earlier answer, and the results of its calls behind it.
func (e *encoder) assistant(i int) {
	a := e.answerOf(i)
	if a.nothing() {
		return
	}
	e.flush()
	e.open("assistant")
	if name := e.req.Turns[i].Name; name != "" {
		e.b = text(e.b, "name", name)
	}
	if a.said || len(a.calls) == 0 && a.refusal == "" && a.audio == nil || e.to.Quirks.StringContent {
		e.b = text(e.b, "content", a.text)
	} else {
		e.b = append(key(e.b, "content"), "null"...)
	}
	if a.refusal != "" {
		e.b = text(e.b, "refusal", a.refusal)
	}
	if a.audio != nil {
		e.b = append(key(e.b, "audio"), a.audio...)
	}
	if a.reasoning != "" {
		e.b = text(e.b, "reasoning_content", a.reasoning)
	}
	if len(a.details) > 0 {
		e.b = append(append(append(key(e.b, "reasoning_details"), '['), a.details...), ']')
	}
	if len(a.calls) > 0 {
		e.b = append(key(e.b, "tool_calls"), '[')
		for _, c := range a.calls {
			e.call(c)
		}
		e.b = append(e.b, ']')
	}
	e.b = append(e.b, '}')
	e.results(i, a.calls)
}

// call writes one call of the history.
func (e *encoder) call(c llm.ToolCall) {
	name := e.names.Out(c.Namespace, c.Name)
	e.b = append(next(e.b), '{')
	e.b = text(e.b, "id", e.callID(c.ID))
	if c.Kind == llm.CustomTool && e.to.Quirks.CustomTools {
		e.b = append(key(text(e.b, "type", "custom"), "custom"), '{')
		e.b = append(text(text(e.b, "name", name), "input", c.Arguments), '}')
	} else {
		arguments := c.Arguments
		switch {
		case c.Kind == llm.CustomTool:
			arguments = protocol.WrapInput(arguments)
		case strings.TrimSpace(arguments) == "":
			arguments = "{}"
		}
		e.b = append(key(text(e.b, "type", "function"), "function"), '{')
		e.b = append(text(text(e.b, "name", name), "arguments", arguments), '}')
	}
	if c.Seal != "" && !e.to.Native && e.valid(c.Origin) {
		e.b = appendCallSeal(e.b, c.Seal)
	}
	e.b = append(e.b, '}')
}

// callID returns the id of a call in the form that the server takes.
func (e *encoder) callID(id string) string {
	if e.to.Quirks.CallIDs == "mistral" {
		return protocol.ShortCallID(id)
	}
	return protocol.CallID(id)
}

// valid reports whether a seal means something to the target.
func (e *encoder) valid(from string) bool {
	return from == string(origin) || from != "" && from == e.to.Origin
}
