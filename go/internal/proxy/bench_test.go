package proxy_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// sink is a client that takes everything at once.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header            { return s.header }
func (*sink) WriteHeader(int)                  {}
func (*sink) Write(p []byte) (int, error)      { return len(p), nil }
func (*sink) Flush()                           {}
func (*sink) SetWriteDeadline(time.Time) error { return nil }

// frames is a body of many frames, one a read.
type frames struct {
	head, frame, end string
	left             int
	state            int
}

func (f *frames) Read(p []byte) (int, error) {
	switch {
	case f.state == 0:
		f.state = 1
		return copy(p, f.head), nil
	case f.left > 0:
		f.left--
		return copy(p, f.frame), nil
	case f.state == 1:
		f.state = 2
		return copy(p, f.end), nil
	}
	return 0, io.EOF
}

func (*frames) Close() error { return nil }

// BenchmarkFrame is the cost of one frame of a stream, the call's share
// included, by pair of protocols.
func BenchmarkFrame(b *testing.B) {
	const perCall = 1000
	for _, from := range both {
		for _, to := range both {
			b.Run(string(from)+"/"+string(to), func(b *testing.B) {
				s := parts(to)
				u := &upstream{name: "up", plays: []play{func(context.Context, *provider.Request) (*http.Response, error) {
					return &http.Response{
						StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}},
						Body: &frames{head: s.preamble + s.first, frame: s.rest, end: s.end, left: perCall},
					}, nil
				}}}
				all := codecs()
				l, _ := ledgertest.New(b, ledger.Options{})
				p := proxy.New(proxy.Options{
					Codecs: all, Planner: &line{plan: []route.Candidate{candidate(u, to)}}, Recorder: l, Observer: &eyes{},
					Log: slog.New(slog.DiscardHandler),
				})
				defer p.Close()
				body := []byte(prompt(from, true))
				head, err := all[from].Peek(llm.Generate, body)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				b.ResetTimer()
				for n := 0; n < b.N; n += perCall {
					call := &proxy.Call{ID: "call", Codec: all[from], Head: head, Body: body, Started: time.Now()}
					if err := p.Serve(b.Context(), &sink{http.Header{}}, call); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
