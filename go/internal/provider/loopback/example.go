package loopback

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// Bounds of an example.
const (
	maxDepth = 24
	maxNodes = 2000 // schemas looked at
	maxParts = 32   // schemas that hold for one value
	maxItems = 16
	maxText  = 256
)

// example writes a value that fits a JSON Schema, as far as the schema can be
// met without search: required members, types, enumerations, references and
// plain bounds, but no patterns.
func example(schema []byte) []byte {
	w := exampleWriter{root: schema, left: maxNodes}
	return w.value(nil, schema, 0)
}

type exampleWriter struct {
	root []byte
	left int // schemas that may still be looked at
}

// parts are the schemas that hold for one value together.
type parts [][]byte

// gather follows references and takes the first alternative of each choice.
func (w *exampleWriter) gather(all parts, schema []byte, depth int) parts {
	if jsonscan.KindOf(schema) != jsonscan.Object || depth > maxDepth || w.left <= 0 || len(all) >= maxParts {
		return all
	}
	w.left--
	all = append(all, schema)
	if ref, ok := jsonscan.Text(jsonscan.Get(schema, "$ref")); ok {
		if to, local := strings.CutPrefix(ref, "#"); local {
			all = w.gather(all, w.resolve(to), depth+1)
		}
	}
	if each := jsonscan.Get(schema, "allOf"); jsonscan.KindOf(each) == jsonscan.Array {
		for it := jsonscan.Elements(each); it.Next(); {
			all = w.gather(all, it.Value(), depth+1)
		}
	}
	for _, name := range []string{"anyOf", "oneOf"} {
		choice := jsonscan.Get(schema, name)
		if jsonscan.KindOf(choice) != jsonscan.Array {
			continue
		}
		for it := jsonscan.Elements(choice); it.Next(); {
			if t, _ := jsonscan.Text(jsonscan.Get(it.Value(), "type")); t != "null" {
				all = w.gather(all, it.Value(), depth+1)
				break
			}
		}
	}
	return all
}

// resolve follows a JSON pointer.
func (w *exampleWriter) resolve(pointer string) []byte {
	v := w.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if name == "" {
			continue
		}
		v = jsonscan.Get(v, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return v
}

// get returns the first value of a keyword.
func (all parts) get(name string) []byte {
	for _, p := range all {
		if v := jsonscan.Get(p, name); v != nil {
			return v
		}
	}
	return nil
}

// int returns a keyword that counts something, within bounds.
func (all parts) int(name string, otherwise, most int64) int64 {
	n, ok := jsonscan.Int(all.get(name))
	if !ok {
		return otherwise
	}
	return min(max(n, 0), most)
}

// kind returns the type of the value, guessed from other keywords where it is
// not said.
func (all parts) kind() string {
	switch t := all.get("type"); jsonscan.KindOf(t) {
	case jsonscan.String:
		text, _ := jsonscan.Text(t)
		return text
	case jsonscan.Array:
		for it := jsonscan.Elements(t); it.Next(); {
			if text, ok := jsonscan.Text(it.Value()); ok && text != "null" {
				return text
			}
		}
		return "null"
	default:
	}
	switch {
	case all.get("properties") != nil || all.get("required") != nil:
		return "object"
	case all.get("items") != nil || all.get("prefixItems") != nil:
		return "array"
	}
	return "string"
}

func (w *exampleWriter) value(dst, schema []byte, depth int) []byte {
	if w.left--; depth > maxDepth || w.left <= 0 {
		return append(dst, "null"...)
	}
	all := w.gather(nil, schema, 0)
	if v := all.get("const"); v != nil {
		return append(dst, v...)
	}
	if v := all.get("enum"); jsonscan.KindOf(v) == jsonscan.Array {
		if it := jsonscan.Elements(v); it.Next() {
			return append(dst, it.Value()...)
		}
	}
	switch all.kind() {
	case "object":
		return w.object(dst, all, depth)
	case "array":
		return w.array(dst, all, depth)
	case "integer", "number":
		return all.number(dst)
	case "boolean":
		return append(dst, "true"...)
	case "null":
		return append(dst, "null"...)
	}
	return jsonscan.AppendString(dst, all.text())
}

func (w *exampleWriter) object(dst []byte, all parts, depth int) []byte {
	dst = append(dst, '{')
	var done []string
	for _, p := range all {
		required := jsonscan.Get(p, "required")
		if jsonscan.KindOf(required) != jsonscan.Array {
			continue
		}
		for it := jsonscan.Elements(required); it.Next(); {
			name, ok := jsonscan.Text(it.Value())
			if !ok || slices.Contains(done, name) {
				continue
			}
			if len(done) > 0 {
				dst = append(dst, ',')
			}
			done = append(done, name)
			dst = append(jsonscan.AppendString(dst, name), ':')
			dst = w.value(dst, all.property(name), depth+1)
		}
	}
	return append(dst, '}')
}

func (all parts) property(name string) []byte {
	for _, p := range all {
		if v := jsonscan.Get(p, "properties", name); v != nil {
			return v
		}
	}
	return nil
}

func (w *exampleWriter) array(dst []byte, all parts, depth int) []byte {
	dst = append(dst, '[')
	items := all.get("items")
	n := all.int("minItems", 0, maxItems)
	if n == 0 && depth < 4 && all.get("maxItems") == nil {
		n = 1 // an empty list says little about how it is read
	}
	first := all.get("prefixItems")
	var lead parts
	if jsonscan.KindOf(first) == jsonscan.Array {
		for it := jsonscan.Elements(first); it.Next() && len(lead) < maxItems; {
			lead = append(lead, it.Value())
		}
	}
	for i := range max(n, int64(len(lead))) {
		if i > 0 {
			dst = append(dst, ',')
		}
		item := items
		if i < int64(len(lead)) {
			item = lead[i]
		}
		dst = w.value(dst, item, depth+1)
	}
	return append(dst, ']')
}

// number is 1, or the nearest that the bounds allow.
func (all parts) number(dst []byte) []byte {
	if v := all.get("minimum"); jsonscan.KindOf(v) == jsonscan.Number {
		return append(dst, v...)
	}
	if n, ok := jsonscan.Int(all.get("exclusiveMinimum")); ok {
		return strconv.AppendInt(dst, n+1, 10)
	}
	if v := all.get("multipleOf"); jsonscan.KindOf(v) == jsonscan.Number {
		return append(dst, v...)
	}
	if n, ok := jsonscan.Int(all.get("exclusiveMaximum")); ok && n <= 1 {
		return strconv.AppendInt(dst, n-1, 10)
	}
	if f, ok := jsonscan.Float(all.get("maximum")); ok && f < 1 {
		return append(dst, all.get("maximum")...)
	}
	return append(dst, '1')
}

// text is "loopback", or what its format asks for.
func (all parts) text() string {
	format, _ := jsonscan.Text(all.get("format"))
	switch format {
	case "date-time":
		return "2026-01-02T03:04:05Z"
	case "date":
		return "2026-01-02"
	case "time":
		return "03:04:05Z"
	case "email":
		return "loopback@example.com"
	case "uri", "uri-reference":
		return "https://example.com/"
	case "uuid":
		return "00000000-0000-4000-8000-000000000000"
	case "ipv4":
		return "192.0.2.1"
	case "hostname":
		return "example.com"
	}
	text := Name
	for least := int(all.int("minLength", 0, maxText)); len(text) < least; {
		text += "k"
	}
	return text[:min(len(text), int(all.int("maxLength", maxText, maxText)))]
}
