package responses

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// callItem is a tool call as an item. What a model said to a tool of the
// vendor's own kinds may not fit that kind; then the item is a function call,
// which its client can refuse in words.
type callItem struct {
	call   llm.ToolCall
	id     string // of the item, "" for none
	status string
	args   []byte // escaped string content: JSON arguments, or the raw input of a custom tool
}

func (c *callItem) append(dst []byte) []byte {
	body, kind := c.body()
	dst = append(dst, `{"type":"`...)
	dst = append(dst, kind...)
	dst = append(dst, '"')
	if c.id != "" {
		dst = appendMember(dst, []byte("id"), jsonscan.AppendString(nil, c.id))
	} else if kind == itemLocalShell {
		dst = appendMember(dst, []byte("id"), jsonscan.AppendString(nil, "lsh_"+c.call.ID))
	}
	if status := c.status; status != "" || kind == itemLocalShell || kind == itemPatch {
		if status == "" {
			status = statusCompleted
		}
		dst = appendMember(dst, []byte("status"), jsonscan.AppendString(nil, status))
	}
	dst = appendMember(dst, []byte("call_id"), jsonscan.AppendString(nil, c.call.ID))
	return append(append(dst, body...), '}')
}

// body returns the members that only the kind of call has, and the item type.
func (c *callItem) body() (members []byte, kind string) {
	switch c.call.Kind {
	case llm.CustomTool:
		return c.named("input"), itemCustom
	case llm.LocalShellTool, llm.ShellTool, llm.PatchTool, llm.SearchTool:
		plain := jsonscan.Unescape(nil, c.args)
		if members, kind := ownCall(c.call.Kind, oneLine(plain)); members != nil {
			return members, kind
		}
	default:
	}
	return c.named("arguments"), itemFunction
}

func (c *callItem) named(field string) []byte {
	out := []byte(`,"name":`)
	out = jsonscan.AppendString(out, c.call.Name)
	if c.call.Namespace != "" {
		out = appendMember(out, []byte("namespace"), jsonscan.AppendString(nil, c.call.Namespace))
	}
	out = append(out, `,"`+field+`":"`...)
	out = append(out, c.args...)
	return append(out, '"')
}

// ownCall returns the members of a call to a tool of the vendor's own kinds,
// or nil if the arguments do not fit.
func ownCall(kind llm.ToolKind, args []byte) (members []byte, item string) {
	if len(args) == 0 && kind == llm.SearchTool {
		args = []byte("{}")
	}
	if jsonscan.Valid(args) != nil || jsonscan.KindOf(args) != jsonscan.Object {
		return nil, ""
	}
	switch kind {
	case llm.LocalShellTool:
		return localShell(args), itemLocalShell
	case llm.ShellTool:
		return shell(args), itemShell
	case llm.PatchTool:
		return patch(args), itemPatch
	default:
		return append([]byte(`,"execution":"client","arguments":`), args...), itemSearch
	}
}

func localShell(args []byte) []byte {
	command := jsonscan.Get(args, "command")
	switch jsonscan.KindOf(command) {
	case jsonscan.Array:
	case jsonscan.String: // a line for the shell
		command = append(append([]byte(`["bash","-lc",`), command...), ']')
	default:
		return nil
	}
	action := []byte(`{"type":"exec"`)
	action = appendMember(action, []byte("command"), command)
	env := []byte("{}")
	it := jsonscan.Members(args)
	for it.Next() {
		switch string(it.Key()) {
		case "type", "command":
		case "env":
			if jsonscan.KindOf(it.Value()) == jsonscan.Object {
				env = it.Value()
			}
		default:
			action = appendMember(action, it.Key(), it.Value())
		}
	}
	action = appendMember(action, []byte("env"), env)
	return append(append([]byte(`,"action":`), action...), '}')
}

func shell(args []byte) []byte {
	switch {
	case jsonscan.KindOf(jsonscan.Get(args, "commands")) == jsonscan.Array:
	case jsonscan.KindOf(jsonscan.Get(args, "command")) == jsonscan.String:
		args = append(append([]byte(`{"commands":[`), jsonscan.Get(args, "command")...), "]}"...)
	default:
		return nil
	}
	action := []byte{'{'}
	for _, name := range [...]string{"commands", "timeout_ms", "max_output_length"} {
		v := jsonscan.Get(args, name)
		if v == nil {
			v = []byte("null")
		}
		action = appendMember(action, []byte(name), v)
	}
	return append(append([]byte(`,"action":`), action...), `},"environment":null`...)
}

func patch(args []byte) []byte {
	operation := jsonscan.Get(args, "operation")
	if operation == nil {
		operation = args
	}
	if jsonscan.KindOf(jsonscan.Get(operation, "type")) != jsonscan.String ||
		jsonscan.KindOf(jsonscan.Get(operation, "path")) != jsonscan.String {
		return nil
	}
	return append([]byte(`,"operation":`), operation...)
}
