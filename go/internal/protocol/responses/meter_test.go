package responses_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// observe shows a stream to a meter and returns the verdicts.
func observe(t testing.TB, m protocol.Meter, stream []byte) []protocol.Verdict {
	t.Helper()
	var out []protocol.Verdict
	frames := sse.NewScanner(bytes.NewReader(stream), 0)
	for {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			return out
		}
		v := m.Observe(frame)
		out = append(out, v)
		if v == protocol.Last || v == protocol.Failure {
			return out
		}
	}
}

// TestMeterAgreesWithReader holds what a meter sees against the events.
func TestMeterAgreesWithReader(t *testing.T) {
	for _, a := range answers(t) {
		t.Run(a.Name, func(t *testing.T) {
			m := codec().NewMeter(protocol.Head{Stream: a.Stream})
			var verdicts []protocol.Verdict
			if a.Stream {
				verdicts = observe(t, m, a.Body)
			} else {
				verdicts = append(verdicts, m.Observe(a.Body))
			}
			want := read(t, a.Body, a.Stream)
			end := verdicts[len(verdicts)-1]
			if want.Err != nil {
				if end != protocol.Failure || m.Err() == nil || m.Err().Kind != want.Err.Kind || m.Err().Message != want.Err.Message {
					t.Errorf("verdict %d, error %v, want %v", end, m.Err(), want.Err)
				}
				return
			}
			want.Meta.Tier = m.Meta().Tier // known at the end only
			if end != protocol.Last || m.Usage() != want.Usage || m.Meta() != want.Meta {
				t.Errorf("verdict %d, usage %+v, meta %+v; the reader says %+v %+v", end, m.Usage(), m.Meta(), want.Usage, want.Meta)
			}
			if m.Stop().Reason != want.Stop.Reason || m.Stop().Raw != want.Stop.Raw {
				t.Errorf("stop %+v, the reader says %+v", m.Stop(), want.Stop)
			}
		})
	}
}

func TestMeterHoldsUntilContent(t *testing.T) {
	stream := protocoltest.File("08-thinking", "responses.stream.sse")
	got := observe(t, codec().NewMeter(protocol.Head{Stream: true}), stream)
	want := []protocol.Verdict{protocol.Preamble, protocol.Preamble, protocol.Preamble, protocol.Preamble, protocol.Content}
	if !slices.Equal(got[:5], want) {
		t.Errorf("got %v", got)
	}
	calls := protocoltest.File("05-parallel-tools", "responses.stream.sse")
	if got := observe(t, codec().NewMeter(protocol.Head{Stream: true}), calls); got[2] != protocol.Content {
		t.Errorf("a call is content: %v", got)
	}
	unnamed := []byte("data: {\"sequence_number\":1, \"type\": \"response.output_text.delta\",\"delta\":\"x\"}\r\n\r\n: comment\n\ndata: [DONE]\n\n")
	all := []protocol.Verdict{protocol.Content, protocol.Content, protocol.Content}
	if got := observe(t, codec().NewMeter(protocol.Head{Stream: true}), unnamed); !slices.Equal(got, all) {
		t.Errorf("unnamed frames: %v", got)
	}
}

func TestMeterFailures(t *testing.T) {
	m := codec().NewMeter(protocol.Head{Stream: true, Model: "m"})
	stream := protocoltest.File("01-plain", "responses.stream.sse")
	cut := stream[:bytes.Index(stream, []byte("event: response.output_text.done"))]
	observe(t, m, cut)
	if m.Stop().Reason != "" {
		t.Errorf("a cut stream has no stop: %+v", m.Stop())
	}
	whole := m.AppendFailure(append([]byte(nil), cut...), llm.Errorf(llm.BadUpstream, "cut short"))
	if a := read(t, whole, true); a.Err == nil || a.Err.Message != "cut short" {
		t.Errorf("%+v", a)
	}
	tail := whole[len(cut):]
	if !strings.Contains(string(tail), `"sequence_number":8`) || !strings.Contains(string(tail), `"id":"resp_01_plain"`) {
		t.Errorf("%s", tail)
	}
	for _, bad := range []string{"<html>", `{"error":{"message":"m"}}`, `{"status":"failed","error":{"code":"server_error","message":"m"}}`, `{"status":"cancelled","output":[]}`} {
		m := codec().NewMeter(protocol.Head{})
		if m.Observe([]byte(bad)) != protocol.Failure || m.Err() == nil {
			t.Errorf("%s: %v", bad, m.Err())
		}
	}
}

func TestReaderRefusesNonsense(t *testing.T) {
	for _, body := range []string{"", "null", "<html>", "[]", "{}", `{"output":{}}`, `{"output":[]} x`} {
		if a := read(t, []byte(body), false); a.Err == nil || a.Err.Kind != llm.BadUpstream {
			t.Errorf("%q: %+v", body, a)
		}
	}
	for _, stream := range []string{"", "data: {\n\n", "<html>", "data: [DONE]\n\n", "event: response.created\ndata: {\"response\":{}}\n\n"} {
		if a := read(t, []byte(stream), true); a.Err == nil || a.Err.Kind != llm.BadUpstream {
			t.Errorf("%q: %+v", stream, a)
		}
	}
}

const deltaFrame = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":4,\"item_id\":\"msg_01_plain_0\",\"output_index\":0,\"content_index\":0,\"delta\":\" Hello\",\"logprobs\":[]}\n\n"

func BenchmarkObserve(b *testing.B) {
	m := codec().NewMeter(protocol.Head{Stream: true})
	frame := []byte(deltaFrame)
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(frame)
	}
}

func BenchmarkPeek(b *testing.B) {
	body := []byte(`{"input":[{"role":"user","content":"` + strings.Repeat("words and \\\"words\\\" ", 10_000) + `"}],"model":"gpt-5.5","stream":true}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec().Peek(llm.Generate, body); err != nil {
			b.Fatal(err)
		}
	}
}

// endless gives the same frames for ever, after a beginning.
type endless struct{ head, frame []byte }

func (e *endless) Read(b []byte) (int, error) {
	if len(e.head) > 0 {
		n := copy(b, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	n := 0
	for n+len(e.frame) <= len(b) {
		n += copy(b[n:], e.frame)
	}
	if n == 0 { // room for less than a frame
		n = copy(b, e.frame)
		e.head = e.frame[n:]
	}
	return n, nil
}

func BenchmarkDeltaReadWrite(b *testing.B) {
	stream := protocoltest.File("01-plain", "responses.stream.sse")
	head := stream[:bytes.Index(stream, []byte("event: response.output_text.delta"))]
	r := codec().NewReader(&endless{head: head, frame: []byte(deltaFrame)}, true, protocol.Target{})
	w := codec().NewWriter(protocol.Head{Stream: true, Model: "m"})
	out := make([]byte, 0, 1<<16)
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
