package gemini

import (
	"encoding/json"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// tools reads one entry of tools: functions, or something the vendor runs.
func (d *decoder) tools(at *protocol.Path, v []byte) error {
	return members(at, v, func(at *protocol.Path, name string, v []byte) error {
		if name == "functionDeclarations" {
			return protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
				return d.function(at, v)
			})
		}
		raw := append([]byte(`{"`+name+`":`), v...)
		d.req.Tools = append(d.req.Tools, llm.Tool{
			Kind: llm.HostedTool, Origin: llm.Gemini, Raw: append(raw, '}'), At: at.String(),
		})
		return nil
	})
}

func (d *decoder) function(at *protocol.Path, v []byte) error {
	t := llm.Tool{Kind: llm.FunctionTool, At: at.String()}
	err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
		switch name {
		case "name":
			return protocol.ReadText(at, v, &t.Name)
		case "description":
			return protocol.ReadText(at, v, &t.Description)
		case "parameters", "parametersJsonSchema":
			if jsonscan.KindOf(v) != jsonscan.Object {
				return protocol.Wrong(at, "an object", v)
			}
			t.Schema = standardSchema(v)
		}
		return nil
	})
	if err == nil && t.Name == "" {
		err = protocol.Missing(at.Member("name"))
	}
	d.req.Tools = append(d.req.Tools, t)
	return err
}

func (d *decoder) toolConfig(at *protocol.Path, v []byte) error {
	return members(at, v, func(at *protocol.Path, name string, v []byte) error {
		if name != "functionCallingConfig" {
			d.extra("toolConfig."+name, v)
			return nil
		}
		c := &llm.ToolChoice{Mode: llm.ToolsAuto}
		d.req.ToolChoice = c
		err := members(at, v, func(at *protocol.Path, name string, v []byte) error {
			switch name {
			case "mode":
				return mode(at, v, &c.Mode)
			case "allowedFunctionNames":
				return protocol.ReadTexts(at, v, &c.Names)
			}
			return nil
		})
		if c.Mode == llm.ToolsAny && len(c.Names) == 1 {
			c.Mode, c.Kind = llm.ToolsNamed, llm.FunctionTool
		}
		return err
	})
}

func mode(at *protocol.Path, v []byte, dst *string) error {
	switch text(v) {
	case "AUTO", "VALIDATED", "MODE_UNSPECIFIED":
		*dst = llm.ToolsAuto
	case "ANY":
		*dst = llm.ToolsAny
	case "NONE":
		*dst = llm.ToolsNone
	default:
		return protocol.Bad(at, "valid modes are AUTO, ANY, NONE and VALIDATED")
	}
	return nil
}

// standardSchema returns a schema of the vendor's own kind as JSON Schema: its
// types are in capitals, and null is a flag. Real JSON Schema stays as it is.
func standardSchema(v []byte) json.RawMessage { return appendSchema(nil, v) }

func appendSchema(dst, v []byte) []byte {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return append(dst, v...)
	}
	nullable := string(jsonscan.Get(v, "nullable")) == "true"
	dst = append(dst, '{')
	it := jsonscan.Members(v)
	for it.Next() {
		name, value := string(it.Key()), it.Value()
		if name == "nullable" || name == "propertyOrdering" {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsonscan.AppendString(dst, name), ':')
		switch name {
		case "type":
			dst = appendType(dst, value, nullable)
		case "items":
			dst = appendSchema(dst, value)
		case "properties":
			dst = appendProperties(dst, value)
		case "anyOf":
			dst = appendList(dst, value)
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			dst = append(dst, strings.Trim(string(value), `"`)...) // numbers of 64 bits are strings
		default:
			dst = append(dst, value...)
		}
	}
	return append(dst, '}')
}

func appendType(dst, v []byte, nullable bool) []byte {
	kind, ok := jsonscan.Text(v)
	if !ok {
		return append(dst, v...)
	}
	kind = strings.ToLower(kind)
	if !nullable {
		return jsonscan.AppendString(dst, kind)
	}
	dst = append(dst, '[')
	dst = jsonscan.AppendString(dst, kind)
	return append(dst, `,"null"]`...)
}

func appendProperties(dst, v []byte) []byte {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return append(dst, v...)
	}
	dst = append(dst, '{')
	it := jsonscan.Members(v)
	for it.Next() {
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsonscan.AppendString(dst, it.Key()), ':')
		dst = appendSchema(dst, it.Value())
	}
	return append(dst, '}')
}

func appendList(dst, v []byte) []byte {
	if jsonscan.KindOf(v) != jsonscan.Array {
		return append(dst, v...)
	}
	dst = append(dst, '[')
	it := jsonscan.Elements(v)
	for i := 0; it.Next(); i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendSchema(dst, it.Value())
	}
	return append(dst, ']')
}
