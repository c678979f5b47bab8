package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func (d *decoder) tool(v []byte, at *protocol.Path) error {
	var kind string
	var function, custom []byte
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "type":
			return protocol.ReadText(at.Member(name), v, &kind)
		case "function":
			function = v
		case "custom":
			custom = v
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case kind == "":
		return protocol.Missing(at.Member("type"))
	case kind == "function":
		return d.function(at.Member(kind), function)
	case kind == "custom":
		return d.custom(at.Member(kind), custom)
	}
	d.req.Tools = append(d.req.Tools, llm.Tool{
		Kind: llm.HostedTool, Name: kind, Origin: origin, Raw: protocol.Raw(v), At: at.String(),
	})
	return nil
}

func (d *decoder) function(at *protocol.Path, v []byte) error {
	if v == nil {
		return protocol.Missing(at)
	}
	t := llm.Tool{Kind: llm.FunctionTool, At: at.String()}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "name":
			return protocol.ReadText(at, v, &t.Name)
		case "description":
			return protocol.ReadText(at, v, &t.Description)
		case "parameters":
			return readObject(at, v, &t.Schema)
		case "strict":
			return protocol.ReadBool(at, v, &t.Strict)
		}
		return nil
	})
	if err == nil && t.Name == "" {
		err = protocol.Missing(at.Member("name"))
	}
	d.req.Tools = append(d.req.Tools, t)
	return err
}

func (d *decoder) oldFunction(v []byte, at *protocol.Path) error { return d.function(at, v) }

func (d *decoder) custom(at *protocol.Path, v []byte) error {
	if v == nil {
		return protocol.Missing(at)
	}
	t := llm.Tool{Kind: llm.CustomTool, At: at.String()}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "name":
			return protocol.ReadText(at, v, &t.Name)
		case "description":
			return protocol.ReadText(at, v, &t.Description)
		case "format":
			return readGrammar(at, v, &t.Grammar)
		}
		return nil
	})
	if err == nil && t.Name == "" {
		err = protocol.Missing(at.Member("name"))
	}
	d.req.Tools = append(d.req.Tools, t)
	return err
}

// readGrammar reads the format of a custom tool. Plain text has no grammar.
func readGrammar(at *protocol.Path, v []byte, dst **llm.Grammar) error {
	var kind string
	g := &llm.Grammar{}
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
			return protocol.ReadText(at, v, &kind)
		case "grammar":
			return protocol.EachMember(at, v, func(name string, v []byte) error {
				switch name {
				case "syntax":
					return protocol.ReadText(at.Member(name), v, &g.Syntax)
				case "definition":
					return protocol.ReadText(at.Member(name), v, &g.Definition)
				}
				return nil
			})
		}
		return nil
	})
	if kind == "grammar" {
		*dst = g
	}
	return err
}

func (d *decoder) choice() *llm.ToolChoice {
	if d.req.ToolChoice == nil {
		d.req.ToolChoice = &llm.ToolChoice{}
	}
	return d.req.ToolChoice
}

func (d *decoder) toolChoice(at *protocol.Path, v []byte) error {
	if jsonscan.KindOf(v) == jsonscan.String {
		return d.choiceMode(at, textOf(v))
	}
	if jsonscan.KindOf(v) != jsonscan.Object {
		return protocol.Wrong(at, "a string or an object", v)
	}
	var kind string
	if err := protocol.ReadText(at.Member("type"), jsonscan.Get(v, "type"), &kind); err != nil {
		return err
	}
	switch kind {
	case "function", "custom":
		name := ""
		if err := protocol.ReadText(at.Member(kind).Member("name"), jsonscan.Get(v, kind, "name"), &name); err != nil {
			return err
		}
		c := d.choice()
		c.Mode, c.Names, c.Kind = llm.ToolsNamed, []string{name}, llm.ToolKind(kind)
		return nil
	case "allowed_tools":
		return d.allowedTools(at.Member(kind), jsonscan.Get(v, kind))
	}
	return protocol.Bad(at.Member("type"), "supported values are: 'function', 'custom' and 'allowed_tools'")
}

func (d *decoder) choiceMode(at *protocol.Path, word string) error {
	switch word {
	case "auto":
		d.choice().Mode = llm.ToolsAuto
	case "none":
		d.choice().Mode = llm.ToolsNone
	case "required", "any": // Mistral says any
		d.choice().Mode = llm.ToolsAny
	default:
		return protocol.Bad(at, "supported values are: 'none', 'auto' and 'required'")
	}
	return nil
}

func (d *decoder) allowedTools(at *protocol.Path, v []byte) error {
	if err := d.choiceMode(at.Member("mode"), textOf(jsonscan.Get(v, "mode"))); err != nil {
		return err
	}
	names := []string{}
	at = at.Member("tools")
	err := protocol.EachElement(at, jsonscan.Get(v, "tools"), func(v []byte, at *protocol.Path) error {
		kind := textOf(jsonscan.Get(v, "type"))
		name := ""
		if err := protocol.ReadText(at.Member(kind).Member("name"), jsonscan.Get(v, kind, "name"), &name); err != nil {
			return err
		}
		names = append(names, name)
		return nil
	})
	d.choice().Names = names
	return err
}

// oldChoice reads the deprecated function_call.
func (d *decoder) oldChoice(at *protocol.Path, v []byte) error {
	if jsonscan.KindOf(v) == jsonscan.String {
		return d.choiceMode(at, textOf(v))
	}
	name := ""
	if err := protocol.ReadText(at.Member("name"), jsonscan.Get(v, "name"), &name); err != nil {
		return err
	}
	c := d.choice()
	c.Mode, c.Names, c.Kind = llm.ToolsNamed, []string{name}, llm.FunctionTool
	return nil
}
