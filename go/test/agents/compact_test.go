package agents_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// forgetful is a vendor of Chat Completions whose first answer fills the
// context. It notes what it was asked for.
type forgetful struct {
	mu    sync.Mutex
	asked []string
}

const (
	summaryWords = "The user wants it done; the command was run."
	chunkOf      = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}` + "\n\n"
	usageOf      = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":5,"total_tokens":%[1]d}}` + "\n\ndata: [DONE]\n\n"
)

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, `{"object":"list","data":[]}`)
		return
	}
	var body struct{ Messages []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.Messages) == 0 {
		http.Error(w, "no messages", http.StatusBadRequest)
		return
	}
	whole, err := json.Marshal(body.Messages)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	kind, delta, end, used := "work", `{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"exec_command","arguments":"{\"cmd\":\"echo hi\"}"}}]}`, `"tool_calls"`, 250_000
	switch {
	case strings.Contains(string(body.Messages[len(body.Messages)-1]), "Write a summary"):
		kind, delta, end, used = "summary", `{"content":"`+summaryWords+`"}`, `"stop"`, 100
	case strings.Contains(string(whole), summaryWords):
		kind, delta, end, used = "rest", `{"content":"All is done."}`, `"stop"`, 100
	}
	f.mu.Lock()
	f.asked = append(f.asked, kind)
	f.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprintf(w, chunkOf, delta, "null")
	_, _ = fmt.Fprintf(w, chunkOf, "{}", end)
	_, _ = fmt.Fprintf(w, usageOf, used)
}

// TestCodexCompacts fills the context of a Codex that takes the gateway for
// OpenAI: it has the conversation summed up in the form of OpenAI's own
// models, and goes on with what it got.
func TestCodexCompacts(t *testing.T) {
	t.Parallel()
	vendor := &forgetful{}
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+server.URL+"/v1",
		"TOKLIGENCE_PROVIDERS_OPENAI_PROTOCOLS=openai-chat")
	o := codexAs(t, d, "OpenAI", "codex-0.169.0", workspace(t), "gpt-5", "model_auto_compact_token_limit = 10000")
	if o.code != 0 || !strings.Contains(o.out, "All is done.") {
		t.Errorf("exit code %d, events:\n%s", o.code, o.out)
	}
	if got := strings.Join(vendor.asked, " "); got != "work summary rest" {
		t.Errorf("the vendor was asked for %s", got)
	}
}
