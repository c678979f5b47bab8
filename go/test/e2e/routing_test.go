package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// explanation is what route explain says, as far as tests look at it.
type explanation struct {
	Model, Alias, Resolved, Via, Decision string
	Candidates                            []struct{ Provider, Model, Protocol, Route, Why string }
	Lost                                  []struct{ What, Why string }
	Error                                 *struct{ Kind, Code, Message string }
}

func explain(t *testing.T, d *daemon.Daemon, model string) explanation {
	t.Helper()
	said := d.Exec(t, "gateway", "route", "explain", "--model", model, "--json")
	var e explanation
	if err := json.Unmarshal([]byte(said.Out), &e); err != nil || (said.Code == 0) != (e.Error == nil) {
		t.Fatalf("route explain %s: exit code %d, %v: %s%s", model, said.Code, err, said.Out, said.Err)
	}
	if text := d.Exec(t, "gateway", "route", "explain", "--model", model); text.Code != said.Code || text.Out == "" {
		t.Errorf("route explain %s for people: exit code %d, %q", model, text.Code, text.Out)
	}
	return e
}

// servedRow returns the latest row of a request.
func servedRow(t *testing.T, d *daemon.Daemon, s said) daemon.Row {
	t.Helper()
	for _, row := range slices.Backward(d.Ledger(t)) {
		if row.RequestID == s.header.Get("X-Request-Id") {
			return row
		}
	}
	t.Fatalf("no row of %s", s.header.Get("X-Request-Id"))
	return daemon.Row{}
}

// checkServed wants one model in the answer, in the ledger, in the header and
// in the explanation.
func checkServed(t *testing.T, d *daemon.Daemon, asked string, s said, provider, model string) {
	t.Helper()
	if s.status != http.StatusOK {
		t.Errorf("%s: %d %s", asked, s.status, s.body)
		return
	}
	var body struct{ Model string }
	if err := json.Unmarshal(s.body, &body); err != nil || body.Model != model {
		t.Errorf("%s: the answer names %q, want %q (%v)", asked, body.Model, model, err)
	}
	if row := servedRow(t, d, s); row.Provider != provider || row.Model != model {
		t.Errorf("%s: the row says %s/%s, want %s/%s", asked, row.Provider, row.Model, provider, model)
	}
	if header := s.header.Get("X-Tokligence-Route"); !strings.Contains(header, provider) || !strings.Contains(header, model) {
		t.Errorf("%s: x-tokligence-route %q, want %s and %s", asked, header, provider, model)
	}
	e := explain(t, d, asked)
	if e.Error != nil || len(e.Candidates) == 0 || e.Candidates[0].Provider != provider || e.Candidates[0].Model != model || e.Decision == "" {
		t.Errorf("%s: route explain says %+v", asked, e)
	}
}

// TestOneProviderServesAllFamilies has one key: models of other vendors go to
// the defaults of that provider, small ones to the small.
func TestOneProviderServesAllFamilies(t *testing.T) {
	t.Parallel()
	t.Run("openai", func(t *testing.T) {
		t.Parallel()
		v := newVendor(t, "openai", "gpt-5")
		d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL,
			"TOKLIGENCE_PROVIDERS_OPENAI_DEFAULTS_LARGE=big-1", "TOKLIGENCE_PROVIDERS_OPENAI_DEFAULTS_SMALL=small-1")
		for asked, model := range map[string]string{
			"claude-sonnet-4-5": "big-1", "claude-haiku-4-5": "small-1", "claude-3-5-haiku-latest": "small-1",
			"gemini-3.1-pro": "big-1", "gpt-5": "gpt-5", "gpt-5-mini": "gpt-5-mini",
		} {
			checkServed(t, d, asked, post(t, d, paths["messages"], message(asked)), "openai", model)
			checkServed(t, d, asked, post(t, d, paths["chat"], chat(asked)), "openai", model)
		}
		checkServed(t, d, "loopback", post(t, d, paths["chat"], chat("loopback")), "loopback", "loopback")
	})
	t.Run("anthropic", func(t *testing.T) {
		t.Parallel()
		v := newVendor(t, "anthropic", "claude-sonnet-4-5")
		d := daemon.Start(t, "TOKLIGENCE_ANTHROPIC_API_KEY=sk", "TOKLIGENCE_ANTHROPIC_BASE_URL="+v.URL+"/v1")
		for asked, model := range map[string]string{
			"gpt-5": "claude-sonnet-4-6", "gpt-5-mini": "claude-haiku-4-5-20251001", "claude-opus-4-5": "claude-opus-4-5",
		} {
			checkServed(t, d, asked, post(t, d, paths["chat"], chat(asked)), "anthropic", model)
		}
		if c := v.last(); c.path != "/v1/messages" || c.key != "sk" {
			t.Errorf("the provider was called with %+v", c)
		}
	})
}

// TestTwoProvidersKeepTheirFamilies has two keys: nobody stands in for another.
func TestTwoProvidersKeepTheirFamilies(t *testing.T) {
	t.Parallel()
	openai, anthropic := newVendor(t, "openai", "gpt-5"), newVendor(t, "anthropic", "claude-sonnet-4-5")
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk-a", "TOKLIGENCE_OPENAI_BASE_URL="+openai.URL,
		"TOKLIGENCE_ANTHROPIC_API_KEY=sk-b", "TOKLIGENCE_ANTHROPIC_BASE_URL="+anthropic.URL)
	checkServed(t, d, "gpt-5", post(t, d, paths["messages"], message("gpt-5")), "openai", "gpt-5")
	checkServed(t, d, "claude-sonnet-4-5", post(t, d, paths["chat"], chat("claude-sonnet-4-5")), "anthropic", "claude-sonnet-4-5")
	s := post(t, d, paths["chat"], chat("gemini-3.1-pro"))
	if !strings.Contains(string(s.body), "TOKLIGENCE_GEMINI_API_KEY") {
		t.Errorf("a family without a provider: %d %s", s.status, s.body)
	}
	s.golden(t, "routing/family-without-key")
	if e := explain(t, d, "gemini-3.1-pro"); e.Error == nil || !strings.Contains(e.Error.Message, "TOKLIGENCE_GEMINI_API_KEY") {
		t.Errorf("route explain: %+v", e)
	}
}

// TestRoutesGuessNothing has routes: what matches none is not found.
func TestRoutesGuessNothing(t *testing.T) {
	t.Parallel()
	openai := newVendor(t, "openai", "gpt-5", "gpt-5-mini")
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+openai.URL,
		"TOKLIGENCE_ROUTES=gpt-*=>openai,claude*=>anthropic,qwen*=>openai/gpt-5", "TOKLIGENCE_MODEL_ALIASES=fast=>gpt-5-mini,best=>fast")
	checkServed(t, d, "gpt-5", post(t, d, paths["chat"], chat("gpt-5")), "openai", "gpt-5")
	checkServed(t, d, "qwen-max", post(t, d, paths["messages"], message("qwen-max")), "openai", "gpt-5")
	checkServed(t, d, "fast", post(t, d, paths["chat"], chat("fast")), "openai", "gpt-5-mini")
	if e := explain(t, d, "fast"); e.Alias == "" || e.Resolved != "gpt-5-mini" {
		t.Errorf("route explain of an alias: %+v", e)
	}
	ask(t, d, http.MethodGet, "/v1/models", nil, nil) // near names are among what is known
	calls := len(openai.keys())
	for name, model := range map[string]string{"unknown": "mistral-large", "near": "gtp-5-mini", "near-alias": "fats"} {
		for door, body := range map[string]string{"chat": chat(model), "messages": message(model), "responses": `{"model":"` + model + `","input":"Hi"}`} {
			s := post(t, d, paths[door], body)
			if s.status != http.StatusNotFound {
				t.Errorf("%s: %d %s", model, s.status, s.body)
			}
			s.golden(t, "routing/"+name+"-"+door)
		}
		if e := explain(t, d, model); e.Error == nil || e.Error.Kind == "" {
			t.Errorf("route explain of %s: %+v", model, e)
		}
	}
	s := post(t, d, paths["messages"], message("claude-sonnet-4-5"))
	if !strings.Contains(string(s.body), "TOKLIGENCE_ANTHROPIC_API_KEY") {
		t.Errorf("a route to a provider without a key: %d %s", s.status, s.body)
	}
	s.golden(t, "routing/provider-without-key")
	if len(openai.keys()) != calls {
		t.Error("something was guessed")
	}
}

// TestKeysInTurn has two keys for one provider.
func TestKeysInTurn(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "openai", "gpt-5")
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk-one, sk-two", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL+"/v1/")
	for range 6 {
		if s := post(t, d, paths["chat"], chat("gpt-5")); s.status != http.StatusOK {
			t.Fatalf("%d %s", s.status, s.body)
		}
	}
	used := map[string]int{}
	for _, key := range v.keys() {
		used[key]++
	}
	if used["sk-one"] != 3 || used["sk-two"] != 3 {
		t.Errorf("keys were used so often: %v", used)
	}
	if e := explain(t, d, "gpt-5"); len(e.Candidates) != 2 {
		t.Errorf("route explain: %+v", e)
	}
	list := ask(t, d, http.MethodGet, "/v1/models", nil, nil)
	if n := strings.Count(string(list.body), `"gpt-5"`); n != 1 {
		t.Errorf("the model is listed %d times: %s", n, list.body)
	}
}

// TestModelLists shows what can be called, in the form of who asks, and every
// listed id can be.
func TestModelLists(t *testing.T) {
	t.Parallel()
	openai, anthropic := newVendor(t, "openai", "gpt-5", "gpt-5-mini"), newVendor(t, "anthropic", "claude-sonnet-4-5")
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk-a", "TOKLIGENCE_OPENAI_BASE_URL="+openai.URL,
		"TOKLIGENCE_ANTHROPIC_API_KEY=sk-b", "TOKLIGENCE_ANTHROPIC_BASE_URL="+anthropic.URL, "TOKLIGENCE_MODEL_ALIASES=fast=>gpt-5-mini,x*=>gpt-5")
	asAnthropic := http.Header{"Anthropic-Version": {"2023-06-01"}}
	for path, header := range map[string]http.Header{"/v1/models": nil, "/anthropic/v1/models": nil, "/v1/models?limit=100": asAnthropic} {
		s := ask(t, d, http.MethodGet, path, header, nil)
		var list struct {
			Object string
			Data   []struct{ ID, Type, Object string }
		}
		if err := json.Unmarshal(s.body, &list); err != nil {
			t.Fatalf("%s: %v in %s", path, err, s.body)
		}
		ids := map[string]int{}
		for _, m := range list.Data {
			ids[m.ID]++
			if (m.Type == "model") == (m.Object == "model") || (list.Object == "list") != (m.Object == "model") {
				t.Errorf("%s: in the wrong form: %s", path, s.body)
			}
			one := ask(t, d, http.MethodGet, strings.Split(path, "?")[0]+"/"+m.ID, header, nil)
			if one.status != http.StatusOK {
				t.Errorf("%s/%s: %d", path, m.ID, one.status)
			}
			if call := post(t, d, paths["chat"], chat(m.ID)); call.status != http.StatusOK {
				t.Errorf("%s is listed and answers %d %s", m.ID, call.status, call.body)
			}
		}
		for _, id := range []string{"gpt-5", "gpt-5-mini", "claude-sonnet-4-5", "fast", "loopback"} {
			if ids[id] != 1 {
				t.Errorf("%s: %s is listed %d times: %s", path, id, ids[id], s.body)
			}
		}
		if len(ids) != 5 {
			t.Errorf("%s: %v", path, ids)
		}
	}
}
