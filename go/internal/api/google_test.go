package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

const (
	googleAsk    = `{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}`
	googleAnswer = `{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"finishReason":"STOP","index":0,"safetyRatings":[]}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10},"modelVersion":"real","responseId":"r1"}`
	googleFrame  = "data: " + googleAnswer + "\r\n\r\n"
)

// google is a provider of Google's, that keeps what it was asked.
func google(do func(context.Context, *provider.Request) (*http.Response, error)) (*upstream, *provider.Request) {
	seen := &provider.Request{}
	up := &upstream{name: "gemini", speaks: []llm.Protocol{llm.Gemini}, counts: true}
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		*seen = *req
		return do(ctx, req)
	}
	return up, seen
}

func all(names ...string) []route.Rule {
	return []route.Rule{{Match: "*", Targets: names}}
}

// Between two that speak Google's protocol bytes pass, whatever the path.
func TestGooglePaths(t *testing.T) {
	for _, tt := range []struct {
		path, model string
		stream      bool
	}{
		{"/v1beta/models/gemini-x:generateContent", "gemini-x", false},
		{"/v1/models/gemini-x:generateContent", "gemini-x", false},
		{"/v1beta/models/team%2Fgemini-x:generateContent", "team/gemini-x", false},
		{"/v1beta/models/team/gemini-x:generateContent", "team/gemini-x", false},
		{"/v1beta/models/gemini%3Ax:generateContent", "gemini:x", false},
		{"/v1beta/models/gemini-x:streamGenerateContent?alt=sse", "gemini-x", true},
		{"/v1beta/models/gemini-x:streamGenerateContent", "gemini-x", true},
	} {
		up, seen := google(func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			if req.Stream {
				return answer(200, googleFrame, "Content-Type", "text/event-stream")(ctx, req)
			}
			return answer(200, googleAnswer)(ctx, req)
		})
		g := open(t, setup{routes: all("gemini")}, up)
		a := g.ask(t, http.MethodPost, tt.path, strings.NewReader(googleAsk))
		sent, _ := up.last()
		if a.status != 200 || seen.Model != tt.model || seen.Stream != tt.stream || sent != googleAsk || seen.Query != "" {
			t.Errorf("%s: %d %s; asked for %q, stream %t: %s", tt.path, a.status, a.body, seen.Model, seen.Stream, sent)
		}
		want := googleAnswer
		switch {
		case strings.HasSuffix(tt.path, "alt=sse"):
			want = googleFrame
		case tt.stream:
			want = "[" + googleAnswer + "]"
		}
		if a.body != want {
			t.Errorf("%s: %q, want %q", tt.path, a.body, want)
		}
	}
}

// A client of Google's is answered by any upstream, in every form.
func TestGoogleClientOfAnotherUpstream(t *testing.T) {
	const stream = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}` + "\n\n" +
		`data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}` + "\n\n" +
		`data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}` + "\n\ndata: [DONE]\n\n"
	for path, want := range map[string]string{
		"generateContent":               `{"candidates":[{"content":{"parts":[{"text":"Hello"}],"role":"model"},"finishReason":"STOP"`,
		"streamGenerateContent?alt=sse": `data: {"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}],"modelVersion":"real","responseId":"c1"}` + "\n\n",
		"streamGenerateContent":         `[{"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}],"modelVersion":"real","responseId":"c1"},` + "\r\n",
	} {
		up := openAI()
		up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			if req.Stream {
				return answer(200, stream, "Content-Type", "text/event-stream")(ctx, req)
			}
			return answer(200, chatAnswer)(ctx, req)
		}
		g := open(t, setup{}, up)
		a := g.ask(t, http.MethodPost, "/v1beta/models/gpt-x:"+path, strings.NewReader(googleAsk))
		if a.status != 200 || !strings.HasPrefix(a.body, want) || !strings.Contains(a.body, `"totalTokenCount":10`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if strings.HasPrefix(want, "[") && !strings.HasSuffix(a.body, "}]") {
			t.Errorf("%s: the array has no end: %s", path, a.body)
		}
	}
}

// A key in the query is a credential on Google's paths, and goes no further.
func TestKeyInTheQuery(t *testing.T) {
	var seen string
	var log strings.Builder
	up, asked := google(answer(200, googleAnswer))
	g := open(t, setup{routes: all("gemini"), log: &log, auth: func(c string) (identity.Principal, error) {
		seen = c
		return identity.LocalOwner(), nil
	}}, up)
	g.ask(t, http.MethodPost, "/v1beta/models/gemini-x:generateContent?key=tok_in_query", strings.NewReader(googleAsk))
	if seen != "tok_in_query" || asked.Query != "" {
		t.Errorf("asked for %q, sent on %q", seen, asked.Query)
	}
	g.ask(t, http.MethodGet, "/v1beta/models/unknown?key=tok_in_query", nil)
	g.ask(t, http.MethodPost, "/v1beta/models/gemini-x:nothing?key=tok_in_query", nil)
	if strings.Contains(log.String(), "tok_in_query") {
		t.Errorf("the log holds a key: %s", log.String())
	}
	g.ask(t, http.MethodPost, "/v1/chat/completions?key=tok_in_query", strings.NewReader(chatAsk))
	if seen != "" {
		t.Errorf("a query of Chat is read as a key: %q", seen)
	}
}

func TestGoogleErrors(t *testing.T) {
	up, _ := google(answer(429, `{"error":{"code":429,"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"}]}}`))
	g := open(t, setup{routes: []route.Rule{{Match: "gemini*", Targets: []string{"gemini"}}}}, up)
	for _, tt := range []struct {
		method, path, body string
		status             int
		word               string
	}{
		{"POST", "/v1beta/models/gemini-x:generateContent", googleAsk, 429, "RESOURCE_EXHAUSTED"},
		{"POST", "/v1beta/models/gemini-x:generateContent", `{"contents":1}`, 400, "INVALID_ARGUMENT"},
		{"POST", "/v1beta/models/gemini-x:generateContent", `{`, 400, "INVALID_ARGUMENT"},
		{"POST", "/v1beta/models/unknown:generateContent", googleAsk, 404, "NOT_FOUND"},
		{"POST", "/v1beta/models/gemini-x:predict", googleAsk, 404, "NOT_FOUND"},
		{"POST", "/v1/models/gemini-x", googleAsk, 404, "NOT_FOUND"},
		{"GET", "/v1beta/models/unknown", "", 404, "NOT_FOUND"},
		{"GET", "/v1beta/nothing", "", 404, "NOT_FOUND"},
		{"PUT", "/v1beta/models/gemini-x:generateContent", googleAsk, 405, "INVALID_ARGUMENT"},
	} {
		a := g.ask(t, tt.method, tt.path, strings.NewReader(tt.body))
		if a.status != tt.status || !strings.Contains(a.body, `"status":"`+tt.word) || !strings.HasPrefix(a.body, `{"error":{"code":`) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, a.status, a.body)
		}
	}
}

func TestGoogleCounts(t *testing.T) {
	up, seen := google(answer(200, `{"totalTokens":31}`))
	g := open(t, setup{routes: []route.Rule{
		{Match: "gemini*", Targets: []string{"gemini"}}, {Match: "gpt*", Targets: []string{"openai"}},
	}}, up, openAI())
	wrapped := `{"generateContentRequest":{"model":"models/gemini-x","contents":[{"role":"user","parts":[{"text":"Hi"}]}]}}`
	for _, body := range []string{googleAsk, wrapped} {
		a := g.ask(t, http.MethodPost, "/v1beta/models/gemini-x:countTokens", strings.NewReader(body))
		if a.status != 200 || a.body != `{"totalTokens":31}` || seen.Operation != llm.CountTokens {
			t.Errorf("%d %s", a.status, a.body)
		}
		a = g.ask(t, http.MethodPost, "/v1beta/models/gpt-x:countTokens", strings.NewReader(body))
		if a.status != 200 || !strings.HasPrefix(a.body, `{"totalTokens":`) || a.header.Get("X-Tokligence-Loss") == "" {
			t.Errorf("an estimate: %d %s", a.status, a.body)
		}
	}
}

func TestGoogleModels(t *testing.T) {
	up, _ := google(answer(200, googleAnswer))
	up.models = func(context.Context) ([]provider.ModelInfo, error) {
		return []provider.ModelInfo{{ID: "gemini-x", DisplayName: "Gemini X", MaxInput: 9, MaxOutput: 5}, {ID: "gemini-y"}}, nil
	}
	g := open(t, setup{routes: all("gemini")}, up)
	const one = `{"name":"models/gemini-x","displayName":"Gemini X","inputTokenLimit":9,"outputTokenLimit":5,"supportedGenerationMethods":["generateContent","countTokens"]}`
	for path, want := range map[string]string{
		"/v1beta/models/gemini-x":                        one,
		"/v1beta/models?pageSize=1":                      `{"models":[` + one + `],"nextPageToken":"gemini-y"}`,
		"/v1beta/models?pageSize=1&pageToken=gemini-y":   `{"models":[{"name":"models/gemini-y","displayName":"gemini-y","supportedGenerationMethods":["generateContent","countTokens"]}]}`,
		"/v1beta/models?pageToken=nothing-by-this-token": `{"models":[]}`,
	} {
		if a := g.ask(t, http.MethodGet, path, nil); a.status != 200 || a.body != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := g.ask(t, http.MethodGet, "/v1/models/gemini-x", nil, "X-Goog-Api-Client", "google-genai-sdk/3"); a.body != one {
		t.Errorf("a client of Google's at /v1: %d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodGet, "/v1/models/gemini-x", nil); !strings.Contains(a.body, `"object":"model"`) {
		t.Errorf("any other at /v1: %d %s", a.status, a.body)
	}
}

// TestEmbeddings has every pair of clients and upstreams: bytes pass between
// two of one protocol, and each call has its row.
func TestEmbeddings(t *testing.T) {
	const (
		googleOne  = `{"model":"models/x","content":{"parts":[{"text":"a"}]}}`
		googleMany = `{"requests":[{"model":"models/x","content":{"parts":[{"text":"a"}]}},{"model":"models/dearer","content":{"parts":[{"text":"b"}]}}]}`
		openaiAsk  = `{"model":"%s","input":["a","b"]}`
	)
	up, seen := google(func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if req.Batch {
			return answer(200, `{"embeddings":[{"values":[1,2]},{"values":[3,4]}],"usageMetadata":{"promptTokenCount":5}}`)(ctx, req)
		}
		return answer(200, `{"embedding":{"values":[1,2]}}`)(ctx, req)
	})
	chat := openAI()
	chat.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if body, _ := chat.last(); strings.Contains(body, `["a"]`) {
			return answer(200, `{"object":"list","model":"emb-1","data":[{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":2,"total_tokens":2}}`)(ctx, req)
		}
		return answer(200, `{"object":"list","model":"emb-1","data":[{"index":0,"embedding":[1,2]},{"index":1,"embedding":[3,4]}],"usage":{"prompt_tokens":5,"total_tokens":5}}`)(ctx, req)
	}
	g := open(t, setup{routes: []route.Rule{{Match: "gemini*", Targets: []string{"gemini"}}, {Match: "gpt*", Targets: []string{"openai"}}}}, up, chat)
	last := func(up *upstream) string { body, _ := up.last(); return body }
	for _, tt := range []struct {
		up          *upstream
		path, body  string
		asked, told string
		batch       bool
		input       int64
	}{
		{up, "/v1beta/models/gemini-x:embedContent", googleOne, strings.Replace(googleOne, "models/x", "models/gemini-x", 1), `{"embedding":{"values":[1,2]}}`, false, 14},
		{
			up, "/v1beta/models/gemini-x:batchEmbedContents", googleMany,
			strings.NewReplacer("models/x", "models/gemini-x", "models/dearer", "models/gemini-x").Replace(googleMany),
			`{"embeddings":[{"values":[1,2]},{"values":[3,4]}],"usageMetadata":{"promptTokenCount":5}}`, true, 5,
		},
		{chat, "/v1beta/models/gpt-x:embedContent", googleOne, `{"model":"gpt-x","input":["a"]}`, `{"embedding":{"values":[1,2]},"usageMetadata":{"promptTokenCount":2}}`, true, 2},
		{chat, "/v1beta/models/gpt-x:batchEmbedContents", googleMany, `{"model":"gpt-x","input":["a","b"]}`, `{"embeddings":[{"values":[1,2]},{"values":[3,4]}],"usageMetadata":{"promptTokenCount":5}}`, true, 5},
		{
			up, "/v1/embeddings", fmt.Sprintf(openaiAsk, "gemini-x"),
			`{"requests":[{"model":"models/gemini-x","content":{"parts":[{"text":"a"}]}},{"model":"models/gemini-x","content":{"parts":[{"text":"b"}]}}]}`,
			`{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1,2]},{"object":"embedding","index":1,"embedding":[3,4]}],"model":"gemini-x","usage":{"prompt_tokens":5,"total_tokens":5}}`, true, 5,
		},
	} {
		a := g.ask(t, http.MethodPost, tt.path, strings.NewReader(tt.body))
		if sent := last(tt.up); a.status != 200 || a.body != tt.told || sent != tt.asked || tt.up == up && seen.Batch != tt.batch {
			t.Errorf("%s: %d %s\nasked %s", tt.path, a.status, a.body, sent)
		}
	}
	rows := g.drained(t)
	if len(rows) != 5 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, want := range []int64{14, 5, 2, 5, 5} {
		if u := rows[i].Usage; u.Input.N != want || rows[i].Operation != llm.Embed {
			t.Errorf("row %d: %s %+v, want %d", i, rows[i].Operation, u, want)
		}
	}
	chat.do = answer(200, `{"data":[{"index":0,"embedding":[1]}]}`)
	if a := g.ask(t, http.MethodPost, "/v1beta/models/gpt-x:batchEmbedContents", strings.NewReader(googleMany)); a.status != 502 {
		t.Errorf("too few vectors: %d %s", a.status, a.body)
	}
	if a := g.ask(t, http.MethodPost, "/v1/embeddings", strings.NewReader(`{"model":"gemini-x","input":[[1,2]]}`)); a.status != 400 {
		t.Errorf("tokens: %d %s", a.status, a.body)
	}
}
