package provider

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func TestPresets(t *testing.T) {
	want := []string{
		"openai", "anthropic", "gemini", "openrouter", "deepseek", "mistral", "groq", "xai", "together", "fireworks",
		"dashscope", "moonshot", "zhipu", "minimax", "ollama", "vllm", "lmstudio", "llamacpp",
		"openai-compatible", "anthropic-compatible",
	}
	var got []string
	for _, p := range Presets() {
		got = append(got, p.Name)
		if !p.Local && !p.Generic && (p.Defaults.Large == "" || p.Defaults.Small == "") {
			t.Errorf("%s has no default models", p.Name)
		}
		if !p.Generic && !p.Local && !strings.HasPrefix(p.Base, "https://") {
			t.Errorf("%s would send its key in the clear", p.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("presets %v", got)
	}
	if _, ok := FindPreset("nobody"); ok {
		t.Error("there is a preset nobody")
	}
}

func TestVariables(t *testing.T) {
	for name, want := range map[string]string{
		"openai": "TOKLIGENCE_OPENAI_API_KEY", "ollama": "TOKLIGENCE_OLLAMA_BASE_URL",
		"openai-compatible": "TOKLIGENCE_OPENAI_COMPATIBLE_BASE_URL",
	} {
		p, _ := FindPreset(name)
		if got := p.NeedVar(); got != want {
			t.Errorf("%s needs %s, want %s", name, got, want)
		}
	}
}

func TestBadPresets(t *testing.T) {
	const good = "- {name: x, title: X, base: 'https://x', paths: {openai-chat: [/v1]}, speaks: {generate: [openai-chat]}}\n"
	if all, err := parsePresets([]byte(good)); err != nil || len(all) != 1 || all[0].Auth != Bearer || all[0].List != llm.Chat {
		t.Fatalf("%+v, %v", all, err)
	}
	for name, text := range map[string]string{
		"unknown field":    strings.Replace(good, "title", "titel: y, title", 1),
		"twice":            good + good,
		"no name":          strings.Replace(good, "name: x", "name: ''", 1),
		"no base":          strings.Replace(good, "base: 'https://x', ", "", 1),
		"generic and base": strings.Replace(good, "title", "generic: true, title", 1),
		"unknown auth":     strings.Replace(good, "title", "auth: magic, title", 1),
		"unknown auth of":  strings.Replace(good, "title", "auth_of: {openai-chat: magic}, title", 1),
		"no generation":    strings.Replace(good, "generate", "embed", 1),
		"odd operation":    strings.Replace(good, "generate: [openai-chat]", "generate: [openai-chat], count_tokens: [openai-chat]", 1),
		"no path":          strings.Replace(good, "paths: {openai-chat", "paths: {openai-responses", 1),
		"odd path":         strings.Replace(good, "/v1", "v1", 1),
		"unknown quirk":    strings.Replace(good, "title", "quirks: {no_humour: true}, title", 1),
		"quirk of a type":  strings.Replace(good, "title", "quirks: {no_strict: 1}, title", 1),
		"no YAML":          "- {",
	} {
		if _, err := parsePresets([]byte(text)); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
	}
}

func TestQuirks(t *testing.T) {
	q := protocol.Quirks{NoStrict: true, NoDeveloperRole: true}
	err := SetQuirks(&q, map[string]any{
		"no_strict": false, "call_ids": "mistral", "drop_fields": []any{"seed", "user"}, "old_max_tokens": true,
	})
	want := protocol.Quirks{NoDeveloperRole: true, CallIDs: "mistral", DropFields: []string{"seed", "user"}, OldMaxTokens: true}
	if err != nil || !reflect.DeepEqual(q, want) {
		t.Errorf("%+v, %v", q, err)
	}
	for _, bad := range []map[string]any{
		{"no_humour": true}, {"no_strict": "yes"}, {"call_ids": true}, {"drop_fields": "seed"}, {"drop_fields": []any{1}}, {"no_strict": nil},
	} {
		if err := SetQuirks(&q, bad); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if names := QuirkNames(); len(names) != reflect.TypeFor[protocol.Quirks]().NumField() || !slices.Contains(names, "call_ids") {
		t.Errorf("%v", names)
	}
}
