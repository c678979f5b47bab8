package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// vendor is a provider that answers in the protocol of the path, always well,
// and remembers how it was called.
type vendor struct {
	*httptest.Server
	name   string
	models []string
	hold   chan struct{} // a stream waits for it before its end; nil: for nothing

	mu    sync.Mutex
	calls []vendorCall
}

type vendorCall struct{ path, key, model string }

func newVendor(t *testing.T, name string, models ...string) *vendor {
	t.Helper()
	v := &vendor{name: name, models: models}
	v.Server = httptest.NewServer(http.HandlerFunc(v.answer))
	t.Cleanup(v.Close)
	return v
}

// last returns the latest call, an empty one if there was none.
func (v *vendor) last() vendorCall {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.calls) == 0 {
		return vendorCall{}
	}
	return v.calls[len(v.calls)-1]
}

// keys returns the keys it was called with, in order.
func (v *vendor) keys() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	keys := make([]string, len(v.calls))
	for i, c := range v.calls {
		keys[i] = c.key
	}
	return keys
}

func (v *vendor) answer(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/models") {
		list := make([]string, len(v.models))
		for i, id := range v.models {
			list[i] = fmt.Sprintf(`{"id":%q,"object":"model","created":1776000000,"owned_by":%q}`, id, v.name)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"object":"list","data":[`+strings.Join(list, ",")+`]}`)
		return
	}
	var body struct {
		Model  string
		Stream bool
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := r.Header.Get("X-Api-Key")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		key = bearer
	}
	v.mu.Lock()
	v.calls = append(v.calls, vendorCall{r.URL.Path, key, body.Model})
	v.mu.Unlock()
	switch {
	case body.Stream:
		v.stream(w, r, body.Model)
	case strings.HasSuffix(r.URL.Path, "/messages"):
		v.whole(w, `{"id":"msg_1","type":"message","role":"assistant","model":%q,"content":[{"type":"text","text":"from %s"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":7,"output_tokens":3}}`, body.Model)
	default:
		v.whole(w, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"from %s","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`, body.Model)
	}
}

func (v *vendor) whole(w http.ResponseWriter, format, model string) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, format, model, v.name)
}

// stream answers a piece at a time, until what it waits for comes.
func (v *vendor) stream(w http.ResponseWriter, r *http.Request, model string) {
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for held := true; held; {
		_, _ = io.WriteString(w, strings.Replace(chunk, `"model":"m"`, fmt.Sprintf(`"model":%q`, model), 1))
		_ = http.NewResponseController(w).Flush()
		if held = v.hold != nil; !held {
			break
		}
		select {
		case <-v.hold:
			held = false
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
	_, _ = io.WriteString(w, finish)
}

// chat is a small request.
func chat(model string) string {
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Hi"}]}`, model)
}

// message is the same in Messages.
func message(model string) string {
	return fmt.Sprintf(`{"model":%q,"max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}`, model)
}

// as sends a small request with a key of its own choice.
func as(t *testing.T, d *daemon.Daemon, key, model string) said {
	t.Helper()
	return ask(t, d, http.MethodPost, paths["chat"], http.Header{"Authorization": {"Bearer " + key}}, strings.NewReader(chat(model)))
}

// eventually waits until what is asked for has come true.
func eventually(t *testing.T, patience time.Duration, what string, check func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !check() {
		if time.Now().After(deadline) {
			t.Fatalf("not after %v: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// status asks a path of operation and returns its status.
func status(t *testing.T, d *daemon.Daemon, path string) int {
	t.Helper()
	return ask(t, d, http.MethodGet, path, nil, nil).status
}
