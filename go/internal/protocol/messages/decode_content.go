package messages

import (
	"bytes"
	"encoding/json"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// content reads a string or an array of blocks. A role of "" takes any block.
func (d *decoder) content(at *protocol.Path, role llm.Role, v []byte) ([]llm.Block, error) {
	if jsonscan.KindOf(v) == jsonscan.String {
		text, _ := jsonscan.Text(v)
		return []llm.Block{llm.Text{Text: text}}, nil
	}
	var blocks []llm.Block
	err := protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
		b, err := d.block(at, role, v)
		if err == nil && b != nil {
			blocks = append(blocks, b)
		}
		return err
	})
	return blocks, err
}

func (d *decoder) block(at *protocol.Path, role llm.Role, v []byte) (llm.Block, error) {
	kind, err := kindAt(at, v)
	if err != nil {
		return nil, err
	}
	if only := speaker(kind); role != "" && only != "" && only != role {
		return nil, protocol.Bad(at, "`%s` blocks can only be in `%s` messages", kind, only)
	}
	switch kind {
	case "text":
		return d.text(at, v)
	case "image", "document":
		return d.media(at, kind, v)
	case "search_result":
		return d.searchResult(at, v)
	case "thinking", "redacted_thinking":
		return d.thought(at, kind, v)
	case "tool_use":
		return d.toolCall(at, v)
	case "tool_result":
		return d.toolResult(at, v)
	case "tool_reference":
		ref := llm.ToolReference{}
		err := protocol.ReadText(at.Member("tool_name"), jsonscan.Get(v, "tool_name"), &ref.Name)
		return ref, err
	}
	return llm.Opaque{Origin: origin, Field: kind, Raw: protocol.Raw(v)}, nil
}

// kindAt returns the type of a block.
func kindAt(at *protocol.Path, v []byte) (string, error) {
	if err := isObject(at, v); err != nil {
		return "", err
	}
	raw := jsonscan.Get(v, "type")
	if raw == nil {
		return "", protocol.Missing(at.Member("type"))
	}
	var kind string
	err := protocol.ReadText(at.Member("type"), raw, &kind)
	return kind, err
}

// speaker returns the only role whose messages may hold a block.
func speaker(kind string) llm.Role {
	switch kind {
	case "tool_use", "thinking", "redacted_thinking":
		return llm.Assistant
	case "tool_result":
		return llm.User
	}
	return ""
}

func isObject(at *protocol.Path, v []byte) error {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return protocol.Wrong(at, "an object", v)
	}
	return nil
}

func (d *decoder) text(at *protocol.Path, v []byte) (llm.Block, error) {
	var b llm.Text
	said := false
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
		case "text":
			said = true
			return protocol.ReadText(at, v, &b.Text)
		case "citations":
			return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
				b.Citations = append(b.Citations, llm.Opaque{Origin: origin, Field: "citations", Raw: protocol.Raw(v)})
				return isObject(at, v)
			})
		case "cache_control":
			return d.mark(at, v, &b.Cache)
		default:
			d.keep(at, v)
		}
		return nil
	})
	if err == nil && !said {
		err = protocol.Missing(at.Member("text"))
	}
	return b, err
}

// thought reads reasoning. What another protocol signed comes back in our
// envelope; an envelope that is not ours seals nothing.
func (d *decoder) thought(at *protocol.Path, kind string, v []byte) (llm.Block, error) {
	b := llm.Thought{Origin: string(origin), Redacted: kind == "redacted_thinking"}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
		case "thinking":
			return protocol.ReadText(at, v, &b.Text)
		case "signature", "data":
			return protocol.ReadText(at, v, &b.Seal)
		default:
			d.keep(at, v)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if b.Seal == "" {
		b.Origin = ""
	}
	if !protocol.Wrapped(b.Seal) {
		return b, nil
	}
	e, ok := d.sealer.Unwrap(b.Seal)
	if !ok {
		return llm.Thought{Text: b.Text, Redacted: b.Redacted}, nil
	}
	if e.Kind == sealOfCall {
		if d.seals == nil {
			d.seals = map[string]protocol.Envelope{}
		}
		d.seals[e.ItemID] = e
		return nil, nil
	}
	return llm.Thought{
		Text: b.Text + e.Text, Seal: e.Seal, Origin: e.Origin, ID: e.ItemID,
		Redacted: b.Redacted && e.Kind == sealRedacted, Raw: e.Kind == sealRaw,
	}, nil
}

// sealCalls gives tool calls back the seals that travelled beside them.
func (d *decoder) sealCalls(blocks []llm.Block) {
	for i, b := range blocks {
		if call, ok := b.(llm.ToolCall); ok {
			if e, sealed := d.seals[call.ID]; sealed {
				call.Seal, call.Origin = e.Seal, e.Origin
				blocks[i] = call
			}
		}
	}
}

func (d *decoder) toolCall(at *protocol.Path, v []byte) (llm.Block, error) {
	b := llm.ToolCall{Kind: llm.FunctionTool, Arguments: "{}"}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
		case "id":
			return protocol.ReadText(at, v, &b.ID)
		case "name":
			return protocol.ReadText(at, v, &b.Name)
		case "input":
			b.Arguments = compact(v)
			return isObject(at, v)
		case "cache_control":
			return d.mark(at, v, &b.Cache)
		case "caller":
			if string(jsonscan.Get(v, "type")) != `"direct"` { // direct is what a call is anyway
				d.keep(at, v)
			}
		default:
			d.keep(at, v)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case b.ID == "":
		return nil, protocol.Missing(at.Member("id"))
	case b.Name == "":
		return nil, protocol.Missing(at.Member("name"))
	}
	d.called[b.ID] = b.Name
	return b, nil
}

// compact returns valid JSON without the space between its tokens.
func compact(v []byte) string {
	var out bytes.Buffer
	out.Grow(len(v))
	if json.Compact(&out, v) != nil {
		return string(v)
	}
	return out.String()
}

func (d *decoder) toolResult(at *protocol.Path, v []byte) (llm.Block, error) {
	b := llm.ToolResult{Kind: llm.FunctionTool}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		var err error
		switch name {
		case "type":
		case "tool_use_id":
			err = protocol.ReadText(at, v, &b.CallID)
		case "is_error":
			err = protocol.ReadFlag(at, v, &b.Failed)
		case "cache_control":
			err = d.mark(at, v, &b.Cache)
		case "content":
			b.Blocks, err = d.content(at, "", v)
		default:
			d.keep(at, v)
		}
		return err
	})
	if err == nil && b.CallID == "" {
		err = protocol.Missing(at.Member("tool_use_id"))
	}
	b.Name = d.called[b.CallID]
	return b, err
}
