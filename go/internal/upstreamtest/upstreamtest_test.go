package upstreamtest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/upstreamtest"
)

// post sends a body and reads the answer.
func post(t *testing.T, url, body string, header ...string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp, string(got), err
}

// What the strict vendors refuse, and its neighbour that they accept.
func TestRefusals(t *testing.T) {
	const (
		tool    = `"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]`
		ask     = `{"role":"user","content":"hi"}`
		mtool   = `"tools":[{"name":"f","input_schema":{"type":"object"}}]`
		call    = `{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]}`
		result  = `{"role":"tool","tool_call_id":"call_1","content":"x"}`
		use     = `{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{}}]}`
		results = `{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"x"}]}`
	)
	tests := []struct {
		like, path, body string
		refused          string // part of the reason, "" if accepted
	}{
		{"openai", "/v1/chat/completions", `{"model":"gpt-5.5","messages":[` + ask + `],"max_completion_tokens":9}`, ""},
		{"openai", "/v1/chat/completions", `{"model":"gpt-5.5","messages":[` + ask + `],"max_tokens":9}`, "max_tokens"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `],"max_tokens":9}`, ""},
		{"openai", "/v1/chat/completions", `{"model":"gpt-5.5","messages":[` + ask + `],"temperature":0.5}`, "temperature"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `],"reasoning_effort":"low"}`, "reasoning_effort"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `],"stop":["a","b","c","d","e"]}`, "stop"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `],"tools":[]}`, "array too short"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `],"tool_choice":"auto"}`, "only allowed when tools"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `],"stream_options":{"include_usage":true}}`, "stream_options"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `],"top_k":1}`, "Unknown parameter: 'top_k'"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{}}]}]}`, "cache_control"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"x"}}]}]}`, "filename"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `,` + call + `,` + result + `],` + tool + `}`, ""},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `,` + call + `,` + ask + `,` + result + `],` + tool + `}`, "must be followed"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `,` + result + `]}`, "no call"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + ask + `,` + call + `]}`, "no answer"},
		{"openai", "/v1/chat/completions", `{"model":"gpt-4o","messages":[` + call + `,{"role":"tool","tool_call_id":"call_1","content":[{"type":"image_url"}]}]}`, "image_url"},
		{"openai", "/v1/chat/completions", `[]`, "not a JSON object"},
		{"mistral", "/v1/chat/completions", `{"model":"m","messages":[` + ask + `,` + call + `,` + result + `],` + tool + `}`, "length of 9"},
		{"mistral", "/v1/chat/completions", `{"model":"m","messages":[` + ask + `],"seed":1}`, "seed"},
		{"groq", "/openai/v1/chat/completions", `{"model":"m","messages":[` + ask + `],"n":2}`, "n must be 1"},
		{"groq", "/openai/v1/chat/completions", `{"model":"m","messages":[{"role":"developer","content":"x"}]}`, "role"},
		{"deepseek", "/v1/chat/completions", `{"model":"m","thinking":{"type":"enabled"},"messages":[` + ask + `,` + call + `,` + result + `],` + tool + `}`, "reasoning_content"},
		{"deepseek", "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"}]}]}`, "must be a string"},
		{"deepseek", "/v1/chat/completions", `{"model":"m","messages":[` + ask + `],"tool_choice":"required",` + tool + `}`, "tool_choice"},
		{"gemini", "/v1beta/openai/chat/completions", `{"model":"m","messages":[` + ask + `],"store":true}`, "store"},
		{"llamacpp", "/v1/chat/completions", `{"model":"m","messages":[` + ask + `,{"role":"system","content":"x"}]}`, "beginning"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `]}`, ""},
		{"anthropic", "/v1/messages", `{"model":"m","messages":[` + ask + `]}`, "max_tokens"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `],"store":true}`, "store: Extra inputs"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `],"temperature":1.5}`, "temperature"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `],"metadata":{"x":1}}`, "metadata.x"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"system","content":"x"}]}`, "first message"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":""}]}]}`, "non-empty"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `,` + use + `,` + results + `],` + mtool + `}`, ""},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `,` + use + `,` + results + `]}`, "must define tools"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `,` + use + `,` + ask + `],` + mtool + `}`, "without tool_result"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[` + ask + `]}`, "greater than"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":2000,"thinking":{"type":"adaptive"},"tool_choice":{"type":"any"},"messages":[` + ask + `],` + mtool + `}`, "forces"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[` + ask + `,{"role":"assistant","content":[{"type":"thinking","thinking":"x"}]},` + ask + `]}`, "signature"},
		{"anthropic", "/v1/messages", `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"data:x"}}]}]}`, "HTTP URLs"},
		{"", "/chat/completions", `{"anything":1}`, ""},
	}
	for _, tt := range tests {
		srv := upstreamtest.New(t, upstreamtest.Script{Like: tt.like})
		resp, body, err := post(t, srv.URL+tt.path, tt.body, "Anthropic-Version", "2023-06-01")
		if err != nil {
			t.Fatal(err)
		}
		why := srv.Last(t).Refused
		if (tt.refused == "") != (why == "") || !strings.Contains(why, tt.refused) {
			t.Errorf("%s %s: refused for %q, want %q", tt.like, tt.body, why, tt.refused)
		}
		if (resp.StatusCode == 200) != (why == "") || !json.Valid([]byte(body)) {
			t.Errorf("%s: status %d, %s", tt.body, resp.StatusCode, body)
		}
	}
}

func TestCredentials(t *testing.T) {
	srv := upstreamtest.New(t, upstreamtest.Script{Like: "openai", Key: "k"})
	for _, tt := range []struct {
		header []string
		status int
	}{
		{[]string{"Authorization", "Bearer k"}, 200},
		{nil, 401},
		{[]string{"Authorization", "Bearer x"}, 401},
		{[]string{"X-Api-Key", "k"}, 401},
		{[]string{"Authorization", "Bearer k", "X-Api-Key", "tok_client"}, 401},
	} {
		resp, _, err := post(t, srv.URL+"/v1/chat/completions", `{"model":"m"}`, tt.header...)
		if err != nil || resp.StatusCode != tt.status {
			t.Errorf("%v: %v, %v; want %d", tt.header, resp.StatusCode, err, tt.status)
		}
	}
}

func TestFaults(t *testing.T) {
	const stream = `{"model":"m","stream":true}`
	tests := []struct {
		name   string
		fault  upstreamtest.Fault
		body   string
		status int
		has    string // in what arrives
		lacks  string
		broken error // nil: the body ends well
	}{
		{"none", upstreamtest.Fault{}, stream, 200, "[DONE]", "zzz", nil},
		{"status", upstreamtest.Fault{Status: 429, RetryAfter: "7"}, stream, 429, "Too Many Requests", "[DONE]", nil},
		{"page", upstreamtest.Fault{Page: true}, stream, 200, "<html>", "[DONE]", nil},
		{"reset", upstreamtest.Fault{Then: upstreamtest.Reset, After: 2}, stream, 200, "", "[DONE]", syscall.ECONNRESET},
		{"cut", upstreamtest.Fault{Then: upstreamtest.Cut, After: 2}, stream, 200, "assistant", "[DONE]", io.ErrUnexpectedEOF},
		{"cut at once", upstreamtest.Fault{Then: upstreamtest.Cut}, stream, 200, "", "assistant", io.ErrUnexpectedEOF},
		{"cut of a whole answer", upstreamtest.Fault{Then: upstreamtest.Cut, After: 10}, `{"model":"m"}`, 200, `{"choices"`, "assistant", io.ErrUnexpectedEOF},
		{"stop", upstreamtest.Fault{Then: upstreamtest.Stop, After: 2}, stream, 200, "assistant", "[DONE]", nil},
		{"half an event", upstreamtest.Fault{Then: upstreamtest.HalfEvent, After: 1}, stream, 200, `{"id":"half`, "[DONE]", io.ErrUnexpectedEOF},
		{"error event", upstreamtest.Fault{Then: upstreamtest.ErrorEvent, After: 1}, stream, 200, "Overloaded", "[DONE]", nil},
		{"garbage", upstreamtest.Fault{Then: upstreamtest.Garbage, After: 1}, stream, 200, "{not json", "zzz", nil},
		{"fault due after the end", upstreamtest.Fault{Then: upstreamtest.Stop, After: 99}, stream, 200, "[DONE]", "zzz", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := upstreamtest.New(t, upstreamtest.Script{Faults: []upstreamtest.Fault{tt.fault}})
			resp, body, err := post(t, srv.URL+"/v1/chat/completions", tt.body)
			if resp == nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status || !strings.Contains(body, tt.has) || strings.Contains(body, tt.lacks) {
				t.Errorf("%d %q", resp.StatusCode, body)
			}
			if !errors.Is(err, tt.broken) || tt.broken == nil && err != nil {
				t.Errorf("it ends in %v, want %v", err, tt.broken)
			}
			if resp.Header.Get("Retry-After") != tt.fault.RetryAfter {
				t.Errorf("header %v", resp.Header)
			}
			if _, body, err := post(t, srv.URL+"/v1/chat/completions", tt.body); err != nil || strings.Contains(body, "Overloaded") {
				t.Errorf("the second call fails too: %q, %v", body, err)
			}
		})
	}
}

// Stalls and endless lines end with the caller.
func TestEndlessFaults(t *testing.T) {
	for _, then := range []upstreamtest.Then{upstreamtest.Stall, upstreamtest.Endless} {
		srv := upstreamtest.New(t, upstreamtest.Script{Faults: []upstreamtest.Fault{{Then: then, After: 1}}})
		resp, err := http.Post(srv.URL+"/v1/messages", "application/json", strings.NewReader(`{"stream":true}`))
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 20)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "event: message_start" {
			t.Errorf("%q, %v", buf, err)
		}
		_ = resp.Body.Close()
	}
}
