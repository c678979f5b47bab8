package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// databases are the settings for either.
func databases(t *testing.T, each func(t *testing.T, env []string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		each(t, nil)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		each(t, []string{"TOKLIGENCE_DATABASE_URL=" + pgtest.Start(t).URL})
	})
}

// member is a text of an answer.
func member(t *testing.T, s said, name string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(s.body, &all); err != nil || s.status != http.StatusOK {
		t.Fatalf("%d %s", s.status, s.body)
	}
	text, _ := all[name].(string)
	return text
}

// TestStateOnEitherDatabase keeps a conversation and an answer that is made
// in the background over a restart.
func TestStateOnEitherDatabase(t *testing.T) {
	databases(t, func(t *testing.T, env []string) {
		v := newVendor(t, "openai", "gpt-5")
		d := daemon.Start(t, append(env, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL+"/v1", "TOKLIGENCE_PROVIDERS_OPENAI_PROTOCOLS=openai-chat")...)
		thread := member(t, post(t, d, "/v1/conversations", `{"metadata":{"a":"b"},"items":[{"role":"user","content":"zero"}]}`), "id")
		made := member(t, post(t, d, "/v1/responses",
			`{"model":"gpt-5","input":"One","background":true,"conversation":"`+thread+`"}`), "id")
		get := func(path string) said { return ask(t, d, http.MethodGet, path, nil, nil) }
		eventually(t, 10*time.Second, "the answer is complete", func() bool {
			return member(t, get("/v1/responses/"+made), "status") == "completed"
		})
		before, items := get("/v1/responses/"+made), get("/v1/conversations/"+thread+"/items")
		d.Stop(t)
		d.Run(t)
		if after := get("/v1/responses/" + made); string(after.body) != string(before.body) {
			t.Errorf("read again: %d %s\nwas %s", after.status, after.body, before.body)
		}
		again := get("/v1/conversations/" + thread + "/items")
		if string(again.body) != string(items.body) || strings.Count(string(again.body), `"role"`) != 3 {
			t.Errorf("the conversation is %s\nwas %s", again.body, items.body)
		}
		if s := ask(t, d, http.MethodDelete, "/v1/conversations/"+thread, nil, nil); s.status != http.StatusOK {
			t.Errorf("deleting: %d %s", s.status, s.body)
		}
	})
}

// TestADaemonDiesWithAnswersInTheMaking ends one in order and one by a crash:
// no answer stays in the making for ever.
func TestADaemonDiesWithAnswersInTheMaking(t *testing.T) {
	databases(t, func(t *testing.T, env []string) {
		v := newVendor(t, "openai", "gpt-5")
		v.hold = make(chan struct{})
		t.Cleanup(func() { close(v.hold) })
		d := daemon.Start(t, append(env, "TOKLIGENCE_SHUTDOWN_GRACE=1s", "TOKLIGENCE_SHUTDOWN_DELAY=0s",
			"TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL+"/v1", "TOKLIGENCE_PROVIDERS_OPENAI_PROTOCOLS=openai-chat")...)
		begin := func() string {
			path := "/v1/responses/" + member(t, post(t, d, "/v1/responses", `{"model":"gpt-5","input":"One","background":true}`), "id")
			eventually(t, 10*time.Second, "the provider answers", func() bool {
				return member(t, ask(t, d, http.MethodGet, path, nil, nil), "status") == "in_progress"
			})
			return path
		}
		path := begin()
		d.Stop(t)
		d.Run(t)
		if s := ask(t, d, http.MethodGet, path, nil, nil); member(t, s, "status") != "failed" || !strings.Contains(string(s.body), "shutting down") {
			t.Errorf("after a stop: %s", s.body)
		}
		path = begin()
		d.Kill()
		d.Run(t)
		eventually(t, time.Minute, "the answer of a dead instance is told as failed", func() bool {
			return member(t, ask(t, d, http.MethodGet, path, nil, nil), "status") == "failed"
		})
	})
}

// TestOneInstanceStopsWhatAnotherMakes cancels and follows an answer from the
// other instance.
func TestOneInstanceStopsWhatAnotherMakes(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "openai", "gpt-5")
	v.hold = make(chan struct{})
	t.Cleanup(func() { close(v.hold) })
	env := []string{
		"TOKLIGENCE_DATABASE_URL=" + pgtest.Start(t).URL, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL=" + v.URL + "/v1", "TOKLIGENCE_PROVIDERS_OPENAI_PROTOCOLS=openai-chat",
	}
	one, other := daemon.Start(t, env...), daemon.Start(t, env...)
	path := "/v1/responses/" + member(t, post(t, one, "/v1/responses", `{"model":"gpt-5","input":"One","background":true,"stream":false}`), "id")
	if s := ask(t, other, http.MethodGet, path, nil, nil); member(t, s, "status") == "" {
		t.Errorf("seen from the other: %s", s.body)
	}
	if s := ask(t, other, http.MethodPost, path+"/cancel", nil, nil); member(t, s, "status") != "cancelled" {
		t.Errorf("cancelled from the other: %s", s.body)
	}
	eventually(t, 20*time.Second, "it is cancelled where it is made", func() bool {
		return member(t, ask(t, one, http.MethodGet, path, nil, nil), "status") == "cancelled"
	})
}
