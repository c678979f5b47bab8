package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// door serves the paths of a test and refuses in plain words.
type door struct {
	paths map[string]gin.HandlerFunc // by path, any method
}

func (d *door) Mount(r gin.IRouter) {
	for path, h := range d.paths {
		r.GET(path, h)
		r.POST(path, h)
	}
}

func (d *door) NotFound(c *gin.Context) {
	d.Refuse(c.Writer, c.Request, llm.Errorf(llm.NotFound, "nothing here"))
}

func (d *door) WrongMethod(c *gin.Context) {
	d.Refuse(c.Writer, c.Request, llm.Errorf(llm.Invalid, "not like that"))
}

func (*door) Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	status := 500
	switch llm.AsError(err).Kind {
	case llm.NotFound:
		status = 404
	case llm.Invalid:
		status = 405
	case llm.Forbidden:
		status = 403
	default:
	}
	var own interface{ HTTPStatus() int }
	if errors.As(err, &own) {
		status = own.HTTPStatus()
	}
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, llm.AsError(err).Message)
}

type health map[string]error

func (h health) Ready(context.Context) map[string]error { return h }

type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.String()
}

type site struct {
	*Server
	log *logged
	url string
}

func start(t *testing.T, o Options) *site {
	t.Helper()
	s := &site{log: &logged{}}
	if o.Door == nil {
		o.Door = &door{}
	}
	if o.Health == nil {
		o.Health = health{}
	}
	o.Log = slog.New(slog.NewTextHandler(s.log, nil))
	srv, err := Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = srv
	s.url = "http://" + srv.Addr().String()
	srv.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx)
	})
	return s
}

func (s *site) ask(t *testing.T, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestEveryAnswerHasAnID(t *testing.T) {
	boom := func(*gin.Context) { panic("boom") }
	s := start(t, Options{
		Door:   &door{paths: map[string]gin.HandlerFunc{"/v1/messages": func(c *gin.Context) { c.String(200, "ok") }, "/boom": boom}},
		Access: Access{CheckHosts: true}, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "m 1\n") }),
	})
	seen := map[string]bool{}
	for _, tt := range []struct {
		method, path string
		header       []string
		status       int
		anthropic    bool
	}{
		{"GET", "/livez", nil, 200, false},
		{"HEAD", "/health", nil, 200, false},
		{"GET", "/metrics", nil, 200, false},
		{"GET", "/nothing", nil, 404, false},
		{"DELETE", "/v1/messages", nil, 405, true},
		{"POST", "/v1/messages", nil, 200, true},
		{"GET", "/v1/messages/count_tokens", nil, 404, true},
		{"GET", "/anthropic/v1/nothing", nil, 404, true},
		{"GET", "/v1/models", []string{"Anthropic-Version", "2023-06-01"}, 404, true},
		{"GET", "/boom", nil, 500, false},
		{"GET", "/livez", []string{"Host", "evil.example"}, 421, false},
		{"GET", "/livez", []string{"Origin", "https://evil.example"}, 403, false},
		{"GET", "/livez", []string{"X-Request-Id", "mine", "Request-Id", "mine"}, 200, false},
	} {
		resp, _ := s.ask(t, tt.method, tt.path, tt.header...)
		id := resp.Header.Get("X-Request-Id")
		if _, err := uuid.Parse(id); err != nil || seen[id] {
			t.Errorf("%s %s: id %q", tt.method, tt.path, id)
		}
		seen[id] = true
		if got := resp.Header.Get("Request-Id"); resp.StatusCode != tt.status || tt.anthropic && got != id || !tt.anthropic && got != "" {
			t.Errorf("%s %s: %d, request-id %q", tt.method, tt.path, resp.StatusCode, got)
		}
	}
}

// TestOddTargets sends requests whose target is no path.
func TestOddTargets(t *testing.T) {
	s := start(t, Options{})
	for _, head := range []string{
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
		"GET http://localhost/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET //nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /%2f%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		conn := dial(t, s)
		_, _ = io.WriteString(conn, head)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%q: %v", head, err)
			continue
		}
		if resp.StatusCode/100 != 4 || resp.Header.Get("X-Request-Id") == "" {
			t.Errorf("%q: %d %v", head, resp.StatusCode, resp.Header)
		}
		_ = resp.Body.Close()
	}
	if strings.Contains(s.log.text(), "panic") {
		t.Error(s.log.text())
	}
}

func dial(t *testing.T, s *site) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

func TestWhoMayAsk(t *testing.T) {
	for _, tt := range []struct {
		name         string
		access       Access
		host, origin string
		want         int // 0: comes in
	}{
		{"loopback", Access{CheckHosts: true}, "127.0.0.1:8081", "", 0},
		{"all of 127", Access{CheckHosts: true}, "127.9.9.9", "", 0},
		{"IPv6", Access{CheckHosts: true}, "[::1]:8081", "", 0},
		{"IPv6, no port", Access{CheckHosts: true}, "[::1]", "", 0},
		{"localhost", Access{CheckHosts: true}, "LocalHost:8081", "", 0},
		{"with a dot", Access{CheckHosts: true}, "localhost.", "", 0},
		{"below localhost", Access{CheckHosts: true}, "app.localhost", "", 0},
		{"no host", Access{CheckHosts: true}, "", "", 421},
		{"foreign", Access{CheckHosts: true}, "evil.example", "", 421},
		{"looks like localhost", Access{CheckHosts: true}, "localhost.evil.example", "", 421},
		{"ends like localhost", Access{CheckHosts: true}, "evillocalhost", "", 421},
		{"any address", Access{CheckHosts: true}, "0.0.0.0:8081", "", 421},
		{"a private address", Access{CheckHosts: true}, "192.168.1.2", "", 421},
		{"allowed", Access{CheckHosts: true, Hosts: []string{"Gateway.lan"}}, "gateway.LAN:8081", "", 0},
		{"allowed with its port", Access{CheckHosts: true, Hosts: []string{"gateway.lan:8081"}}, "gateway.lan:8081", "", 0},
		{"allowed with another port", Access{CheckHosts: true, Hosts: []string{"gateway.lan:8081"}}, "gateway.lan:9", "", 421},
		{"below what is allowed", Access{CheckHosts: true, Hosts: []string{"gateway.lan"}}, "x.gateway.lan", "", 421},
		{"all allowed", Access{CheckHosts: true, Hosts: []string{"*"}}, "evil.example", "https://evil.example", 0},
		{"all allowed, no origin", Access{CheckHosts: true, Hosts: []string{"*"}}, "x", "null", 0},
		{"not checked", Access{}, "evil.example", "https://evil.example", 0},
		{"own page", Access{CheckHosts: true}, "localhost", "http://localhost:3000", 0},
		{"foreign page", Access{CheckHosts: true}, "localhost", "https://evil.example", 403},
		{"hidden page", Access{CheckHosts: true}, "localhost", "null", 403},
		{"nonsense", Access{CheckHosts: true}, "localhost", "http://%zz", 403},
		{"no host in it", Access{CheckHosts: true}, "localhost", "file://", 403},
		{"name in the user part", Access{CheckHosts: true}, "localhost", "https://localhost@evil.example", 403},
		{"allowed page", Access{CheckHosts: true, Hosts: []string{"app.lan"}}, "localhost", "https://app.lan", 0},
	} {
		r := &http.Request{Host: tt.host, Header: http.Header{}}
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		err := tt.access.check(r)
		got := 0
		if err != nil {
			got = http.StatusForbidden
			var own interface{ HTTPStatus() int }
			if errors.As(err, &own) {
				got = own.HTTPStatus()
			}
			if llm.AsError(err).Kind != llm.Forbidden {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestAccessCanBeReplaced(t *testing.T) {
	s := start(t, Options{Access: Access{CheckHosts: true}})
	for _, want := range []int{421, 200} {
		if resp, _ := s.ask(t, "GET", "/livez", "Host", "gateway.lan"); resp.StatusCode != want {
			t.Errorf("%d, want %d", resp.StatusCode, want)
		}
		s.SetAccess(Access{CheckHosts: true, Hosts: []string{"gateway.lan"}})
	}
}

func TestPanics(t *testing.T) {
	s := start(t, Options{Door: &door{paths: map[string]gin.HandlerFunc{
		"/before": func(*gin.Context) { panic("the cause") },
		"/after": func(c *gin.Context) {
			c.Header("Content-Type", "text/event-stream")
			_, _ = io.WriteString(c.Writer, "data: half\n\n")
			c.Writer.Flush()
			panic("the cause")
		},
		"/abort": func(*gin.Context) { panic(http.ErrAbortHandler) },
	}}})
	resp, body := s.ask(t, "POST", "/before")
	id := resp.Header.Get("X-Request-Id")
	if resp.StatusCode != 500 || strings.Contains(body, "the cause") || !strings.Contains(body, id) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if log := s.log.text(); !strings.Contains(log, "the cause") || !strings.Contains(log, id) || !strings.Contains(log, "server_test.go") {
		t.Errorf("log %s", log)
	}
	after, err := http.Post(s.url+"/after", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Body.Close()
	if text, err := io.ReadAll(after.Body); err == nil {
		t.Errorf("a clean end: %q", text)
	}
	lines := strings.Count(s.log.text(), "\n")
	if resp, err := http.Post(s.url+"/abort", "", nil); err == nil {
		_ = resp.Body.Close()
		t.Error("an answer to a call that was given up")
	}
	if strings.Count(s.log.text(), "\n") != lines {
		t.Error("giving up is logged as an accident")
	}
	if resp, _ := s.ask(t, "GET", "/livez"); resp.StatusCode != 200 {
		t.Error("the server does not go on")
	}
}

func TestHealth(t *testing.T) {
	for name, tt := range map[string]struct {
		health health
		drain  bool
		status int
		word   string
	}{
		"well":     {health{"ledger": nil}, false, 200, "ok"},
		"ill":      {health{"ledger": nil, "identity": errors.New("never read")}, false, 503, "degraded"},
		"draining": {health{"ledger": nil}, true, 503, "draining"},
	} {
		s := start(t, Options{Health: tt.health})
		if tt.drain {
			s.Drain()
		}
		for path, want := range map[string]int{"/readyz": tt.status, "/health": tt.status, "/livez": 200} {
			resp, body := s.ask(t, "GET", path)
			var got struct {
				Status, Version string
				Checks          map[string]string
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != want || got.Version == "" {
				t.Errorf("%s: %s is %d %s", name, path, resp.StatusCode, body)
			}
			if path == "/livez" {
				continue
			}
			if got.Status != tt.word || len(got.Checks) != len(tt.health) || tt.health["identity"] != nil && got.Checks["identity"] != "never read" {
				t.Errorf("%s: %s", name, body)
			}
		}
		if resp, _ := s.ask(t, "GET", "/metrics"); resp.StatusCode != 404 {
			t.Errorf("metrics that are off: %d", resp.StatusCode)
		}
	}
}

func TestSlowHeadersAreNotWaitedFor(t *testing.T) {
	s := start(t, Options{HeaderTimeout: 100 * time.Millisecond, IdleTimeout: 100 * time.Millisecond})
	for name, sent := range map[string]string{
		"nothing":     "",
		"half a head": "GET /livez HTTP/1.1\r\nHost: localhost\r\n",
		"idle":        "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		conn := dial(t, s)
		began := time.Now()
		_, _ = io.WriteString(conn, sent)
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("%s: cut after %s", name, d)
		}
	}
}

func TestLongHeadsAreRefused(t *testing.T) {
	s := start(t, Options{})
	conn := dial(t, s)
	fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 128<<10))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("%v, %v", resp, err)
	}
}

func TestShutdownWaitsForCalls(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	s := start(t, Options{Door: &door{paths: map[string]gin.HandlerFunc{"/slow": func(c *gin.Context) {
		close(entered)
		<-leave
		c.String(200, "done")
	}}}})
	answer := make(chan string, 1)
	go func() {
		_, body := s.ask(t, "GET", "/slow")
		answer <- body
	}()
	<-entered
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	for !s.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-ended:
		t.Fatalf("shut down with a call in flight: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if conn, err := net.DialTimeout("tcp", s.Addr().String(), time.Second); err == nil {
		_ = conn.Close()
		t.Error("still accepts")
	}
	close(leave)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if body := <-answer; body != "done" {
		t.Errorf("the call ended with %q", body)
	}
	if err := <-s.Failed(); err != nil {
		t.Errorf("failed: %v", err)
	}
}

// TestShutdownCuts ends calls that take too long: they learn why, and may say
// so before the connection goes.
func TestShutdownCuts(t *testing.T) {
	entered := make(chan struct{})
	var cause error
	s := start(t, Options{Door: &door{paths: map[string]gin.HandlerFunc{
		"/polite": func(c *gin.Context) {
			entered <- struct{}{}
			<-c.Request.Context().Done()
			cause = context.Cause(c.Request.Context())
			c.String(503, "goodbye")
		},
		"/deaf": func(c *gin.Context) {
			entered <- struct{}{}
			time.Sleep(2 * cutTime)
			c.String(200, "late")
		},
	}}})
	polite, deaf := make(chan string, 1), make(chan error, 1)
	go func() {
		_, body := s.ask(t, "GET", "/polite")
		polite <- body
	}()
	go func() {
		resp, err := http.Get(s.url + "/deaf")
		if err == nil {
			_ = resp.Body.Close()
		}
		deaf <- err
	}()
	<-entered
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if d := time.Since(began); d > cutTime+time.Second {
		t.Errorf("took %s", d)
	}
	if body := <-polite; body != "goodbye" || !errors.Is(cause, errCut) {
		t.Errorf("%q, cause %v", body, cause)
	}
	if err := <-deaf; err == nil {
		t.Error("a call that would not end was answered")
	}
}

func TestListening(t *testing.T) {
	s := start(t, Options{})
	if _, err := Listen(s.Addr().String(), Options{Door: &door{}, Log: slog.New(slog.DiscardHandler)}); err == nil || !strings.Contains(err.Error(), s.Addr().String()) {
		t.Errorf("a port that is taken: %v", err)
	}
	// One that was never started lets go of its port.
	idle, err := Listen("127.0.0.1:0", Options{Door: &door{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	addr := idle.Addr().String()
	if err := idle.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	_ = again.Close()
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	s := start(t, Options{})
	for range 3 {
		s.ask(t, "GET", "/livez")
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// BenchmarkGuard is what every request costs before its door.
func BenchmarkGuard(b *testing.B) {
	s := &Server{}
	s.SetAccess(Access{CheckHosts: true})
	h := s.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Options{Door: &door{}})
	r := &http.Request{Host: "127.0.0.1:8081", Header: http.Header{}}
	r.URL = &url.URL{Path: "/v1/chat/completions"}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(writer{http.Header{}}, r)
	}
}

type writer struct{ header http.Header }

func (w writer) Header() http.Header       { return w.header }
func (writer) WriteHeader(int)             {}
func (writer) Write(p []byte) (int, error) { return len(p), nil }
