package provider

import (
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// urls returns where a provider would send its calls.
func urls(t *testing.T, preset, base string) map[llm.Protocol]string {
	t.Helper()
	p, err := New(Settings{Preset: preset, BaseURL: base, Protocols: all(preset)})
	if err != nil {
		t.Fatalf("%s at %s: %v", preset, base, err)
	}
	out := map[llm.Protocol]string{}
	for at, e := range p.endpoints {
		if at.op == llm.Generate { // the model and the method follow in Google's protocol
			out[at.protocol] = e.url.String()
		}
	}
	return out
}

func all(preset string) []llm.Protocol {
	p, _ := FindPreset(preset)
	var names []llm.Protocol
	for _, name := range []llm.Protocol{llm.Chat, llm.Responses, llm.Messages, llm.Gemini} {
		if len(p.Paths[name]) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// The addresses of all presets, as their vendors document them.
func TestPresetAddresses(t *testing.T) {
	tests := []struct{ preset, chat, responses, messages string }{
		{"openai", "https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/responses", ""},
		{"anthropic", "", "", "https://api.anthropic.com/v1/messages"},
		{"gemini", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "", ""},
		{"openrouter", "https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1/responses", "https://openrouter.ai/api/v1/messages"},
		{"deepseek", "https://api.deepseek.com/v1/chat/completions", "", "https://api.deepseek.com/anthropic/v1/messages"},
		{"mistral", "https://api.mistral.ai/v1/chat/completions", "", ""},
		{"groq", "https://api.groq.com/openai/v1/chat/completions", "https://api.groq.com/openai/v1/responses", ""},
		{"xai", "https://api.x.ai/v1/chat/completions", "https://api.x.ai/v1/responses", ""},
		{"together", "https://api.together.xyz/v1/chat/completions", "", ""},
		{"fireworks", "https://api.fireworks.ai/inference/v1/chat/completions", "https://api.fireworks.ai/inference/v1/responses", "https://api.fireworks.ai/inference/v1/messages"},
		{"dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions", "", "https://dashscope.aliyuncs.com/apps/anthropic/v1/messages"},
		{"moonshot", "https://api.moonshot.ai/v1/chat/completions", "", "https://api.moonshot.ai/anthropic/v1/messages"},
		{"zhipu", "https://open.bigmodel.cn/api/paas/v4/chat/completions", "", "https://open.bigmodel.cn/api/anthropic/v1/messages"},
		{"minimax", "https://api.minimax.io/v1/chat/completions", "", "https://api.minimax.io/anthropic/v1/messages"},
		{"ollama", "http://localhost:11434/v1/chat/completions", "", "http://localhost:11434/v1/messages"},
		{"vllm", "http://localhost:8000/v1/chat/completions", "", "http://localhost:8000/v1/messages"},
		{"lmstudio", "http://localhost:1234/v1/chat/completions", "", "http://localhost:1234/v1/messages"},
		{"llamacpp", "http://localhost:8080/v1/chat/completions", "", "http://localhost:8080/v1/messages"},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		seen[tt.preset] = true
		got := urls(t, tt.preset, "")
		for name, want := range map[llm.Protocol]string{llm.Chat: tt.chat, llm.Responses: tt.responses, llm.Messages: tt.messages} {
			if got[name] != want {
				t.Errorf("%s in %s: %q, want %q", tt.preset, name, got[name], want)
			}
		}
	}
	for _, p := range Presets() {
		if !p.Generic && !seen[p.Name] {
			t.Errorf("%s has no line here", p.Name)
		}
	}
}

// However a base URL is written, the calls of a preset go to the same place.
func TestBaseURLsOfAllPresets(t *testing.T) {
	for _, p := range Presets() {
		for _, root := range []string{"https://host.test", "http://127.0.0.1:8080", "https://host.test/team/llm", "https://[::1]:8443"} {
			want := urls(t, p.Name, root)
			for name, u := range want {
				usual := p.Paths[name][0]
				if u != root+usual+suffix(llm.Generate, name) {
					t.Errorf("%s at %s: %s goes to %s", p.Name, root, name, u)
				}
				for part := usual; part != ""; part = part[:strings.LastIndexByte(part, '/')] {
					for _, form := range []string{part, part + "/", "/" + part, part + part, part + "//"} {
						for other, got := range urls(t, p.Name, root+form) {
							if got != want[other] {
								t.Errorf("%s at %s: %s goes to %s, want %s", p.Name, root+form, other, got, want[other])
							}
						}
					}
				}
				for _, form := range []string{usual + suffix(llm.Generate, name), usual + "/models"} {
					if got := urls(t, p.Name, root+form)[name]; got != u {
						t.Errorf("%s at %s: %s goes to %s, want %s", p.Name, root+form, name, got, u)
					}
				}
			}
		}
	}
}

func TestBaseURLs(t *testing.T) {
	tests := []struct {
		preset, base string
		protocol     llm.Protocol
		want         string
	}{
		{"gemini", "https://host.test/v1beta", llm.Chat, "https://host.test/v1beta/openai/chat/completions"},
		{"gemini", "https://host.test", llm.Gemini, "https://host.test/v1beta/models"},
		{"gemini", "https://host.test/v1beta", llm.Gemini, "https://host.test/v1beta/models"},
		{"gemini", "https://host.test/v1beta/models", llm.Gemini, "https://host.test/v1beta/models"},
		{"gemini", "https://host.test/v1beta/openai/", llm.Gemini, "https://host.test/v1beta/models"},
		{"gemini", "https://host.test/v1alpha", llm.Gemini, "https://host.test/v1alpha/models"},
		{"deepseek", "https://api.deepseek.com/beta", llm.Chat, "https://api.deepseek.com/beta/chat/completions"},
		{"deepseek", "https://api.deepseek.com/beta", llm.Messages, "https://api.deepseek.com/anthropic/v1/messages"},
		{"deepseek", "https://api.deepseek.com/anthropic", llm.Chat, "https://api.deepseek.com/v1/chat/completions"},
		{"moonshot", "https://api.kimi.com/coding", llm.Chat, "https://api.kimi.com/coding/v1/chat/completions"},
		{"moonshot", "https://api.kimi.com/coding/v1", llm.Messages, "https://api.kimi.com/coding/v1/messages"},
		{"zhipu", "https://api.z.ai/api/coding/paas/v4", llm.Chat, "https://api.z.ai/api/coding/paas/v4/chat/completions"},
		{"zhipu", "https://api.z.ai/api/coding/paas/v4", llm.Messages, "https://api.z.ai/api/anthropic/v1/messages"},
		{"zhipu", "https://api.z.ai/api", llm.Chat, "https://api.z.ai/api/paas/v4/chat/completions"},
		{"openai-compatible", "https://ark.test/api/v3", llm.Chat, "https://ark.test/api/v3/chat/completions"},
		{"openai-compatible", "https://res.openai.azure.test/openai/v1/", llm.Chat, "https://res.openai.azure.test/openai/v1/chat/completions"},
		{"openai-compatible", "https://host.test/v1/chat/completions", llm.Chat, "https://host.test/v1/chat/completions"},
		{"openai", "https://api.openai.com/v1/v1", llm.Responses, "https://api.openai.com/v1/responses"},
		{"openai", "  HTTPS://Proxy.Test/openai/ ", llm.Chat, "https://proxy.test/openai/v1/chat/completions"},
		{"anthropic", "http://localhost:4000/anthropic", llm.Messages, "http://localhost:4000/anthropic/v1/messages"},
		{"anthropic", "http://localhost:4000/anthropic/v1/messages", llm.Messages, "http://localhost:4000/anthropic/v1/messages"},
		{"openai", "https://host.test/a%20b", llm.Chat, "https://host.test/a%20b/v1/chat/completions"},
		{"groq", "http://127.0.0.1:8080/v1", llm.Chat, "http://127.0.0.1:8080/v1/chat/completions"},
		{"groq", "http://127.0.0.1:8080", llm.Chat, "http://127.0.0.1:8080/openai/v1/chat/completions"},
		{"fireworks", "http://127.0.0.1:8080/v1", llm.Messages, "http://127.0.0.1:8080/v1/messages"},
		{"dashscope", "http://127.0.0.1:8080/v1", llm.Chat, "http://127.0.0.1:8080/v1/chat/completions"},
		{"dashscope", "http://127.0.0.1:8080/v1", llm.Messages, "http://127.0.0.1:8080/apps/anthropic/v1/messages"},
		{"openrouter", "https://host.test/xapi/v1", llm.Chat, "https://host.test/xapi/v1/chat/completions"},
	}
	for _, tt := range tests {
		if got := urls(t, tt.preset, tt.base)[tt.protocol]; got != tt.want {
			t.Errorf("%s at %s: %s, want %s", tt.preset, tt.base, got, tt.want)
		}
	}
}

func TestBadBaseURLs(t *testing.T) {
	for base, word := range map[string]string{
		"api.openai.com":            "http",
		"ftp://host.test":           "http",
		"https://":                  "host",
		"https://:8080":             "host",
		"https://u:hunter22@h.test": "password",
		"https://h.test/v1?key=x":   "query",
		"https://h.test/v1#x":       "fragment",
		"http://h.test:hunter22/":   "cannot be read",
		"https://h test/":           "cannot be read",
		"://":                       "cannot be read",
	} {
		_, err := New(Settings{Preset: "openai", BaseURL: base})
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v; want %q", base, err, word)
		}
		if err != nil && strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: the error shows a password: %v", base, err)
		}
	}
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"https://api.openai.com/v1", "http://[::1]:80//v1//v1/", "https://x/api/paas/v4", "https://x/%2e%2e/v1", "https://x/v1/messages",
	} {
		f.Add(seed)
	}
	presets := Presets()
	f.Fuzz(func(t *testing.T, base string) {
		for i := range presets {
			a, err := parseAddress(base, presets[i].Paths)
			if err != nil {
				return
			}
			if a.root.Host == "" || a.root.User != nil || a.root.RawQuery != "" {
				t.Fatalf("%q: %+v", base, a.root)
			}
			for name := range presets[i].Paths {
				first := a.base(name, &presets[i])
				again, err := parseAddress(first, presets[i].Paths)
				if err != nil {
					t.Fatalf("%q becomes %q, which is refused: %v", base, first, err)
				}
				if second := again.base(name, &presets[i]); second != first {
					t.Fatalf("%q becomes %q, and that %q", base, first, second)
				}
			}
		}
	})
}
