package proxy

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// gate is a writer whose client takes nothing until it is opened.
type gate struct {
	open    chan struct{}
	blocked chan struct{}
	once    sync.Once

	mu   sync.Mutex
	body string
}

func newGate() *gate { return &gate{open: make(chan struct{}), blocked: make(chan struct{})} }

func (*gate) Header() http.Header { return http.Header{} }
func (*gate) WriteHeader(int)     {}
func (*gate) Flush()              {}

func (g *gate) Write(p []byte) (int, error) {
	g.once.Do(func() { close(g.blocked) })
	<-g.open
	g.mu.Lock()
	defer g.mu.Unlock()
	g.body += string(p)
	return len(p), nil
}

func (g *gate) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.body
}

func testAnswer(w http.ResponseWriter) *answer {
	policy := Policy{Hold: time.Second, KeepAlive: time.Second}
	policy.fill()
	return newAnswer(w, &Call{Codec: chat.New(protocol.NewSealer(make([]byte, 32)))}, &policy)
}

// TestOneStuckClientHoldsUpNobody keeps the keeper going.
func TestOneStuckClientHoldsUpNobody(t *testing.T) {
	g := newGate()
	a := testAnswer(g)
	a.prepare(http.StatusOK, http.Header{})
	done := make(chan struct{})
	go func() {
		a.tick(time.Now().Add(time.Minute)) // writes, and is stuck
		<-g.blocked
		a.tick(time.Now().Add(2 * time.Minute))
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the keeper waits for a client")
	}
	close(g.open)
	a.close() // waits for the writing
	if g.text() == "" {
		t.Error("no sign of life was sent")
	}
	size := len(g.text())
	a.tick(time.Now().Add(time.Hour))
	_, _ = a.Write([]byte("late"))
	a.flush()
	if len(g.text()) != size {
		t.Error("something was written after the end")
	}
}

// TestAnAttemptThatIsGivenUpDoesNotBegin holds that the keeper sends nothing of
// an attempt between its failure and the next one.
func TestAnAttemptThatIsGivenUpDoesNotBegin(t *testing.T) {
	g := newGate()
	close(g.open)
	a := testAnswer(g)
	a.prepare(http.StatusOK, http.Header{})
	a.hold([]byte("first"))
	if !a.abandon() {
		t.Fatal("nothing was seen")
	}
	a.tick(time.Now().Add(time.Hour))
	a.prepare(http.StatusOK, http.Header{})
	a.hold([]byte("second"))
	_, _ = a.Write([]byte("!"))
	if a.abandon() || !a.committed() {
		t.Error("what was seen was given up")
	}
	if g.text() != "second!" || a.size(5) != int64(len("second!")+5) {
		t.Errorf("wrote %q, %d bytes", g.text(), a.size(0))
	}
}

func TestSettledMinds(t *testing.T) {
	up := func(status int) *llm.Upstream { return &llm.Upstream{Status: status} }
	for _, tt := range []struct {
		err  *llm.Error
		want bool
	}{
		{&llm.Error{Kind: llm.BadUpstream, Upstream: up(401)}, true},
		{&llm.Error{Kind: llm.BadUpstream, Upstream: up(402)}, true},
		{&llm.Error{Kind: llm.BadUpstream, Upstream: up(404)}, true},
		{&llm.Error{Kind: llm.BadUpstream, Upstream: up(408)}, false},
		{&llm.Error{Kind: llm.BadUpstream, Upstream: up(502)}, false},
		{&llm.Error{Kind: llm.BadUpstream, Upstream: up(0)}, false},
		{&llm.Error{Kind: llm.BadUpstream}, false},
		{&llm.Error{Kind: llm.RateLimited, Upstream: up(429)}, false},
		{&llm.Error{Kind: llm.Timeout}, false},
	} {
		if got := settledMind(tt.err); got != tt.want {
			t.Errorf("%+v: %v", tt.err, got)
		}
	}
	empty := turns{}
	if llm.AsError(empty.verdict()).Kind != llm.Internal {
		t.Error("a plan of nobody has a verdict")
	}
	one := turns{plan: make([]route.Candidate, 1)}
	if i, pause := one.next(nil, nil); i != 0 || pause != 0 {
		t.Errorf("the first is %d, after %s", i, pause)
	}
}
