package responses_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
)

func codec() *responses.Codec { return responses.New(sealer()) }

func sealer() *protocol.Sealer { return protocol.NewSealer(bytes.Repeat([]byte("k"), 32)) }

// native is OpenAI's own service.
var native = protocol.Target{Provider: "openai", Model: "gpt-5.5", Origin: "openai/gpt", Native: true, Reasoning: false}

func decode(t testing.TB, body []byte) *llm.Request {
	t.Helper()
	req, err := codec().DecodeRequest(body)
	if err != nil {
		t.Fatalf("decoding: %v", err)
	}
	return req
}

func encode(t testing.TB, req *llm.Request, to protocol.Target) ([]byte, []llm.Finding) {
	t.Helper()
	body, findings, err := codec().EncodeRequest(req, to)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	if !json.Valid(body) {
		t.Fatalf("not JSON: %s", body)
	}
	return body, findings
}

func object(t testing.TB, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return m
}

// normal brings a request into the form that fixtures are compared in: without
// ids of items, defaults and the two ways to write one text.
func normal(t testing.TB, body []byte) string {
	m := object(t, body)
	m["model"] = "m"
	for name, value := range map[string]any{"tool_choice": "auto", "parallel_tool_calls": true, "store": false} {
		if m[name] == value {
			delete(m, name)
		}
	}
	if list, ok := m["include"].([]any); ok && len(list) == 0 {
		delete(m, "include")
	}
	if list, ok := m["tools"].([]any); ok && len(list) == 0 {
		delete(m, "tools")
	}
	var input []any
	if s, ok := m["input"].(string); ok {
		m["input"] = []any{map[string]any{"type": "message", "role": "user", "content": s}}
	}
	for _, v := range m["input"].([]any) {
		it := v.(map[string]any)
		if role := it["role"]; len(input) == 0 && (role == "developer" || role == "system") {
			for _, p := range it["content"].([]any) {
				before, _ := m["instructions"].(string)
				m["instructions"] = strings.TrimPrefix(before+"\n\n"+p.(map[string]any)["text"].(string), "\n\n")
			}
			continue
		}
		delete(it, "id")
		delete(it, "status")
		for _, field := range []string{"content", "output"} {
			if s, ok := it[field].(string); ok {
				it[field] = []any{map[string]any{"type": "text", "text": s}}
			}
			list, _ := it[field].([]any)
			for _, p := range list {
				part := p.(map[string]any)
				delete(part, "annotations")
				delete(part, "logprobs")
				if part["detail"] == "auto" {
					delete(part, "detail")
				}
				if s, _ := part["type"].(string); strings.HasSuffix(s, "_text") {
					part["type"] = "text"
				}
			}
		}
		input = append(input, it)
	}
	m["input"] = input
	tools, _ := m["tools"].([]any)
	for _, v := range tools {
		if tool := v.(map[string]any); tool["strict"] == false {
			delete(tool, "strict")
		}
	}
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRequestsComeBack(t *testing.T) {
	n := 0
	for _, name := range protocoltest.Cases(t) {
		for _, file := range []string{"responses.request.json", "responses.request.expected.json"} {
			body := protocoltest.File(name, file)
			if body == nil {
				continue
			}
			n++
			t.Run(name, func(t *testing.T) {
				out, findings := encode(t, decode(t, body), native)
				valid(t, "CreateResponse", out)
				// The message between a call and its output moves before the call.
				if name != "30-codex-to-messages" {
					if got, want := normal(t, out), normal(t, body); got != want {
						t.Errorf("came back as\n%s\nwas\n%s", got, want)
					}
				}
				for _, f := range findings {
					t.Errorf("finding %s", f)
				}
			})
		}
	}
	if n < 19 {
		t.Errorf("only %d requests", n)
	}
}

// shape is what must be equal of an answer.
type shape struct {
	Words  []string
	Seals  []string
	Tokens [4]int64
	Stop   llm.StopReason
	Err    string
}

func shapeOf(a protocoltest.Answer) shape {
	u := a.Usage
	s := shape{Stop: a.Stop.Reason, Tokens: [...]int64{u.InputTotal(), u.CacheRead.N, u.OutputTotal(), u.Reasoning.N}}
	for _, b := range a.Blocks {
		s.Words = append(s.Words, protocoltest.Words(b))
		if th, ok := b.(llm.Thought); ok {
			s.Seals = append(s.Seals, th.Seal)
		}
	}
	if a.Err != nil {
		s.Err = a.Err.Kind.String() + ": " + a.Err.Message
	}
	return s
}

func (s shape) String() string {
	out, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func read(t testing.TB, body []byte, stream bool) protocoltest.Answer {
	t.Helper()
	return protocoltest.Read(t, codec().NewReader(bytes.NewReader(body), stream, native))
}

func rewrite(t testing.TB, events []llm.Event, stream bool) []byte {
	t.Helper()
	w := codec().NewWriter(protocol.Head{Model: "m", Stream: stream, RequestID: "req_1"})
	return protocoltest.Write(t, w, events)
}

// answers are all answers of this protocol that are at hand.
func answers(t testing.TB) []protocoltest.Recording {
	var all []protocoltest.Recording
	for _, name := range protocoltest.Cases(t) {
		for _, file := range []string{"responses.response.json", "responses.response.expected.json", "responses.stream.sse", "responses.stream.expected.sse"} {
			if body := protocoltest.File(name, file); body != nil {
				all = append(all, protocoltest.Recording{Name: name + "/" + file, Stream: strings.HasSuffix(file, ".sse"), Body: body})
			}
		}
	}
	recorded := protocoltest.Recordings(t, true, "", "openai-responses", "open-responses-responses", "xai-responses")
	return append(all, slices.DeleteFunc(recorded, func(r protocoltest.Recording) bool {
		return strings.Contains(r.Name, "-error")
	})...)
}

func TestAnswersComeBack(t *testing.T) {
	for _, a := range answers(t) {
		t.Run(a.Name, func(t *testing.T) {
			events := protocoltest.Events(t, codec().NewReader(bytes.NewReader(a.Body), a.Stream, native))
			first, err := protocoltest.Assemble(events)
			if err != nil {
				t.Fatal(err)
			}
			want := shapeOf(first).String()
			stream := rewrite(t, events, true)
			if !strings.HasPrefix(a.Name, "xai") { // it has items of its own
				checkStream(t, stream)
			}
			if got := shapeOf(read(t, stream, true)).String(); got != want {
				t.Errorf("streamed again:\n%s\nwas\n%s", got, want)
			}
			body := rewrite(t, events, false)
			if first.Err == nil && !strings.HasPrefix(a.Name, "xai") {
				valid(t, "Response", body)
			}
			if got := shapeOf(read(t, body, false)).String(); got != want && first.Err == nil {
				t.Errorf("as one body:\n%s\nwas\n%s", got, want)
			}
		})
	}
}

func TestStreamAndBodyAreOneAnswer(t *testing.T) {
	for _, name := range protocoltest.Cases(t) {
		body, stream := protocoltest.File(name, "responses.response.json"), protocoltest.File(name, "responses.stream.sse")
		if body == nil || stream == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if got, want := shapeOf(read(t, stream, true)).String(), shapeOf(read(t, body, false)).String(); got != want {
				t.Errorf("stream:\n%s\nbody:\n%s", got, want)
			}
		})
	}
}

func TestStreamsMayBeCutAnywhere(t *testing.T) {
	for _, a := range answers(t) {
		if !a.Stream || len(a.Body) > 20_000 {
			continue
		}
		step := 1 // long streams take too long to be cut at every byte
		if len(a.Body) > 5000 {
			step = 13
		}
		want := shapeOf(read(t, a.Body, true)).String()
		for first := 1; first < len(a.Body); first += step {
			r := codec().NewReader(protocoltest.Pieces(a.Body, first, len(a.Body)), true, native)
			if got := shapeOf(protocoltest.Read(t, r)).String(); got != want {
				t.Fatalf("%s cut at %d:\n%s\nwant\n%s", a.Name, first, got, want)
			}
		}
	}
}

// TestFixtureBodies compares what the writer makes with the fixtures' own
// bodies.
func TestFixtureBodies(t *testing.T) {
	for _, name := range protocoltest.Cases(t) {
		body := protocoltest.File(name, "responses.response.json")
		if body == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			events := protocoltest.Events(t, codec().NewReader(bytes.NewReader(body), false, native))
			got, want := object(t, rewrite(t, events, false)), object(t, body)
			for _, field := range []string{"status", "error", "incomplete_details", "output", "usage"} {
				if g, w := items(t, got[field]), items(t, want[field]); g != w {
					t.Errorf("%s:\n%s\nwant\n%s", field, g, w)
				}
			}
		})
	}
}

// items returns v as JSON without the ids of items.
func items(t *testing.T, v any) string {
	list, _ := v.([]any)
	for _, it := range list {
		delete(it.(map[string]any), "id")
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
