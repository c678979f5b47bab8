package responses

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// readInput reads the conversation: one user message, or items.
func (d *decoder) readInput(at *protocol.Path, v []byte) error {
	switch jsonscan.KindOf(v) {
	case jsonscan.String:
		d.turns.add(llm.User, llm.Text{Text: text(v)})
		return nil
	case jsonscan.Array:
	default:
		return protocol.Wrong(at, "a string or an array of items", v)
	}
	d.turns.answered = answered(v)
	d.turns.item = -1
	return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
		d.turns.item++
		if jsonscan.KindOf(v) != jsonscan.Object {
			return protocol.Wrong(at, "an object", v)
		}
		it := readItem(v)
		return d.item(at, &it)
	})
}

// answered returns the ids of the calls that have an output.
func answered(input []byte) map[string]bool {
	ids := map[string]bool{}
	it := jsonscan.Elements(input)
	for it.Next() {
		if jsonscan.KindOf(it.Value()) != jsonscan.Object {
			continue
		}
		entry := readItem(it.Value())
		if _, ok := outputKinds(entry.kind); ok {
			ids[entry.outputID()] = true
		}
	}
	return ids
}

// outputKinds returns the kind of tool that an output item answers.
func outputKinds(kind string) (llm.ToolKind, bool) {
	switch kind {
	case itemFunction + "_output":
		return llm.FunctionTool, true
	case itemCustom + "_output":
		return llm.CustomTool, true
	case itemLocalShell + "_output":
		return llm.LocalShellTool, true
	case itemShell + "_output":
		return llm.ShellTool, true
	case itemPatch + "_output":
		return llm.PatchTool, true
	case itemSearchOutput:
		return llm.SearchTool, true
	}
	return "", false
}

// outputID is the call an output item answers. Outputs of the local shell may
// carry it as their id.
func (it *item) outputID() string {
	if it.callID == nil {
		return text(it.id)
	}
	return text(it.callID)
}

// item reads one input item into the turns.
func (d *decoder) item(at *protocol.Path, it *item) error {
	if kind, ok := outputKinds(it.kind); ok {
		return d.output(at, it, kind)
	}
	switch it.kind {
	case "":
		return protocol.Missing(at.Member("type"))
	case itemMessage:
		return d.message(at, it)
	case itemReasoning:
		return d.thought(at, it)
	case itemTools:
		return d.toolList(at.Member("tools"), it.tools)
	}
	if done, err := d.summary(at, it); done || err != nil {
		return err
	}
	if err := it.checkCall(at); err != nil {
		return err
	}
	if call, ok := it.call(); ok {
		d.turns.act(call)
		return nil
	}
	if ofUser(it.kind) {
		d.turns.put(d.turns.add(llm.User), it.opaque())
		return nil
	}
	d.turns.act(it.opaque())
	return nil
}

// ofUser reports whether an item that is kept as it came is the user's.
func ofUser(kind string) bool {
	switch kind {
	case "mcp_approval_response", "computer_call_output", itemTrigger, "item_reference":
		return true
	}
	return false
}

// checkCall refuses a call that lacks what its output or its reader needs.
func (it *item) checkCall(at *protocol.Path) error {
	need := func(name string, v []byte, kind jsonscan.Kind, want string) error {
		if v == nil {
			return protocol.Missing(at.Member(name))
		}
		if jsonscan.KindOf(v) != kind {
			return protocol.Wrong(at.Member(name), want, v)
		}
		return nil
	}
	var checks []error
	switch it.kind {
	case itemFunction:
		checks = append(checks, need("call_id", it.callID, jsonscan.String, "a string"),
			need("name", it.name, jsonscan.String, "a string"),
			need("arguments", it.arguments, jsonscan.String, "a string"))
	case itemCustom:
		checks = append(checks, need("call_id", it.callID, jsonscan.String, "a string"),
			need("name", it.name, jsonscan.String, "a string"),
			need("input", it.input, jsonscan.String, "a string"))
	case itemLocalShell, itemShell:
		checks = append(checks, need("call_id", it.callID, jsonscan.String, "a string"),
			need("action", it.action, jsonscan.Object, "an object"))
	case itemPatch:
		checks = append(checks, need("call_id", it.callID, jsonscan.String, "a string"),
			need("operation", it.operation, jsonscan.Object, "an object"))
	case itemSearch:
		checks = append(checks, need("arguments", it.arguments, jsonscan.Object, "an object"))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) message(at *protocol.Path, it *item) error {
	var role, phase string
	if it.role == nil {
		return protocol.Missing(at.Member("role"))
	}
	if err := protocol.ReadText(at.Member("role"), it.role, &role); err != nil {
		return err
	}
	if it.phase != nil {
		if err := protocol.ReadText(at.Member("phase"), it.phase, &phase); err != nil {
			return err
		}
	}
	if it.content == nil {
		return protocol.Missing(at.Member("content"))
	}
	blocks, err := readParts(at.Member("content"), it.content)
	if err != nil {
		return err
	}
	switch role {
	case "user":
		d.turns.add(llm.User, blocks...)
	case "assistant":
		d.turns.message(phase, blocks)
	case "system", "developer":
		d.turns.instruction(blocks)
	default:
		return protocol.Bad(at.Member("role"), "supported values are 'assistant', 'system', 'developer' and 'user'")
	}
	return nil
}

// Kinds of envelope: what the seal in it is, besides reasoning with words.
const (
	sealRedacted = "redacted"
	sealCall     = "call"
)

// unknownOrigin marks a seal that nobody can use: the encoders drop it.
const unknownOrigin = "unknown"

// thought reads a reasoning item. Its encrypted content is ours, wrapped, or
// OpenAI's own.
func (d *decoder) thought(at *protocol.Path, it *item) error {
	for name, v := range map[string][]byte{"summary": it.summary, "content": it.content} {
		if v != nil && jsonscan.KindOf(v) != jsonscan.Array {
			return protocol.Wrong(at.Member(name), "an array", v)
		}
	}
	b := llm.Thought{ID: text(it.id), Origin: string(llm.Responses)}
	b.Text, b.Raw = it.thinking()
	if it.encrypted != nil {
		if err := protocol.ReadText(at.Member("encrypted_content"), it.encrypted, &b.Seal); err != nil {
			return err
		}
	}
	if !protocol.Wrapped(b.Seal) {
		d.turns.thought(b)
		return nil
	}
	e, ok := d.sealer.Unwrap(b.Seal)
	if !ok {
		b.Origin = unknownOrigin
		d.turns.thought(b)
		return nil
	}
	if e.Kind == sealCall {
		d.turns.sign(e.ItemID, e.Seal, e.Origin)
		return nil
	}
	b.ID, b.Seal, b.Origin, b.Redacted = e.ItemID, e.Seal, e.Origin, e.Kind == sealRedacted
	if e.Text != "" {
		b.Text = e.Text
	}
	d.turns.thought(b)
	return nil
}
