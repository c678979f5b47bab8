package provider

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestModels(t *testing.T) {
	at := time.Unix(1700000000, 0).UTC()
	tests := []struct {
		preset, uri, list string
		want              []ModelInfo
	}{
		{"openai", "/v1/models", `{"object":"list","data":[{"id":"gpt-x","object":"model","created":1700000000,"owned_by":"o"}]}`, []ModelInfo{{ID: "gpt-x", Created: at}}},
		{"gemini", "/v1beta/openai/models", `{"data":[{"id":"models/gemini-x","display_name":"Gemini X"}]}`, []ModelInfo{{ID: "gemini-x", DisplayName: "Gemini X"}}},
		{"openrouter", "/api/v1/models", `{"data":[{"id":"a/b","name":"A: B","created":1700000000,"context_length":9,"top_provider":{"max_completion_tokens":3}}]}`, []ModelInfo{{ID: "a/b", DisplayName: "A: B", Created: at, MaxInput: 9, MaxOutput: 3}}},
		{"groq", "/openai/v1/models", `{"data":[{"id":"g","context_window":9,"max_completion_tokens":3}]}`, []ModelInfo{{ID: "g", MaxInput: 9, MaxOutput: 3}}},
		{"mistral", "/v1/models", `{"data":[{"id":"m","max_context_length":9,"created":null}]}`, []ModelInfo{{ID: "m", MaxInput: 9}}},
		{"vllm", "/v1/models", `{"data":[{"id":"v","max_model_len":9}]}`, []ModelInfo{{ID: "v", MaxInput: 9}}},
		{"together", "/v1/models", ` [{"id":"t","display_name":"T","context_length":9,"created":0}]`, []ModelInfo{{ID: "t", DisplayName: "T", MaxInput: 9}}},
		{"anthropic", "/v1/models?limit=1000", `{"data":[{"type":"model","id":"claude-x","display_name":"Claude X","created_at":"2023-11-14T22:13:20Z","max_input_tokens":9,"max_tokens":3}],"has_more":false,"last_id":"claude-x"}`, []ModelInfo{{ID: "claude-x", DisplayName: "Claude X", Created: at, MaxInput: 9, MaxOutput: 3}}},
		{"ollama", "/v1/models", `{"object":"list","data":null}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.preset, func(t *testing.T) {
			p := made(t, Settings{Preset: tt.preset, BaseURL: upstream(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.RequestURI != tt.uri || r.Header.Get("Content-Type") != "" || r.ContentLength != 0 {
					t.Errorf("%s %s %v", r.Method, r.RequestURI, r.Header)
				}
				if !strings.Contains(fmt.Sprint(r.Header), testKey) {
					t.Error("it is not signed")
				}
				fmt.Fprint(w, tt.list)
			})})
			got, err := p.Models(t.Context())
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestModelsInPages(t *testing.T) {
	p := made(t, Settings{Preset: "anthropic", BaseURL: upstream(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("after_id") {
		case "":
			fmt.Fprint(w, `{"data":[{"id":"a"}],"has_more":true,"last_id":"a&b"}`)
		case "a&b":
			fmt.Fprint(w, `{"data":[{"id":"b"}],"has_more":false,"last_id":"b"}`)
		default:
			t.Errorf("%s", r.RequestURI)
		}
	})})
	got, err := p.Models(t.Context())
	if err != nil || len(got) != 2 || got[1].ID != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestModelsWithoutAsking(t *testing.T) {
	nobody := upstream(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("it asks for %s", r.RequestURI) })
	configured := made(t, Settings{Preset: "openai", BaseURL: nobody, Models: []string{"a", "b", "a"}})
	if got, err := configured.Models(t.Context()); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	known := made(t, Settings{Preset: "zhipu", BaseURL: nobody})
	if got, err := known.Models(t.Context()); err != nil || len(got) != 2 || got[0].ID != "glm-4.7" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestModelsFail(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   string
	}{
		{401, `{"error":"no"}`, "refuses the key"},
		{404, `not here`, "no model list"},
		{500, ``, "status 500"},
		{200, `{"data":"x"}`, "cannot be read"},
		{200, `{"data":[`, "cannot be read"},
	} {
		p := made(t, Settings{Preset: "openai", BaseURL: upstream(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		})})
		if _, err := p.Models(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d %s: %v, want %q", tt.status, tt.body, err, tt.want)
		}
	}
}

func FuzzModels(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"x","created":1,"created_at":"2023-11-14T22:13:20Z"}],"has_more":true,"last_id":"x"}`))
	f.Add([]byte(`[{"id":"t","created":"1e3"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := parseModels(body)
		if err != nil {
			return
		}
		for _, m := range page.models {
			if m.info("models/").ID == "" && m.ID != "models/" {
				t.Fatalf("%q yields no id", m.ID)
			}
		}
	})
}
