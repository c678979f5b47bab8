package agents_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// call is a tool call of the model. Input is a JSON object, or free text for a
// custom tool.
type call struct {
	ID, Name, Input string
	Custom          bool
}

// result is what a tool gave back. Media counts the images and documents in
// it, or right after it where the protocol has no place for them in a result.
type result struct {
	CallID, Text string
	Media        int
}

// round is some calls and their results.
type round struct {
	Calls   []call
	Results []result
}

// tool is a tool as the vendor was told of it.
type tool struct {
	Custom bool
	Arg    string // the only property of its schema, if there is one
}

// asked is a request as the model sees it, whatever the protocol.
type asked struct {
	Path, Query string
	Model       string
	Number      int // counts the calls of a vendor; answers need ids of their own
	Header      http.Header
	Stream      bool
	Tools       map[string]tool
	Rounds      []round
	Raw         map[string]any
}

// last returns the text of a result of the latest round.
func (a *asked) last(i int) string {
	r := a.Rounds[len(a.Rounds)-1].Results
	if i >= len(r) {
		return ""
	}
	return r[i].Text
}

// reply is what the model says: a thought, a text, calls, in this order.
type reply struct {
	Thought, Text string
	Calls         []call
}

// refusal is an error that a script wants the vendor to answer with.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

// errCut makes the vendor close the connection in mid-stream.
var errCut = errors.New("cut")

// script is the model: it sees the conversation and says the next thing. It
// keeps no state, so a repeated call gets the same answer.
type script func(a *asked) (reply, error)

// dialect is a vendor's protocol: it reads requests as strictly as the vendor,
// and writes answers.
type dialect interface {
	place(a *asked) error // checks where a call arrived, and finds its model and whether it streams
	key(h http.Header) string
	read(a *asked) error
	stream(a *asked, r reply) []string // frames, without the blank line after them
	whole(a *asked, r reply) any
	refuse(status int, message string) any
}

// vendor is a provider that follows a script.
type vendor struct {
	*httptest.Server
	speaks dialect
	script script

	mu         sync.Mutex
	calls      []*asked
	complaints []string
}

// vendorKey is the only key that vendors take.
const vendorKey = "sk-vendor-canary"

func newVendor(t *testing.T, speaks dialect, s script) *vendor {
	t.Helper()
	v := &vendor{speaks: speaks, script: s}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// asked returns the calls so far.
func (v *vendor) asked() []*asked {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]*asked(nil), v.calls...)
}

// check fails the test with everything that the vendor did not like.
func (v *vendor) check(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.calls) == 0 {
		t.Error("no call arrived at the vendor")
	}
	for _, c := range v.complaints {
		t.Errorf("the vendor refused: %s", c)
	}
}

// ServeHTTP answers one call.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/models") {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"object":"list","data":[]}`)
		return
	}
	a, err := v.hear(r)
	if err != nil {
		v.mu.Lock()
		v.complaints = append(v.complaints, err.Error())
		v.mu.Unlock()
		v.refuse(w, &refusal{http.StatusBadRequest, err.Error()})
		return
	}
	said, err := v.script(a)
	var no *refusal
	switch {
	case errors.As(err, &no):
		v.refuse(w, no)
	case errors.Is(err, errCut):
		v.cut(w, a)
	case err != nil:
		v.mu.Lock()
		v.complaints = append(v.complaints, err.Error())
		v.mu.Unlock()
		v.refuse(w, &refusal{http.StatusBadRequest, err.Error()})
	case a.Stream:
		v.say(w, v.speaks.stream(a, said))
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v.speaks.whole(a, said))
	}
}

// hear reads a call and keeps it.
func (v *vendor) hear(r *http.Request) (*asked, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a := &asked{Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header.Clone(), Tools: map[string]tool{}}
	if err := json.Unmarshal(raw, &a.Raw); err != nil {
		return nil, fmt.Errorf("%s: %w", a.Path, err)
	}
	v.mu.Lock()
	v.calls = append(v.calls, a)
	a.Number = len(v.calls)
	v.mu.Unlock()
	if err := v.speaks.place(a); err != nil {
		return nil, err
	}
	if key := v.speaks.key(a.Header); key != vendorKey {
		return nil, fmt.Errorf("key %q", key)
	}
	if a.Model == "" {
		return nil, errors.New("no model")
	}
	if err := v.speaks.read(a); err != nil {
		return nil, fmt.Errorf("%w in %.3000s", err, raw)
	}
	return a, nil
}

func (v *vendor) refuse(w http.ResponseWriter, no *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	_ = json.NewEncoder(w).Encode(v.speaks.refuse(no.status, no.message))
}

func (v *vendor) say(w http.ResponseWriter, frames []string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, f := range frames {
		_, _ = io.WriteString(w, f+"\n\n")
		_ = http.NewResponseController(w).Flush()
	}
}

// cut says the first half of an answer and closes the connection.
func (v *vendor) cut(w http.ResponseWriter, a *asked) {
	frames := v.speaks.stream(a, reply{Text: "This sentence has no"})
	v.say(w, frames[:len(frames)/2+1])
	panic(http.ErrAbortHandler)
}

// inBody is the place of a call that says everything in its body.
func (a *asked) inBody(path string) error {
	a.Model, a.Stream = text(a.Raw, "model"), a.Raw["stream"] == true
	if a.Path != path {
		return fmt.Errorf("path %s, want %s", a.Path, path)
	}
	return nil
}

// bearer is the key of OpenAI and those who follow it.
func bearer(h http.Header) string { return strings.TrimPrefix(h.Get("Authorization"), "Bearer ") }

// only refuses members that are not in the list.
func only(what string, m map[string]any, names string) error {
	known := strings.Fields(names)
next:
	for name := range m {
		for _, k := range known {
			if name == k {
				continue next
			}
		}
		return fmt.Errorf("%s: unknown field %q", what, name)
	}
	return nil
}

// list, object and text read a member, empty if it is absent or of another kind.
func list(m map[string]any, name string) []any { l, _ := m[name].([]any); return l }

func object(v any) map[string]any { m, _ := v.(map[string]any); return m }

func text(m map[string]any, name string) string { s, _ := m[name].(string); return s }

// onlyArg returns the only property of a schema, or nothing.
func onlyArg(schema map[string]any) string {
	properties := object(schema["properties"])
	if len(properties) != 1 {
		return ""
	}
	for name := range properties {
		return name
	}
	return ""
}

// complete checks that the results of a round answer its calls, all of them
// and nothing else.
func (r round) complete() error {
	open := map[string]bool{}
	for _, c := range r.Calls {
		if open[c.ID] {
			return fmt.Errorf("two calls %s", c.ID)
		}
		open[c.ID] = true
	}
	for _, res := range r.Results {
		if !open[res.CallID] {
			return fmt.Errorf("a result for %s, which was not called in the turn before", res.CallID)
		}
		delete(open, res.CallID)
	}
	for id := range open {
		return fmt.Errorf("call %s has no result", id)
	}
	return nil
}

// frame writes a named event.
func frame(name string, v any) string { return "event: " + name + "\n" + data(v) }

func data(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return "data: " + string(raw)
}

type obj = map[string]any

// halves cuts a text in two pieces, as streams do.
func halves(s string) []string {
	if len(s) < 2 {
		return []string{s}
	}
	r := []rune(s)
	return []string{string(r[:len(r)/2]), string(r[len(r)/2:])}
}
