package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

var both = []llm.Protocol{llm.Chat, llm.Messages}

// TestEveryWayThrough asks in each protocol and form, of upstreams that answer
// in each protocol and form, whatever was asked.
func TestEveryWayThrough(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			for _, wants := range []bool{false, true} {
				for _, gives := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s stream=%v/%s stream=%v", from, wants, to, gives), func(t *testing.T) {
						u := &upstream{name: "up", plays: []play{answers(to, gives)}}
						b := newBench(t, setup{}, candidate(u, to))
						a := b.ask(t, from, wants)
						h := hear(a.body, wants)
						if a.status != 200 || a.err != nil || h.text != "Hello world" || !h.ended || h.failure != "" {
							t.Fatalf("%d %v %+v\n%s", a.status, a.err, h, a.body)
						}
						want := "application/json"
						if wants {
							want = "text/event-stream"
						}
						if got := a.header.Get("Content-Type"); got != want {
							t.Errorf("content type %q", got)
						}
						if got := a.header.Get("X-Tokligence-Route"); got != "m*=>up" {
							t.Errorf("route %q", got)
						}
						if req := u.request(t, 0); req.Stream != wants || req.Protocol != to || req.Model != "served-by-up" ||
							!strings.Contains(req.body, `"served-by-up"`) || strings.Contains(req.body, `"mine"`) {
							t.Errorf("asked %+v", req)
						}
						if !u.tapes[0].closed {
							t.Error("the body of the upstream was left open")
						}
						e := b.rows(t, 1)[0]
						if e.Outcome != ledger.Complete || e.Usage.Input != llm.Known(7) || e.Usage.Output != llm.Known(3) ||
							e.Usage.Source != llm.Reported || e.Stop != "end" || e.Status != 200 || e.ErrorKind != "" {
							t.Errorf("row %+v", e)
						}
						if e.ModelRequested != "mine" || e.ModelSent != "served-by-up" || e.ModelServed != "real" || e.Provider != "up" ||
							e.ClientProtocol != from || e.UpstreamProtocol != to || e.RequestID != "call-1" ||
							e.BytesOut != int64(len(a.body)) || e.FirstToken <= 0 || e.Duration < e.FirstToken {
							t.Errorf("row %+v", e)
						}
						if b.eyes.attempts != 1 || b.eyes.streams != 0 || len(b.reports) != 1 || b.reports[0] != nil {
							t.Errorf("observed %+v, reported %v", &b.eyes, b.reports)
						}
					})
				}
			}
		}
	}
}

// TestBytesPass holds that an answer of the same protocol is not touched, but
// for what only the ledger asked for.
func TestBytesPass(t *testing.T) {
	odd := "event: brand_new\r\ndata: {\"type\":\"brand_new\",\"x\":[1,{\"y\":null}]}\r\n\r\n: a comment\n\n"
	for name, tt := range map[string]struct {
		from       llm.Protocol
		streamed   bool
		sent, want string
	}{
		"chat stream":     {llm.Chat, true, chatStart + chatHello + odd + chatStop + chatUsage + chatDone, chatStart + chatHello + odd + chatStop + chatDone},
		"chat whole":      {llm.Chat, false, chatAnswer, chatAnswer},
		"messages stream": {llm.Messages, true, msgStart + odd + msgOpen + msgHello + odd + msgClose + msgStop + msgEnd, msgStart + odd + msgOpen + msgHello + odd + msgClose + msgStop + msgEnd},
		"messages whole":  {llm.Messages, false, msgAnswer, msgAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			p := whole(tt.sent)
			if tt.streamed {
				p = stream(tt.sent)
			}
			b := newBench(t, setup{}, candidate(&upstream{name: "up", plays: []play{p}}, tt.from))
			if a := b.ask(t, tt.from, tt.streamed); a.body != tt.want || a.status != 200 {
				t.Errorf("%d\n%s\nwant\n%s", a.status, a.body, tt.want)
			}
		})
	}
}

// TestRequestBytesPass holds that a request of the same protocol changes by
// the model and the wish for usage alone.
func TestRequestBytesPass(t *testing.T) {
	u := &upstream{name: "up", plays: []play{answers(llm.Messages, true)}}
	b := newBench(t, setup{}, candidate(u, llm.Messages))
	body := `{ "model" : "mine", "x":{"unknown":[1.0,1e2]}, "max_tokens":9,"stream":true,"messages":[{"role":"user","content":[{"type":"new","y":"\u00e9"}]}]}`
	if a := b.send(t, llm.Messages, llm.Generate, body); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	req := u.request(t, 0)
	if want := strings.Replace(body, "mine", "served-by-up", 1); req.body != want {
		t.Errorf("sent %s", req.body)
	}
	if req.Header.Get("Anthropic-Beta") != "b1" || req.Query != "beta=true" {
		t.Errorf("headers %v, query %q", req.Header, req.Query)
	}
}

func TestHeadersOfTheAnswer(t *testing.T) {
	header := http.Header{
		"X-Request-Id": {"req_1"}, "Retry-After": {"3"}, "X-Ratelimit-Remaining-Requests": {"9"}, "Anthropic-Ratelimit-Tokens-Reset": {"x"},
		"Openai-Organization": {"secret-org"}, "Anthropic-Organization-Id": {"secret-org"}, "Set-Cookie": {"a=b"},
		"Content-Encoding": {"identity"}, "Content-Length": {"99999"}, "Connection": {"close"}, "Server": {"x"}, "Cf-Ray": {"x"},
	}
	for _, to := range both {
		for _, streamed := range []bool{false, true} {
			s := parts(to)
			p := reply(200, "application/json", header, s.answer)
			if streamed {
				p = reply(200, "text/event-stream", header, s.preamble+s.first+s.end)
			}
			b := newBench(t, setup{}, candidate(&upstream{name: "up", plays: []play{p}}, to))
			a := b.ask(t, llm.Chat, streamed)
			if a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			for name, want := range map[string]string{
				"X-Upstream-Request-Id": "req_1", "Retry-After": "3", "X-Ratelimit-Remaining-Requests": "9", "Anthropic-Ratelimit-Tokens-Reset": "x",
				"X-Request-Id": "", "Openai-Organization": "", "Anthropic-Organization-Id": "", "Set-Cookie": "", "Server": "", "Cf-Ray": "", "Content-Encoding": "",
			} {
				if got := a.header.Get(name); got != want {
					t.Errorf("%s stream=%v: %s is %q, want %q", to, streamed, name, got, want)
				}
			}
			if streamed && a.header.Get("Cache-Control") != "no-cache" {
				t.Error("a stream that may be cached")
			}
			if e := b.rows(t, 1)[0]; e.UpstreamID != "req_1" {
				t.Errorf("upstream id %q", e.UpstreamID)
			}
		}
	}
}

// unanswerable holds a field that Messages cannot carry and whose loss changes
// the meaning.
const unanswerable = `{"model":"mine","logprobs":true,"messages":[{"role":"user","content":"Hi"}]}`

func TestWhatCannotBeCarried(t *testing.T) {
	u := &upstream{name: "up", plays: []play{answers(llm.Messages, false)}}
	b := newBench(t, setup{}, candidate(u, llm.Messages))
	a := b.send(t, llm.Chat, llm.Generate, unanswerable)
	loss := strings.Join(a.header.Values("X-Tokligence-Loss"), "\n")
	if a.status != 200 || !strings.Contains(loss, "loss; field=logprobs;") || !strings.Contains(b.log.String(), "translation findings") {
		t.Errorf("%d, loss %q, log %s", a.status, loss, b.log.String())
	}
	if e := b.rows(t, 1)[0]; e.Findings == 0 || b.eyes.findings != e.Findings {
		t.Errorf("row with %d findings, %d observed", e.Findings, b.eyes.findings)
	}

	b.proxy.SetPolicy(proxy.Policy{Strict: true})
	a = b.send(t, llm.Chat, llm.Generate, strings.Replace(unanswerable, "Hi", "Hi again", 1))
	if a.status != 400 || !strings.Contains(a.body, "translation.strict") || u.count() != 1 {
		t.Errorf("strict: %d %s, asked %d times", a.status, a.body, u.count())
	}
	if a = b.ask(t, llm.Chat, false); a.status != 200 {
		t.Errorf("strict, nothing lost: %d %s", a.status, a.body)
	}
}

// TestALongLossStaysAHeader bounds and cleans what clients' field names bring.
func TestALongLossStaysAHeader(t *testing.T) {
	var fields strings.Builder
	for i := range 200 {
		fmt.Fprintf(&fields, `"strange\u0001é%d%s":1,`, i, strings.Repeat("x", 300))
	}
	b := newBench(t, setup{}, candidate(&upstream{name: "up", plays: []play{answers(llm.Messages, false)}}, llm.Messages))
	a := b.send(t, llm.Chat, llm.Generate, `{`+fields.String()+`"model":"mine","messages":[{"role":"user","content":"Hi"}]}`)
	size := 0
	for _, v := range a.header.Values("X-Tokligence-Loss") {
		size += len(v)
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("header %q", v)
		}
	}
	if a.status != 200 || size == 0 || size > 8<<10 {
		t.Errorf("%d %v, %d bytes of header", a.status, a.err, size)
	}
}

func TestEmbeddingsAndCounts(t *testing.T) {
	u := &upstream{name: "up", plays: []play{whole(`{"object":"list","model":"real","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]}],"usage":{"prompt_tokens":7,"total_tokens":7}}`)}}
	b := newBench(t, setup{}, candidate(u, llm.Chat))
	if a := b.send(t, llm.Chat, llm.Embed, `{"model":"mine","input":"Hi"}`); a.status != 200 || !strings.Contains(a.body, `[0.5,-1]`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if e := b.rows(t, 1)[0]; e.Usage.Input != llm.Known(7) || e.Usage.Output.Known || e.Usage.Source != llm.Reported || e.Operation != llm.Embed {
		t.Errorf("row %+v", e)
	}

	u = &upstream{name: "up", plays: []play{whole(`{"input_tokens":1234}`)}}
	b = newBench(t, setup{}, candidate(u, llm.Messages))
	a := b.send(t, llm.Messages, llm.CountTokens, `{"model":"mine","messages":[{"role":"user","content":"Hi"}]}`)
	if a.status != 200 || a.body != `{"input_tokens":1234}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if e := b.rows(t, 1)[0]; e.Usage != (llm.Usage{}) || e.Outcome != ledger.Complete {
		t.Errorf("a count costs nothing: %+v", e.Usage)
	}
}
