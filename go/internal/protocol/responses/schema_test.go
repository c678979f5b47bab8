package responses_test

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

//go:embed testdata/openapi.json.gz
var openapi []byte

var compiler = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	zr, err := gzip.NewReader(bytes.NewReader(openapi))
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(zr)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	return c, c.AddResource("openapi.json", doc)
})

var schemas sync.Map

// valid holds a document against a schema of the published API description.
func valid(t testing.TB, name string, body []byte) {
	t.Helper()
	schema, ok := schemas.Load(name)
	if !ok {
		c, err := compiler()
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := c.Compile("openapi.json#/components/schemas/" + name)
		if err != nil {
			t.Fatal(err)
		}
		schemas.Store(name, compiled)
		schema = compiled
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if err := schema.(*jsonschema.Schema).Validate(wire(doc)); err != nil {
		t.Errorf("not a %s: %v\n%s", name, err, body)
	}
}

// wire mends where the wire is known to differ from the description: usage is
// null before the end, codes of errors go beyond the list, and clients send
// what models have said without ids.
func wire(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = wire(v[i])
		}
	case map[string]any:
		for name, member := range v {
			if name == "usage" && member == nil {
				delete(v, name)
				continue
			}
			v[name] = wire(member)
		}
		missing := func(name string, value any) {
			if v[name] == nil {
				v[name] = value
			}
		}
		switch v["type"] {
		case "reasoning":
			missing("id", "rs_none")
		case "output_text":
			missing("logprobs", []any{})
		case "message":
			if v["role"] == "assistant" {
				missing("id", "msg_none")
				missing("status", "completed")
			}
		}
		if e, ok := v["error"].(map[string]any); ok && v["object"] == "response" {
			e["code"] = "server_error"
		}
	}
	return v
}

type streamed struct {
	Type           string          `json:"type"`
	SequenceNumber int             `json:"sequence_number"`
	OutputIndex    int             `json:"output_index"`
	ContentIndex   int             `json:"content_index"`
	ItemID         string          `json:"item_id"`
	Delta          string          `json:"delta"`
	Text           string          `json:"text"`
	Arguments      string          `json:"arguments"`
	Input          string          `json:"input"`
	Refusal        string          `json:"refusal"`
	Item           json.RawMessage `json:"item"`
	Response       struct {
		Output []json.RawMessage `json:"output"`
		Usage  json.RawMessage   `json:"usage"`
	} `json:"response"`
}

// checkStream holds a stream against the rules for writers.
func checkStream(t testing.TB, stream []byte) []streamed {
	t.Helper()
	var events []streamed
	frames := sse.NewScanner(bytes.NewReader(stream), 0)
	for {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		parsed := sse.Parse(frame)
		var ev streamed
		if err := json.Unmarshal(parsed.Data, &ev); err != nil {
			t.Fatalf("%v: %s", err, frame)
		}
		if ev.Type != string(parsed.Name) || ev.SequenceNumber != len(events) {
			t.Errorf("event %d is %s, number %d, in a frame named %s", len(events), ev.Type, ev.SequenceNumber, parsed.Name)
		}
		valid(t, "ResponseStreamEvent", parsed.Data)
		events = append(events, ev)
	}
	if len(events) < 3 || events[0].Type != "response.created" || events[1].Type != "response.in_progress" {
		t.Fatalf("the stream does not begin as it must: %s", stream)
	}
	checkItems(t, events)
	return events
}

func terminal(kind string) bool {
	return kind == "response.completed" || kind == "response.incomplete" || kind == "response.failed"
}

func checkItems(t testing.TB, events []streamed) {
	t.Helper()
	open := false
	var done []json.RawMessage
	text := ""
	ends := 0
	for i, ev := range events {
		switch {
		case ends > 0:
			t.Errorf("%s after the end", ev.Type)
		case terminal(ev.Type):
			ends++
			if open && ev.Type != "response.failed" {
				t.Errorf("an item is open at the end")
			}
			if !same(done, ev.Response.Output) {
				t.Errorf("output of the end differs from the items:\n%s\n%s", done, ev.Response.Output)
			}
		case ev.Type == "response.output_item.added":
			if open || ev.OutputIndex != len(done) {
				t.Errorf("event %d: item %d begins out of turn", i, ev.OutputIndex)
			}
			open, text = true, ""
		case ev.Type == "response.output_item.done":
			if !open || ev.OutputIndex != len(done) {
				t.Errorf("event %d: item %d ends out of turn", i, ev.OutputIndex)
			}
			open = false
			done = append(done, ev.Item)
		case strings.HasSuffix(ev.Type, ".delta"):
			if !open {
				t.Errorf("event %d: a delta without an item", i)
			}
			text += ev.Delta
		case strings.HasSuffix(ev.Type, "part.added"):
			text = ""
		case strings.HasSuffix(ev.Type, ".done") && !strings.HasSuffix(ev.Type, "part.done"):
			if all := ev.Text + ev.Arguments + ev.Input + ev.Refusal; all != text {
				t.Errorf("event %d: deltas amount to %q, done says %q", i, text, all)
			}
		}
	}
	if ends != 1 {
		t.Errorf("%d ends", ends)
	}
}

func same(a, b []json.RawMessage) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}
