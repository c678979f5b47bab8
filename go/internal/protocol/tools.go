package protocol

import (
	"cmp"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// NameOf returns the name of a tool, which tools known by their kind alone do
// not carry.
func NameOf(kind llm.ToolKind, name string) string { return cmp.Or(name, string(kind)) }

// LoadedTools are the deferred tools that a conversation has loaded, by name.
func LoadedTools(turns []llm.Turn) map[string]bool {
	loaded := map[string]bool{}
	for _, turn := range turns {
		for _, b := range turn.Blocks {
			result, ok := b.(llm.ToolResult)
			if !ok {
				continue
			}
			for _, inner := range result.Blocks {
				if ref, ok := inner.(llm.ToolReference); ok {
					loaded[ref.Name] = true
				}
			}
		}
	}
	return loaded
}

// Meant returns the name on the wire of the tool that a client means by a
// name alone.
func (m *NameMap) Meant(tools []llm.Tool, name string) string {
	for i := range tools {
		if t := &tools[i]; t.Name == name {
			return m.Out(t.Namespace, NameOf(t.Kind, t.Name))
		}
	}
	return m.Out("", name)
}
