package responses

import (
	"encoding/json"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Schemas of the tools that have none on the wire, for protocols that know
// only functions.
const (
	schemaLocalShell = `{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"Program and arguments"},"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"},"env":{"type":"object","additionalProperties":{"type":"string"}}},"required":["command"]}`
	schemaShell      = `{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"},"description":"Shell commands to run"},"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},"required":["commands"]}`
	schemaPatch      = `{"type":"object","properties":{"operation":{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"]},"path":{"type":"string"},"diff":{"type":"string","description":"V4A diff; left out for delete_file"}},"required":["type","path"]}},"required":["operation"]}`
)

// toolList reads tools and appends them to those of the request.
func (d *decoder) toolList(at *protocol.Path, v []byte) error {
	if v == nil {
		return nil
	}
	return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
		return d.tool(at, v, "", "")
	})
}

// tool reads one tool, or the tools of a namespace.
func (d *decoder) tool(at *protocol.Path, v []byte, space, spaceNote string) error {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return protocol.Wrong(at, "an object", v)
	}
	t := llm.Tool{Namespace: space, NamespaceNote: spaceNote, At: at.String()}
	var kind string
	var members, environment []byte
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
			return protocol.ReadText(at, v, &kind)
		case "name":
			return protocol.ReadText(at, v, &t.Name)
		case "description":
			return protocol.ReadText(at, v, &t.Description)
		case "strict":
			return protocol.ReadBool(at, v, &t.Strict)
		case "defer_loading":
			return protocol.ReadFlag(at, v, &t.Deferred)
		case "parameters":
			if jsonscan.KindOf(v) != jsonscan.Object {
				return protocol.Wrong(at, "an object", v)
			}
			t.Schema = rawJSON(v)
		case "format":
			return readGrammar(at, v, &t.Grammar)
		case "tools":
			members = v
		case "environment":
			environment = v
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case kind == "":
		return protocol.Missing(at.Member("type"))
	case kind == "namespace":
		return d.namespace(at, &t, members)
	}
	if err := ofType(&t, at, kind, v, environment); err != nil {
		return err
	}
	d.req.Tools = append(d.req.Tools, t)
	return nil
}

func (d *decoder) namespace(at *protocol.Path, group *llm.Tool, members []byte) error {
	switch {
	case group.Name == "":
		return protocol.Missing(at.Member("name"))
	case members == nil:
		return protocol.Missing(at.Member("tools"))
	}
	return protocol.EachElement(at.Member("tools"), members, func(v []byte, at *protocol.Path) error {
		return d.tool(at, v, group.Name, group.Description)
	})
}

// ofType finishes a tool by its type. What the vendor runs itself is kept as
// it came, without a name, so that it cannot clash with a function's.
func ofType(t *llm.Tool, at *protocol.Path, kind string, v, environment []byte) error {
	switch kind {
	case "function":
		t.Kind = llm.FunctionTool
	case "custom":
		t.Kind = llm.CustomTool
	case nameLocalShell:
		own(t, llm.LocalShellTool, kind, "Runs a command on the user's machine.", schemaLocalShell, v)
	case namePatch:
		own(t, llm.PatchTool, kind, "Creates, updates or deletes a file.", schemaPatch, v)
	case nameShell:
		if where := text(jsonscan.Get(environment, "type")); environment == nil || where == "local" {
			own(t, llm.ShellTool, kind, "Runs shell commands.", schemaShell, v)
			return nil
		}
		hosted(t, v)
	case nameSearch:
		if text(jsonscan.Get(v, "execution")) != "client" {
			hosted(t, v)
			return nil
		}
		schema := string(t.Schema)
		if schema == "" {
			schema = `{"type":"object","properties":{}}`
		}
		own(t, llm.SearchTool, kind, t.Description, schema, v)
	default:
		hosted(t, v)
	}
	if (t.Kind == llm.FunctionTool || t.Kind == llm.CustomTool) && t.Name == "" {
		return protocol.Missing(at.Member("name"))
	}
	return nil
}

// own makes t a tool of this protocol that the client carries out.
func own(t *llm.Tool, kind llm.ToolKind, name, description, schema string, v []byte) {
	t.Kind, t.Name, t.Description, t.Schema = kind, name, description, json.RawMessage(schema)
	t.Origin, t.Raw = llm.Responses, protocol.Raw(v)
}

func hosted(t *llm.Tool, v []byte) {
	*t = llm.Tool{Kind: llm.HostedTool, Origin: llm.Responses, Raw: protocol.Raw(v)}
}

// readGrammar reads the format of a custom tool; plain text has no grammar.
func readGrammar(at *protocol.Path, v []byte, dst **llm.Grammar) error {
	g := &llm.Grammar{}
	var kind string
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
			return protocol.ReadText(at, v, &kind)
		case "syntax":
			return protocol.ReadText(at, v, &g.Syntax)
		case "definition":
			return protocol.ReadText(at, v, &g.Definition)
		}
		return nil
	})
	if err == nil && kind == "grammar" {
		*dst = g
	}
	return err
}

// toolChoice reads which tools may or must be called.
func (d *decoder) toolChoice(at *protocol.Path, v []byte) error {
	c := d.choice()
	if mode, ok := jsonscan.Text(v); ok {
		return readMode(at, mode, &c.Mode)
	}
	if jsonscan.KindOf(v) != jsonscan.Object {
		return protocol.Wrong(at, "a string or an object", v)
	}
	kind, name := text(jsonscan.Get(v, "type")), text(jsonscan.Get(v, "name"))
	switch kind {
	case "":
		return protocol.Missing(at.Member("type"))
	case "allowed_tools":
		return d.allowedTools(at, v, c)
	case "function", "custom":
		if name == "" {
			return protocol.Missing(at.Member("name"))
		}
		c.Mode, c.Names, c.Kind = llm.ToolsNamed, []string{name}, llm.ToolKind(kind)
	case nameLocalShell, nameShell, namePatch, nameSearch:
		c.Mode, c.Names, c.Kind = llm.ToolsNamed, []string{kind}, llm.ToolKind(kind)
	default:
		c.Mode, c.Names, c.Kind = llm.ToolsNamed, []string{kind}, llm.HostedTool
		d.extra("tool_choice", v)
	}
	return nil
}

func readMode(at *protocol.Path, mode string, dst *string) error {
	switch mode {
	case "auto":
		*dst = llm.ToolsAuto
	case "none":
		*dst = llm.ToolsNone
	case "required":
		*dst = llm.ToolsAny
	default:
		return protocol.Bad(at, "supported values are 'none', 'auto' and 'required'")
	}
	return nil
}

func (d *decoder) allowedTools(at *protocol.Path, v []byte, c *llm.ToolChoice) error {
	if err := readMode(at.Member("mode"), text(jsonscan.Get(v, "mode")), &c.Mode); err != nil {
		return err
	}
	list := jsonscan.Get(v, "tools")
	if list == nil {
		return protocol.Missing(at.Member("tools"))
	}
	hasHosted := false
	err := protocol.EachElement(at.Member("tools"), list, func(v []byte, at *protocol.Path) error {
		switch kind := text(jsonscan.Get(v, "type")); kind {
		case "function", "custom":
			var name string
			if err := readString(at, v, "name", &name); err != nil {
				return err
			}
			c.Names = append(c.Names, name)
		case nameLocalShell, nameShell, namePatch, nameSearch:
			c.Names = append(c.Names, kind)
		default:
			hasHosted = true
		}
		return nil
	})
	if hasHosted {
		d.extra("tool_choice", v)
	}
	return err
}
