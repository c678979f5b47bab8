package messages_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
)

var (
	sealer = protocol.NewSealer(bytes.Repeat([]byte{7}, 32))
	codec  = messages.New(sealer)
)

const fixtures = "../protocoltest/testdata/fixtures"

// native is a target of the vendor's own service.
func native() protocol.Target {
	return protocol.Target{
		Provider: "anthropic", Model: "claude-sonnet-4-5", Origin: "anthropic/claude", MaxOutput: 64000,
		Thinking: "budget", Native: true,
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// files returns the files of the fixtures with this name, by case.
func files(t *testing.T, name string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(fixtures, "*", name))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixture %s: %v", name, err)
	}
	out := map[string][]byte{}
	for _, p := range paths {
		out[filepath.Base(filepath.Dir(p))] = read(t, p)
	}
	return out
}

// value decodes JSON for a comparison by meaning.
func value(t *testing.T, b []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("more than one value in %s", b)
	}
	return v
}

// same fails the test if two JSON texts mean different things.
func same(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		g, _ := json.MarshalIndent(got, "", " ")
		w, _ := json.MarshalIndent(want, "", " ")
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

// collect reads all events, checks that their order is legal and copies what
// is valid for a moment only.
func collect(r protocol.EventReader) ([]llm.Event, error) {
	var events []llm.Event
	open := map[int]bool{}
	used := map[int]bool{}
	for n := 0; ; n++ {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return events, err
		}
		if n > 1<<20 {
			return nil, errors.New("the reader does not end")
		}
		last := llm.EventType(0)
		if len(events) > 0 {
			last = events[len(events)-1].Type
		}
		switch {
		case last == llm.Finish || last == llm.Failed:
			return nil, errors.New("an event after the end")
		case n == 0 && ev.Type != llm.Start && ev.Type != llm.Failed, n > 0 && ev.Type == llm.Start:
			return nil, fmt.Errorf("event %d is of type %d", n, ev.Type)
		case ev.Type == llm.BlockStart && used[ev.Index], ev.Type == llm.BlockDelta && !open[ev.Index],
			ev.Type == llm.BlockEnd && !open[ev.Index], ev.Type == llm.Finish && len(open) > 0:
			return nil, fmt.Errorf("event %d of type %d at block %d is out of order", n, ev.Type, ev.Index)
		}
		switch ev.Type {
		case llm.BlockStart:
			open[ev.Index], used[ev.Index] = true, true
		case llm.BlockEnd:
			delete(open, ev.Index)
		default:
		}
		ev.Delta = bytes.Clone(ev.Delta)
		events = append(events, ev)
	}
	if len(events) == 0 || events[len(events)-1].Type != llm.Finish && events[len(events)-1].Type != llm.Failed {
		return nil, errors.New("no end")
	}
	return events, nil
}

func mustCollect(t *testing.T, body []byte, stream bool) []llm.Event {
	t.Helper()
	events, err := collect(codec.NewReader(bytes.NewReader(body), stream, protocol.Target{}))
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// render writes events for a client.
func render(t *testing.T, events []llm.Event, head protocol.Head) ([]byte, []llm.Finding) {
	t.Helper()
	w := codec.NewWriter(head)
	var out []byte
	for _, ev := range events {
		var err error
		if out, err = w.Append(out, ev); err != nil {
			t.Fatal(err)
		}
	}
	return out, w.Findings()
}

// answer is what an answer says, however it was cut.
type answer struct {
	Blocks []string
	Usage  string
	Stop   string
	Failed string
}

func assemble(events []llm.Event) answer {
	var a answer
	var usage llm.Usage
	at := map[int]int{}
	for _, ev := range events {
		switch ev.Type {
		case llm.BlockStart:
			at[ev.Index] = len(a.Blocks)
			b := ev.Block
			if o, ok := b.(llm.Opaque); ok {
				o.Raw = nil
				b = o
			}
			a.Blocks = append(a.Blocks, fmt.Sprintf("%T %+v ", b, b))
		case llm.BlockDelta:
			a.Blocks[at[ev.Index]] += string(ev.Delta)
		case llm.BlockEnd:
			end := ""
			if kind, args, ok := strings.Cut(a.Blocks[at[ev.Index]], "} "); ok && strings.HasPrefix(kind, "llm.ToolCall") {
				a.Blocks[at[ev.Index]] = kind + "} " + canonical(jsonscan.Unescape(nil, []byte(args)))
			}
			switch b := ev.Block.(type) {
			case llm.Opaque:
				end = canonical(b.Raw)
			case llm.Text:
				for _, c := range b.Citations {
					end += canonical(c.Raw)
				}
			}
			a.Blocks[at[ev.Index]] += " " + end + ev.Seal
		case llm.Metered:
			usage.Merge(ev.Usage)
		case llm.Finish:
			if ev.Stop.Raw == "" { // a writer has to say something
				ev.Stop.Raw = "end_turn"
			}
			a.Stop = fmt.Sprintf("%s %q %s %s", ev.Stop.Reason, ev.Stop.Sequence, ev.Stop.Raw, canonical(ev.Stop.Details))
		case llm.Failed:
			a.Failed = ev.Err.Kind.String() + " " + ev.Err.Message
		case llm.Start:
		}
	}
	a.Usage = fmt.Sprint(usage.Input.N, usage.CacheRead.N, usage.CacheWrite5m.N, usage.CacheWrite1h.N, usage.Output.N, usage.Reasoning.N)
	return a
}

// canonical returns JSON with sorted members and without space.
func canonical(raw []byte) string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

// invalid fails the test unless err is an *llm.Error of kind Invalid about the
// field.
func invalid(t *testing.T, err error, field string) *llm.Error {
	t.Helper()
	var e *llm.Error
	if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Field != field {
		t.Fatalf("got %#v, want an invalid %s", err, field)
	}
	return e
}

func ptr[T any](v T) *T { return &v }

// user is a request with one question.
func user(text string) *llm.Request {
	return &llm.Request{Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: text}}}}}
}

// encode writes req and returns the request as a map, with its findings.
func encode(t *testing.T, req *llm.Request, to protocol.Target) (map[string]any, []string) {
	t.Helper()
	body, findings, err := codec.EncodeRequest(req, to)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := value(t, body).(map[string]any)
	if !ok {
		t.Fatalf("no object: %s", body)
	}
	notes := []string{}
	for _, f := range findings {
		notes = append(notes, strings.Join([]string{f.Class.String(), f.Field, f.Reason}, " "))
	}
	return m, notes
}

// at follows member names and indices into a decoded value.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, p := range path {
		switch key := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("no object at %v in %v", key, v)
			}
			v = m[key]
		case int:
			l, ok := v.([]any)
			if !ok || key >= len(l) {
				t.Fatalf("no element %d in %v", key, v)
			}
			v = l[key]
		}
	}
	return v
}
