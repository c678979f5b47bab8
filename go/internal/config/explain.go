package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// Value is one setting as it stands and where it came from. Secrets are not
// shown.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source Source `json:"source"`
}

// Explain accounts for every setting, in the order of the file. Of providers
// only what was given is listed.
func (c *Config) Explain() []Value {
	var out []Value
	for _, e := range table() {
		out = append(out, Value{e.Name, show(e.at(c)), c.source(e.Name)})
		if e.Name != "aliases" {
			continue
		}
		for i := range c.Providers {
			p := &c.Providers[i]
			for _, e := range providerTable() {
				name := "providers." + p.Name + "." + e.Name
				if _, ok := c.sources[name]; ok || e.Name == "preset" {
					out = append(out, Value{name, show(e.at(p)), c.source(name)})
				}
			}
		}
	}
	return out
}

func (c *Config) source(key string) Source {
	if s, ok := c.sources[key]; ok {
		return s
	}
	return Source{Layer: FromDefault}
}

// show writes a value as it would be written in a variable, without what is
// secret in it.
func show(at any) string {
	switch p := at.(type) {
	case *string:
		return *p
	case *bool:
		return strconv.FormatBool(*p)
	case *int:
		return strconv.Itoa(*p)
	case *Size:
		return p.String()
	case *time.Duration:
		return formatDuration(*p)
	case *secret.Secret:
		return p.String()
	case databaseURL:
		return showURL(*p.Secret)
	case proxyURL:
		return showURL(*p.Secret)
	case *[]secret.Secret:
		return join(*p, secret.Secret.String)
	case *[]string:
		return strings.Join(*p, ",")
	case *[]llm.Protocol:
		return join(*p, func(p llm.Protocol) string { return string(p) })
	case *map[string]secret.Secret:
		return join(slices.Sorted(maps.Keys(*p)), func(name string) string { return name + ": " + (*p)[name].String() })
	case *map[string]any:
		if *p == nil {
			return ""
		}
		if text, err := json.Marshal(*p); err == nil {
			return string(text)
		}
		return fmt.Sprint(*p)
	case *[]Route:
		return join(*p, Route.String)
	case *[]Alias:
		return join(*p, Alias.String)
	default:
		return fmt.Sprint(at)
	}
}

func join[T any](all []T, text func(T) string) string {
	parts := make([]string, len(all))
	for i, v := range all {
		parts[i] = text(v)
	}
	return strings.Join(parts, ",")
}
