package chat

import (
	"slices"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// message is one message whose members have been told apart.
type message struct {
	at                     *protocol.Path
	role, name, callID     string
	content, refusal       []byte
	calls, function, audio []byte
	reasoning, details     []byte
}

func (d *decoder) messages(at *protocol.Path, v []byte) error {
	if err := protocol.EachElement(at, v, d.message); err != nil {
		return err
	}
	if len(d.req.Turns) == 0 && len(d.req.System) == 0 {
		return emptyList(at)
	}
	return nil
}

func (d *decoder) message(v []byte, at *protocol.Path) error {
	m := message{at: at}
	d.index++
	if err := protocol.EachMember(at, v, func(name string, v []byte) error { return d.part(&m, name, v) }); err != nil {
		return err
	}
	if m.role != "system" && m.role != "developer" {
		d.begun = true
	}
	switch m.role {
	case "system", "developer":
		return d.instructions(&m)
	case "user":
		blocks, err := d.required(&m)
		d.turn(llm.User, m.name, blocks, 0, len(blocks))
		return err
	case "assistant":
		return d.assistant(&m)
	case "tool":
		if m.callID == "" {
			return protocol.Missing(at.Member("tool_call_id"))
		}
		return d.result(&m)
	case "function":
		m.callID = "call_fn_" + strconv.Itoa(d.functions)
		return d.result(&m)
	case "":
		return protocol.Missing(at.Member("role"))
	}
	return protocol.Bad(at.Member("role"),
		"supported values are: 'system', 'developer', 'user', 'assistant', 'tool' and 'function'")
}

// part sorts one member of a message.
func (d *decoder) part(m *message, name string, v []byte) error {
	switch name {
	case "role":
		return protocol.ReadText(m.at.Member(name), v, &m.role)
	case "name":
		return protocol.ReadText(m.at.Member(name), v, &m.name)
	case "tool_call_id":
		return protocol.ReadText(m.at.Member(name), v, &m.callID)
	case "content":
		m.content = v
	case "refusal":
		m.refusal = v
	case "tool_calls":
		m.calls = v
	case "function_call":
		m.function = v
	case "audio":
		m.audio = v
	case "reasoning_content":
		m.reasoning = v
	case "reasoning":
		if m.reasoning == nil {
			m.reasoning = v
		}
	case "reasoning_details":
		m.details = v
	case "annotations": // of an earlier answer; they tell the model nothing
	default:
		d.keep(m.at.Member(name).String(), v)
	}
	return nil
}

// turn adds a turn, of whose blocks those from first to end are the message's
// content.
func (d *decoder) turn(role llm.Role, name string, blocks []llm.Block, first, end int) {
	d.req.Turns = append(d.req.Turns, llm.Turn{Role: role, Name: name, Blocks: blocks})
	d.items = append(d.items, spot{d.index, first, end})
}

// required reads the content of a message that must have some.
func (d *decoder) required(m *message) ([]llm.Block, error) {
	if m.content == nil {
		return nil, protocol.Missing(m.at.Member("content"))
	}
	return d.content(m.at.Member("content"), m.content)
}

// instructions at the start are the system prompt; later ones keep their
// place.
func (d *decoder) instructions(m *message) error {
	blocks, err := d.required(m)
	if d.begun {
		d.turn(llm.Developer, m.name, blocks, 0, len(blocks))
	} else {
		d.req.System = append(d.req.System, blocks...)
	}
	return err
}

func (d *decoder) assistant(m *message) error {
	blocks, err := d.thoughts(m)
	if err != nil {
		return err
	}
	first := len(blocks)
	if m.content != nil {
		said, err := d.content(m.at.Member("content"), m.content)
		if err != nil {
			return err
		}
		blocks = append(blocks, said...)
	}
	end := len(blocks)
	if m.refusal != nil {
		var r llm.Refusal
		if err := protocol.ReadText(m.at.Member("refusal"), m.refusal, &r.Text); err != nil {
			return err
		}
		blocks = append(blocks, r)
	}
	if m.audio != nil {
		blocks = append(blocks, llm.Opaque{Origin: origin, Field: "audio", Raw: protocol.Raw(m.audio)})
	}
	d.order = map[string]int{}
	if m.calls != nil {
		err = protocol.EachElement(m.at.Member("tool_calls"), m.calls, func(v []byte, at *protocol.Path) error {
			call, err := d.call(v, at)
			blocks = append(blocks, call)
			return err
		})
	}
	if err == nil && m.function != nil {
		var call llm.ToolCall
		call, err = d.oldCall(m.at.Member("function_call"), m.function)
		blocks = append(blocks, call)
	}
	if err == nil && len(blocks) == 0 && m.content == nil {
		err = protocol.Missing(m.at.Member("content"))
	}
	d.turn(llm.Assistant, m.name, blocks, first, end)
	return err
}

func (d *decoder) call(v []byte, at *protocol.Path) (llm.ToolCall, error) {
	c := llm.ToolCall{Kind: llm.FunctionTool}
	var kind string
	var function, custom []byte
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "id":
			return protocol.ReadText(at, v, &c.ID)
		case "type":
			return protocol.ReadText(at, v, &kind)
		case "function":
			function = v
		case "custom":
			custom = v
		case "extra_content":
			d.callSeal(&c, v)
		}
		return nil
	})
	switch {
	case err != nil:
	case c.ID == "":
		err = protocol.Missing(at.Member("id"))
	case kind == "custom" && custom != nil:
		c.Kind = llm.CustomTool
		err = readCall(at.Member("custom"), custom, "input", &c)
	case function != nil:
		err = readCall(at.Member("function"), function, "arguments", &c)
	default:
		err = protocol.Missing(at.Member("function"))
	}
	d.called(c)
	return c, err
}

// called notes a call for the results to come.
func (d *decoder) called(c llm.ToolCall) {
	d.calls[c.ID] = llm.Tool{Kind: c.Kind, Name: c.Name}
	d.order[c.ID] = len(d.order)
}

func readCall(at *protocol.Path, v []byte, arguments string, c *llm.ToolCall) error {
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "name":
			return protocol.ReadText(at.Member(name), v, &c.Name)
		case arguments:
			return protocol.ReadText(at.Member(name), v, &c.Arguments)
		}
		return nil
	})
	if err == nil && c.Name == "" {
		err = protocol.Missing(at.Member("name"))
	}
	return err
}

// oldCall reads the deprecated form, which allows one call and has no id.
func (d *decoder) oldCall(at *protocol.Path, v []byte) (llm.ToolCall, error) {
	d.functions++
	c := llm.ToolCall{Kind: llm.FunctionTool, ID: "call_fn_" + strconv.Itoa(d.functions)}
	err := readCall(at, v, "arguments", &c)
	d.called(c)
	return c, err
}

// result reads the answer to a call. Answers in a row are one turn, in the
// order of the calls.
func (d *decoder) result(m *message) error {
	blocks, err := d.required(m)
	if err != nil {
		return err
	}
	call := d.calls[m.callID]
	d.results[m.callID] = d.index
	r := llm.ToolResult{CallID: m.callID, Name: call.Name, Kind: call.Kind, Blocks: blocks}
	if last := len(d.req.Turns) - 1; last >= 0 && isResults(d.req.Turns[last]) {
		t := &d.req.Turns[last]
		t.Blocks = append(t.Blocks, r)
		slices.SortStableFunc(t.Blocks, func(a, b llm.Block) int { return d.place(a) - d.place(b) })
		return nil
	}
	d.turn(llm.User, "", []llm.Block{r}, 0, 0)
	return nil
}

func isResults(t llm.Turn) bool {
	if t.Role != llm.User || len(t.Blocks) == 0 {
		return false
	}
	_, ok := t.Blocks[0].(llm.ToolResult)
	return ok
}

// place is where a result belongs; what answers no call comes last.
func (d *decoder) place(b llm.Block) int {
	r, _ := b.(llm.ToolResult)
	if i, ok := d.order[r.CallID]; ok {
		return i
	}
	return len(d.order)
}

// content reads a string or an array of parts.
func (d *decoder) content(at *protocol.Path, v []byte) ([]llm.Block, error) {
	switch jsonscan.KindOf(v) {
	case jsonscan.String:
		return []llm.Block{llm.Text{Text: textOf(v)}}, nil
	case jsonscan.Array:
		blocks := []llm.Block{}
		err := protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
			b, err := d.block(v, at)
			blocks = append(blocks, b)
			return err
		})
		return blocks, err
	default:
		return nil, protocol.Wrong(at, "a string or an array", v)
	}
}
