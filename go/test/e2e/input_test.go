package e2e_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// paths are the doors a body can be bad at.
var paths = map[string]string{
	"chat": "/v1/chat/completions", "messages": "/anthropic/v1/messages", "responses": "/v1/responses",
	"embeddings": "/v1/embeddings", "count_tokens": "/v1/messages/count_tokens",
}

func TestBadInput(t *testing.T) {
	d := daemon.Start(t, "TOKLIGENCE_LIMITS_BODY_BYTES=1MiB", "TOKLIGENCE_LIMITS_BODY_IDLE=1s")
	deep := `{"model":"loopback","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`
	cases := map[string]string{
		"empty":         "",
		"not-json":      "hello",
		"cut":           `{"model":"loopback","messages":[`,
		"array":         `[1]`,
		"model-twice":   `{"model":"loopback","messages":[],"model":"other"}`,
		"model-case":    `{"model":"loopback","MODEL":"other"}`,
		"no-model":      `{"messages":[{"role":"user","content":"Hi"}],"max_tokens":5}`,
		"model-number":  `{"model":1}`,
		"stream-string": `{"model":"loopback","stream":"yes","messages":[],"max_tokens":5}`,
		"deep":          deep,
		"not-utf8":      "{\"model\":\"loopback\",\"max_tokens\":5,\"input\":\"\xff\",\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}",
		"unknown-model": `{"model":"no-such-model","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"input":"Hi"}`,
		"bad-loopback":  `{"model":"loopback:nonsense=1","messages":[{"role":"user","content":"Hi"}],"max_tokens":5,"input":"Hi"}`,
		"too-large":     `{"model":"` + strings.Repeat("x", 1<<20) + `"}`,
	}
	for door, path := range paths {
		for name, body := range cases {
			t.Run(door+"/"+name, func(t *testing.T) {
				s := post(t, d, path, body)
				if s.status < 400 || s.status > 499 {
					t.Errorf("status %d", s.status)
				}
				s.golden(t, "input/"+door+"/"+name)
			})
		}
	}
	for name, body := range map[string]string{
		"messages-missing":  `{"model":"loopback"}`,
		"messages-object":   `{"model":"loopback","messages":{}}`,
		"role-unknown":      `{"model":"loopback","messages":[{"role":"robot","content":"Hi"}]}`,
		"content-number":    `{"model":"loopback","messages":[{"role":"user","content":7}]}`,
		"temperature-text":  `{"model":"loopback","messages":[{"role":"user","content":"Hi"}],"temperature":"hot"}`,
		"tools-nonsense":    `{"model":"loopback","messages":[{"role":"user","content":"Hi"}],"tools":[7]}`,
		"tool-without-name": `{"model":"loopback","messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{}}]}`,
	} {
		t.Run("chat/"+name, func(t *testing.T) { post(t, d, paths["chat"], body).golden(t, "input/chat/"+name) })
	}
	for name, body := range map[string]string{
		"max_tokens-missing": `{"model":"loopback","messages":[{"role":"user","content":"Hi"}]}`,
		"messages-missing":   `{"model":"loopback","max_tokens":5}`,
		"role-unknown":       `{"model":"loopback","max_tokens":5,"messages":[{"role":"robot","content":"Hi"}]}`,
		"content-number":     `{"model":"loopback","max_tokens":5,"messages":[{"role":"user","content":7}]}`,
	} {
		t.Run("messages/"+name, func(t *testing.T) { post(t, d, paths["messages"], body).golden(t, "input/messages/"+name) })
	}
	if rows := d.Ledger(t); len(rows) != 0 {
		for _, r := range rows {
			if r.Provider != "loopback" {
				t.Errorf("a bad request reached %s", r.Provider)
			}
		}
	}
}

func TestCompressedBodies(t *testing.T) {
	d := daemon.Start(t, "TOKLIGENCE_LIMITS_BODY_BYTES=1MiB")
	body := `{"model":"loopback","messages":[{"role":"user","content":"Hi"}]}`
	zip := func(s string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		_ = w.Close()
		return b.Bytes()
	}
	encoded := func(name string) http.Header { return http.Header{"Content-Encoding": {name}} }
	if s := ask(t, d, http.MethodPost, paths["chat"], encoded("gzip"), bytes.NewReader(zip(body))); s.status != http.StatusOK {
		t.Errorf("gzip: %d %s", s.status, s.body)
	}
	bomb := zip(`{"model":"` + strings.Repeat("x", 64<<20) + `"}`)
	ask(t, d, http.MethodPost, paths["chat"], encoded("gzip"), bytes.NewReader(bomb)).golden(t, "input/compressed/bomb")
	ask(t, d, http.MethodPost, paths["chat"], encoded("gzip"), strings.NewReader(body)).golden(t, "input/compressed/not-gzip")
	ask(t, d, http.MethodPost, paths["chat"], encoded("rot13"), strings.NewReader(body)).golden(t, "input/compressed/unknown")
}

func TestPathsAndMethods(t *testing.T) {
	d := daemon.Start(t)
	for name, c := range map[string]struct{ method, path string }{
		"unknown-v1":        {http.MethodGet, "/v1/nothing"},
		"unknown-anthropic": {http.MethodPost, "/anthropic/v1/nothing"},
		"unknown-root":      {http.MethodGet, "/nothing"},
		"wrong-method":      {http.MethodGet, "/v1/chat/completions"},
		"wrong-method-m":    {http.MethodGet, "/anthropic/v1/messages"},
		"unknown-model":     {http.MethodGet, "/v1/models/no-such"},
		"unknown-model-m":   {http.MethodGet, "/anthropic/v1/models/no-such"},
	} {
		t.Run(name, func(t *testing.T) { ask(t, d, c.method, c.path, nil, nil).golden(t, "paths/"+name) })
	}
	for _, path := range []string{"/anthropic", "/anthropic/"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if s := ask(t, d, method, path, nil, nil); s.status >= 500 {
				t.Errorf("%s %s: %d", method, path, s.status)
			}
		}
	}
	for _, path := range []string{"/v1/messages", "/anthropic/v1/messages", "/anthropic/v1/v1/messages", "/anthropic/v1/messages?beta=true"} {
		s := post(t, d, path, `{"model":"loopback","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}`)
		if s.status != http.StatusOK || !bytes.Contains(s.body, []byte("[loopback] Hi")) {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
		if s.header.Get("Request-Id") == "" {
			t.Errorf("%s: no request-id", path)
		}
	}
}

// TestSlowClient sends a body so slowly that it is refused, and one that
// nobody waits for, since its key is wrong.
func TestSlowClient(t *testing.T) {
	d := daemon.Start(t, "TOKLIGENCE_LIMITS_BODY_IDLE=1s")
	for key, want := range map[string]string{daemon.Key: "408", "wrong": "401"} {
		t.Run(want, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(d.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", key)
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			answer, err := io.ReadAll(conn) // to its end: the connection is of no more use
			if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 "+want+" ")) {
				t.Errorf("got %q, %v", answer, err)
			}
		})
	}
}

// TestForeignPages keeps out browsers that a page has led here.
func TestForeignPages(t *testing.T) {
	d := daemon.Start(t, "TOKLIGENCE_ALLOWED_HOSTS=gateway.lan")
	for name, c := range map[string]struct {
		host, origin string
		status       int
	}{
		"loopback":       {"127.0.0.1:8081", "", 200},
		"localhost":      {"localhost:8081", "http://localhost:3000", 200},
		"allowed":        {"gateway.lan", "https://gateway.lan", 200},
		"foreign-host":   {"evil.example", "", 421},
		"foreign-origin": {"127.0.0.1:8081", "https://evil.example", 403},
		"null-origin":    {"127.0.0.1:8081", "null", 403},
	} {
		req, err := http.NewRequest(http.MethodGet, d.URL+"/v1/models", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		req.Header.Set("Authorization", "Bearer "+daemon.Key)
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.status)
		}
	}
}
