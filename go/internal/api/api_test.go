package api_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/gemini"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/server"
)

// upstream is a provider that answers as it is told.
type upstream struct {
	name     string
	speaks   []llm.Protocol // any operation; counting only if it says so
	counts   bool
	compacts bool

	tokenizer string // of all its models, "" none

	do     func(ctx context.Context, req *provider.Request) (*http.Response, error)
	models func(ctx context.Context) ([]provider.ModelInfo, error)

	mu    sync.Mutex
	asked []string // bodies
	heads []http.Header
	lists int
}

func (u *upstream) Name() string { return u.name }

func (u *upstream) Tokenizer(string) string { return u.tokenizer }

func (u *upstream) Speaks(op llm.Operation) []llm.Protocol {
	if op == llm.CountTokens && !u.counts || op == llm.Embed && !slices.Contains(u.speaks, llm.Chat) && !slices.Contains(u.speaks, llm.Gemini) {
		return nil
	}
	if op == llm.Compact && !u.compacts {
		return nil
	}
	if op == llm.Recall && !slices.Contains(u.speaks, llm.Plain) {
		return nil
	}
	return u.speaks
}

func (u *upstream) Do(ctx context.Context, req *provider.Request) (*http.Response, error) {
	var b bytes.Buffer
	for _, piece := range req.Body {
		b.Write(piece)
	}
	u.mu.Lock()
	u.asked = append(u.asked, b.String())
	u.heads = append(u.heads, req.Header)
	u.mu.Unlock()
	return u.do(ctx, req)
}

func (u *upstream) Models(ctx context.Context) ([]provider.ModelInfo, error) {
	u.mu.Lock()
	u.lists++
	u.mu.Unlock()
	return u.models(ctx)
}

func (u *upstream) last() (body string, header http.Header) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.asked) == 0 {
		return "", nil
	}
	return u.asked[len(u.asked)-1], u.heads[len(u.heads)-1]
}

func answer(status int, body string, header ...string) func(context.Context, *provider.Request) (*http.Response, error) {
	return func(context.Context, *provider.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

const (
	chatAnswer = `{"id":"c1","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`
	chatAsk    = `{"model":"gpt-x","messages":[{"role":"user","content":"Hi"}]}`
	msgAsk     = `{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]}`
)

// guest is an authenticator.
type guest func(credential string) (identity.Principal, error)

func (g guest) Authenticate(credential string) (identity.Principal, error) { return g(credential) }

type counter struct {
	mu    sync.Mutex
	kinds []llm.ErrorKind
}

func (c *counter) Refused(kind llm.ErrorKind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds = append(c.kinds, kind)
}
func (*counter) Attempted(route.Candidate, llm.Operation, ledger.Attempt) {}
func (*counter) Found([]llm.Finding)                                      {}
func (*counter) Streams(int)                                              {}
func (*counter) Looped(guard.Action)                                      {}

type well struct{}

func (well) Ready(context.Context) map[string]error { return nil }

// gateway is the door with all that is around it, before scripted providers.
type gateway struct {
	shelf  *shelf
	room   *conversation.Room
	url    string
	door   *api.Door
	store  *ledgertest.Store
	ledger *ledger.Ledger
	count  counter
	router *route.Router
}

type setup struct {
	loop   guard.Loop
	limits api.Limits
	auth   guest
	routes []route.Rule
	alias  []route.Alias
	codecs map[llm.Protocol]protocol.Codec
	lists  map[string]provider.Lister
	log    io.Writer // nil: nowhere
}

func codecs() map[llm.Protocol]protocol.Codec {
	sealer := protocol.NewSealer(make([]byte, 32))
	return map[llm.Protocol]protocol.Codec{
		llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer), llm.Responses: chat.New(sealer),
		llm.Gemini: gemini.New(sealer),
		llm.Plain:  chat.NewPlain(),
	}
}

func open(t *testing.T, s setup, ups ...*upstream) *gateway {
	t.Helper()
	g := &gateway{}
	if s.codecs == nil {
		s.codecs = codecs()
	}
	if s.auth == nil {
		s.auth = func(string) (identity.Principal, error) { return identity.LocalOwner(), nil }
	}
	o := route.Options{Routes: s.routes, Aliases: s.alias, Builtin: len(s.routes) == 0, Retry: route.Retry{Attempts: 1}}
	lists := s.lists
	if lists == nil {
		lists = map[string]provider.Lister{}
	}
	for _, u := range ups {
		if u.do == nil {
			u.do = answer(200, chatAnswer)
		}
		o.Providers = append(o.Providers, route.ProviderInfo{
			Name: u.name, Provider: u, Ready: true, Families: []route.Family{{Pattern: "gpt*"}, {Pattern: "claude*"}},
		})
		if u.models != nil {
			lists[u.name] = u
		}
	}
	log := slog.New(slog.DiscardHandler)
	if s.log != nil {
		log = slog.New(slog.NewTextHandler(s.log, nil))
	}
	g.ledger, g.store = ledgertest.New(t, ledger.Options{})
	g.router = route.New(o)
	p := proxy.New(proxy.Options{Codecs: s.codecs, Planner: g.router, Recorder: g.ledger, Observer: &g.count, Log: log, Policy: proxy.Policy{Loop: s.loop}})
	t.Cleanup(p.Close)
	g.shelf = &shelf{kept: map[string]conversation.Record{}, talks: map[string]*talk{}, logs: map[string][]byte{}}
	memory := api.NewMemory()
	t.Cleanup(func() {
		for range 2000 {
			if memory.Used() == 0 {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("%d bytes are still taken", memory.Used())
	})
	room := conversation.New(conversation.Options{Shelf: g.shelf, Threads: g.shelf, Runs: g.shelf, Log: log, TTL: time.Hour, MaxBytes: 1 << 16, MaxRuns: 3, MaxRunsPerKey: 2, Memory: memory, Swept: func(conversation.Swept) {}})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { room.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		room.Drain(ctx)
	})
	g.room = room
	g.door = api.New(api.Options{
		Room:   room,
		Memory: memory,
		Codecs: s.codecs, Proxy: p, Auth: s.auth, Router: g.router, Lists: func() map[string]provider.Lister { return lists },
		Watch: &g.count, Log: log, Limits: s.limits,
	})
	srv, err := server.Listen("127.0.0.1:0", server.Options{Door: g.door, Health: well{}, Log: log, Access: server.Access{CheckHosts: true}})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = srv.Shutdown(ctx)
	})
	g.url = "http://" + srv.Addr().String()
	return g
}

func openAI() *upstream { return &upstream{name: "openai", speaks: []llm.Protocol{llm.Chat}} }

type got struct {
	status int
	header http.Header
	body   string
}

func (g *gateway) ask(t testing.TB, method, path string, body io.Reader, header ...string) got {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, g.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, string(text)}
}

func (g *gateway) chat(t testing.TB, body string, header ...string) got {
	t.Helper()
	return g.ask(t, http.MethodPost, "/v1/chat/completions", strings.NewReader(body), header...)
}

func TestCredentials(t *testing.T) {
	var seen string
	g := open(t, setup{auth: func(c string) (identity.Principal, error) {
		seen = c
		return identity.LocalOwner(), nil
	}}, openAI())
	for _, tt := range []struct {
		header []string
		want   string
	}{
		{nil, ""},
		{[]string{"Authorization", "Bearer abc"}, "abc"},
		{[]string{"Authorization", "bearer  abc "}, "abc"},
		{[]string{"Authorization", "abc"}, "abc"},
		{[]string{"X-Api-Key", "abc"}, "abc"},
		{[]string{"X-Goog-Api-Key", "abc"}, "abc"},
		{[]string{"Api-Key", "abc"}, "abc"},
		{[]string{"Authorization", "Bearer one", "X-Api-Key", "two"}, "one"},
		{[]string{"Authorization", "Bearer one", "X-Api-Key", "tok_two"}, "tok_two"},
		{[]string{"Authorization", "Bearer tok_one", "X-Api-Key", "tok_two"}, "tok_one"},
		{[]string{"X-Api-Key", "one", "Api-Key", "tok_two"}, "tok_two"},
		{[]string{"Authorization", "", "X-Api-Key", "two"}, "two"},
	} {
		for _, path := range []string{"/v1/chat/completions", "/v1/messages/count_tokens", "/v1/models", "/v1/models/x"} {
			method := http.MethodPost
			if strings.HasPrefix(path, "/v1/models") {
				method = http.MethodGet
			}
			seen = "?"
			g.ask(t, method, path, strings.NewReader(chatAsk), tt.header...)
			if seen != tt.want {
				t.Errorf("%s %v: asked for %q, want %q", path, tt.header, seen, tt.want)
			}
		}
	}
}

func TestWhoIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		auth   guest
		status int
		retry  string
	}{
		"unknown": {func(string) (identity.Principal, error) {
			return identity.Principal{}, llm.Errorf(llm.Unauthenticated, "who?")
		}, 401, ""},
		"cannot be checked": {func(string) (identity.Principal, error) {
			return identity.Principal{}, &llm.Error{Kind: llm.Unavailable, Message: "later", RetryAfter: 1500 * time.Millisecond}
		}, 503, "2"},
		"may not call": {func(string) (identity.Principal, error) { return identity.Principal{UserID: "u"}, nil }, 403, ""},
		"may call others": {func(string) (identity.Principal, error) {
			return identity.Principal{UserID: "u", Scopes: identity.Ordinary.Scopes(), Models: []string{"other*"}}, nil
		}, 403, ""},
	} {
		up := openAI()
		g := open(t, setup{auth: tt.auth}, up)
		for _, path := range []string{"/v1/chat/completions", "/v1/messages", "/v1/embeddings"} {
			body := chatAsk
			if path == "/v1/embeddings" {
				body = `{"model":"gpt-x","input":"Hi"}`
			} else if path == "/v1/messages" {
				body = msgAsk
			}
			a := g.ask(t, http.MethodPost, path, strings.NewReader(body))
			if a.status != tt.status || a.header.Get("Retry-After") != tt.retry || !strings.Contains(a.body, `"error"`) {
				t.Errorf("%s: %s is %d %q %s", name, path, a.status, a.header.Get("Retry-After"), a.body)
			}
		}
		if body, _ := up.last(); body != "" {
			t.Errorf("%s: the upstream was asked", name)
		}
		if len(g.count.kinds) != 3 {
			t.Errorf("%s: %d refusals counted", name, len(g.count.kinds))
		}
	}
}

// TestNothingSecretTravels sends every header a client may have.
func TestNothingSecretTravels(t *testing.T) {
	up := openAI()
	up.speaks = []llm.Protocol{llm.Messages, llm.Chat}
	g := open(t, setup{}, up)
	pass := map[string]string{
		"Anthropic-Version": "2023-06-01", "Anthropic-Beta": "a,b", "Openai-Beta": "x", "Idempotency-Key": "k",
		"Session_id": "s", "X-Codex-Turn-Metadata": "m",
	}
	hide := []string{
		"Authorization", "X-Api-Key", "X-Goog-Api-Key", "Api-Key", "Cookie", "Proxy-Authorization", "X-Forwarded-For",
		"Openai-Organization", "Openai-Project", "User-Agent", "Accept-Encoding", "Origin", "X-Claude-Code-Session-Id",
	}
	var header []string
	for name, value := range pass {
		header = append(header, name, value)
	}
	for _, name := range hide {
		header = append(header, name, cmp.Or(map[string]string{"Origin": "http://localhost"}[name], "secret"))
	}
	for _, path := range []string{"/v1/messages?beta=true&key=secret", "/v1/chat/completions?api-version=1"} {
		g.ask(t, http.MethodPost, path, strings.NewReader(msgAsk), header...)
		_, sent := up.last()
		for name, want := range pass {
			if got := sent.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if len(sent) != len(pass) {
			t.Errorf("%s: sent on %v", path, sent)
		}
	}
}

func TestQueriesThatTravel(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "?beta=true": "beta=true", "?x=1&beta=true": "beta=true", "?beta=false": "", "?key=secret": "", "?beta=true%26x": "",
	} {
		var sent *provider.Request
		up := openAI()
		up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			sent = req
			return answer(200, chatAnswer)(ctx, req)
		}
		g := open(t, setup{}, up)
		if a := g.ask(t, http.MethodPost, "/v1/chat/completions"+query, strings.NewReader(chatAsk)); a.status != 200 || sent.Query != want {
			t.Errorf("%q: %d, sent on %q", query, a.status, sent.Query)
		}
	}
}
