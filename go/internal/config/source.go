package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Layer is where values come from; a later one wins.
type Layer string

// The layers.
const (
	FromDefault Layer = "default"
	FromFile    Layer = "file"
	FromEnv     Layer = "env"
	FromFlag    Layer = "flag"
)

// Source is where one value came from.
type Source struct {
	Layer Layer  `json:"layer"`
	Name  string `json:"name,omitempty"` // path, variable or flag
	Line  int    `json:"line,omitempty"` // in the file, from 1
}

// String is short enough for a column.
func (s Source) String() string {
	switch s.Layer {
	case FromFile:
		if s.Line == 0 {
			return s.Name
		}
		return fmt.Sprintf("%s:%d", s.Name, s.Line)
	case FromEnv:
		return "env " + s.Name
	case FromFlag:
		return "flag --" + s.Name
	default:
		return string(FromDefault)
	}
}

// given is a value as one layer gave it: a text, or a node of the file.
type given struct {
	source Source
	text   string
	node   *yaml.Node
}

func fromNode(path string, n *yaml.Node) given {
	if n.Kind == yaml.AliasNode {
		line := n.Line
		n = n.Alias
		return given{source: Source{FromFile, path, line}, node: n}
	}
	return given{source: Source{FromFile, path, n.Line}, node: n}
}

// scalar returns the value as one text.
func (g given) scalar() (string, error) {
	if g.node == nil {
		return g.text, nil
	}
	if g.node.Kind != yaml.ScalarNode {
		return "", flaw("A single value is needed here, not "+kindName(g.node)+".", "")
	}
	return g.node.Value, nil
}

// list returns the parts of a list, or of a text with commas.
func (g given) list() ([]given, error) {
	if g.node == nil || g.node.Kind == yaml.ScalarNode {
		text, err := g.scalar()
		var parts []given
		for _, part := range splitList(text, ",") {
			parts = append(parts, given{source: g.source, text: part})
		}
		return parts, err
	}
	if g.node.Kind != yaml.SequenceNode {
		return nil, flaw("A list is needed here, not "+kindName(g.node)+".", "Write [a, b], or one per line after a dash.")
	}
	parts := make([]given, 0, len(g.node.Content))
	for _, n := range g.node.Content {
		parts = append(parts, fromNode(g.source.Name, n))
	}
	return parts, nil
}

// pair is an entry of a mapping.
type pair struct {
	name  string
	value given // its line is that of the name
}

// pairs returns the entries of a mapping in their order. Of those given twice
// the first one counts; the error names the second.
func (g given) pairs() (out []pair, err error) {
	if g.node == nil || g.node.Kind != yaml.MappingNode {
		return nil, flaw("Names with values are needed here.", "Write name: value, one per line.")
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(g.node.Content); i += 2 {
		key, value := g.node.Content[i], fromNode(g.source.Name, g.node.Content[i+1])
		value.source.Line = key.Line
		if first := seen[key.Value]; first > 0 {
			err = flaw(fmt.Sprintf("Line %d: %s is given a second time, first in line %d.", key.Line, key.Value, first), "Remove one.")
			continue
		}
		seen[key.Value] = key.Line
		out = append(out, pair{key.Value, value})
	}
	return out, err
}

// null reports whether the file names the key and says nothing of it.
func (g given) null() bool {
	return g.node != nil && g.node.Kind == yaml.ScalarNode && g.node.Tag == "!!null"
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "names with values"
	default:
		return "a single value"
	}
}
