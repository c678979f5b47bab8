package agents_test

import (
	"strings"
	"testing"
)

// count says how often something stands somewhere in a request.
func count(v any, name, value string) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if s, ok := inner.(string); k == name && (value == "" || ok && s == value) {
				n++
			}
			n += count(inner, name, value)
		}
	case []any:
		for _, inner := range v {
			n += count(inner, name, value)
		}
	}
	return n
}

// latest is the call with the longest history.
func latest(v *vendor) *asked {
	var last *asked
	for _, a := range v.asked() {
		if last == nil || len(a.Rounds) >= len(last.Rounds) {
			last = a
		}
	}
	return last
}

// TestClaudeToAnthropic passes what only Anthropic understands: the query,
// beta features, cache marks, context management, signed thoughts.
func TestClaudeToAnthropic(t *testing.T) {
	for version, want := range map[string]string{
		"claude-2.0.29":  "fine-grained-tool-streaming-2025-05-14",
		"claude-2.1.330": "context-management-2025-06-27",
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			dir := workspace(t)
			p := providers()[0]
			d, v := p.gateway(t, claudeScript(dir))
			o := claude(t, d, version, dir, "MAX_THINKING_TOKENS=4000")
			v.check(t)
			checkClaude(t, o)
			a := latest(v)
			if a.Query != "beta=true" || !strings.Contains(a.Header.Get("Anthropic-Beta"), want) {
				t.Errorf("query %q, beta %q", a.Query, a.Header.Get("Anthropic-Beta"))
			}
			if count(a.Raw["system"], "cache_control", "") == 0 || count(a.Raw["messages"], "cache_control", "") == 0 {
				t.Error("the cache marks are gone")
			}
			if _, ok := a.Raw["context_management"]; !ok && version == "claude-2.1.330" {
				t.Error("context_management is gone")
			}
			if got := count(a.Raw["messages"], "signature", signed); got != 3 {
				t.Errorf("%d signed thoughts of 3 came back", got)
			}
		})
	}
}

// TestClaudeElsewhere checks that nothing of Anthropic's own reaches other
// vendors, and that thinking and the reader's tools do in their words.
func TestClaudeElsewhere(t *testing.T) {
	for _, p := range providers()[1:] {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			dir := workspace(t)
			d, v := p.gateway(t, claudeScript(dir))
			o := claude(t, d, "claude-2.1.330", dir)
			v.check(t)
			checkClaude(t, o)
			a := latest(v)
			for name := range a.Header {
				if strings.HasPrefix(name, "Anthropic-") {
					t.Errorf("header %s reached the vendor", name)
				}
			}
			if strings.Contains(a.Query, "beta") || count(a.Raw, "cache_control", "") > 0 || count(a.Raw, "defer_loading", "") > 0 {
				t.Errorf("query %q, cache marks %d", a.Query, count(a.Raw, "cache_control", ""))
			}
			if text(a.Raw, "reasoning_effort") == "" && text(object(a.Raw["reasoning"]), "effort") == "" && count(a.Raw, "thinkingLevel", "") == 0 {
				t.Error("the thinking was not asked for")
			}
			if got := count(a.Raw["input"], "encrypted_content", sealed); p.name == "responses" && got != 3 {
				t.Errorf("%d sealed thoughts of 3 came back", got)
			}
			if s := readSummary(t, o); s.Usage.Cached == 0 {
				t.Errorf("usage %+v", s.Usage)
			}
		})
	}
}

// TestCodexThoughts has a model's thoughts go back to it in a tool loop, with
// the signature that its vendor asks for.
func TestCodexThoughts(t *testing.T) {
	for i, want := range map[int]struct{ field, value string }{
		0: {"signature", signed},
		2: {"encrypted_content", sealed},
		3: {"thoughtSignature", ""},
	} {
		p := providers()[i]
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			d, v := p.gateway(t, codexScript)
			dir := workspace(t)
			o := codex(t, d, "codex-0.169.0", dir, p.model, `model_reasoning_effort = "high"`, `model_supports_reasoning_summaries = true`)
			v.check(t)
			checkCodex(t, o)
			if got := count(latest(v).Raw, want.field, want.value); got != 4 {
				t.Errorf("%d thoughts of 4 came back", got)
			}
		})
	}
}
