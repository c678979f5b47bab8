package chat_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// contentFrame is a usual chunk of the vendor.
const contentFrame = `data: {"id":"chatcmpl-CYPS1lijGoK8gd9lYzY3r9Sx50nbt","object":"chat.completion.chunk","created":1762317021,"model":"gpt-5-nano-2025-08-07",` +
	`"service_tier":"default","system_fingerprint":null,"choices":[{"index":0,"delta":{"content":" Capital"},"logprobs":null,"finish_reason":null}],` +
	`"usage":null,"obfuscation":"D3WbtIxo1Q2j1Q"}` + "\n\n"

func prompt(size int) []byte {
	words := strings.Repeat(`The quick \"brown\" fox jumps over the lazy dog. `, size/50)
	return []byte(`{"model":"gpt-5.5","messages":[{"role":"system","content":"S"},{"role":"user","content":"` + words +
		`"}],"max_completion_tokens":64,"stream":true}`)
}

func BenchmarkPeek200KB(b *testing.B) {
	body, c := prompt(200_000), codec()
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := c.Peek(llm.Generate, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode200KB(b *testing.B) {
	body, c := prompt(200_000), codec()
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := c.DecodeRequest(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	m, frame := codec().NewMeter(protocol.Head{Stream: true}), []byte(contentFrame)
	m.Observe(frame)
	b.ReportAllocs()
	for b.Loop() {
		if m.Observe(frame) != protocol.Content {
			b.Fatal("no content")
		}
	}
}

// endless repeats a frame.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.frame[e.at:])
	e.at = (e.at + n) % len(e.frame)
	return n, nil
}

func relay(tb testing.TB, frame string) func() {
	r := codec().NewReader(&endless{frame: []byte(frame)}, true, protocol.Target{})
	w := codec().NewWriter(protocol.Head{Stream: true})
	out := make([]byte, 0, 4096)
	step := func() {
		for {
			ev, err := r.Next()
			if err != nil {
				tb.Fatal(err)
			}
			if out, err = w.Append(out[:0], ev); err != nil {
				tb.Fatal(err)
			}
			if ev.Type == llm.BlockDelta {
				return
			}
		}
	}
	step()
	return step
}

func BenchmarkRelayDelta(b *testing.B) {
	step := relay(b, contentFrame)
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

// TestAllocations holds the paths that run for every chunk.
func TestAllocations(t *testing.T) {
	m, frame := codec().NewMeter(protocol.Head{Stream: true}), []byte(contentFrame)
	m.Observe(frame)
	if n := testing.AllocsPerRun(100, func() { m.Observe(frame) }); n > 0 {
		t.Errorf("observing a frame makes %v allocations", n)
	}
	call := strings.Replace(contentFrame, `{"content":" Capital"}`, `{"tool_calls":[{"index":0,"function":{"arguments":"x"}}]}`, 1)
	for name, frame := range map[string]string{"text": contentFrame, "call": call} {
		if n := testing.AllocsPerRun(100, relay(t, frame)); n > 2 {
			t.Errorf("carrying a delta of %s makes %v allocations", name, n)
		}
	}
	body, c := prompt(200_000), codec()
	if n := testing.AllocsPerRun(10, func() { _, _ = c.Peek(llm.Generate, body) }); n > 4 {
		t.Errorf("peeking makes %v allocations", n)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}],"tools":[{"type":"function","function":{"name":"f"}}]}`))
	f.Add([]byte(`{"messages":[{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}],"reasoning_details":[{"data":"gw1."}]},{"role":"tool","tool_call_id":"b","content":"x"}]}`))
	f.Add([]byte(`{"functions":[{"name":"f"}],"function_call":{"name":"f"},"messages":[{"role":"function","content":""}],"stop":"x","n":2}`))
	c := codec()
	f.Fuzz(func(t *testing.T, body []byte) {
		head, peekErr := c.Peek(llm.Generate, body)
		req, err := c.DecodeRequest(body)
		if err != nil {
			if llm.AsError(err).Kind != llm.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		if peekErr == nil {
			out, err := c.Patch(body, head, protocol.Target{Model: "up"})
			if err != nil {
				t.Fatal(err)
			}
			object(t, bytes.Join(out, nil))
		}
		for _, to := range []protocol.Target{{Native: true, Reasoning: true}, {Quirks: protocol.Quirks{EchoReasoning: true, StringContent: true, NoMidSystem: true, CustomTools: true}}} {
			out, _, err := c.EncodeRequest(req, to)
			if err != nil {
				continue
			}
			if _, err := c.DecodeRequest(out); err != nil {
				t.Errorf("%v in %s", err, out)
			}
		}
	})
}

// FuzzReader holds the reader to the grammar, and the writer to JSON.
func FuzzReader(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.Body) < 8000 {
			f.Add(s.Body, s.Stream, uint8(0))
			f.Add(s.Body, s.Stream, uint8(7))
		}
	}
	c := codec()
	f.Fuzz(func(t *testing.T, body []byte, streamed bool, traits uint8) {
		from := protocol.Target{Quirks: protocol.Quirks{ThinkTags: traits&1 != 0, CumulativeArguments: traits&2 != 0}}
		r := c.NewReader(bytes.NewReader(body), streamed, from)
		w := c.NewWriter(protocol.Head{Stream: traits&4 != 0, WantUsage: true})
		var out []byte
		open := map[int]bool{}
		started, ended := false, false
		for n := 0; ; n++ {
			ev, err := r.Next()
			if errors.Is(err, io.EOF) && ended {
				break
			}
			if err != nil || ended || n > 1_000_000 {
				t.Fatalf("event %d: %v, ended %v", n, err, ended)
			}
			switch ev.Type {
			case llm.Start:
				if started {
					t.Fatal("a second start")
				}
				started = true
			case llm.BlockStart:
				if !started || open[ev.Index] {
					t.Fatalf("block %d", ev.Index)
				}
				open[ev.Index] = true
			case llm.BlockDelta, llm.BlockEnd:
				if !open[ev.Index] {
					t.Fatalf("block %d is not open", ev.Index)
				}
				open[ev.Index] = ev.Type == llm.BlockDelta
			case llm.Finish, llm.Failed:
				ended = true
			case llm.Metered:
			}
			if out, err = w.Append(out, ev); err != nil {
				t.Fatal(err)
			}
		}
		if traits&4 == 0 {
			object(t, out)
			return
		}
		for line := range bytes.Lines(out) {
			if data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: ")); ok && string(data) != done {
				object(t, data)
			} else if len(bytes.TrimSpace(line)) > 0 && !ok {
				t.Fatalf("a line %q", line)
			}
		}
	})
}

func FuzzMeter(f *testing.F) {
	for _, s := range samples(f) {
		if len(s.Body) < 8000 {
			f.Add(s.Body, s.Stream)
		}
	}
	f.Add([]byte(`{"data":[{"embedding":[1,2]}],"usage":{"prompt_tokens":1e300}}`), false)
	c := codec()
	f.Fuzz(func(t *testing.T, body []byte, streamed bool) {
		for _, op := range []llm.Operation{llm.Generate, llm.Embed} {
			m := c.NewMeter(protocol.Head{Stream: streamed, Operation: op})
			for frame := range bytes.SplitAfterSeq(body, []byte("\n\n")) {
				if m.Observe(frame) == protocol.Failure && m.Err() == nil {
					t.Error("a failure without an error")
				}
			}
			_, _, _ = m.Meta(), m.Usage(), m.Stop()
			c.Mend(protocol.Head{Operation: op, Base64: streamed}, body)
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	f.Add(400, []byte(`{"error":{"message":"try again in 7s","code":"x","param":"y"}}`))
	f.Add(422, []byte(`{"detail":[{"loc":["body",0],"msg":"m"}]}`))
	f.Add(502, []byte(`<html>`))
	f.Add(0, []byte(`[{"error":"x"}]`))
	c := codec()
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := c.DecodeError(status, nil, body)
		if e.Message == "" || e.RetryAfter < 0 {
			t.Errorf("%+v", e)
		}
		_, _, out := c.EncodeError(e, protocol.Head{})
		object(t, out)
	})
}
