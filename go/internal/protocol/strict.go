package protocol

import (
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// CanBeStrict reports whether OpenAI can hold a model to a schema: it is of an
// object, every object in it is closed, every property required, and no word
// is used that strict schemas do not know. A schema that another vendor
// enforces is enforced there too if it can be.
func CanBeStrict(schema []byte) bool {
	return string(jsonscan.Get(schema, "type")) == `"object"` && strict(schema)
}

func strict(schema []byte) bool {
	if jsonscan.KindOf(schema) != jsonscan.Object {
		return false
	}
	var properties, required, closed []byte
	object := false
	for it := jsonscan.Members(schema); it.Next(); {
		v := it.Value()
		switch string(it.Key()) {
		case "type":
			object = string(v) == `"object"`
		case "properties":
			properties = v
		case "required":
			required = v
		case "additionalProperties":
			closed = v
		case "items":
			if !strict(v) {
				return false
			}
		case "anyOf":
			if !eachStrict(v) {
				return false
			}
		case "$defs", "definitions":
			if !membersStrict(v) {
				return false
			}
		case "$ref", "$schema", "description", "title", "enum", "const", "format", "pattern", "minimum", "maximum",
			"exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems":
		default:
			return false
		}
	}
	if !object && properties == nil {
		return true
	}
	return string(closed) == "false" && allRequired(properties, required) && membersStrict(properties)
}

func eachStrict(v []byte) bool {
	if jsonscan.KindOf(v) != jsonscan.Array {
		return false
	}
	for it := jsonscan.Elements(v); it.Next(); {
		if !strict(it.Value()) {
			return false
		}
	}
	return true
}

func membersStrict(v []byte) bool {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return v == nil
	}
	for it := jsonscan.Members(v); it.Next(); {
		if !strict(it.Value()) {
			return false
		}
	}
	return true
}

func allRequired(properties, required []byte) bool {
	var names []string
	if jsonscan.KindOf(required) == jsonscan.Array {
		for it := jsonscan.Elements(required); it.Next(); {
			name, _ := jsonscan.Text(it.Value())
			names = append(names, name)
		}
	}
	if jsonscan.KindOf(properties) != jsonscan.Object {
		return properties == nil
	}
	for it := jsonscan.Members(properties); it.Next(); {
		if !slices.Contains(names, string(it.Key())) {
			return false
		}
	}
	return true
}
