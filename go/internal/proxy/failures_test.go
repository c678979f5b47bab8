package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// stalled is a network error that says that time is up.
type stalled struct{}

func (stalled) Error() string   { return "i/o timeout" }
func (stalled) Timeout() bool   { return true }
func (stalled) Temporary() bool { return true }

// before are the ways to fail before any content.
func before(p llm.Protocol) map[string]play {
	s := parts(p)
	return map[string]play{
		"unreachable":    fails(&llm.Error{Kind: llm.BadUpstream, Message: "nobody is there", Upstream: &llm.Upstream{Provider: "one"}}),
		"timeout":        fails(&llm.Error{Kind: llm.Timeout, Message: "no answer in time"}),
		"500":            refusal(500, `{"error":{"message":"oops","type":"server_error"}}`),
		"503, a page":    reply(503, "text/html", nil, page),
		"429":            refusal(429, `{"error":{"message":"slow down","type":"rate_limit_error"}}`),
		"401":            refusal(401, `{"error":{"message":"bad key sk-123","type":"authentication_error"}}`),
		"page with 200":  reply(200, "text/html", nil, page),
		"nothing at all": stream(),
		"error at once":  stream(s.failure),
		"error event":    stream(s.preamble, s.failure),
		"cut":            stream(s.preamble, io.ErrUnexpectedEOF),
		"end":            stream(s.preamble),
		"stall":          stream(s.preamble, stalled{}),
		"half a frame":   stream(s.preamble, s.first[:len(s.first)/2]),
	}
}

func TestFailoverBeforeContent(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			for name, p := range before(to) {
				t.Run(fmt.Sprintf("%s/%s/%s", from, to, name), func(t *testing.T) {
					one, two := &upstream{name: "one", plays: []play{p}}, &upstream{name: "two", plays: []play{answers(to, true)}}
					b := newBench(t, setup{}, candidate(one, to), candidate(two, to))
					a := b.ask(t, from, true)
					h := hear(a.body, true)
					if a.status != 200 || h.text != "Hello world" || !h.ended || h.failure != "" || h.starts > 1 {
						t.Fatalf("%d %+v\n%s", a.status, h, a.body)
					}
					if got := a.header.Get("X-Tokligence-Route"); got != "m*=>two" {
						t.Errorf("route %q", got)
					}
					rows := b.rows(t, 2)
					if rows[0].Outcome != ledger.Failed || rows[0].Provider != "one" || rows[0].ErrorKind == "" || rows[0].BytesOut != 0 ||
						rows[1].Outcome != ledger.Complete || rows[1].Provider != "two" || rows[1].Attempt != 1 {
						t.Errorf("rows %+v", rows)
					}
					if rows[1].BytesOut != int64(len(a.body)) {
						t.Errorf("%d bytes in the row, %d out", rows[1].BytesOut, len(a.body))
					}
					if len(b.reports) != 2 || b.reports[0] == nil || b.reports[1] != nil {
						t.Errorf("reported %v", b.reports)
					}
				})
			}
		}
	}
}

// TestNobodyElseAfterContent holds that what a client has seen is never begun
// again, and never ends as if it were whole.
func TestNobodyElseAfterContent(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			s := parts(to)
			for name, end := range map[string][]any{
				"error event":  {s.failure},
				"cut":          {io.ErrUnexpectedEOF},
				"end":          {},
				"stall":        {stalled{}},
				"half a frame": {s.rest[:len(s.rest)/2]},
				"endless line": {"data: " + strings.Repeat("x", 70<<10)},
			} {
				t.Run(fmt.Sprintf("%s/%s/%s", from, to, name), func(t *testing.T) {
					one := &upstream{name: "one", plays: []play{stream(append([]any{s.preamble, s.first}, end...)...)}}
					two := &upstream{name: "two", plays: []play{answers(to, true)}}
					b := newBench(t, setup{policy: proxy.Policy{MaxFrame: 64 << 10}, attempts: 2}, candidate(one, to), candidate(two, to))
					a := b.ask(t, from, true)
					h := hear(a.body, true)
					if a.status != 200 || !strings.HasPrefix(h.text, "Hello") || h.ended || h.failure == "" || strings.HasPrefix(h.failure, "no JSON") ||
						two.count() != 0 || one.count() != 1 {
						t.Fatalf("%d %+v, asked %d and %d\n%s", a.status, h, one.count(), two.count(), a.body)
					}
					e := b.rows(t, 1)[0]
					if e.Outcome != ledger.CutByUpstream || e.ErrorKind == "" || !e.Usage.Output.Known || e.Usage.Output.N == 0 || e.BytesOut != int64(len(a.body)) {
						t.Errorf("row %+v, %d bytes out", e, len(a.body))
					}
					if want := map[llm.Protocol]llm.Count{llm.Chat: llm.Known(42), llm.Messages: llm.Known(7)}[to]; e.Usage.Input != want && from == to {
						t.Errorf("input %+v", e.Usage.Input)
					}
					if len(b.reports) != 1 || b.reports[0] == nil {
						t.Errorf("reported %v", b.reports)
					}
				})
			}
		}
	}
}

// TestWholeAnswersThatFail asks for a body.
func TestWholeAnswersThatFail(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			s := parts(to)
			for name, tt := range map[string]struct {
				play   play
				status int
			}{
				"page with 200":  {reply(200, "text/html", nil, page), 502},
				"half a body":    {reply(200, "application/json", nil, s.answer[:40], io.ErrUnexpectedEOF), 502},
				"cut JSON":       {whole(s.answer[:len(s.answer)/2]), 502},
				"nothing":        {whole(""), 502},
				"null":           {whole("null"), 502},
				"stall":          {reply(200, "application/json", nil, s.answer[:40], stalled{}), 504},
				"too much":       {reply(200, "application/json", nil, s.answer[:40], strings.Repeat(" ", 128<<10), s.answer[40:]), 502},
				"stream, cut":    {stream(s.preamble, s.first), 502},
				"stream, broken": {stream(s.preamble, s.first, s.failure), 0},
				"endless stream": {stream(append([]any{s.preamble}, many(s.first, 2000)...)...), 502},
			} {
				t.Run(fmt.Sprintf("%s/%s/%s", from, to, name), func(t *testing.T) {
					b := newBench(t, setup{policy: proxy.Policy{MaxAnswer: 64 << 10}}, candidate(&upstream{name: "up", plays: []play{tt.play}}, to))
					a := b.ask(t, from, false)
					h := hear(a.body, false)
					if a.status < 500 || tt.status != 0 && a.status != tt.status || h.failure == "" || strings.Contains(a.body, "html") {
						t.Errorf("%d %s", a.status, a.body)
					}
					if e := b.rows(t, 1)[0]; e.Outcome != ledger.Failed || e.ErrorKind == "" || e.BytesOut != 0 {
						t.Errorf("row %+v", e)
					}
				})
			}
		}
	}
}

func many(frame string, n int) []any {
	steps := make([]any, n)
	for i := range steps {
		steps[i] = frame
	}
	return steps
}

// TestRefusals holds what becomes of an upstream's refusal on its way.
func TestRefusals(t *testing.T) {
	const words = `{"type":"error","error":{"type":"invalid_request_error","message":"messages: too odd","code":"odd"}}`
	for _, from := range both {
		for _, to := range both {
			for name, tt := range map[string]struct {
				play   play
				status int
				holds  string
				hides  string
				retry  string
				id     string
				kind   string
			}{
				"400":        {play: refusal(400, words, "X-Request-Id", "req_9"), status: 400, holds: "too odd", id: "req_9", kind: "invalid"},
				"429":        {play: refusal(429, `{"error":{"message":"slow down"}}`, "Retry-After", "77"), status: 429, holds: "slow down", retry: "77", kind: "rate_limited"},
				"401":        {play: refusal(401, `{"error":{"message":"bad key sk-123","type":"x"}}`), status: 502, hides: "sk-123", kind: "bad_upstream"},
				"403":        {play: refusal(403, `{"error":{"message":"bad key sk-123","type":"permission_error"}}`), status: 502, hides: "sk-123"},
				"404, model": {play: refusal(404, `{"error":{"message":"no such model","type":"not_found_error","code":"model_not_found"}}`), status: 404},
				"500, page":  {play: reply(500, "text/html", nil, page), hides: "html"},
				"302":        {play: reply(302, "text/html", http.Header{"Location": {"https://login"}}, page), status: 502, hides: "html"},
			} {
				t.Run(fmt.Sprintf("%s/%s/%s", from, to, name), func(t *testing.T) {
					b := newBench(t, setup{}, candidate(&upstream{name: "up", plays: []play{tt.play}}, to))
					for _, streamed := range []bool{false, true} {
						a := b.ask(t, from, streamed)
						if tt.status != 0 && a.status != tt.status || a.status < 400 || a.header.Get("Content-Type") == "text/event-stream" {
							t.Errorf("status %d", a.status)
						}
						if !strings.Contains(a.body, tt.holds) || tt.hides != "" && strings.Contains(a.body, tt.hides) || hear(a.body, false).failure == "" {
							t.Errorf("body %s", a.body)
						}
						if a.header.Get("Retry-After") != tt.retry || tt.kind != "" && a.header.Get("X-Kind") != tt.kind {
							t.Errorf("retry-after %q, kind %s", a.header.Get("Retry-After"), a.header.Get("X-Kind"))
						}
						up := a.header.Get("X-Upstream")
						if !strings.HasPrefix(up, "up ") || !strings.Contains(up, tt.id) || from != to && strings.Contains(up, "{") {
							t.Errorf("upstream %q", up)
						}
						if from == to && name == "400" && !strings.HasSuffix(up, words) {
							t.Errorf("the upstream's own words are lost: %q", up)
						}
					}
				})
			}
		}
	}
}

func TestWhoIsAskedAgain(t *testing.T) {
	ok := answers(llm.Chat, true)
	busy, later := refusal(503, `{"error":{"message":"busy"}}`), func(s string) play { return refusal(429, `{"error":{"message":"slow down"}}`, "Retry-After", s) }
	badKey, badRequest := refusal(401, `{"error":{"message":"who are you"}}`), refusal(400, `{"error":{"message":"no"}}`)
	for name, tt := range map[string]struct {
		one, two  []play // two may be nil
		attempts  int
		asks      [2]int
		status    int
		retry     string
		slowest   time.Duration
		atLeast   time.Duration
		maxPolicy time.Duration
	}{
		"no more than allowed":            {one: []play{busy}, attempts: 3, asks: [2]int{3, 0}, status: 503},
		"until it works":                  {one: []play{busy, busy, ok}, attempts: 3, asks: [2]int{3, 0}, status: 200},
		"round by round":                  {one: []play{busy, ok}, two: []play{busy, busy}, attempts: 2, asks: [2]int{2, 1}, status: 200},
		"not what is wrong":               {one: []play{badRequest, ok}, two: []play{ok}, attempts: 3, asks: [2]int{1, 0}, status: 400},
		"not a refused key":               {one: []play{badKey, ok}, attempts: 3, asks: [2]int{1, 0}, status: 502},
		"the other after a refused key":   {one: []play{badKey}, two: []play{busy, ok}, attempts: 3, asks: [2]int{1, 2}, status: 200},
		"after the time it asked for":     {one: []play{later("1"), ok}, attempts: 2, asks: [2]int{2, 0}, status: 200, atLeast: time.Second},
		"not before a long time":          {one: []play{later("60"), ok}, attempts: 2, asks: [2]int{1, 0}, status: 429, retry: "60", slowest: 2 * time.Second},
		"the one that did not say when":   {one: []play{later("60"), ok}, two: []play{busy, ok}, attempts: 2, asks: [2]int{1, 2}, status: 200, slowest: 2 * time.Second},
		"the time goes to the client":     {one: []play{later("60")}, two: []play{badKey}, attempts: 2, asks: [2]int{1, 1}, status: 429, retry: "60", slowest: 2 * time.Second},
		"the shortest time to the client": {one: []play{later("30")}, two: []play{later("60")}, attempts: 2, asks: [2]int{1, 1}, status: 429, retry: "30", slowest: 2 * time.Second},
		"as long as the policy says":      {one: []play{later("2"), ok}, attempts: 2, asks: [2]int{1, 0}, status: 429, retry: "2", maxPolicy: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := &upstream{name: "one", plays: tt.one}, &upstream{name: "two", plays: tt.two}
			plan := newBench(t, setup{attempts: tt.attempts, backoff: time.Millisecond, policy: proxy.Policy{MaxRetryAfter: tt.maxPolicy}}, candidate(one, llm.Chat))
			if tt.two != nil {
				plan.plan = append(plan.plan, candidate(two, llm.Chat))
			}
			start := time.Now()
			a := plan.ask(t, llm.Chat, true)
			took := time.Since(start)
			if a.status != tt.status || a.header.Get("Retry-After") != tt.retry {
				t.Errorf("%d, retry-after %q: %s", a.status, a.header.Get("Retry-After"), a.body)
			}
			if one.count() != tt.asks[0] || two.count() != tt.asks[1] {
				t.Errorf("asked %d and %d times", one.count(), two.count())
			}
			if tt.slowest > 0 && took > tt.slowest || took < tt.atLeast {
				t.Errorf("took %s", took)
			}
			for i, e := range plan.rows(t, tt.asks[0]+tt.asks[1]) {
				if e.Attempt != i {
					t.Errorf("row %d is attempt %d", i, e.Attempt)
				}
			}
		})
	}
}

// once counts how often a codec decodes.
type once struct {
	protocol.Codec
	decodes int
}

func (o *once) DecodeRequest(body []byte) (*llm.Request, error) {
	o.decodes++
	return o.Codec.DecodeRequest(body)
}

func TestARequestIsDecodedOnceAtMost(t *testing.T) {
	for to, want := range map[llm.Protocol]int{llm.Chat: 0, llm.Messages: 1} {
		all := codecs()
		counter := &once{Codec: all[llm.Chat]}
		all[llm.Chat] = counter
		busy := refusal(503, `{"error":{"message":"busy"}}`)
		one, two := &upstream{name: "one", plays: []play{busy}}, &upstream{name: "two", plays: []play{busy, answers(to, true)}}
		b := newBench(t, setup{codecs: all, attempts: 2, backoff: time.Millisecond}, candidate(one, to), candidate(two, to))
		if a := b.ask(t, llm.Chat, true); a.status != 200 || counter.decodes != want {
			t.Errorf("%s: %d, decoded %d times", to, a.status, counter.decodes)
		}
	}
}

func TestNothingIsAskedUnrecorded(t *testing.T) {
	u := &upstream{name: "up", plays: []play{answers(llm.Chat, false)}}
	b := newBench(t, setup{}, candidate(u, llm.Chat))
	if err := b.ledger.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := b.ask(t, llm.Chat, false)
	if a.status != 503 || a.header.Get("Retry-After") == "" || u.count() != 0 {
		t.Errorf("%d, asked %d times: %s", a.status, u.count(), a.body)
	}
}

func TestNoPlan(t *testing.T) {
	b := newBench(t, setup{})
	b.line.err = llm.Errorf(llm.ModelNotFound, "no such model")
	if a := b.ask(t, llm.Chat, true); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	b.rows(t, 0)
}

// TestTheRecordComesFirst breaks the ledger before the end of an answer: the
// client must not see the end of what nobody could record.
func TestTheRecordComesFirst(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			for _, streamed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", from, to, streamed), func(t *testing.T) {
					s := parts(to)
					var b *bench
					stop := func() {
						ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
						defer cancel()
						if err := b.ledger.Stop(ctx); err != nil {
							t.Error(err)
						}
					}
					p := reply(200, "application/json", nil, stop, s.answer)
					if streamed {
						p = stream(s.preamble, s.first, stop, s.rest+s.end)
					}
					b = newBench(t, setup{}, candidate(&upstream{name: "up", plays: []play{p}}, to))
					a := b.ask(t, from, streamed)
					h := hear(a.body, streamed)
					if h.ended || h.failure == "" {
						t.Errorf("%d %+v\n%s", a.status, h, a.body)
					}
					if !streamed && a.status != 503 || streamed && a.status != 200 {
						t.Errorf("status %d", a.status)
					}
				})
			}
		}
	}
}

// TestTheRowIsThereAtTheEnd looks for the row when the client has seen the
// last frame, before the call is over.
func TestTheRowIsThereAtTheEnd(t *testing.T) {
	for _, from := range both {
		u := &upstream{name: "up", plays: []play{answers(llm.Chat, true)}}
		b := newBench(t, setup{}, candidate(u, llm.Chat))
		a := b.ask(t, from, true)
		if !hear(a.body, true).ended {
			t.Fatal(a.body)
		}
		if err := b.ledger.Flush(t.Context()); err != nil || len(b.store.Rows()) != 1 {
			t.Errorf("%d rows, %v", len(b.store.Rows()), err)
		}
	}
}

// faulty is a codec that panics on its way.
type faulty struct{ protocol.Codec }

func (f faulty) NewMeter(protocol.Head) protocol.Meter { panic("a mistake in a codec") }

func TestAPanicLeavesARow(t *testing.T) {
	all := codecs()
	all[llm.Chat] = faulty{all[llm.Chat]}
	b := newBench(t, setup{codecs: all}, candidate(&upstream{name: "up", plays: []play{answers(llm.Chat, true)}}, llm.Chat))
	if a := b.ask(t, llm.Chat, true); a.err == nil {
		t.Errorf("%d %s", a.status, a.body)
	}
	if err := b.ledger.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := b.store.Rows()
	if len(rows) != 1 || rows[0].Outcome != ledger.Crashed {
		t.Errorf("rows %+v", rows)
	}
}

// mute is a writer that cannot write the failure of an answer.
type mute struct{ protocol.Codec }

func (m mute) NewWriter(h protocol.Head) protocol.EventWriter {
	return muteWriter{m.Codec.NewWriter(h)}
}

type muteWriter struct{ protocol.EventWriter }

func (w muteWriter) Append(dst []byte, ev llm.Event) ([]byte, error) {
	if ev.Type == llm.Failed {
		return dst, errors.New("at a loss for words")
	}
	return w.EventWriter.Append(dst, ev)
}

// TestAFailureIsToldEvenIfTheWriterFails holds that there is no clean end to
// an answer that is not whole.
func TestAFailureIsToldEvenIfTheWriterFails(t *testing.T) {
	all := codecs()
	all[llm.Chat] = mute{all[llm.Chat]}
	s := parts(llm.Messages)
	b := newBench(t, setup{codecs: all}, candidate(&upstream{name: "up", plays: []play{stream(s.preamble, s.first, io.ErrUnexpectedEOF)}}, llm.Messages))
	if h := hear(b.ask(t, llm.Chat, true).body, true); h.ended || h.failure == "" {
		t.Errorf("a clean end: %+v", h)
	}
	if e := b.rows(t, 1)[0]; e.Outcome != ledger.CutByUpstream {
		t.Errorf("row %+v", e)
	}
}

// TestProvidersErrorsAreKept holds that what a provider says of itself, such
// as a key that is missing, reaches the client as it is.
func TestProvidersErrorsAreKept(t *testing.T) {
	missing := &llm.Error{Kind: llm.Invalid, Message: "set TOKLIGENCE_X_API_KEY", Code: "provider_not_configured"}
	b := newBench(t, setup{attempts: 3}, candidate(&upstream{name: "up", plays: []play{
		func(context.Context, *provider.Request) (*http.Response, error) { return nil, missing },
	}}, llm.Chat))
	if a := b.ask(t, llm.Messages, true); a.status != 400 || !strings.Contains(a.body, "TOKLIGENCE_X_API_KEY") {
		t.Errorf("%d %s", a.status, a.body)
	}
	b.rows(t, 1)
}
