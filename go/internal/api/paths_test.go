package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// envelope tells whose error a body is.
func envelope(body string) llm.Protocol {
	var e struct {
		Type  string
		Error struct {
			Type, Message string
			Code          *string
		}
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error.Message == "" {
		return ""
	}
	if e.Type == "error" {
		return llm.Messages
	}
	return llm.Chat
}

func TestPathsAndTheirEnvelopes(t *testing.T) {
	up := openAI()
	up.speaks = []llm.Protocol{llm.Chat, llm.Messages}
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if req.Protocol == llm.Messages {
			return answer(200, `{"id":"m","type":"message","role":"assistant","model":"x","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}`)(ctx, req)
		}
		return answer(200, chatAnswer)(ctx, req)
	}
	g := open(t, setup{routes: []route.Rule{{Match: "gpt*", Targets: []string{"openai"}}, {Match: "claude*", Targets: []string{"openai"}}}}, up)
	version := []string{"Anthropic-Version", "2023-06-01"}
	for _, tt := range []struct {
		method, path, body string
		header             []string
		status             int
		family             llm.Protocol // of the error
	}{
		{"POST", "/v1/chat/completions", chatAsk, nil, 200, ""},
		{"POST", "/v1/messages", msgAsk, nil, 200, ""},
		{"POST", "/anthropic/v1/messages", msgAsk, nil, 200, ""},
		{"POST", "/anthropic/v1/v1/messages", msgAsk, nil, 200, ""},
		{"POST", "/v1/messages?beta=true", msgAsk, nil, 200, ""},
		{"POST", "/v1/messages/count_tokens", msgAsk, nil, 200, ""},
		{"POST", "/anthropic/v1/v1/messages/count_tokens", msgAsk, nil, 200, ""},
		{"GET", "/v1/models", "", nil, 200, ""},
		{"GET", "/anthropic/v1/models", "", nil, 200, ""},
		{"GET", "/anthropic", "", nil, 200, ""},
		{"HEAD", "/anthropic/", "", nil, 200, ""},

		{"POST", "/v1/chat/completions", `{`, nil, 400, llm.Chat},
		{"POST", "/v1/messages", `{`, nil, 400, llm.Messages},
		{"POST", "/v1/chat/completions", `{}`, nil, 400, llm.Chat},
		{"POST", "/anthropic/v1/messages", `{}`, nil, 400, llm.Messages},
		{"POST", "/v1/chat/completions", `{"model":"gpt-x","MODEL":"dear"}`, nil, 400, llm.Chat},
		{"POST", "/v1/chat/completions", strings.Replace(chatAsk, "gpt-x", "none", 1), nil, 404, llm.Chat},
		{"POST", "/v1/messages", strings.Replace(msgAsk, "claude-x", "none", 1), nil, 404, llm.Messages},
		{"POST", "/v1/messages/count_tokens", strings.Replace(msgAsk, "claude-x", "none", 1), nil, 404, llm.Messages},
		{"GET", "/v1/nothing", "", nil, 404, llm.Chat},
		{"GET", "/nothing", "", nil, 404, llm.Chat},
		{"GET", "/v1/nothing", "", version, 404, llm.Messages},
		{"POST", "/anthropic/v1/nothing", "", nil, 404, llm.Messages},
		{"POST", "/v1/messages/batches", "", nil, 404, llm.Messages},
		{"GET", "/v1/chat/completions", "", nil, 405, llm.Chat},
		{"DELETE", "/anthropic/v1/messages", "", nil, 405, llm.Messages},
		{"GET", "/v1/models/none", "", nil, 404, llm.Chat},
		{"GET", "/v1/models/none", "", version, 404, llm.Messages},
		{"GET", "/v1/models/", "", nil, 404, llm.Chat},
		{"GET", "/anthropic/v1/models/none", "", nil, 404, llm.Messages},
		{"POST", "/v1/chat/completions", chatAsk, []string{"Host", "evil.example"}, 421, llm.Chat},
		{"POST", "/v1/messages", msgAsk, []string{"Host", "evil.example"}, 421, llm.Messages},
		{"POST", "/v1/messages", msgAsk, []string{"Origin", "https://evil.example"}, 403, llm.Messages},
	} {
		a := g.ask(t, tt.method, tt.path, strings.NewReader(tt.body), tt.header...)
		if a.status != tt.status || tt.family != "" && envelope(a.body) != tt.family {
			t.Errorf("%s %s %v: %d %s", tt.method, tt.path, tt.header, a.status, a.body)
		}
		if tt.status == 405 && a.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
		if tt.family == llm.Messages && tt.status == 404 && !strings.Contains(a.body, `"request_id":"`+a.header.Get("X-Request-Id")) {
			t.Errorf("%s %s: no request id in %s", tt.method, tt.path, a.body)
		}
		if tt.family != "" && a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: content type %q", tt.method, tt.path, a.header.Get("Content-Type"))
		}
	}
}

// TestAnUpstreamChoosesNoStatusOfOurs plays codes that the doors use.
func TestAnUpstreamChoosesNoStatusOfOurs(t *testing.T) {
	for _, code := range []string{"method_not_allowed", "request_timeout", "host_not_allowed"} {
		up := openAI()
		up.do = answer(400, fmt.Sprintf(`{"error":{"message":"no","type":"invalid_request_error","code":%q}}`, code))
		g := open(t, setup{}, up)
		if a := g.chat(t, chatAsk); a.status != 400 {
			t.Errorf("chat, %s: %d", code, a.status)
		}
		if a := g.ask(t, http.MethodPost, "/v1/messages", strings.NewReader(msgAsk)); a.status != 400 {
			t.Errorf("messages, %s: %d", code, a.status)
		}
	}
}

func TestWordsOfTheUpstream(t *testing.T) {
	const odd = `{"error":{"message":"odd","type":"invalid_request_error","param":"x","code":"o"},"more":[1]}`
	for name, tt := range map[string]struct {
		do     func(context.Context, *provider.Request) (*http.Response, error)
		status int
		body   string // whole, if it begins with {
		hides  string
	}{
		"kept":               {answer(400, odd), 400, odd, ""},
		"kept, with status":  {answer(422, odd), 422, odd, ""},
		"kept, server error": {answer(500, odd), 500, odd, ""},
		"our key":            {answer(401, strings.Replace(odd, "odd", "bad key sk-123", 1)), 502, "", "sk-123"},
		"our account":        {answer(402, strings.Replace(odd, "odd", "pay for sk-123", 1)), 502, "", "sk-123"},
		"a page":             {answer(503, "<html>x</html>", "Content-Type", "text/html"), 503, "", "html"},
		"no error in it":     {answer(400, `{"detail":"odd"}`), 400, "", `"detail"`},
		"half of it":         {answer(400, odd[:len(odd)-4]), 400, "", `"more"`},
	} {
		up := openAI()
		do := tt.do
		up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			resp, err := do(ctx, req)
			resp.Header.Set("X-Request-Id", "req_9")
			resp.Header.Set("Retry-After", "33")
			return resp, err
		}
		g := open(t, setup{}, up)
		a := g.chat(t, chatAsk)
		if a.status != tt.status || tt.body != "" && a.body != tt.body || tt.hides != "" && strings.Contains(a.body, tt.hides) || envelope(a.body) != llm.Chat {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if a.header.Get("X-Upstream-Request-Id") != "req_9" || a.header.Get("Retry-After") != "33" || a.header.Get("X-Request-Id") == "req_9" {
			t.Errorf("%s: %v", name, a.header)
		}
		// In another protocol they are put into other words.
		a = g.ask(t, http.MethodPost, "/v1/messages", strings.NewReader(msgAsk))
		if envelope(a.body) != llm.Messages || tt.hides != "" && strings.Contains(a.body, tt.hides) || a.header.Get("Retry-After") != "33" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestCounting(t *testing.T) {
	const upstreams = `{"input_tokens":1234}`
	msgs := []llm.Protocol{llm.Messages}
	for name, tt := range map[string]struct {
		up     *upstream
		status int
		exact  bool
	}{
		"the upstream counts": {&upstream{speaks: msgs, counts: true, do: answer(200, upstreams)}, 200, true},
		"it has no such path": {&upstream{speaks: msgs, counts: true, do: answer(404, "404 page not found", "Content-Type", "text/plain")}, 200, false},
		"it does not do that": {&upstream{speaks: msgs, counts: true, do: answer(501, `{}`)}, 200, false},
		"wrong method":        {&upstream{speaks: msgs, counts: true, do: answer(405, ``)}, 200, false},
		"another protocol":    {&upstream{speaks: []llm.Protocol{llm.Chat}, do: answer(500, ``)}, 200, false},
		"no such model":       {&upstream{speaks: msgs, counts: true, do: answer(404, `{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}`)}, 404, false},
		"our key is wrong":    {&upstream{speaks: msgs, counts: true, do: answer(401, `{"type":"error","error":{"type":"authentication_error","message":"sk-123"}}`)}, 502, false},
		"bad request":         {&upstream{speaks: msgs, counts: true, do: answer(400, `{"type":"error","error":{"type":"invalid_request_error","message":"no"}}`)}, 400, false},
	} {
		tt.up.name = "up"
		g := open(t, setup{}, tt.up)
		a := g.ask(t, http.MethodPost, "/v1/messages/count_tokens", strings.NewReader(msgAsk))
		var n struct {
			N int64 `json:"input_tokens"`
		}
		if err := json.Unmarshal([]byte(a.body), &n); err != nil || a.status != tt.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
			continue
		}
		if tt.status != 200 {
			continue
		}
		loss := a.header.Get("X-Tokligence-Loss")
		if tt.exact && (a.body != upstreams || loss != "") || !tt.exact && (n.N < 1 || n.N > 100 || !strings.HasPrefix(loss, "approx;")) {
			t.Errorf("%s: %s, loss %q", name, a.body, loss)
		}
	}
	routes := []route.Rule{{Match: "claude*", Targets: []string{"up"}}}
	g := open(t, setup{routes: routes}, &upstream{name: "up", speaks: []llm.Protocol{llm.Chat}})
	for body, want := range map[string]int{
		`{"model":"claude-x","max_tokens":1,"messages":[{"role":"robot","content":"x"}]}`: 400,
		`{"model":"none","messages":[{"role":"user","content":"x"}]}`:                     404,
	} {
		if a := g.ask(t, http.MethodPost, "/v1/messages/count_tokens", strings.NewReader(body)); a.status != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func infos(ids ...string) []provider.ModelInfo {
	out := make([]provider.ModelInfo, len(ids))
	for i, id := range ids {
		out[i] = provider.ModelInfo{ID: id, DisplayName: "The " + id}
	}
	return out
}

func reports(models []provider.ModelInfo, err error) func(context.Context) ([]provider.ModelInfo, error) {
	return func(context.Context) ([]provider.ModelInfo, error) { return models, err }
}

// ids are those of a list, in order.
func ids(t *testing.T, body string) []string {
	t.Helper()
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	out := make([]string, len(list.Data))
	for i := range list.Data {
		out[i] = list.Data[i].ID
	}
	return out
}

func TestModelsAreRealAndCallable(t *testing.T) {
	one := openAI()
	one.models = reports(infos("gpt-x", "gpt-y", "gpt-x", "gpt-*", "", "both"), nil)
	two := &upstream{name: "other", speaks: []llm.Protocol{llm.Chat}, models: reports(infos("gpt-x", "own/model:free", "both"), nil)}
	g := open(t, setup{
		routes: []route.Rule{{Match: "gpt-*", Targets: []string{"openai"}}, {Match: "other/*", Targets: []string{"other"}}, {Match: "own/*", Targets: []string{"other"}}, {Match: "fixed", Targets: []string{"other/gpt-x"}}},
		alias:  []route.Alias{{From: "fast", To: "gpt-y"}, {From: "any*", To: "gpt-y"}},
	}, one, two)
	for _, path := range []string{"/v1/models", "/anthropic/v1/models"} {
		a := g.ask(t, http.MethodGet, path, nil)
		got := ids(t, a.body)
		if a.status != 200 || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		for _, id := range got {
			if strings.Contains(id, "*") || id == "" {
				t.Errorf("%s lists %q", path, id)
			}
			if b := g.chat(t, strings.Replace(chatAsk, "gpt-x", id, 1)); b.status != 200 {
				t.Errorf("%s lists %q: %d %s", path, id, b.status, b.body)
			}
			if b := g.ask(t, http.MethodGet, path+"/"+id, nil); b.status != 200 || !strings.Contains(b.body, `"`+id+`"`) {
				t.Errorf("GET %s/%s: %d %s", path, id, b.status, b.body)
			}
		}
		for _, id := range []string{"fast", "fixed", "gpt-x", "gpt-y", "own/model:free"} {
			if !slices.Contains(got, id) {
				t.Errorf("%s does not list %s: %v", path, id, got)
			}
		}
		if slices.Contains(got, "both") {
			t.Errorf("%s lists what no route leads to", path)
		}
	}
	for _, path := range []string{"/v1/models", "/v1/models/fast", "/anthropic/v1/models"} {
		if a := g.ask(t, http.MethodHead, path, nil); a.status != 200 || a.body != "" {
			t.Errorf("HEAD %s: %d %s", path, a.status, a.body)
		}
	}
	if a := g.ask(t, http.MethodGet, "/v1/models/gpt-unlisted", nil); a.status != 200 || !strings.Contains(a.body, `"openai"`) {
		t.Errorf("a model that a pattern leads to: %d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodGet, "/v1/models/fats", nil); a.status != 404 || !strings.Contains(a.body, "Did you mean fast?") {
		t.Errorf("a model that nothing leads to: %d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodGet, "/v1/models/own%2Fmodel:free", nil); a.status != 200 {
		t.Errorf("escaped: %d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodGet, "/anthropic/v1/models/gpt-x", nil); !strings.Contains(a.body, "The gpt-x") {
		t.Errorf("what the provider says is lost: %s", a.body)
	}
	if a := g.ask(t, http.MethodGet, "/v1/models", nil, "Anthropic-Version", "2023-06-01"); !strings.Contains(a.body, `"has_more"`) {
		t.Errorf("in the form of another protocol: %s", a.body)
	}
	if a := g.ask(t, http.MethodGet, "/v1/models", nil); strings.Contains(a.body, `"has_more"`) || !strings.Contains(a.body, `"object":"list"`) {
		t.Errorf("in the form of another protocol: %s", a.body)
	}
}

func TestEveryoneSeesTheirOwnModels(t *testing.T) {
	up := openAI()
	up.models = reports(infos("gpt-x", "gpt-y"), nil)
	g := open(t, setup{auth: func(c string) (identity.Principal, error) {
		p := identity.LocalOwner()
		if c == "narrow" {
			p.Models = []string{"gpt-y"}
		}
		return p, nil
	}}, up)
	a := g.ask(t, http.MethodGet, "/v1/models", nil, "X-Api-Key", "narrow")
	if got := ids(t, a.body); !slices.Equal(got, []string{"gpt-y"}) {
		t.Errorf("lists %v", got)
	}
	if a := g.ask(t, http.MethodGet, "/v1/models/gpt-x", nil, "X-Api-Key", "narrow"); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = g.ask(t, http.MethodGet, "/v1/models", nil)
	if got := ids(t, a.body); !slices.Equal(got, []string{"gpt-x", "gpt-y"}) {
		t.Errorf("lists %v", got)
	}
}

// TestListsAreKept holds that providers are not asked for each list, and that
// one that does not answer takes nothing from the others.
func TestListsAreKept(t *testing.T) {
	up, down := openAI(), &upstream{name: "down", speaks: []llm.Protocol{llm.Chat}}
	up.models = reports(infos("gpt-x"), nil)
	down.models = reports(nil, errors.New("no answer"))
	g := open(t, setup{}, up, down)
	for range 3 {
		if a := g.ask(t, http.MethodGet, "/v1/models", nil); !slices.Contains(ids(t, a.body), "gpt-x") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if up.lists != 1 || down.lists != 1 {
		t.Errorf("asked %d and %d times", up.lists, down.lists)
	}
	// A list that has grown old is asked for again, and kept where that fails.
	g.door.SetLimits(api.Limits{ModelsCache: -1})
	up.models = reports(nil, errors.New("no answer"))
	down.models = reports(infos("gpt-z"), nil)
	if a := g.ask(t, http.MethodGet, "/v1/models", nil); !slices.Contains(ids(t, a.body), "gpt-x") || !slices.Contains(ids(t, a.body), "gpt-z") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if up.lists != 2 || down.lists != 2 {
		t.Errorf("asked %d and %d times", up.lists, down.lists)
	}
}

// TestModelsForCodex has the list in both forms: Codex logs an error without
// the one it calls models, and OpenAI's clients read data.
func TestModelsForCodex(t *testing.T) {
	up := openAI()
	up.models = reports(infos("gpt-x"), nil)
	g := open(t, setup{routes: all("openai")}, up)
	var list struct {
		Data   []struct{ ID string }
		Models *[]json.RawMessage
	}
	a := g.ask(t, http.MethodGet, "/v1/models?client_version=0.169.0", nil)
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || a.status != 200 || len(list.Data) != 1 || list.Models == nil || len(*list.Models) != 0 {
		t.Errorf("%d %s %v", a.status, a.body, err)
	}
	if a := g.ask(t, http.MethodGet, "/v1/models", nil); strings.Contains(a.body, `"models"`) {
		t.Errorf("any other client: %s", a.body)
	}
}

// TestWebSocketsAreDeclined answers an upgrade with the one status on which
// Codex goes on by HTTP without trying again.
func TestWebSocketsAreDeclined(t *testing.T) {
	g := open(t, setup{routes: all("openai")}, openAI())
	a := g.ask(t, http.MethodGet, "/v1/responses", nil, "Connection", "Upgrade", "Upgrade", "websocket",
		"Sec-Websocket-Version", "13", "Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	if a.status != http.StatusUpgradeRequired || envelope(a.body) != llm.Chat {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodGet, "/v1/responses", nil); a.status != http.StatusMethodNotAllowed {
		t.Errorf("without an upgrade: %d %s", a.status, a.body)
	}
}
