package config

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

const (
	schemaID      = "https://raw.githubusercontent.com/tokligence/tokligence-gateway/main/docs/config.schema.json"
	durationForm  = `^(0|([0-9]+(\.[0-9]+)?(d|h|m|s|ms|us|µs|ns))+)$`
	sizeForm      = `^[0-9]+ ?(B|KiB|MiB|GiB|TiB|kB|KB|MB|GB|TB)?$`
	routeForm     = `^[^,|]+=>[^,]+$`
	aliasForm     = `^[^,|]+=>[^,|*]+$`
	providerForm  = `^[a-z0-9][a-z0-9._-]{0,63}$`
	nonEmptyNames = `^[^,| ]+$`
)

// schema is the part of JSON Schema that is needed here.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Default     any                `json:"default,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Minimum     *int64             `json:"minimum,omitempty"`
	Maximum     *int64             `json:"maximum,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Names       *schema            `json:"propertyNames,omitempty"`
	Additional  any                `json:"additionalProperties,omitempty"` // false, or a *schema
	AnyOf       []*schema          `json:"anyOf,omitempty"`
}

// WriteSchema writes the JSON Schema of the file.
func WriteSchema(w io.Writer) error {
	root := object()
	root.Schema, root.ID = "https://json-schema.org/draft/2020-12/schema", schemaID
	root.Title = "Configuration of Tokligence Gateway"
	for _, e := range table() {
		root.place(strings.Split(e.Name, "."), e.schema())
	}
	one := object()
	for _, e := range providerTable() {
		one.place(strings.Split(e.Name, "."), e.schema())
		if e.synonym != "" {
			one.place([]string{e.synonym}, e.schema())
		}
	}
	root.Properties["providers"] = &schema{
		Type: "object", Description: "Upstream accounts by name.", Names: &schema{Pattern: providerForm}, Additional: one,
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the schema: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func object() *schema {
	return &schema{Type: "object", Properties: make(map[string]*schema), Additional: false}
}

// place puts s below the sections of path.
func (o *schema) place(path []string, s *schema) {
	if len(path) == 1 {
		o.Properties[path[0]] = s
		return
	}
	section := o.Properties[path[0]]
	if section == nil {
		section = object()
		o.Properties[path[0]] = section
	}
	section.place(path[1:], s)
}

// schema describes the values of a key.
func (k *Key) schema() *schema {
	text := &schema{Type: "string"}
	var s *schema
	switch k.Kind {
	case Bool:
		s = &schema{Type: "boolean"}
	case Count:
		s = &schema{Type: "integer", Minimum: &k.Min, Maximum: &k.Max}
	case Bytes:
		s = &schema{AnyOf: []*schema{{Type: "integer", Minimum: &k.Min, Maximum: &k.Max}, {Type: "string", Pattern: sizeForm}}}
	case Duration:
		s = &schema{Type: "string", Pattern: durationForm}
	case HiddenSet, List:
		s = &schema{AnyOf: []*schema{{Type: "array", Items: &schema{Type: "string", Enum: k.Values}}, text}}
	case Headers:
		s = &schema{Type: "object", Additional: text}
	case Free:
		s = &schema{Type: "object"}
	case RouteList:
		long := object()
		long.Required = []string{"match", "targets"}
		long.Properties["match"] = &schema{Type: "string", Pattern: nonEmptyNames}
		long.Properties["targets"] = &schema{AnyOf: []*schema{
			{Type: "array", MinItems: 1, Items: &schema{Type: "string", Pattern: nonEmptyNames}}, text,
		}}
		s = &schema{AnyOf: []*schema{{Type: "array", Items: &schema{AnyOf: []*schema{{Type: "string", Pattern: routeForm}, long}}}, text}}
	case AliasList:
		s = &schema{AnyOf: []*schema{
			{Type: "object", Additional: &schema{Type: "string", Pattern: nonEmptyNames}},
			{Type: "array", Items: &schema{Type: "string", Pattern: aliasForm}},
			text,
		}}
	default:
		s = &schema{Type: "string", Enum: k.Values}
	}
	s.Description, s.Default = k.Doc, k.typedDefault()
	return s
}

// typedDefault is the default as JSON has it, nil for none.
func (k *Key) typedDefault() any {
	switch k.Kind {
	case Bool:
		return k.Default == "true"
	case Count:
		return json.Number(k.Default)
	default:
		if k.Default == "" {
			return nil
		}
		return k.Default
	}
}
