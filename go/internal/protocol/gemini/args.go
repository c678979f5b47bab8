package gemini

import (
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// args puts together the arguments of a call that come in pieces, each with
// the path of the value it belongs to.
type args struct{ root node }

// node is a value: an object or array with its members in order, or a scalar.
type node struct {
	names    []string
	members  []*node
	array    bool
	isString bool
	content  []byte // escaped text of a string, or the scalar as it is
}

// Bounds of what a path may say.
const (
	maxIndex = 1 << 16
	maxDepth = 100
)

// add takes in one of partialArgs.
func (a *args) add(v []byte) {
	n := a.root.at(text(jsonscan.Get(v, "jsonPath")))
	if n == nil {
		return
	}
	if inner, ok := jsonscan.Inner(jsonscan.Get(v, "stringValue")); ok {
		n.isString = true
		n.content = append(n.content, inner...)
		return
	}
	for _, name := range [...]string{"numberValue", "boolValue"} {
		if value := jsonscan.Get(v, name); value != nil {
			n.content = append([]byte(nil), value...)
			return
		}
	}
	if jsonscan.Get(v, "nullValue") != nil {
		n.content = []byte("null")
	}
}

// at finds or makes the value at a path such as $.list[0].name, or
// $['a name'].
func (n *node) at(path string) *node {
	rest := strings.TrimPrefix(path, "$")
	for depth := 0; rest != ""; depth++ {
		switch {
		case depth == maxDepth:
			return nil
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			n, rest = n.member(rest[1:1+end]), rest[1+end:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil
			}
			key := rest[1:end]
			rest = rest[end+1:]
			if i, err := strconv.Atoi(key); err == nil {
				if i < 0 || i > maxIndex {
					return nil
				}
				n = n.element(i)
				continue
			}
			n = n.member(strings.Trim(key, `'"`))
		default:
			return nil
		}
	}
	return n
}

func (n *node) member(name string) *node {
	for i, other := range n.names {
		if other == name {
			return n.members[i]
		}
	}
	m := &node{}
	n.names, n.members = append(n.names, name), append(n.members, m)
	return m
}

func (n *node) element(i int) *node {
	n.array = true
	for len(n.members) <= i {
		n.names, n.members = append(n.names, ""), append(n.members, &node{})
	}
	return n.members[i]
}

// append writes the value as JSON.
func (a *args) append(dst []byte) []byte {
	if len(a.root.members) == 0 {
		return append(dst, "{}"...)
	}
	return a.root.append(dst)
}

func (n *node) append(dst []byte) []byte {
	switch {
	case n.isString:
		dst = append(append(dst, '"'), n.content...)
		return append(dst, '"')
	case n.content != nil:
		return append(dst, n.content...)
	case len(n.members) == 0:
		return append(dst, "null"...)
	}
	left, right := byte('{'), byte('}')
	if n.array {
		left, right = '[', ']'
	}
	dst = append(dst, left)
	for i, m := range n.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		if !n.array {
			dst = append(jsonscan.AppendString(dst, n.names[i]), ':')
		}
		dst = m.append(dst)
	}
	return append(dst, right)
}
