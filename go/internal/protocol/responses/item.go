package responses

import (
	"bytes"
	"encoding/json"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// item holds the members of an input or output item as they came. Null is
// absent.
type item struct {
	raw  []byte
	kind string

	role, id, callID, name, namespace, phase, status, execution []byte

	content, summary, encrypted, arguments, input, action, operation, environment []byte
	output, tools, maxOutput                                                      []byte
}

// readItem takes v apart. An item without a type is a message if it has a
// role; clients leave the type out.
func readItem(v []byte) item {
	it := item{raw: v}
	members := jsonscan.Members(v)
	for members.Next() {
		value := members.Value()
		if jsonscan.IsNull(value) {
			continue
		}
		if field := it.field(members.Key()); field != nil {
			*field = value
		} else if string(members.Key()) == "type" {
			it.kind, _ = jsonscan.Text(value)
		}
	}
	if it.kind == "" && it.role != nil {
		it.kind = itemMessage
	}
	return it
}

func (it *item) field(name []byte) *[]byte {
	switch string(name) {
	case "role":
		return &it.role
	case "id":
		return &it.id
	case "call_id":
		return &it.callID
	case "name":
		return &it.name
	case "namespace":
		return &it.namespace
	case "phase":
		return &it.phase
	case "status":
		return &it.status
	case "execution":
		return &it.execution
	case "content":
		return &it.content
	case "summary":
		return &it.summary
	case "encrypted_content":
		return &it.encrypted
	case "arguments":
		return &it.arguments
	case "input":
		return &it.input
	case "action":
		return &it.action
	case "operation":
		return &it.operation
	case "environment":
		return &it.environment
	case "output":
		return &it.output
	case "tools":
		return &it.tools
	case "max_output_length":
		return &it.maxOutput
	}
	return nil
}

// text returns the string v, or "" if it is none.
func text(v []byte) string {
	s, _ := jsonscan.Text(v)
	return s
}

// call returns the tool call that the item is, or false if it is none, or one
// that the vendor itself carries out.
func (it *item) call() (llm.ToolCall, bool) {
	c := llm.ToolCall{ID: text(it.callID), ItemID: text(it.id)}
	switch it.kind {
	case itemFunction:
		c.Kind = llm.FunctionTool
		c.Namespace, c.Name, c.Arguments = text(it.namespace), text(it.name), text(it.arguments)
	case itemCustom:
		c.Kind = llm.CustomTool
		c.Namespace, c.Name, c.Arguments = text(it.namespace), text(it.name), text(it.input)
	case itemLocalShell:
		c.Kind, c.Name = llm.LocalShellTool, nameLocalShell
		c.Arguments = string(withoutMember(it.action, "type"))
	case itemShell:
		if text(jsonscan.Get(it.environment, "type")) == "container_reference" {
			return c, false
		}
		c.Kind, c.Name, c.Arguments = llm.ShellTool, nameShell, string(it.action)
	case itemPatch:
		c.Kind, c.Name = llm.PatchTool, namePatch
		c.Arguments = `{"operation":` + string(it.operation) + `}`
	case itemSearch:
		if text(it.execution) == "server" || c.ID == "" {
			return c, false
		}
		c.Kind, c.Name, c.Arguments = llm.SearchTool, nameSearch, string(it.arguments)
	default:
		return c, false
	}
	return c, true
}

// withoutMember returns the object v without one of its members.
func withoutMember(v []byte, name string) []byte {
	out := []byte{'{'}
	members := jsonscan.Members(v)
	for members.Next() {
		if string(members.Key()) == name {
			continue
		}
		out = appendMember(out, members.Key(), members.Value())
	}
	return append(out, '}')
}

// appendMember appends a member to an object that is being written.
func appendMember(dst, name, value []byte) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = jsonscan.AppendString(dst, name)
	dst = append(dst, ':')
	return append(dst, value...)
}

// oneLine returns JSON without line ends, which would break a frame.
func oneLine(v []byte) []byte {
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 {
		return v
	}
	var out bytes.Buffer
	if json.Compact(&out, v) != nil {
		return []byte("null")
	}
	return out.Bytes()
}

// opaque keeps an item as it came.
func (it *item) opaque() llm.Opaque {
	return llm.Opaque{Origin: llm.Responses, Field: it.kind, Raw: protocol.Raw(it.raw)}
}

// thinking returns the words of a reasoning item and whether they are the
// model's own, not a summary.
func (it *item) thinking() (words string, raw bool) {
	if words = joinTexts(it.summary); words != "" {
		return words, false
	}
	words = joinTexts(it.content)
	return words, words != ""
}

// paragraph stands between the parts of a reasoning text.
const paragraph = "\n\n"

func joinTexts(parts []byte) string {
	var all string
	it := jsonscan.Elements(parts)
	for it.Next() {
		s := text(jsonscan.Get(it.Value(), "text"))
		if all != "" && s != "" {
			all += paragraph
		}
		all += s
	}
	return all
}
