package protocol

import "github.com/tokligence/tokligence-gateway/go/internal/llm"

// NameMap turns the names of a request's tools into names that every protocol
// takes, and back. Namespaced tools become namespace__name; what is too long
// or holds other characters is cut and hashed, see ToolName.
type NameMap struct {
	back map[string]ToolID
}

// ToolID is a tool as its client knows it.
type ToolID struct {
	Namespace, Name string
	Kind            llm.ToolKind
}

// Names returns the map for the tools of req. Two tools that would share a
// name are an *llm.Error of kind Invalid.
func Names(req *llm.Request) (*NameMap, error) {
	m := &NameMap{back: make(map[string]ToolID, len(req.Tools))}
	for _, t := range req.Tools {
		if t.Name == "" {
			continue
		}
		wire := m.Out(t.Namespace, t.Name)
		id := ToolID{t.Namespace, t.Name, t.Kind}
		if other, taken := m.back[wire]; taken && other != id {
			return nil, llm.InvalidField("tools", "The tools %q and %q cannot be told apart: both become %q.",
				join(other.Namespace, other.Name), join(t.Namespace, t.Name), wire)
		}
		m.back[wire] = id
	}
	return m, nil
}

// Out returns the name on the wire.
func (m *NameMap) Out(namespace, name string) string { return ToolName(join(namespace, name)) }

// Back returns the tool that a name on the wire stands for. A name the client
// never declared stands for itself, as a function.
func (m *NameMap) Back(wire string) ToolID {
	if id, ok := m.back[wire]; ok {
		return id
	}
	return ToolID{Name: wire, Kind: llm.FunctionTool}
}

func join(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "__" + name
}
