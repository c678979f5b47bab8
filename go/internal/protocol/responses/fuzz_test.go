package responses_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

func FuzzDecodeRequest(f *testing.F) {
	for _, name := range protocoltest.Cases(f) {
		if body := protocoltest.File(name, "responses.request.json"); body != nil {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := codec().Peek(llm.Generate, body); err != nil && llm.AsError(err).Kind != llm.Invalid {
			t.Errorf("peek: %v", err)
		}
		req, err := codec().DecodeRequest(body)
		if err != nil {
			var e *llm.Error
			if !errors.As(err, &e) || e.Kind != llm.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		for _, to := range []protocol.Target{native, {Model: "m"}} {
			out, _, err := codec().EncodeRequest(req, to)
			if err != nil {
				continue
			}
			if !json.Valid(out) {
				t.Fatalf("not JSON: %s", out)
			}
			again, err := codec().DecodeRequest(out)
			if err == nil {
				_, _, err = codec().EncodeRequest(again, to)
			}
			if err != nil && req.Model != "" {
				t.Logf("the second round is refused: %v", err)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, a := range answers(f) {
		f.Add(a.Body, a.Stream)
	}
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		events := protocoltest.Events(t, codec().NewReader(bytes.NewReader(body), stream, native))
		if _, err := protocoltest.Assemble(events); err != nil {
			t.Error(err)
		}
		if utf8.Valid(body) {
			rewrite(t, events, true)
			rewrite(t, events, false)
		}
	})
}

func FuzzMeter(f *testing.F) {
	for _, a := range answers(f) {
		f.Add(a.Body, a.Stream)
	}
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		m := codec().NewMeter(protocol.Head{Stream: stream})
		if !stream {
			m.Observe(body)
		} else {
			observe(t, m, body)
		}
		if u := m.Usage(); u.InputTotal() < 0 || u.OutputTotal() < 0 {
			t.Errorf("usage %+v", u)
		}
		m.AppendFailure(nil, llm.Errorf(llm.BadUpstream, "x"))
	})
}

func FuzzDecodeError(f *testing.F) {
	for _, c := range errorCases(f) {
		f.Add(c.Wire.Status, "7", []byte(c.Wire.Body))
	}
	f.Add(502, "Wed, 21 Oct 2026 07:28:00 GMT", []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, after string, body []byte) {
		e := codec().DecodeError(status, http.Header{"Retry-After": {after}}, body)
		if e.Message == "" || e.RetryAfter < 0 {
			t.Errorf("%+v", e)
		}
		if _, _, out := codec().EncodeError(e, protocol.Head{}); !json.Valid(out) {
			t.Errorf("not JSON: %s", out)
		}
	})
}

// FuzzCustomInput takes the input out of whatever a model says, in pieces.
func FuzzCustomInput(f *testing.F) {
	f.Add(`{"input":"*** Begin\nPatch \u00e9"}`, 3)
	f.Add("```\nx\n```", 1)
	f.Add(`{"input":"\ud83d\ude00 \\ \" `, 2)
	f.Fuzz(func(t *testing.T, said string, size int) {
		if !utf8.ValidString(said) || size < 1 {
			return
		}
		escaped, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		inner := escaped[1 : len(escaped)-1]
		var pieces []string
		for len(inner) > 0 {
			n := min(size, len(inner))
			for !utf8.Valid(inner[:n]) || !json.Valid([]byte(`"`+string(inner[:n])+`"`)) {
				n++
			}
			pieces, inner = append(pieces, string(inner[:n])), inner[n:]
		}
		stream := rewrite(t, from(llm.Messages).block(0, custom("c"), "", pieces...).finish(llm.StopTools), true)
		var input struct{ Output []struct{ Input string } }
		body := rewrite(t, from(llm.Messages).block(0, custom("c"), "", pieces...).finish(llm.StopTools), false)
		if err := json.Unmarshal(body, &input); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if got := read(t, stream, true).Blocks[0].(llm.ToolCall).Arguments; got != input.Output[0].Input {
			t.Errorf("streamed %q, whole %q", got, input.Output[0].Input)
		}
	})
}
