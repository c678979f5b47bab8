package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// TestAnswersOutliveTheDaemon keeps an answer whose provider speaks Anthropic
// Messages, reads it after a restart and goes on from it.
func TestAnswersOutliveTheDaemon(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "anthropic", "claude-sonnet-4-5")
	d := daemon.Start(t, "TOKLIGENCE_ANTHROPIC_API_KEY=sk", "TOKLIGENCE_ANTHROPIC_BASE_URL="+v.URL)
	made := post(t, d, "/v1/responses", `{"model":"claude-sonnet-4-5","input":"One"}`)
	var answer struct {
		ID    string
		Store bool
	}
	if err := json.Unmarshal(made.body, &answer); err != nil || made.status != http.StatusOK || !answer.Store {
		t.Fatalf("%d %s", made.status, made.body)
	}
	d.Stop(t)
	d.Run(t)
	if s := ask(t, d, http.MethodGet, "/v1/responses/"+answer.ID, nil, nil); s.status != http.StatusOK || string(s.body) != string(made.body) {
		t.Errorf("read again: %d %s\nwas %s", s.status, s.body, made.body)
	}
	next := post(t, d, "/v1/responses", `{"model":"claude-sonnet-4-5","input":"Two","previous_response_id":"`+answer.ID+`"}`)
	if next.status != http.StatusOK || !strings.Contains(string(next.body), `"previous_response_id":"`+answer.ID+`"`) {
		t.Errorf("going on: %d %s", next.status, next.body)
	}
	if s := ask(t, d, http.MethodDelete, "/v1/responses/"+answer.ID, nil, nil); s.status != http.StatusOK {
		t.Errorf("deleting: %d %s", s.status, s.body)
	}
	next = post(t, d, "/v1/responses", `{"model":"claude-sonnet-4-5","input":"Two","previous_response_id":"`+answer.ID+`"}`)
	if next.status != http.StatusBadRequest || !strings.Contains(string(next.body), `"previous_response_not_found"`) {
		t.Errorf("going on from what was deleted: %d %s", next.status, next.body)
	}
}
