package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// leave sends a request, reads until it has seen the text and hangs up. With
// no text it hangs up when told.
func (b *bench) leave(t *testing.T, from llm.Protocol, until string, now <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if now != nil {
		go func() {
			<-now
			cancel()
		}()
	}
	resp, err := http.DefaultClient.Do(b.request(ctx, t, from, llm.Generate, prompt(from, true)))
	if err != nil {
		return
	}
	defer resp.Body.Close()
	for lines := bufio.NewReader(resp.Body); ; {
		l, err := lines.ReadString('\n')
		if err != nil || until != "" && strings.Contains(l, until) {
			return
		}
	}
}

// moment is long enough for the news that a client has left.
const moment = 150 * time.Millisecond

func TestAClientThatLeaves(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			s := parts(to)
			rest := many(s.rest, 400)
			for name, tt := range map[string]struct {
				policy  proxy.Policy
				steps   []any // after the first content
				source  llm.UsageSource
				output  int64 // 0: an estimate
				drained bool
			}{
				"drained to the end":     {steps: []any{moment, s.rest, moment, s.end}, source: llm.Drained, output: 3, drained: true},
				"drained, no end":        {steps: []any{moment, s.rest, moment, io.ErrUnexpectedEOF}, source: llm.Estimated, drained: true},
				"aborted":                {policy: proxy.Policy{Abort: true}, steps: []any{time.Hour}, source: llm.Estimated},
				"drained for a time":     {policy: proxy.Policy{DrainTime: moment}, steps: []any{time.Hour}, source: llm.Estimated},
				"drained for some bytes": {policy: proxy.Policy{DrainBytes: 10 << 10}, steps: append(append([]any{moment}, rest...), time.Hour), source: llm.Estimated},
				"no drain to be had":     {policy: proxy.Policy{MaxDrains: -1}, steps: []any{time.Hour}, source: llm.Estimated},
			} {
				t.Run(fmt.Sprintf("%s/%s/%s", from, to, name), func(t *testing.T) {
					u := &upstream{name: "up", plays: []play{stream(append([]any{s.preamble, s.first}, tt.steps...)...)}}
					b := newBench(t, setup{policy: tt.policy, attempts: 2}, candidate(u, to), candidate(u, to))
					b.leave(t, from, "Hello", nil)
					e := b.rows(t, 1)[0]
					if e.Outcome != ledger.CutByClient || u.count() != 1 || !u.tapes[0].closed {
						t.Errorf("row %+v, asked %d times", e, u.count())
					}
					if !e.Usage.Output.Known || tt.output != 0 && e.Usage.Output.N != tt.output {
						t.Errorf("usage %+v", e.Usage)
					}
					if e.Usage.Source != tt.source {
						t.Errorf("source %s, want %s", e.Usage.Source, tt.source)
					}
					for _, err := range b.reports {
						if err != nil {
							t.Errorf("the upstream was blamed: %v", err)
						}
					}
				})
			}
		}
	}
}

// TestAClientThatLeavesBeforeTheAnswer cancels an upstream that has not begun.
func TestAClientThatLeavesBeforeTheAnswer(t *testing.T) {
	asked := make(chan struct{})
	var cancelled error
	u := &upstream{name: "up", plays: []play{func(ctx context.Context, _ *provider.Request) (*http.Response, error) {
		close(asked)
		<-ctx.Done()
		cancelled = ctx.Err()
		return nil, &llm.Error{Kind: llm.BadUpstream, Message: "interrupted", Err: ctx.Err()}
	}}}
	b := newBench(t, setup{attempts: 2}, candidate(u, llm.Chat))
	b.leave(t, llm.Chat, "", asked)
	if e := b.rows(t, 1)[0]; e.Outcome != ledger.CutByClient || e.ErrorKind != "canceled" || e.Usage.Output.Known {
		t.Errorf("row %+v", e)
	}
	if !errors.Is(cancelled, context.Canceled) || len(b.reports) != 0 || u.count() != 1 {
		t.Errorf("cancelled: %v, reported %v, asked %d times", cancelled, b.reports, u.count())
	}
}

// TestDrainsAreCounted holds the bound on how many answers are read for nobody
// at once.
func TestDrainsAreCounted(t *testing.T) {
	s := parts(llm.Chat)
	end := make(chan struct{})
	var plays []play
	for range 3 {
		plays = append(plays, stream(s.preamble, s.first, end, s.end))
	}
	u := &upstream{name: "up", plays: plays}
	b := newBench(t, setup{policy: proxy.Policy{MaxDrains: 2}}, candidate(u, llm.Chat))
	for range 3 {
		b.leave(t, llm.Chat, "Hello", nil)
		time.Sleep(moment)
	}
	close(end)
	drained := 0
	for _, e := range b.rows(t, 3) {
		if e.Usage.Source == llm.Drained && e.Usage.Output == llm.Known(3) {
			drained++
		}
	}
	if drained != 2 {
		t.Errorf("%d answers were drained", drained)
	}
}

// TestSilence lets the headers of a slow answer go, and keeps a stream alive.
func TestSilence(t *testing.T) {
	for from, sign := range map[llm.Protocol]string{llm.Chat: ": ", llm.Messages: "event: ping"} {
		t.Run(string(from), func(t *testing.T) {
			t.Parallel()
			s := parts(from)
			one := &upstream{name: "one", plays: []play{stream(strings.Replace(s.preamble, msgPing, "", 1), 3*time.Second, s.failure)}}
			two := &upstream{name: "two", plays: []play{answers(from, true)}}
			b := newBench(t, setup{policy: proxy.Policy{Hold: 100 * time.Millisecond, KeepAlive: 200 * time.Millisecond}}, candidate(one, from), candidate(two, from))
			start := time.Now()
			resp, err := http.DefaultClient.Do(b.request(t.Context(), t, from, llm.Generate, prompt(from, true)))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if d := time.Since(start); d > 2500*time.Millisecond {
				t.Errorf("headers after %s", d)
			}
			text, err := io.ReadAll(resp.Body)
			if n := strings.Count(string(text), sign); err != nil || n < 2 {
				t.Errorf("%d signs of life, %v:\n%s", n, err, text)
			}
			if h := hear(string(text), true); h.failure == "" || h.ended || two.count() != 0 {
				t.Errorf("an answer that has begun: %+v, asked another %d times", h, two.count())
			}
			b.rows(t, 1)
		})
	}
}

// TestNoHeadersBeforeContent keeps the status back while another upstream may
// still answer.
func TestNoHeadersBeforeContent(t *testing.T) {
	s := parts(llm.Chat)
	u := &upstream{name: "up", plays: []play{stream(s.preamble, 2500*time.Millisecond, s.failure)}}
	b := newBench(t, setup{}, candidate(u, llm.Chat))
	a := b.ask(t, llm.Chat, true)
	if a.status < 500 || a.header.Get("Content-Type") == "text/event-stream" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestAPreambleWithoutEndIsNotKept bounds what is held in memory.
func TestAPreambleWithoutEndIsNotKept(t *testing.T) {
	s := parts(llm.Chat)
	big := ": " + strings.Repeat("x", 64<<10) + "\n\n"
	u := &upstream{name: "up", plays: []play{stream(s.preamble, big, big, big, big, big, io.ErrUnexpectedEOF)}}
	b := newBench(t, setup{}, candidate(u, llm.Chat))
	a := b.ask(t, llm.Chat, true)
	if a.status != 200 || len(a.body) < 5*len(big) || hear(a.body, true).failure == "" {
		t.Errorf("%d, %d bytes", a.status, len(a.body))
	}
}

// TestFramesLeaveAtOnce holds that a frame does not wait for the next one.
func TestFramesLeaveAtOnce(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			s := parts(to)
			more := make(chan struct{})
			u := &upstream{name: "up", plays: []play{stream(s.preamble, s.first, more, s.rest, s.end)}}
			b := newBench(t, setup{}, candidate(u, to))
			resp, err := http.DefaultClient.Do(b.request(t.Context(), t, from, llm.Generate, prompt(from, true)))
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(resp.Body)
			for {
				l, err := lines.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(l, "Hello") {
					break // and the upstream has not gone on
				}
			}
			close(more)
			rest, err := io.ReadAll(lines)
			if err != nil || !hear(string(rest), true).ended {
				t.Errorf("%v %s", err, rest)
			}
			_ = resp.Body.Close()
		}
	}
}

// TestAStuckClient takes nothing: the answer ends, its row is written.
func TestAStuckClient(t *testing.T) {
	s := parts(llm.Chat)
	frame := strings.Replace(s.rest, " world", strings.Repeat("x", 32<<10), 1)
	for name, p := range map[string]play{
		"stream": stream(append([]any{s.preamble, s.first}, many(frame, 1000)...)...),
		"whole":  whole(strings.Replace(s.answer, "world", strings.Repeat("x", 32<<20), 1)),
	} {
		t.Run(name, func(t *testing.T) {
			u := &upstream{name: "up", plays: []play{p}}
			b := newBench(t, setup{policy: proxy.Policy{WriteTimeout: 300 * time.Millisecond}}, candidate(u, llm.Chat))
			conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			body := prompt(llm.Chat, name == "stream")
			fmt.Fprintf(conn, "POST /openai-chat/generate HTTP/1.1\r\nHost: x\r\nX-Request-Id: call-1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			e := b.rows(t, 1)[0]
			want := ledger.CutByClient
			if name == "whole" {
				want = ledger.Complete // known before the writing; the client was slow to take it
			}
			if e.Outcome != want || e.Duration > 8*time.Second {
				t.Errorf("row %+v", e)
			}
		})
	}
}

// TestASlowClientIsNotAStuckOne takes a large answer in more time than the
// deadline, but always a little.
func TestASlowClientIsNotAStuckOne(t *testing.T) {
	text := strings.Repeat("x", 16<<20)
	u := &upstream{name: "up", plays: []play{whole(strings.Replace(chatAnswer, "world", text, 1))}}
	b := newBench(t, setup{policy: proxy.Policy{WriteTimeout: 400 * time.Millisecond}}, candidate(u, llm.Chat))
	resp, err := http.DefaultClient.Do(b.request(t.Context(), t, llm.Chat, llm.Generate, prompt(llm.Chat, false)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var n int
	for buf := make([]byte, 1<<20); ; time.Sleep(60 * time.Millisecond) {
		k, err := io.ReadFull(resp.Body, buf)
		n += k
		if err != nil {
			break
		}
	}
	if n < len(text) {
		t.Errorf("cut after %d of %d bytes", n, len(text))
	}
}

// TestTheGatewayGivesUp ends calls whose clients are still there: they are
// told so, in their protocol.
func TestTheGatewayGivesUp(t *testing.T) {
	for _, from := range both {
		for _, to := range both {
			for _, begun := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", from, to, begun), func(t *testing.T) {
					s := parts(to)
					cut := make(chan struct{})
					steps := []any{s.preamble, func() { close(cut) }, time.Hour}
					if begun {
						steps = []any{s.preamble, s.first, func() { close(cut) }, time.Hour}
					}
					u := &upstream{name: "up", plays: []play{stream(steps...)}}
					b := newBench(t, setup{attempts: 3}, candidate(u, to))
					b.ctx = func(ctx context.Context) context.Context {
						ctx, cancel := context.WithCancelCause(ctx)
						go func() {
							<-cut
							cancel(errors.New("closing"))
						}()
						return ctx
					}
					a := b.ask(t, from, true)
					h := hear(a.body, begun)
					if h.ended || h.failure == "" || a.err != nil || !begun && a.status != 503 {
						t.Errorf("%d %v %+v\n%s", a.status, a.err, h, a.body)
					}
					if e := b.rows(t, 1)[0]; e.Outcome != ledger.Crashed || u.count() != 1 {
						t.Errorf("row %+v, asked %d times", e, u.count())
					}
					if len(b.reports) != 0 {
						t.Errorf("the upstream was blamed: %v", b.reports)
					}
				})
			}
		}
	}
}

// TestNothingIsLeftRunning counts goroutines after all kinds of ends.
func TestNothingIsLeftRunning(t *testing.T) {
	s := parts(llm.Chat)
	b := newBench(t, setup{policy: proxy.Policy{Abort: true}}, candidate(&upstream{name: "up", plays: []play{
		answers(llm.Chat, true), stream(s.preamble, s.first, io.ErrUnexpectedEOF), stream(s.preamble, s.first, time.Hour),
	}}, llm.Chat))
	b.ask(t, llm.Chat, true)
	before := runtime.NumGoroutine()
	b.ask(t, llm.Chat, true)
	b.leave(t, llm.Chat, "Hello", nil)
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before || b.eyes.open() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d streams, %d goroutines, %d before\n%s", b.eyes.open(), runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
