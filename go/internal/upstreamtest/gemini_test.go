package upstreamtest_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/gemini"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const googleKey = "AIza-0123456789abcdef"

// vendor plays Google: it takes one key in one place, knows the methods of
// models and pages its list.
func vendor(t *testing.T) (srv *httptest.Server, asked *[]string) {
	t.Helper()
	asked = &[]string{}
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.RequestURI)
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("X-Goog-Api-Key") != googleKey || r.Header.Get("Authorization") != "" || r.URL.Query().Has("key") {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"code":401,"message":"which key?","status":"UNAUTHENTICATED"}}`)
			return
		}
		file := ""
		switch {
		case r.Method == http.MethodGet && r.URL.Query().Get("pageToken") == "":
			_, _ = io.WriteString(w, `{"models":[{"name":"models/gemini-a","displayName":"A","inputTokenLimit":7,"outputTokenLimit":5}],"nextPageToken":"two pages"}`)
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, `{"models":[{"name":"models/gemini-b"}]}`)
		case strings.HasSuffix(r.URL.Path, ":countTokens"):
			_, _ = io.WriteString(w, `{"totalTokens":31}`)
		case strings.HasSuffix(r.URL.Path, ":streamGenerateContent"):
			file = "gemini.stream.sse"
			w.Header().Set("Content-Type", "text/event-stream")
		default:
			file = "gemini.response.json"
		}
		if file != "" {
			_, _ = w.Write(protocoltest.File("03-tool-call", file))
		}
	}))
	t.Cleanup(srv.Close)
	return srv, asked
}

func googleAt(t *testing.T, base string) *provider.HTTP {
	t.Helper()
	p, err := provider.New(provider.Settings{
		Preset: "gemini", BaseURL: base, Key: secret.New(googleKey), Protocols: []llm.Protocol{llm.Gemini},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// The model and the method are in the path, whatever the base URL and the
// name; a name never leads to another path.
func TestGeminiPaths(t *testing.T) {
	srv, asked := vendor(t)
	for _, base := range []string{"", "/", "/v1beta", "/v1beta/", "/v1beta/models", "/v1beta/openai"} {
		for _, tt := range []struct {
			op     llm.Operation
			model  string
			stream bool
			want   string
		}{
			{llm.Generate, "gemini-x", false, "/v1beta/models/gemini-x:generateContent"},
			{llm.Generate, "gemini-x", true, "/v1beta/models/gemini-x:streamGenerateContent?alt=sse"},
			{llm.CountTokens, "gemini-x", false, "/v1beta/models/gemini-x:countTokens"},
			{llm.Generate, "a/../../b?c#d", false, "/v1beta/models/a%2F..%2F..%2Fb%3Fc%23d:generateContent"},
			{llm.Generate, "é 1", false, "/v1beta/models/%C3%A9%201:generateContent"},
		} {
			resp, err := googleAt(t, srv.URL+base).Do(t.Context(), &provider.Request{
				Operation: tt.op, Protocol: llm.Gemini, Model: tt.model, Stream: tt.stream, Query: "beta=true", Body: net.Buffers{[]byte(`{}`)},
			})
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if got := (*asked)[len(*asked)-1]; got != "POST "+tt.want || resp.StatusCode != http.StatusOK {
				t.Errorf("base %q: %d %s, want %s", base, resp.StatusCode, got, tt.want)
			}
		}
	}
}

// What the preset gets is what the codec reads, whole and streamed.
func TestGeminiAnswers(t *testing.T) {
	srv, _ := vendor(t)
	codec := gemini.New(protocol.NewSealer(bytes.Repeat([]byte{7}, 32)))
	for _, stream := range []bool{false, true} {
		body, _, err := codec.EncodeRequest(&llm.Request{
			Stream: stream, Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "Weather?"}}}},
		}, protocol.Target{Model: "gemini-x", Native: true})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := googleAt(t, srv.URL).Do(t.Context(), &provider.Request{
			Operation: llm.Generate, Protocol: llm.Gemini, Model: "gemini-x", Stream: stream, Body: net.Buffers{body},
		})
		if err != nil {
			t.Fatal(err)
		}
		a := protocoltest.Read(t, codec.NewReader(resp.Body, stream, protocol.Target{}))
		_ = resp.Body.Close()
		if a.Err != nil || len(a.Blocks) != 2 || a.Stop.Reason != llm.StopTools {
			t.Errorf("stream %t: %+v", stream, a)
		}
	}
}

func TestGeminiModels(t *testing.T) {
	srv, asked := vendor(t)
	got, err := googleAt(t, srv.URL).Models(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := provider.ModelInfo{ID: "gemini-a", DisplayName: "A", MaxInput: 7, MaxOutput: 5}
	if len(got) != 2 || got[0] != want || got[1].ID != "gemini-b" {
		t.Errorf("%+v", got)
	}
	if strings.Join(*asked, " ") != "GET /v1beta/models?pageSize=1000 GET /v1beta/models?pageSize=1000&pageToken=two+pages" {
		t.Errorf("%v", *asked)
	}
}
