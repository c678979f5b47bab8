package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// TestGeminiClient asks the real daemon as Google's clients do: with a key in
// a header or in the query, for one body, for events and for an array.
func TestGeminiClient(t *testing.T) {
	d := daemon.Start(t)
	post := func(path, key, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			req.Header.Set("X-Goog-Api-Key", key)
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
		return resp.StatusCode, string(text)
	}
	const hello = `{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}`
	const tool = `{"contents":[{"parts":[{"text":"Hello"}]}],"tools":[{"functionDeclarations":[{"name":"look"}]}]}`
	for _, tt := range []struct {
		path, key, body string
		status          int
		begins, holds   string
	}{
		{"/v1beta/models/loopback:generateContent", daemon.Key, hello, 200, `{"candidates":[`, `"text":"[loopback] Hello"`},
		{"/v1/models/loopback:generateContent?key=" + daemon.Key, "", hello, 200, `{"candidates":[`, `"finishReason":"STOP"`},
		{"/v1beta/models/loopback:streamGenerateContent?alt=sse", daemon.Key, hello, 200, `data: {"candidates":[`, `"finishReason":"STOP"`},
		{"/v1beta/models/loopback:streamGenerateContent", daemon.Key, hello, 200, `[{"candidates":[`, `"finishReason":"STOP"`},
		{"/v1beta/models/loopback:tool=look:generateContent", daemon.Key, tool, 200, `{"candidates":[`, `"functionCall":{"id":`},
		{"/v1beta/models/loopback:countTokens", daemon.Key, hello, 200, `{"totalTokens":`, ``},
		{"/v1beta/models/loopback:status=429:generateContent", daemon.Key, hello, 429, `{"error":{"code":429,`, `RESOURCE_EXHAUSTED`},
		{"/v1beta/models/loopback:generateContent", "wrong", hello, 401, `{"error":{"code":401,`, `UNAUTHENTICATED`},
		{"/v1beta/models/loopback:generateContent?key=wrong", "", hello, 401, `{"error":{"code":401,`, `UNAUTHENTICATED`},
	} {
		status, body := post(tt.path, tt.key, tt.body)
		if status != tt.status || !strings.HasPrefix(body, tt.begins) || !strings.Contains(body, tt.holds) {
			t.Errorf("%s: %d %s", tt.path, status, body)
		}
	}
	if strings.Contains(d.Logs(), daemon.Key) {
		t.Error("the log holds the key")
	}
}
