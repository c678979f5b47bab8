package messages

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func (d *decoder) tool(v []byte, at *protocol.Path) error {
	t, err := d.readTool(at, v)
	if err == nil {
		d.req.Tools = append(d.req.Tools, t)
	}
	return err
}

func (d *decoder) readTool(at *protocol.Path, v []byte) (llm.Tool, error) {
	t := llm.Tool{Kind: llm.FunctionTool}
	var kind string
	var examples []byte
	whole := true // nothing is said that the neutral form cannot hold
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "type":
			return protocol.ReadText(at, v, &kind)
		case "name":
			return protocol.ReadText(at, v, &t.Name)
		case "description":
			return protocol.ReadText(at, v, &t.Description)
		case "input_schema":
			t.Schema = protocol.Raw(v)
			return isObject(at, v)
		case "strict":
			return protocol.ReadBool(at, v, &t.Strict)
		case "defer_loading":
			return protocol.ReadFlag(at, v, &t.Deferred)
		case "cache_control":
			return d.mark(at, v, &t.Cache)
		case "input_examples":
			examples = v
		}
		whole = false
		return nil
	})
	switch {
	case err != nil:
		return t, err
	case kind == "" || kind == "custom":
		return finishTool(at, t, v, whole, examples)
	}
	t.Origin, t.Raw = origin, protocol.Raw(v)
	if schema, description := builtin(kind, v); schema != "" {
		t.Schema, t.Description = []byte(schema), description
		return t, nil
	}
	t.Kind = llm.HostedTool
	if t.Name == "" {
		t.Name = kind
	}
	return t, nil
}

// finishTool completes a tool of the client's own. For this protocol it stays
// as it came; others see the examples in the description.
func finishTool(at *protocol.Path, t llm.Tool, v []byte, whole bool, examples []byte) (llm.Tool, error) {
	switch {
	case t.Name == "":
		return t, protocol.Missing(at.Member("name"))
	case t.Schema == nil:
		return t, protocol.Missing(at.Member("input_schema"))
	case whole:
		return t, nil
	}
	t.Origin, t.Raw = origin, protocol.Raw(v)
	if jsonscan.KindOf(examples) == jsonscan.Array {
		var b strings.Builder
		b.WriteString(t.Description)
		b.WriteString("\n\nExamples of input:")
		it := jsonscan.Elements(examples)
		for it.Next() {
			b.WriteByte('\n')
			b.WriteString(compact(it.Value()))
		}
		t.Description = strings.TrimSpace(b.String())
	}
	return t, nil
}
