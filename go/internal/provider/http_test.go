package provider

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const testKey = "sk-canary-0123456789"

func upstream(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func made(t *testing.T, s Settings) *HTTP {
	t.Helper()
	if s.Key.Empty() {
		s.Key = secret.New(testKey)
	}
	p, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func call(t *testing.T, p *HTTP, req *Request) (int, http.Header, string) {
	t.Helper()
	resp, err := p.Do(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func generate(name llm.Protocol) *Request {
	return &Request{
		Operation: llm.Generate, Protocol: name, Header: http.Header{},
		Body: net.Buffers{[]byte(`{"model":`), []byte(`"m"}`)},
	}
}

func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "{}")
	})
	client := http.Header{
		"Authorization": {"Bearer tok_client"}, "X-Api-Key": {"tok_client"}, "X-Goog-Api-Key": {"tok_client"}, "Api-Key": {"tok_client"},
		"Cookie": {"a=b"}, "Connection": {"x"}, "Host": {"evil.test"}, "Accept-Encoding": {"gzip"}, "Content-Type": {"text/plain"},
		"Anthropic-Version": {"2026-10-21"}, "Anthropic-Beta": {"a", "b"}, "Openai-Beta": {"x"}, "Session_id": {"s"},
		"Originator": {"line\r\nX-Evil: 1"}, "X-Forwarded-For": {"1.2.3.4"}, "Content-Length": {"1"},
	}
	tests := []struct {
		name string
		s    Settings
		req  *Request
		uri  string
		want http.Header
	}{
		{
			"chat",
			Settings{Preset: "openai"},
			generate(llm.Chat), "/v1/chat/completions",
			http.Header{
				"Authorization": {"Bearer " + testKey}, "Accept": {"application/json"}, "Accept-Encoding": {"identity"},
				"Content-Type": {"application/json"}, "Content-Length": {"13"}, "User-Agent": {"tokligence-gateway/"},
				"Openai-Beta": {"x"}, "Session_id": {"s"},
			},
		},
		{
			"stream",
			Settings{Preset: "groq"},
			&Request{Operation: llm.Generate, Protocol: llm.Chat, Stream: true, Query: "beta=true", Body: net.Buffers{[]byte("{}")}},
			"/openai/v1/chat/completions",
			http.Header{
				"Authorization": {"Bearer " + testKey}, "Accept": {"text/event-stream"}, "Accept-Encoding": {"identity"},
				"Content-Type": {"application/json"}, "Content-Length": {"2"}, "User-Agent": {"tokligence-gateway/"},
			},
		},
		{
			"messages",
			Settings{Preset: "anthropic"},
			&Request{Operation: llm.CountTokens, Protocol: llm.Messages, Query: "beta=true", Body: net.Buffers{[]byte("{}")}},
			"/v1/messages/count_tokens?beta=true",
			http.Header{
				"X-Api-Key": {testKey}, "Accept": {"application/json"}, "Accept-Encoding": {"identity"},
				"Content-Type": {"application/json"}, "Content-Length": {"2"}, "User-Agent": {"tokligence-gateway/"},
				"Anthropic-Version": {"2026-10-21"}, "Anthropic-Beta": {"a", "b"},
			},
		},
		{
			"messages at a compatible server",
			Settings{Preset: "deepseek"},
			generate(llm.Messages), "/anthropic/v1/messages",
			http.Header{
				"X-Api-Key": {testKey}, "Accept": {"application/json"}, "Accept-Encoding": {"identity"},
				"Content-Type": {"application/json"}, "Content-Length": {"13"}, "User-Agent": {"tokligence-gateway/"},
				"Anthropic-Version": {"2026-10-21"}, "Anthropic-Beta": {"a", "b"},
			},
		},
		{
			"own headers and auth",
			Settings{Preset: "mistral", Auth: APIKey, Headers: map[string]secret.Secret{"x-team": secret.New("red"), "accept-encoding": secret.New("gzip")}},
			generate(llm.Chat), "/v1/chat/completions",
			http.Header{
				"Api-Key": {testKey}, "Accept": {"application/json"}, "Accept-Encoding": {"gzip"}, "X-Team": {"red"},
				"Content-Type": {"application/json"}, "Content-Length": {"13"}, "User-Agent": {"tokligence-gateway/"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.BaseURL = url
			p := made(t, tt.s)
			tt.req.Header = client
			for range 2 { // the fixed headers must stay as they are
				call(t, p, tt.req)
				if got.Method != http.MethodPost || got.RequestURI != tt.uri || got.Host != strings.TrimPrefix(url, "http://") {
					t.Errorf("%s %s at %s", got.Method, got.RequestURI, got.Host)
				}
				got.Header["User-Agent"][0] = got.Header["User-Agent"][0][:len("tokligence-gateway/")]
				if fmt.Sprint(got.Header) != fmt.Sprint(tt.want) {
					t.Errorf("headers\n%v, want\n%v", got.Header, tt.want)
				}
				if want := len(tt.want["Content-Length"][0]); len(body) == 0 || want == 0 {
					t.Errorf("body %q", body)
				}
			}
			if p.Connections().Dialled != 1 {
				t.Errorf("%+v", p.Connections())
			}
		})
	}
}

func TestAnthropicVersionByDefault(t *testing.T) {
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Header["Anthropic-Version"]) })
	p := made(t, Settings{Preset: "anthropic", BaseURL: url})
	if _, _, got := call(t, p, generate(llm.Messages)); got != "[2023-06-01]" {
		t.Error(got)
	}
}

func TestSpeaks(t *testing.T) {
	tests := []struct {
		preset  string
		only    []llm.Protocol
		op      llm.Operation
		want    []llm.Protocol
		comment string
	}{
		{"openai", nil, llm.Generate, []llm.Protocol{llm.Chat, llm.Responses}, ""},
		{"openai", nil, llm.CountTokens, []llm.Protocol{llm.Responses}, ""},
		{"openai", nil, llm.Speak, []llm.Protocol{llm.Plain}, ""},
		{"openai", []llm.Protocol{llm.Chat}, llm.Speak, []llm.Protocol{llm.Plain}, "which lies beside Chat"},
		{"openai", nil, llm.Rerank, nil, "it has none"},
		{"openai", nil, llm.Recall, []llm.Protocol{llm.Plain}, "it makes responses"},
		{"openai", []llm.Protocol{llm.Chat}, llm.Recall, nil, "it makes none"},
		{"openai-compatible", []llm.Protocol{llm.Responses}, llm.Recall, []llm.Protocol{llm.Plain}, "it is said to make them"},
		{"anthropic", nil, llm.Files, nil, ""},
		{"openai", nil, llm.ListModels, []llm.Protocol{llm.Chat}, ""},
		{"openai", []llm.Protocol{llm.Responses}, llm.Generate, []llm.Protocol{llm.Responses}, ""},
		{"openai", []llm.Protocol{llm.Responses}, llm.ListModels, []llm.Protocol{llm.Responses}, ""},
		{"anthropic", nil, llm.CountTokens, []llm.Protocol{llm.Messages}, ""},
		{"anthropic", nil, llm.ListModels, []llm.Protocol{llm.Messages}, ""},
		{"deepseek", []llm.Protocol{llm.Messages, llm.Chat}, llm.Generate, []llm.Protocol{llm.Messages, llm.Chat}, ""},
		{"openai-compatible", []llm.Protocol{llm.Messages}, llm.Generate, []llm.Protocol{llm.Messages}, "although the preset has no path"},
		{"openai-compatible", []llm.Protocol{llm.Gemini}, llm.Generate, nil, "that has no address yet"},
	}
	for _, tt := range tests {
		p := made(t, Settings{Preset: tt.preset, Protocols: tt.only, BaseURL: "http://h.test"})
		if got := p.Speaks(tt.op); !slices.Equal(got, tt.want) {
			t.Errorf("%s %v %s: %v, want %v %s", tt.preset, tt.only, tt.op, got, tt.want, tt.comment)
		}
		for _, name := range p.Speaks(tt.op) {
			if p.endpoints[place{tt.op, name}] == nil {
				t.Errorf("%s %s in %s has no address", tt.preset, tt.op, name)
			}
		}
	}
}

func TestReady(t *testing.T) {
	key := secret.New(testKey)
	tests := []struct {
		s    Settings
		want string // part of the error
	}{
		{Settings{Preset: "openai", Key: key}, ""},
		{Settings{Preset: "openai"}, "TOKLIGENCE_OPENAI_API_KEY"},
		{Settings{Preset: "openai", BaseURL: "http://h.test"}, "TOKLIGENCE_OPENAI_API_KEY"},
		{Settings{Preset: "openai", Auth: NoAuth, BaseURL: "http://h.test"}, ""},
		{Settings{Preset: "openai", Name: "eu-openai#2"}, "TOKLIGENCE_EU_OPENAI_API_KEY"},
		{Settings{Preset: "ollama"}, "TOKLIGENCE_OLLAMA_BASE_URL"},
		{Settings{Preset: "ollama", BaseURL: "http://localhost:11434"}, ""},
		{Settings{Preset: "openai-compatible", Name: "my-llm"}, "TOKLIGENCE_MY_LLM_BASE_URL"},
		{Settings{Preset: "openai-compatible", BaseURL: "http://h.test"}, ""},
	}
	for _, tt := range tests {
		p, err := New(tt.s)
		if err != nil {
			t.Fatal(err)
		}
		err = p.Ready()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.s, err, tt.want)
		}
		if err == nil {
			continue
		}
		var e *llm.Error
		if _, err := p.Do(t.Context(), generate(llm.Chat)); !errors.As(err, &e) || !strings.Contains(e.Message, tt.want) {
			t.Errorf("Do: %v", err)
		}
		if _, err := p.Models(t.Context()); err == nil {
			t.Error("it lists models")
		}
	}
}

func TestBadSettings(t *testing.T) {
	for name, s := range map[string]Settings{
		"preset":       {Preset: "nobody"},
		"key":          {Preset: "openai", Key: secret.New("sk-canary\n")},
		"auth":         {Preset: "openai", Auth: "magic"},
		"quirk":        {Preset: "openai", Quirks: map[string]any{"no_humour": true}},
		"header name":  {Preset: "openai", Headers: map[string]secret.Secret{"a b": secret.New("x")}},
		"header value": {Preset: "openai", Headers: map[string]secret.Secret{"a": secret.New("sk-canary\r\nX: y")}},
		"proxy":        {Preset: "openai", Proxy: secret.New("sk-canary")},
	} {
		_, err := New(s)
		if err == nil || strings.Contains(err.Error(), "sk-canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuirksOverPreset(t *testing.T) {
	p := made(t, Settings{Preset: "mistral", Quirks: map[string]any{"no_stream_options": false}})
	if q := p.Quirks(); q.NoStreamOptions || q.CallIDs != "mistral" {
		t.Errorf("%+v", q)
	}
	if again, _ := FindPreset("mistral"); !again.Quirks.NoStreamOptions {
		t.Error("the preset itself was changed")
	}
}

func TestAnswers(t *testing.T) {
	zipped := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
		return b.Bytes()
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		status int
		body   string
		wrong  string
	}{
		{"plain", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, 200, "{}", ""},
		{"gzip unasked", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zipped(`{"a":1}`))
		}, 200, `{"a":1}`, ""},
		{"gzip of a refusal", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(429)
			_, _ = w.Write(zipped(`{"error":1}`))
		}, 429, `{"error":1}`, ""},
		{"gzip of nothing", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(500)
		}, 500, "", ""},
		{"brotli unasked", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			fmt.Fprint(w, "x")
		}, 0, "", `encoding "br"`},
		{"web page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>")
		}, 0, "", "web page"},
		{"web page as a refusal", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(502)
			fmt.Fprint(w, "<html>")
		}, 502, "<html>", ""},
		{"our key repeated", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"error":"%s is wrong"}`, r.Header.Get("Authorization"))
		}, 401, `{"error":"Bearer [redacted] is wrong"}`, ""},
		{"redirect within", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/there" {
				http.Redirect(w, r, "/there", http.StatusPermanentRedirect)
				return
			}
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s", r.Method, r.Header.Get("Authorization"), body)
		}, 200, `POST Bearer ` + testKey + ` {"model":"m"}`, ""},
		{"redirect that would change the method", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/there", http.StatusFound)
		}, 0, "", "status 302"},
		{"redirect elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://evil.test/x", http.StatusPermanentRedirect)
		}, 0, "", "to http://evil.test"},
		{"redirect nowhere", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(307) }, 0, "", "status 307"},
		{"redirect in a circle", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, 0, "", "circle"},
	}
	for _, fast := range []bool{true, false} {
		for _, tt := range tests {
			t.Run(fmt.Sprint(tt.name, fast), func(t *testing.T) {
				p := made(t, Settings{Preset: "openai", BaseURL: upstream(t, tt.answer), HTTP2: !fast})
				if tt.wrong != "" {
					_, err := p.Do(t.Context(), generate(llm.Chat))
					var e *llm.Error
					if !errors.As(err, &e) || e.Kind != llm.BadUpstream || !strings.Contains(e.Message, tt.wrong) {
						t.Errorf("%v, want %q", err, tt.wrong)
					}
					return
				}
				status, h, body := call(t, p, generate(llm.Chat))
				if status != tt.status || body != tt.body {
					t.Errorf("%d %q, want %d %q", status, body, tt.status, tt.body)
				}
				if h.Get("Content-Encoding") != "" {
					t.Errorf("header %v", h)
				}
			})
		}
	}
}

// A compressed stream must be unpacked as it comes.
func TestGzipStream(t *testing.T) {
	next := make(chan struct{})
	p := made(t, Settings{Preset: "openai", BaseURL: upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for i := range 3 {
			fmt.Fprintf(z, "data: %d\n\n", i)
			_ = z.Flush()
			w.(http.Flusher).Flush()
			<-next
		}
		_ = z.Close()
	})})
	resp, err := p.Do(t.Context(), generate(llm.Chat))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 100)
	for i := range 3 {
		n, err := resp.Body.Read(buf)
		if want := fmt.Sprintf("data: %d\n\n", i); err != nil || string(buf[:n]) != want {
			t.Fatalf("%q, %v, want %q", buf[:n], err, want)
		}
		next <- struct{}{}
	}
}

func TestFailures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + l.Addr().String()
	_ = l.Close()
	var hits atomic.Int32
	silent := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice the end
		<-r.Context().Done()
	})
	cut := upstream(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	short := Timeouts{Header: 50 * time.Millisecond}
	tests := []struct {
		name, base string
		timeouts   Timeouts
		kind       llm.ErrorKind
		want       string
	}{
		{"refused", refused, Timeouts{}, llm.BadUpstream, "Nothing listens"},
		{"unknown host", "http://no-such-host.invalid", Timeouts{}, llm.BadUpstream, "TOKLIGENCE_OPENAI_BASE_URL"},
		{"silence", silent, short, llm.Timeout, "in time"},
		{"cut", cut, Timeouts{}, llm.BadUpstream, "without an answer"},
		{"certificate", secure.URL, Timeouts{}, llm.BadUpstream, "certificate"},
		{"no TLS", strings.Replace(silent, "http:", "https:", 1), Timeouts{}, llm.BadUpstream, "TLS"},
	}
	for _, fast := range []bool{true, false} {
		for _, tt := range tests {
			t.Run(fmt.Sprint(tt.name, fast), func(t *testing.T) {
				p := made(t, Settings{Preset: "openai", BaseURL: tt.base, Timeouts: tt.timeouts, HTTP2: !fast})
				_, err := p.Do(t.Context(), generate(llm.Chat))
				var e *llm.Error
				if !errors.As(err, &e) || e.Kind != tt.kind || !strings.Contains(e.Message, tt.want) || e.Upstream.Provider != "openai" {
					t.Errorf("%v, want %s with %q", err, tt.kind, tt.want)
				}
				if strings.Contains(fmt.Sprint(err), testKey) || strings.Contains(fmt.Sprint(errors.Unwrap(err)), testKey) {
					t.Errorf("the error shows the key: %v", err)
				}
				if !e.Retryable() {
					t.Error("no other upstream would be tried")
				}
			})
		}
	}
	if n := hits.Load(); n != 2 {
		t.Errorf("the silent server was asked %d times, want twice", n)
	}
}

func TestCancel(t *testing.T) {
	silent := upstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice the end
		<-r.Context().Done()
	})
	for _, fast := range []bool{true, false} {
		p := made(t, Settings{Preset: "openai", BaseURL: silent, HTTP2: !fast})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		_, err := p.Do(ctx, generate(llm.Chat))
		if e := llm.AsError(err); e.Kind != llm.Canceled {
			t.Errorf("%v", err)
		}
	}
}

// A stream that stops is a time-out, however long it has flowed before.
func TestStall(t *testing.T) {
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice the end
		for range 5 {
			fmt.Fprint(w, "data: x\n\n")
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
		<-r.Context().Done()
	})
	for _, fast := range []bool{true, false} {
		p := made(t, Settings{Preset: "openai", BaseURL: url, HTTP2: !fast, Timeouts: Timeouts{Stall: 400 * time.Millisecond}})
		resp, err := p.Do(t.Context(), generate(llm.Chat))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if !isTimeout(err) || len(body) != 5*len("data: x\n\n") {
			t.Errorf("fast %v: %d bytes, %v", fast, len(body), err)
		}
	}
}

// Whole answers may take longer to begin than streams.
func TestHeaderTimeouts(t *testing.T) {
	openai := made(t, Settings{Preset: "openai"})
	ollama := made(t, Settings{Preset: "ollama", BaseURL: "http://localhost:1"})
	own := made(t, Settings{Preset: "openai", Timeouts: Timeouts{Header: time.Minute}})
	at := place{llm.Generate, llm.Chat}
	for _, tt := range []struct {
		p             *HTTP
		whole, stream time.Duration
	}{{openai, 600 * time.Second, 120 * time.Second}, {ollama, 600 * time.Second, 600 * time.Second}, {own, time.Minute, time.Minute}} {
		if e := tt.p.endpoints[at]; e.headerTimeout != tt.whole || e.streamTimeout != tt.stream {
			t.Errorf("%s: %v, %v", tt.p.Name(), e.headerTimeout, e.streamTimeout)
		}
	}
}

func TestPlainPaths(t *testing.T) {
	url := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), r.Header.Get("Accept"))
	})
	p := made(t, Settings{Preset: "openai-compatible", BaseURL: url + "/v2", Protocols: []llm.Protocol{llm.Chat, llm.Responses}})
	for _, tt := range []struct {
		req  Request
		want string
	}{
		{Request{Operation: llm.Rerank, Body: net.Buffers{[]byte("{}")}}, "POST /v2/rerank application/json */*"},
		{Request{Operation: llm.Transcribe, Body: net.Buffers{[]byte("x")}, MIME: "multipart/form-data; boundary=b"}, "POST /v2/audio/transcriptions multipart/form-data; boundary=b */*"},
		{Request{Operation: llm.Files, Method: http.MethodGet, Path: "/f/content"}, "GET /v2/files/f/content  */*"},
		{Request{Operation: llm.Files, Method: http.MethodDelete, Path: "/f"}, "DELETE /v2/files/f  */*"},
		{Request{Operation: llm.Batches, Method: http.MethodGet, Query: "limit=2"}, "GET /v2/batches?limit=2  */*"},
		{Request{Operation: llm.Recall, Method: http.MethodGet, Path: "/r", Query: "stream=true"}, "GET /v2/responses/r?stream=true  */*"},
		{Request{Operation: llm.Batches, Method: http.MethodPost, Path: "/b/cancel"}, "POST /v2/batches/b/cancel  */*"},
	} {
		tt.req.Protocol = llm.Plain
		if _, _, got := call(t, p, &tt.req); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

func TestTokenizers(t *testing.T) {
	openai, _ := FindPreset("openai")
	for model, want := range map[string]string{
		"gpt-4o-mini": "o200k_base", "gpt-4-turbo": "cl100k_base", "gpt-4.1": "o200k_base", "gpt-5.6-sol": "o200k_base",
		"gpt-3.5-turbo": "cl100k_base", "o3-mini": "o200k_base", "claude-x": "",
	} {
		if got := openai.Tokenizer(model); got != want {
			t.Errorf("%s: %q, want %q", model, got, want)
		}
	}
}
