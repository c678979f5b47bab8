package messages_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// recorded is an answer of the vendor itself.
type recorded struct {
	body   []byte
	stream bool
}

// answers are all answers of the fixtures and the recordings that end well.
func answers(t *testing.T) map[string]recorded {
	t.Helper()
	out := map[string]recorded{}
	for name, body := range files(t, "messages.response.json") {
		out["fixture/"+name+"/body"] = recorded{body, false}
	}
	for name, body := range files(t, "messages.stream.sse") {
		if name != "21-stream-error" {
			out["fixture/"+name+"/stream"] = recorded{body, true}
		}
	}
	for _, r := range protocoltest.Recordings(t, true, "", "anthropic") {
		if strings.Contains(r.Name, "spliced") {
			continue
		}
		if !r.Stream {
			out[r.Name] = recorded{r.Body, false}
			continue
		}
		// Some files hold the answers of several turns.
		end := []byte("data: {\"type\":\"message_stop\"}\n\n")
		for i, rest := 0, r.Body; len(bytes.TrimSpace(rest)) > 0; i++ {
			n := bytes.Index(rest, end)
			if n < 0 {
				t.Fatalf("%s has no end", r.Name)
			}
			out[r.Name+"/"+string(rune('a'+i))] = recorded{rest[:n+len(end)], true}
			rest = rest[n+len(end):]
		}
	}
	return out
}

func TestAnswersComeBack(t *testing.T) {
	for name, a := range answers(t) {
		t.Run(name, func(t *testing.T) {
			events := mustCollect(t, a.body, a.stream)
			if last := events[len(events)-1]; last.Type != llm.Finish {
				t.Fatalf("ended with %+v", last.Err)
			}
			want := assemble(events)
			for _, stream := range []bool{false, true} {
				out, findings := render(t, events, protocol.Head{Stream: stream, EstimatedInput: 7})
				if strings.Contains(name, "14-tool-truncated") && !stream && a.stream {
					continue // a body cannot hold half a call
				}
				if len(findings) > 0 {
					t.Errorf("findings: %v", findings)
				}
				if !stream && !json.Valid(out) {
					t.Fatalf("not JSON: %s", out)
				}
				got := assemble(mustCollect(t, out, stream))
				// A body says {} for what a stream says with nothing.
				if !slices.Equal(blocksOf(got), blocksOf(want)) {
					t.Errorf("stream=%t\ngot  %q\nwant %q", stream, blocksOf(got), blocksOf(want))
				}
				got.Blocks, want.Blocks = nil, nil
				if want.Usage == "0 0 0 0 0 0" {
					got.Usage = want.Usage // what was not reported is estimated
				}
				if got.Usage != want.Usage || got.Stop != want.Stop || got.Failed != want.Failed {
					t.Errorf("stream=%t\ngot  %+v\nwant %+v", stream, got, want)
				}
				want = assemble(events)
			}
		})
	}
}

// blocksOf drops empty text, which does not go out.
func blocksOf(a answer) []string {
	return slices.DeleteFunc(slices.Clone(a.Blocks), func(s string) bool {
		return strings.HasPrefix(s, "llm.Text {Text: ") && strings.HasSuffix(s, "}  ")
	})
}

func TestStreamAndBodySayTheSame(t *testing.T) {
	streams := files(t, "messages.stream.sse")
	for name, body := range files(t, "messages.response.json") {
		stream, both := streams[name]
		if !both || name == "14-tool-truncated" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			got, want := assemble(mustCollect(t, stream, true)), assemble(mustCollect(t, body, false))
			if !slices.Equal(got.Blocks, want.Blocks) || got.Usage != want.Usage || got.Stop != want.Stop {
				t.Errorf("stream %+v\nbody   %+v", got, want)
			}
			// And what a writer folds is the fixture's own body.
			out, _ := render(t, mustCollect(t, stream, true), protocol.Head{})
			same(t, value(t, out), value(t, body))
		})
	}
	t.Run("14-tool-truncated", func(t *testing.T) {
		out, findings := render(t, mustCollect(t, streams["14-tool-truncated"], true), protocol.Head{})
		same(t, value(t, out), value(t, files(t, "messages.response.json")["14-tool-truncated"]))
		if len(findings) != 1 || findings[0].Reason != "truncated_tool_call" {
			t.Errorf("findings: %v", findings)
		}
	})
}

func TestSplitAtEveryByte(t *testing.T) {
	for name, body := range files(t, "messages.stream.sse") {
		t.Run(name, func(t *testing.T) {
			want := assemble(mustCollect(t, body, true))
			for cut := 1; cut < len(body); cut++ {
				events, err := collect(codec.NewReader(protocoltest.Pieces(body, cut, len(body)), true, protocol.Target{}))
				if err != nil {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				if got := assemble(events); !slices.Equal(got.Blocks, want.Blocks) || got.Usage != want.Usage || got.Stop != want.Stop || got.Failed != want.Failed {
					t.Fatalf("cut at %d: got %+v, want %+v", cut, got, want)
				}
			}
			events, err := collect(codec.NewReader(protocoltest.Pieces(body, 1, 1), true, protocol.Target{}))
			if err != nil {
				t.Fatal(err)
			}
			if got := assemble(events); !slices.Equal(got.Blocks, want.Blocks) {
				t.Errorf("byte by byte: got %+v, want %+v", got, want)
			}
		})
	}
}

// A stream that is cut anywhere is a failure, never an answer.
func TestCutAtEveryByte(t *testing.T) {
	for name, body := range files(t, "messages.stream.sse") {
		if name == "21-stream-error" {
			continue
		}
		whole := bytes.TrimRight(body, "\n")
		for cut := range len(whole) {
			events, err := collect(codec.NewReader(bytes.NewReader(whole[:cut]), true, protocol.Target{}))
			if err != nil {
				t.Fatalf("%s cut at %d: %v", name, cut, err)
			}
			if last := events[len(events)-1]; last.Type != llm.Failed || last.Err.Kind != llm.BadUpstream || !last.Err.Retryable() {
				t.Fatalf("%s cut at %d ended with %+v", name, cut, last)
			}
		}
	}
}

func TestStreamError(t *testing.T) {
	body := files(t, "messages.stream.sse")["21-stream-error"]
	events := mustCollect(t, body, true)
	last := events[len(events)-1]
	if last.Type != llm.Failed || last.Err.Kind != llm.Overloaded || last.Err.Message != "Overloaded" {
		t.Fatalf("got %+v", last.Err)
	}
	out, _ := render(t, events, protocol.Head{Stream: true, RequestID: "req_1"})
	if !bytes.HasSuffix(out, []byte("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"},\"request_id\":\"req_1\"}\n\n")) ||
		bytes.Contains(out, []byte("message_stop")) || bytes.Contains(out, []byte("content_block_stop")) {
		t.Errorf("got %s", out)
	}
}

// legalFrames checks the vendor's rules for the order of a stream.
func legalFrames(t *testing.T, stream []byte) {
	t.Helper()
	next, open, kind, ended := 0, false, "", false
	started := false
	for frame := range strings.SplitSeq(strings.TrimSuffix(string(stream), "\n\n"), "\n\n") {
		head, data, ok := strings.Cut(frame, "\ndata: ")
		name := strings.TrimPrefix(head, "event: ")
		if !ok || !json.Valid([]byte(data)) || ended {
			t.Fatalf("frame %q", frame)
		}
		v := []byte(data)
		if got, _ := jsonscan.Text(jsonscan.Get(v, "type")); got != name {
			t.Fatalf("event %s has type %s", name, got)
		}
		index, _ := jsonscan.Int(jsonscan.Get(v, "index"))
		if strings.HasPrefix(name, "content_block") && int(index) != next {
			t.Fatalf("index %d, want %d", index, next)
		}
		switch name {
		case "message_start":
			if started {
				t.Fatal("two starts")
			}
			started = true
			usage := jsonscan.Get(v, "message", "usage")
			for _, member := range []string{"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens"} {
				if _, ok := jsonscan.Int(jsonscan.Get(usage, member)); !ok {
					t.Fatalf("no %s in %s", member, usage)
				}
			}
		case "content_block_start":
			if open || !started {
				t.Fatal("a block inside another, or before the start")
			}
			open = true
			kind, _ = jsonscan.Text(jsonscan.Get(v, "content_block", "type"))
		case "content_block_delta":
			delta, _ := jsonscan.Text(jsonscan.Get(v, "delta", "type"))
			fits := map[string]string{
				"text_delta": "text", "citations_delta": "text", "thinking_delta": "thinking",
				"signature_delta": "thinking", "input_json_delta": "tool_use",
			}[delta]
			if !open || fits == "" || !strings.HasSuffix(kind, fits) {
				t.Fatalf("%s in a block of type %s", delta, kind)
			}
		case "content_block_stop":
			if !open {
				t.Fatal("the end of a block that is not open")
			}
			open = false
			next++
		case "message_delta":
			if open {
				t.Fatal("message_delta inside a block")
			}
		case "message_stop", "error":
			ended = true
		case "ping":
		default:
			t.Fatalf("unknown event %s", name)
		}
	}
	if !ended {
		t.Fatal("no end")
	}
}

func TestFramesAreLegal(t *testing.T) {
	for name, a := range answers(t) {
		t.Run(name, func(t *testing.T) {
			out, _ := render(t, mustCollect(t, a.body, a.stream), protocol.Head{Stream: true})
			legalFrames(t, out)
		})
	}
}

func TestMeterSeesWhatTheReaderSees(t *testing.T) {
	for name, a := range answers(t) {
		t.Run(name, func(t *testing.T) {
			m := codec.NewMeter(protocol.Head{Stream: a.stream})
			var verdicts []protocol.Verdict
			if a.stream {
				for frame := range strings.SplitAfterSeq(string(a.body), "\n\n") {
					if frame != "" {
						verdicts = append(verdicts, m.Observe([]byte(frame)))
					}
				}
			} else {
				verdicts = append(verdicts, m.Observe(a.body))
			}
			if last := verdicts[len(verdicts)-1]; last != protocol.Last {
				t.Errorf("last verdict %v", last)
			}
			for i := 1; i < len(verdicts); i++ {
				if verdicts[i] == protocol.Preamble && verdicts[i-1] == protocol.Content {
					t.Errorf("preamble after content at frame %d", i)
				}
			}
			var usage llm.Usage
			var stop llm.Stop
			var meta llm.Meta
			for _, ev := range mustCollect(t, a.body, a.stream) {
				switch ev.Type {
				case llm.Start:
					meta = *ev.Meta
				case llm.Metered:
					usage.Merge(ev.Usage)
				case llm.Finish:
					stop = ev.Stop
				default:
				}
			}
			got := m.Stop()
			if m.Usage() != usage || m.Meta() != meta || got.Raw != stop.Raw || got.Sequence != stop.Sequence || m.Err() != nil {
				t.Errorf("got  %+v %+v %+v %v\nwant %+v %+v %+v", m.Usage(), m.Meta(), got, m.Err(), usage, meta, stop)
			}
		})
	}
}

func TestMeterVerdicts(t *testing.T) {
	frame := func(name, data string) string { return "event: " + name + "\ndata: " + data + "\n\n" }
	m := codec.NewMeter(protocol.Head{Stream: true, RequestID: "req_9"})
	for i, c := range []struct {
		frame string
		want  protocol.Verdict
	}{
		{frame("message_start", `{"type":"message_start","message":{"id":"m","usage":{"input_tokens":3,"output_tokens":1}}}`), protocol.Preamble},
		{": comment\n\n", protocol.Preamble},
		{frame("ping", `{"type":"ping"}`), protocol.Preamble},
		{frame("content_block_start", `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`), protocol.Preamble},
		{frame("content_block_delta", `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}`), protocol.Preamble},
		{"data: nonsense\n\n", protocol.Preamble},
		{"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\r\n\r\n", protocol.Content},
		{frame("ping", `{"type":"ping"}`), protocol.Content},
		{frame("error", `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`), protocol.Failure},
	} {
		if got := m.Observe([]byte(c.frame)); got != c.want {
			t.Errorf("frame %d: %v, want %v", i, got, c.want)
		}
	}
	if e := m.Err(); e == nil || e.Kind != llm.Overloaded {
		t.Errorf("got %v", m.Err())
	}
	if u := m.Usage(); !u.Input.Known || u.Input.N != 3 || u.Output.Known {
		t.Errorf("the output count of message_start was taken for real: %+v", u)
	}
	legal := string(m.AppendFailure(nil, llm.Errorf(llm.Timeout, "slow")))
	if legal != "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"slow\"},\"request_id\":\"req_9\"}\n\n" {
		t.Errorf("got %s", legal)
	}
}

func TestMeterOfBodies(t *testing.T) {
	count := codec.NewMeter(protocol.Head{Operation: llm.CountTokens})
	if v := count.Observe([]byte(`{"input_tokens":412}`)); v != protocol.Last || count.Usage().Input != llm.Known(412) {
		t.Errorf("%v %+v", v, count.Usage())
	}
	for name, body := range map[string]string{
		"html": "<html>gateway</html>", "empty": "", "array": "[]", "nothing": "{}", "cut": `{"content":[`,
		"error": `{"type":"error","error":{"type":"api_error","message":"boom"}}`,
	} {
		m := codec.NewMeter(protocol.Head{Operation: llm.Generate})
		if v := m.Observe([]byte(body)); v != protocol.Failure || m.Err() == nil || m.Err().Kind != llm.BadUpstream {
			t.Errorf("%s: %v %v", name, v, m.Err())
		}
		events := mustCollect(t, []byte(body), false)
		if len(events) != 1 || events[0].Type != llm.Failed || events[0].Err.Kind != llm.BadUpstream {
			t.Errorf("%s: the reader says %+v", name, events)
		}
	}
}

var deltaFrame = []byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" some words \\u00e9\"}}\n\n")

func BenchmarkObserve(b *testing.B) {
	m := codec.NewMeter(protocol.Head{Stream: true})
	m.Observe(deltaFrame)
	b.ReportAllocs()
	for b.Loop() {
		if m.Observe(deltaFrame) != protocol.Content {
			b.Fatal("no content")
		}
	}
}

// endless gives the start of a stream and then deltas for ever.
type endless struct{ rest []byte }

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		e.rest = deltaFrame
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

func BenchmarkDeltaReadWrite(b *testing.B) {
	r := codec.NewReader(&endless{}, true, protocol.Target{})
	w := codec.NewWriter(protocol.Head{Stream: true})
	out := make([]byte, 0, 1<<12)
	b.ReportAllocs()
	for b.Loop() {
		ev, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		if out, err = w.Append(out[:0], ev); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, r := range protocoltest.Recordings(f, true, "", "anthropic") {
		if len(r.Body) < 8<<10 {
			f.Add(r.Body, r.Stream)
		}
	}
	f.Add([]byte("event: content_block_delta\ndata: {\"index\":3,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"x\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n"), true)
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		events, err := collect(codec.NewReader(bytes.NewReader(body), stream, protocol.Target{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range []bool{true, false} {
			w := codec.NewWriter(protocol.Head{Stream: stream})
			var out []byte
			for _, ev := range events {
				if out, err = w.Append(out, ev); err != nil {
					t.Fatal(err)
				}
			}
			if len(out) == 0 {
				t.Fatal("an answer without an end")
			}
		}
	})
}

func FuzzMeter(f *testing.F) {
	f.Add(deltaFrame, true)
	f.Add([]byte(`{"content":[],"usage":{"input_tokens":1}}`), false)
	f.Fuzz(func(t *testing.T, frame []byte, stream bool) {
		m := codec.NewMeter(protocol.Head{Stream: stream})
		if v := m.Observe(frame); (v == protocol.Failure) != (m.Err() != nil) {
			t.Fatalf("verdict %v, error %v", v, m.Err())
		}
		u := m.Usage()
		if u.InputTotal() < 0 && u.Input.N >= 0 && u.CacheRead.N < 1<<40 && u.Input.N < 1<<40 && u.CacheWrite5m.N < 1<<40 && u.CacheWrite1h.N < 1<<40 {
			t.Fatalf("negative usage %+v", u)
		}
	})
}

// TestFastAnswersAreBilledAsSuch: their price is another, their service tier
// is not.
func TestFastAnswersAreBilledAsSuch(t *testing.T) {
	for usage, want := range map[string]string{
		`{"speed":"fast","service_tier":"standard"}`:     "fast",
		`{"speed":"standard","service_tier":"priority"}`: "priority",
		`{"service_tier":"batch"}`:                       "batch",
		`{}`:                                             "",
	} {
		m := codec.NewMeter(protocol.Head{})
		m.Observe([]byte(`{"type":"message","id":"m","content":[],"usage":` + usage + `}`))
		if got := m.Meta().Tier; got != want {
			t.Errorf("%s: tier %q, want %q", usage, got, want)
		}
	}
}
