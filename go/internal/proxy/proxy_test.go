package proxy_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// play is what an upstream does with one request.
type play func(ctx context.Context, req *provider.Request) (*http.Response, error)

// upstream is a provider that follows a script: the n'th play for the n'th
// request, the last one for all further ones.
type upstream struct {
	name  string
	plays []play

	mu    sync.Mutex
	asked []asked
	tapes []*tape
}

type asked struct {
	*provider.Request
	body string
}

func (u *upstream) Name() string                      { return u.name }
func (*upstream) Speaks(llm.Operation) []llm.Protocol { return []llm.Protocol{llm.Chat, llm.Messages} }

func (u *upstream) count() int { u.mu.Lock(); defer u.mu.Unlock(); return len(u.asked) }

func (u *upstream) request(t *testing.T, i int) asked {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.asked[i]
}

func (u *upstream) keep(resp *http.Response) {
	if t, ok := resp.Body.(*tape); ok {
		u.tapes = append(u.tapes, t)
	}
}

func (u *upstream) Do(ctx context.Context, req *provider.Request) (*http.Response, error) {
	var b bytes.Buffer
	for _, piece := range req.Body {
		b.Write(piece)
	}
	u.mu.Lock()
	u.asked = append(u.asked, asked{req, b.String()})
	next := u.plays[min(len(u.asked), len(u.plays))-1]
	u.mu.Unlock()
	resp, err := next(ctx, req)
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.keep(resp)
	return resp, nil
}

// tape is a body in steps: text, a pause, an error, something to wait for or
// something to do. Its end is io.EOF.
type tape struct {
	ctx    context.Context
	steps  []any
	closed bool
}

func (t *tape) Read(p []byte) (int, error) {
	for len(t.steps) > 0 {
		step := t.steps[0]
		if err := t.ctx.Err(); err != nil {
			return 0, err
		}
		switch s := step.(type) {
		case string:
			n := copy(p, s)
			t.steps[0] = s[n:]
			if n == len(s) {
				t.steps = t.steps[1:]
			}
			return n, nil
		case error:
			return 0, s
		case time.Duration:
			select {
			case <-time.After(s):
			case <-t.ctx.Done():
				return 0, t.ctx.Err()
			}
		case chan struct{}:
			select {
			case <-s:
			case <-t.ctx.Done():
				return 0, t.ctx.Err()
			}
		case func():
			s()
		default:
			panic(fmt.Sprintf("a step of type %T", step))
		}
		t.steps = t.steps[1:]
	}
	return 0, io.EOF
}

func (t *tape) Close() error { t.closed = true; return nil }

func reply(status int, contentType string, header http.Header, steps ...any) play {
	return func(ctx context.Context, _ *provider.Request) (*http.Response, error) {
		h := header.Clone()
		if h == nil {
			h = http.Header{}
		}
		h.Set("Content-Type", contentType)
		return &http.Response{StatusCode: status, Header: h, Body: &tape{ctx: ctx, steps: slices.Clone(steps)}}, nil
	}
}

func stream(steps ...any) play { return reply(200, "text/event-stream; charset=utf-8", nil, steps...) }
func whole(body string) play   { return reply(200, "application/json", nil, body) }

func refusal(status int, body string, header ...string) play {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return reply(status, "application/json", h, body)
}

func fails(err error) play {
	return func(context.Context, *provider.Request) (*http.Response, error) { return nil, err }
}

// line is a planner with one answer.
type line struct {
	plan     []route.Candidate
	err      error
	attempts int
	backoff  time.Duration

	mu      sync.Mutex
	reports []error
	queries []route.Query
}

func (l *line) Plan(_ context.Context, q route.Query) ([]route.Candidate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queries = append(l.queries, q)
	return l.plan, l.err
}

func (l *line) Report(_ route.Candidate, o route.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Err == nil {
		l.reports = append(l.reports, nil)
		return
	}
	l.reports = append(l.reports, o.Err)
}

func (l *line) Attempts() int             { return cmp.Or(l.attempts, 1) }
func (l *line) Backoff(int) time.Duration { return l.backoff }

// eyes is an observer.
type eyes struct {
	mu       sync.Mutex
	attempts int
	findings int
	streams  int
	loops    []guard.Action
}

func (e *eyes) Looped(action guard.Action) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.loops = append(e.loops, action)
}

func (e *eyes) looped() []guard.Action {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.loops)
}

func (e *eyes) Attempted(route.Candidate, llm.Operation, ledger.Attempt) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.attempts++
}

func (e *eyes) Found(f []llm.Finding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.findings += len(f)
}

func (e *eyes) found() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.findings
}

func (e *eyes) open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.streams
}

func (e *eyes) Streams(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.streams += n
}

func codecs() map[llm.Protocol]protocol.Codec {
	sealer := protocol.NewSealer(make([]byte, 32))
	return map[llm.Protocol]protocol.Codec{llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer)}
}

// bench is a proxy behind a real HTTP server, before scripted upstreams.
type bench struct {
	*line
	eyes   eyes
	codecs map[llm.Protocol]protocol.Codec
	ledger *ledger.Ledger
	store  *ledgertest.Store
	proxy  *proxy.Proxy
	url    string
	calls  atomic.Int64
	served atomic.Int64 // calls that are being served
	log    bytes.Buffer
	loops  bool                                  // the key may loop
	keep   func(end []byte)                      // what a call does with its end
	ctx    func(context.Context) context.Context // of a call, over that of its request
	also   func(*proxy.Call)                     // done to a call
}

type setup struct {
	policy   proxy.Policy
	attempts int
	backoff  time.Duration
	codecs   map[llm.Protocol]protocol.Codec
}

func candidate(u *upstream, speaks llm.Protocol) route.Candidate {
	return route.Candidate{
		Provider: u, Protocol: speaks, Operation: llm.Generate, Route: "m*=>" + u.name, Prices: u.name,
		Target: protocol.Target{Provider: u.name, Model: "served-by-" + u.name, Origin: u.name},
	}
}

func newBench(t testing.TB, s setup, plan ...route.Candidate) *bench {
	t.Helper()
	b := &bench{line: &line{plan: plan, attempts: s.attempts, backoff: s.backoff}, codecs: s.codecs}
	if b.codecs == nil {
		b.codecs = codecs()
	}
	b.ledger, b.store = ledgertest.New(t, ledger.Options{})
	b.proxy = proxy.New(proxy.Options{
		Codecs: b.codecs, Planner: b.line, Recorder: b.ledger, Observer: &b.eyes,
		Log: slog.New(slog.NewTextHandler(&lockedWriter{w: &b.log}, nil)), Policy: s.policy,
	})
	t.Cleanup(b.proxy.Close)
	server := httptest.NewUnstartedServer(http.HandlerFunc(b.serve))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // a test panics on purpose
	server.Start()
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// serve is the door, as small as can be: /protocol/operation.
func (b *bench) serve(w http.ResponseWriter, r *http.Request) {
	b.served.Add(1)
	defer b.served.Add(-1)
	part := strings.Split(r.URL.Path, "/")
	codec, op := b.codecs[llm.Protocol(part[1])], llm.Operation(part[2])
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	head, err := codec.Peek(op, body)
	if err == nil {
		head.RequestID, head.EstimatedInput = r.Header.Get("X-Request-Id"), 42
		if form := r.URL.Query().Get("stream"); form != "" { // of a protocol that says it in the path
			head.Stream, head.Array = true, form == "array"
		}
		call := &proxy.Call{
			ID: head.RequestID, Codec: codec, Head: head, Body: body, Started: time.Now(),
			Principal: b.principal(), Header: http.Header{"Anthropic-Beta": {"b1"}}, Query: "beta=true", Keep: b.keep,
		}
		if b.also != nil {
			b.also(call)
		}
		ctx := r.Context()
		if b.ctx != nil {
			ctx = b.ctx(ctx)
		}
		err = b.proxy.Serve(ctx, w, call)
	}
	if err == nil {
		return
	}
	status, header, text := codec.EncodeError(llm.AsError(err), head)
	for name, values := range header {
		w.Header()[name] = values
	}
	w.Header().Set("X-Kind", llm.AsError(err).Kind.String())
	if up := llm.AsError(err).Upstream; up != nil {
		w.Header().Set("X-Upstream", fmt.Sprint(up.Provider, " ", up.Status, " ", up.RequestID, " ", string(up.Body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func (b *bench) principal() identity.Principal {
	p := identity.LocalOwner()
	p.MayLoop = b.loops
	return p
}

// got is an answer as the client sees it.
type got struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

func (b *bench) request(ctx context.Context, t testing.TB, from llm.Protocol, op llm.Operation, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/"+string(from)+"/"+string(op), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Request-Id", fmt.Sprint("call-", b.calls.Add(1)))
	return req
}

func (b *bench) send(t testing.TB, from llm.Protocol, op llm.Operation, body string) got {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	resp, err := http.DefaultClient.Do(b.request(ctx, t, from, op, body))
	if err != nil {
		return got{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return got{resp.StatusCode, resp.Header, string(text), err}
}

// ask sends a usual request.
func (b *bench) ask(t testing.TB, from llm.Protocol, streamed bool) got {
	t.Helper()
	return b.send(t, from, llm.Generate, prompt(from, streamed))
}

func prompt(from llm.Protocol, streamed bool) string {
	limit := ""
	if from == llm.Messages {
		limit = `"max_tokens":100,`
	}
	return fmt.Sprintf(`{"model":"mine",%s"stream":%v,"messages":[{"role":"user","content":"Hi"}]}`, limit, streamed)
}

// rows waits for n rows in the store and for the end of every call, which is
// later than its row, and returns the rows.
func (b *bench) rows(t testing.TB, n int) []ledger.Entry {
	t.Helper()
	var rows []ledger.Entry
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if err := b.ledger.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if rows = b.store.Rows(); len(rows) >= n && b.served.Load() == 0 && b.ledger.Stats().InFlight == 0 {
			break
		}
	}
	slices.SortFunc(rows, func(x, y ledger.Entry) int { return cmp.Compare(x.Attempt, y.Attempt) })
	if len(rows) != n || b.ledger.Stats().InFlight != 0 {
		t.Fatalf("%d rows and %d calls in flight, want %d rows: %+v", len(rows), b.ledger.Stats().InFlight, n, rows)
	}
	return rows
}
