package protocoltest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// schemas compiles the named schemas of the published description.
func schemas(t *testing.T, names ...string) map[string]*jsonschema.Schema {
	t.Helper()
	f, err := os.Open("testdata/specs/openapi.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(z)
	if err != nil {
		t.Fatal(err)
	}
	all := loosen(doc.(map[string]any)["components"].(map[string]any)["schemas"])
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	root := map[string]any{"components": map[string]any{"schemas": all}}
	if err := c.AddResource("openapi.json", root); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]*jsonschema.Schema)
	for _, name := range names {
		s, err := c.Compile("openapi.json#/components/schemas/" + name)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = s
	}
	return out
}

// loosen reads oneOf as anyOf, since many branches of the description overlap,
// and leaves formats and remarks alone.
func loosen(node any) any {
	switch n := node.(type) {
	case map[string]any:
		out := make(map[string]any, len(n))
		for k, v := range n {
			switch k {
			case "format", "discriminator", "example", "examples", "$recursiveAnchor":
			case "$recursiveRef":
				out["$ref"] = "#/components/schemas/CompoundFilter"
			case "oneOf":
				out["anyOf"] = loosen(v)
			default:
				out[k] = loosen(v)
			}
		}
		if out["nullable"] == true {
			delete(out, "nullable")
			return map[string]any{"anyOf": []any{out, map[string]any{"type": "null"}}}
		}
		return out
	case []any:
		for i := range n {
			n[i] = loosen(n[i])
		}
	}
	return node
}

// wire mends what OpenAI itself sends in departure from its description: usage
// is null until the end, and error codes go beyond the list.
func wire(node any) any {
	switch n := node.(type) {
	case map[string]any:
		for k, v := range n {
			if k == "usage" && v == nil {
				delete(n, k)
				continue
			}
			n[k] = wire(v)
		}
		if n["object"] == "response" {
			if e, ok := n["error"].(map[string]any); ok {
				e["code"] = "server_error"
			}
		}
	case []any:
		for i := range n {
			n[i] = wire(n[i])
		}
	}
	return node
}

func valid(t *testing.T, s *jsonschema.Schema, what string, body []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v\n%s", what, err, body)
	}
	if err := s.Validate(wire(doc)); err != nil {
		t.Errorf("%s: %s\n%s", what, firstLines(err), body)
	}
}

func firstLines(err error) string {
	lines := strings.Split(err.Error(), "\n")
	return strings.Join(lines[:min(len(lines), 12)], "\n")
}

// TestOpenAIAnswersFitTheDescription holds what our writers say to OpenAI
// clients against the published description.
func TestOpenAIAnswersFitTheDescription(t *testing.T) {
	s := schemas(t, "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse", "Response", "ResponseStreamEvent")
	for _, c := range protocolAnswers(t) {
		for _, to := range sides() {
			if whole(to) {
				continue
			}
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s-to-%s-%v", c.name, to.name, stream), func(t *testing.T) {
					fits(t, s, c, to, stream)
				})
			}
		}
	}
}

// source is an answer of some upstream.
type source struct {
	name   string
	from   side
	events []llm.Event
}

func fits(t *testing.T, s map[string]*jsonschema.Schema, c source, to side, stream bool) {
	failed := c.events[len(c.events)-1].Type == llm.Failed
	if failed && !stream {
		return // an error body, see the errors of the fixtures
	}
	head := protocol.Head{Operation: llm.Generate, Model: "m", Stream: stream, WantUsage: true, RequestID: "0199-req"}
	writer := to.codec.NewWriter(head)
	var out []byte
	var err error
	for _, ev := range served(c.events, c.from) {
		if out, err = writer.Append(out, ev); err != nil {
			t.Fatal(err)
		}
	}
	whole, event := s["CreateChatCompletionResponse"], s["CreateChatCompletionStreamResponse"]
	if to.name == "responses" {
		whole, event = s["Response"], s["ResponseStreamEvent"]
	}
	if !stream {
		valid(t, whole, to.name, out)
		return
	}
	frames := sse.NewScanner(bytes.NewReader(out), 0)
	for {
		frame, err := frames.Next()
		if err != nil {
			return
		}
		ev := sse.Parse(frame)
		if string(ev.Data) == "[DONE]" || !json.Valid(ev.Data) || bytes.HasPrefix(ev.Data, []byte(`{"error"`)) ||
			string(ev.Name) == "error" {
			continue
		}
		valid(t, event, to.name+" "+string(ev.Name), bytes.Clone(ev.Data))
		if t.Failed() {
			return
		}
	}
}

// protocolAnswers are the answers of all fixtures in all protocols.
func protocolAnswers(t *testing.T) []source {
	t.Helper()
	var out []source
	for _, name := range protocoltest.Cases(t) {
		for _, from := range sides() {
			for _, a := range answers(name, from.name) {
				out = append(out, source{fmt.Sprintf("%s/%s-%v", name, from.name, a.stream), from, from.read(t, a)})
			}
		}
	}
	return out
}
