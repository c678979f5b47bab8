// Package upstreamtest plays model providers for tests: it serves the paths of
// a vendor, demands its kind of credential, refuses what the vendor refuses,
// answers with the vendor's habits, and breaks in every way upstreams break. It
// serves tests only and must not know how the gateway makes its requests: what
// it demands was written down from the vendors' documents.
package upstreamtest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Script says what a server does.
type Script struct {
	Like   string   // a vendor, see Vendors; "": any of the protocols, nothing refused
	Key    string   // demanded; "": no credential is looked at
	Models []string // it lists; nil: two
	Reply  Reply    // the answer to every call
	Faults []Fault  // of the first calls, one each; later calls are answered well
}

// Reply is what a server answers, in any protocol. Zero fields are filled in.
type Reply struct {
	Text    string // default "Hello."
	Thought string
	Calls   []ToolCall
	Input   int // tokens, default 12
	Cached  int // of these
	Output  int // default 5
}

// ToolCall is a call that a reply makes.
type ToolCall struct{ ID, Name, Arguments string }

// Call is a request as it arrived.
type Call struct {
	Method, URI string
	Header      http.Header
	Raw         []byte
	Body        map[string]any // nil where it is no JSON object
	Refused     string         // why the vendor's rules refused it, "" if not
}

// Server is a running upstream.
type Server struct {
	URL string // scheme, host and port

	script Script
	vendor vendor
	done   chan struct{} // closed when the test is over: stalls end

	mu     sync.Mutex
	calls  []Call
	faults []Fault
}

// New starts a server that lives as long as the test.
func New(t testing.TB, s Script) *Server {
	t.Helper()
	v, ok := vendorLike(s.Like)
	if !ok {
		t.Fatalf("upstreamtest: there is no vendor %q", s.Like)
	}
	s.Reply.fill()
	if s.Models == nil {
		s.Models = []string{"model-large", "model-small"}
	}
	srv := &Server{script: s, vendor: v, done: make(chan struct{}), faults: slices.Clone(s.Faults)}
	web := httptest.NewServer(srv)
	srv.URL = web.URL
	t.Cleanup(func() {
		close(srv.done)
		web.CloseClientConnections()
		web.Close()
	})
	return srv
}

func (r *Reply) fill() {
	if r.Text == "" && len(r.Calls) == 0 {
		r.Text = "Hello."
	}
	if r.Input == 0 {
		r.Input = 12
	}
	if r.Output == 0 {
		r.Output = 5
	}
}

// Calls returns what has arrived so far.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Last returns the latest call. It fails the test if there was none.
func (s *Server) Last(t testing.TB) Call {
	t.Helper()
	calls := s.Calls()
	if len(calls) == 0 {
		t.Fatal("the upstream was not called")
	}
	return calls[len(calls)-1]
}

// Break adds faults for the next calls.
func (s *Server) Break(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

func (s *Server) nextFault() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) == 0 {
		return Fault{}
	}
	f := s.faults[0]
	s.faults = s.faults[1:]
	return f
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the gateway has gone
	}
	call := Call{Method: r.Method, URI: r.RequestURI, Header: r.Header.Clone(), Raw: raw}
	_ = json.Unmarshal(raw, &call.Body) // whatever it is: rules say what is wrong
	door, found := s.vendor.doors[r.URL.Path]
	status, problem := http.StatusNotFound, "there is nothing at "+r.URL.Path
	if found {
		status, problem = s.admit(door, &call)
	}
	call.Refused = problem
	s.mu.Lock()
	s.calls = append(s.calls, call)
	s.mu.Unlock()
	if problem != "" {
		s.refuse(w, door, status, problem)
		return
	}
	fault := s.nextFault()
	if fault.refuse(s, w, door) {
		return
	}
	out := &writer{w: w, r: r, server: s, fault: fault}
	s.answer(out, door, &call)
	out.end()
}

// admit checks a call as the vendor does. It returns a status and a reason
// where the call is refused.
func (s *Server) admit(d door, c *Call) (int, string) {
	want := http.MethodPost
	if d.kind == models {
		want = http.MethodGet
	}
	if c.Method != want {
		return http.StatusMethodNotAllowed, "the method is " + c.Method
	}
	if s.script.Key != "" {
		if problem := d.auth.check(c.Header, s.script.Key); problem != "" {
			return http.StatusUnauthorized, problem
		}
	}
	if want == http.MethodGet {
		return 0, ""
	}
	if c.Body == nil {
		return http.StatusBadRequest, "the body is not a JSON object"
	}
	for _, rule := range s.vendor.rules[d.kind] {
		if problem := rule(c); problem != "" {
			return http.StatusBadRequest, problem
		}
	}
	return 0, ""
}

func (s *Server) answer(w *writer, d door, c *Call) {
	a := &answer{Reply: s.script.Reply, habits: s.vendor.habits, model: text(c.Body["model"])}
	streamed, _ := c.Body["stream"].(bool)
	switch d.kind {
	case chat:
		a.chat(w, streamed, c.Body)
	case messages:
		a.messages(w, streamed)
	case responses:
		a.responses(w, streamed)
	case count:
		w.json(map[string]any{"input_tokens": a.Input})
	case embed:
		w.json(embedding(c.Body))
	case models:
		w.json(s.list())
	}
}
