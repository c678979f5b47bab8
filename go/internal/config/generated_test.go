package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "write the generated files anew")

// TestGenerated compares the published files with what the table says.
func TestGenerated(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for path, write := range map[string]func(io.Writer) error{
		"docs/config.schema.json":        WriteSchema,
		"docs/configuration.md":          WriteReference,
		"config/tokligence.example.yaml": WriteExample,
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			full := filepath.Join(root, filepath.FromSlash(path))
			if *update {
				if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(full, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			have, err := os.ReadFile(full)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(have, b.Bytes()) {
				t.Errorf("%s is not what the table says; run go test ./internal/config -update", path)
			}
		})
	}
}

func TestReferenceNamesEverySetting(t *testing.T) {
	var b bytes.Buffer
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	for _, k := range Keys() {
		if !strings.Contains(b.String(), "| `"+k.Name+"`") {
			t.Errorf("%s is not on the page", k.Name)
		}
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := WriteSchema(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(schemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaID) // checks it against the schema of schemas
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON is what an editor checks.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	if v == nil {
		v = map[string]any{}
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var setting = regexp.MustCompile(`(?m)^#( {2,}|[a-z])`)

func TestExample(t *testing.T) {
	var b bytes.Buffer
	if err := WriteExample(&b); err != nil {
		t.Fatal(err)
	}
	s := compile(t)
	whole := setting.ReplaceAllString(b.String(), "$1")
	for name, text := range map[string]string{"as it is": b.String(), "all set": whole} {
		t.Run(name, func(t *testing.T) {
			if err := s.Validate(asJSON(t, text)); err != nil {
				t.Errorf("the schema refuses it: %v\n%s", err, text)
			}
			_, o := place(t, text)
			o.Env = append(o.Env, "MY_GATEWAY_KEY=0123456789abcdef", "OPENAI_API_KEY=k")
			o.Presets = append(o.Presets, "openrouter")
			c, err := Load(o)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Warnings()) > 0 {
				t.Errorf("warnings: %v", c.Warnings())
			}
			for _, v := range c.Explain() {
				fromFile := v.Source.Layer == FromFile
				if name == "all set" && !fromFile && v.Key != "data_dir" || name == "as it is" && fromFile {
					t.Errorf("%s comes from %s", v.Key, v.Source)
				}
			}
			for _, k := range Keys() { // a default stands there as it is
				for _, v := range c.Explain() {
					if v.Key == k.Name && k.Default != "" && k.Name != "data_dir" && v.Value != k.Default {
						t.Errorf("%s is %q, its default %q", v.Key, v.Value, k.Default)
					}
				}
			}
		})
	}
	for i, line := range strings.Split(b.String(), "\n") {
		if len(line) > 90 && i > 0 {
			t.Errorf("line %d is too long: %s", i+1, line)
		}
	}
}

// TestSchemaAgreesWithLoad compares the two judges of a file.
func TestSchemaAgreesWithLoad(t *testing.T) {
	s := compile(t)
	for text, good := range map[string]bool{
		"listen: 127.0.0.1:0":                               true,
		"listn: 127.0.0.1:0":                                false,
		"mode: team":                                        true,
		"mode: teem":                                        false,
		"auth: {disabled: false}":                           true,
		"auth: {disabled: [true]}":                          false,
		"auth: {disable: true}":                             false,
		"stream: {hold: 1m30s, drain_bytes: 64KiB}":         true,
		"stream: {hold: soon}":                              false,
		"stream: {drain_bytes: 65536}":                      true,
		"stream: {drain_bytes: 1}":                          false,
		"stream: {drain_bytes: lots}":                       false,
		"routing: {attempts: 3}":                            true,
		"routing: {attempts: 99}":                           false,
		"log: {max_age: 7d}":                                true,
		"routes: [a=>b, {match: c, targets: [d]}]":          true,
		"routes: [a]":                                       false,
		"routes: [{match: c}]":                              false,
		"routes: [{match: c, targets: [d], x: y}]":          false,
		"aliases: {a: b}":                                   true,
		"aliases: {a: [b]}":                                 false,
		"allowed_hosts: [a, b]":                             true,
		"providers: {openai: {api_keys: [a, b]}}":           true,
		"providers: {openai: {api_key: a, timeout: 1m}}":    true,
		"providers: {openai: {protocols: [openai-chat]}}":   true,
		"providers: {openai: {protocols: [chat]}}":          false,
		"providers: {openai: {headers: {x-a: b}}}":          true,
		"providers: {openai: {quirks: {no_strict: true}}}":  true,
		"providers: {openai: {defaults: {large: m}}}":       true,
		"providers: {openai: {defaults: {medium: m}}}":      false,
		"providers: {Open AI: {preset: openai}}":            false,
		"providers: [openai]":                               false,
		"ledger: {durability: sync, journal_bytes: 100MiB}": true,
	} {
		bySchema := s.Validate(asJSON(t, text)) == nil
		_, o := place(t, text)
		_, err := Load(o)
		var invalid *InvalidError
		if err != nil && !errors.As(err, &invalid) {
			t.Errorf("%s: the error is a %T", text, err)
		}
		if bySchema != good || (err == nil) != good {
			t.Errorf("%s: schema %v, load %v (%v), want %v", text, bySchema, err == nil, err, good)
		}
	}
}
