package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// lines is a log that a test reads while the gateway writes.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) about(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, "request_id="+id+" ") {
			return line
		}
	}
	return ""
}

// TestRefusalsAreLogged holds that what has no row in the ledger is found in
// the log by the id of its answer, and that a credential is not.
func TestRefusalsAreLogged(t *testing.T) {
	const credential = "tok_not-for-the-log"
	log := &lines{}
	g := open(t, setup{log: log, auth: func(c string) (identity.Principal, error) {
		if c == "" {
			return identity.LocalOwner(), nil
		}
		return identity.Principal{}, &llm.Error{Kind: llm.Unauthenticated, Message: "This key is not valid.", Err: io.ErrUnexpectedEOF}
	}})
	for _, tt := range []struct {
		name, path, body, key string
		want                  []string
	}{
		{"wrong key", "/v1/chat/completions", `{"model":"gpt-4o"}`, credential, []string{
			"level=INFO", "status=401", "kind=unauthenticated", `error="This key is not valid."`, `cause="unexpected EOF"`,
		}},
		{"unknown model", "/v1/messages", `{"model":"nobody","max_tokens":1,"messages":[]}`, "", []string{
			"status=404", "protocol=anthropic-messages", "model=nobody",
		}},
		{"malformed", "/v1/chat/completions", `{`, "", []string{"status=400", "protocol=openai-chat", "kind=invalid"}},
		{"unknown path", "/v1/nothing", `{}`, "", []string{"status=404", "/v1/nothing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := []string{"X-Api-Key", tt.key}
			answer := g.ask(t, http.MethodPost, tt.path, strings.NewReader(tt.body), header...)
			line := log.about(answer.header.Get("X-Request-Id"))
			for _, want := range append(tt.want, fmt.Sprintf("status=%d", answer.status)) {
				if !strings.Contains(line, want) {
					t.Errorf("the log says %q, without %s", line, want)
				}
			}
			if strings.Contains(line, credential) {
				t.Errorf("the log holds the credential: %s", line)
			}
		})
	}
}

func TestUnknownPathsNameNearOnes(t *testing.T) {
	g := open(t, setup{})
	for path, want := range map[string]string{
		"/chat/completions":        "Did you mean /v1/chat/completions?",
		"//v1/chat/completions":    "Did you mean /v1/chat/completions?",
		"/v1/v1/chat/completions":  "Did you mean /v1/chat/completions?",
		"/v1/responses/":           "Did you mean /v1/responses?",
		"/anthropic/messages":      "Did you mean /anthropic/v1/messages?",
		"/messages/count_tokens":   "Did you mean /anthropic/v1/messages/count_tokens?",
		"/anthropic/v1/embeddings": "Did you mean /v1/embeddings?",
		"/v1/fine_tuning/jobs":     "Served are /v1/chat/completions, ",
		"/":                        "Served are /v1/chat/completions, ",
	} {
		a := g.ask(t, http.MethodPost, path, strings.NewReader("{}"))
		if a.status != http.StatusNotFound || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d %s, want %s", path, a.status, a.body, want)
		}
	}
}
