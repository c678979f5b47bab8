package loopback

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

func TestExamplesFitTheirSchema(t *testing.T) {
	for _, tt := range []struct{ schema, want string }{
		{`{}`, `"loopback"`},
		{`true`, `"loopback"`},
		{`{"type":"object"}`, `{}`},
		{`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"required":["a"]}`, `{"a":"loopback"}`},
		{`{"properties":{"a":{"type":["null","integer"]}},"required":["a"]}`, `{"a":1}`},
		{`{"type":"object","required":["free"]}`, `{"free":"loopback"}`},
		{`{"type":"array","items":{"type":"boolean"}}`, `[true]`},
		{`{"type":"array","items":{"type":"number","minimum":2.5},"minItems":2}`, `[2.5,2.5]`},
		{`{"type":"array","maxItems":0}`, `[]`},
		{`{"prefixItems":[{"type":"null"},{"type":"string"}]}`, `[null,"loopback"]`},
		{`{"enum":["celsius","kelvin"]}`, `"celsius"`},
		{`{"const":{"x":[1]}}`, `{"x":[1]}`},
		{`{"anyOf":[{"type":"null"},{"type":"integer","exclusiveMinimum":4}]}`, `5`},
		{`{"oneOf":[{"type":"object","required":["k"],"properties":{"k":{"const":"v"}}},{"type":"null"}]}`, `{"k":"v"}`},
		{`{"allOf":[{"type":"object","required":["a"]},{"required":["b"],"properties":{"b":{"type":"boolean"}}}]}`, `{"a":"loopback","b":true}`},
		{`{"$ref":"#/$defs/n~1m","$defs":{"n/m":{"type":"integer","maximum":-3}}}`, `-3`},
		{`{"type":"integer","exclusiveMaximum":0}`, `-1`},
		{`{"type":"integer","multipleOf":5}`, `5`},
		{`{"type":"string","minLength":10}`, `"loopbackkk"`},
		{`{"type":"string","maxLength":3}`, `"loo"`},
		{`{"type":"string","format":"date-time"}`, `"2026-01-02T03:04:05Z"`},
		{`{"type":"string","format":"email"}`, `"loopback@example.com"`},
		{`{"type":"string","format":"uuid"}`, `"00000000-0000-4000-8000-000000000000"`},
	} {
		got := string(example([]byte(tt.schema)))
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.schema, got, tt.want)
		}
		fits(t, tt.schema, got)
	}
}

func fits(t *testing.T, schema, value string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("x.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("x.json")
	if err != nil {
		t.Fatalf("%s: %v", schema, err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	if err := compiled.Validate(v); err != nil {
		t.Errorf("%s does not fit %s: %v", value, schema, err)
	}
}

func TestEndlessSchemas(t *testing.T) {
	for _, schema := range []string{
		`{"$ref":"#"}`,
		`{"type":"object","required":["next"],"properties":{"next":{"$ref":"#"}}}`,
		`{"allOf":[{"$ref":"#"},{"$ref":"#"}]}`,
		`{"type":"array","items":{"$ref":"#"},"minItems":1000000}`,
		`{"type":"string","minLength":1000000000}`,
	} {
		if got := example([]byte(schema)); !json.Valid(got) || len(got) > 1<<20 {
			t.Errorf("%s: %d bytes", schema, len(got))
		}
	}
}

func FuzzExample(f *testing.F) {
	f.Add(`{"type":"object","required":["a"],"properties":{"a":{"anyOf":[{"$ref":"#/$defs/x"}]}},"$defs":{"x":{"enum":[1]}}}`)
	f.Add(`{"allOf":[{"$ref":"#"},{"$ref":"#"}]}`)
	f.Fuzz(func(t *testing.T, schema string) {
		if jsonscan.Valid([]byte(schema)) != nil {
			return
		}
		if got := example([]byte(schema)); !json.Valid(got) {
			t.Fatalf("%s: %s", schema, got)
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add("loopback:stall=2s,status=429,cut=3,tool=NAME,swap=MODEL,usage=wrong", "think=a%2Cb")
	f.Fuzz(func(t *testing.T, model, header string) {
		w, err := parseWords(model, []string{header})
		if err == nil && (w.stall < 0 || w.stall > maxPause || w.status != 0 && (w.status < 400 || w.status > 599) || w.parallel < 1) {
			t.Fatalf("%+v", w)
		}
	})
}
