package loopback

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

func codecs() map[llm.Protocol]protocol.Codec {
	sealer := protocol.NewSealer([]byte(strings.Repeat("k", 32)))
	return map[llm.Protocol]protocol.Codec{
		llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer), llm.Responses: responses.New(sealer),
	}
}

// requests hold one in the words of each protocol. Its tool is called
// weather and wants a city.
var requests = map[llm.Protocol]string{
	llm.Chat: `{"model":"loopback","messages":[{"role":"user","content":"hello"}],"stream":STREAM,"stream_options":{"include_usage":true},"tools":[
		{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]}`,
	llm.Messages: `{"model":"loopback","max_tokens":100,"messages":[{"role":"user","content":"hello"}],"stream":STREAM,"tools":[
		{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]}`,
	llm.Responses: `{"model":"loopback","input":"hello","stream":STREAM,"tools":[
		{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]}`,
}

// answer is what a reader made of an answer.
type answer struct {
	model, text, thought, refusal, tool, arguments string
	usage                                          llm.Usage
	stop                                           llm.Stop
	failed                                         *llm.Error
	err                                            error
}

func read(r protocol.EventReader) (a answer) {
	blocks := map[int]llm.Block{}
	for {
		ev, err := r.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				a.err = err
			}
			return a
		}
		switch ev.Type {
		case llm.Start:
			a.model = ev.Meta.Model
		case llm.BlockStart:
			blocks[ev.Index] = ev.Block
			if call, ok := ev.Block.(llm.ToolCall); ok {
				a.tool += call.Name + " "
			}
		case llm.BlockDelta:
			piece := string(jsonscan.Unescape(nil, ev.Delta))
			switch blocks[ev.Index].(type) {
			case llm.Text:
				a.text += piece
			case llm.Thought:
				a.thought += piece
			case llm.Refusal:
				a.refusal += piece
			case llm.ToolCall:
				a.arguments += piece
			default:
			}
		case llm.Metered:
			a.usage.Merge(ev.Usage)
		case llm.Finish:
			a.stop = ev.Stop
		case llm.Failed:
			a.failed = ev.Err
		case llm.BlockEnd:
		}
	}
}

func do(t *testing.T, p *Provider, name llm.Protocol, stream bool, model string) *http.Response {
	t.Helper()
	body := strings.ReplaceAll(requests[name], "STREAM", map[bool]string{true: "true", false: "false"}[stream])
	resp, err := p.Do(t.Context(), &provider.Request{
		Operation: llm.Generate, Protocol: name, Model: model, Stream: stream,
		Body: net.Buffers{[]byte(strings.Replace(body, `"loopback"`, `"`+model+`"`, 1))},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestEveryProtocol(t *testing.T) {
	all := codecs()
	p := New(all, Options{})
	for _, tt := range []struct {
		name, model string
		check       func(t *testing.T, a *answer, stream bool)
	}{
		{"echo", "loopback", func(t *testing.T, a *answer, _ bool) {
			if a.text != "[loopback] hello" || a.model != "loopback" || a.stop.Reason != llm.StopEnd || a.failed != nil {
				t.Errorf("%+v", a)
			}
			if a.usage.Source != llm.Reported || a.usage.Output.N != 4 || a.usage.InputTotal() < 20 {
				t.Errorf("usage %+v", a.usage)
			}
		}},
		{"swap", "loopback:swap=other", func(t *testing.T, a *answer, _ bool) {
			if a.model != "other" {
				t.Errorf("model %q", a.model)
			}
		}},
		{"tools", "loopback:tool=weather,parallel=2", func(t *testing.T, a *answer, _ bool) {
			if a.tool != "weather weather " || a.arguments != strings.Repeat(`{"city":"loopback"}`, 2) || a.stop.Reason != llm.StopTools {
				t.Errorf("%+v", a)
			}
		}},
		{"thought", "loopback:think=hmm", func(t *testing.T, a *answer, _ bool) {
			if a.thought != "hmm" || a.text != "[loopback] hello" {
				t.Errorf("%+v", a)
			}
		}},
		{"length", "loopback:stop=length", func(t *testing.T, a *answer, _ bool) {
			if a.stop.Reason != llm.StopLength {
				t.Errorf("%+v", a.stop)
			}
		}},
		{"refusal", "loopback:refuse", func(t *testing.T, a *answer, _ bool) {
			if a.refusal+a.text != "[loopback] I was told to decline." {
				t.Errorf("%+v", a)
			}
		}},
		{"failure inside", "loopback:error=overloaded,after=1,chunks=3", func(t *testing.T, a *answer, stream bool) {
			if stream && (a.failed == nil || !a.failed.Retryable()) {
				t.Errorf("%+v", a)
			}
		}},
		{"cut", "loopback:cut=1,chunks=3", func(t *testing.T, a *answer, _ bool) {
			if a.failed == nil && a.err == nil || a.stop.Reason != "" {
				t.Errorf("a cut answer looks complete: %+v", a)
			}
		}},
	} {
		for name, codec := range all {
			for _, stream := range []bool{true, false} {
				t.Run(tt.name+"/"+string(name)+map[bool]string{true: "/stream", false: "/whole"}[stream], func(t *testing.T) {
					resp := do(t, p, name, stream, tt.model)
					if resp.StatusCode != http.StatusOK {
						if !stream && tt.name == "failure inside" {
							return // refused at once, see TestEveryRefusal
						}
						t.Fatalf("status %d: %s", resp.StatusCode, heard(t, resp))
					}
					a := read(codec.NewReader(resp.Body, stream, protocol.Target{}))
					tt.check(t, &a, stream)
				})
			}
		}
	}
}

func TestEveryRefusal(t *testing.T) {
	all := codecs()
	p := New(all, Options{})
	for model, want := range map[string]llm.ErrorKind{
		"loopback:status=429,retry_after=3": llm.RateLimited,
		"loopback:status=503":               llm.Overloaded,
		"loopback:status=529":               llm.Overloaded,
		"loopback:error=overloaded":         llm.Overloaded,
		"loopback:status=400":               llm.Invalid,
		"loopback:nonsense":                 llm.Invalid,
	} {
		for name, codec := range all {
			resp := do(t, p, name, false, model)
			text := heard(t, resp)
			err := codec.DecodeError(resp.StatusCode, resp.Header, []byte(text))
			if err.Kind != want {
				t.Errorf("%s %s: %d %s is %s, want %s", name, model, resp.StatusCode, text, err.Kind, want)
			}
			if strings.Contains(model, "retry_after") && err.RetryAfter.Seconds() != 3 {
				t.Errorf("%s %s: retry after %s", name, model, err.RetryAfter)
			}
			if id := resp.Header.Get("X-Request-Id"); name == llm.Messages && !strings.Contains(text, `"request_id":"`+id+`"`) {
				t.Errorf("%s: the body does not hold the request's id %s: %s", model, id, text)
			}
		}
	}
}

func TestEmbeddingsAreMetered(t *testing.T) {
	codec := codecs()[llm.Chat]
	body := `{"model":"loopback","input":"hello","encoding_format":"base64"}`
	p := New(codecs(), Options{})
	resp, err := p.Do(t.Context(), &provider.Request{
		Operation: llm.Embed, Protocol: llm.Chat, Model: "loopback", Body: net.Buffers{[]byte(body)},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := heard(t, resp)
	head, err := codec.Peek(llm.Embed, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	head.Operation = llm.Embed
	meter := codec.NewMeter(head)
	meter.Observe([]byte(text))
	if u := meter.Usage(); u.Input != llm.Known(2) || !strings.Contains(text, `"embedding":"`) {
		t.Errorf("usage %+v of %.100s", u, text)
	}
}

func TestCountsInMessages(t *testing.T) {
	p := New(codecs(), Options{})
	body := `{"model":"loopback","messages":[{"role":"user","content":"hello"}]}`
	resp, err := p.Do(t.Context(), &provider.Request{
		Operation: llm.CountTokens, Protocol: llm.Messages, Model: "loopback", Body: net.Buffers{[]byte(body)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := heard(t, resp); strings.TrimSpace(text) != `{"input_tokens":2}` {
		t.Errorf("%s", text)
	}
}
