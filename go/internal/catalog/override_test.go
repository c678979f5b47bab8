package catalog

import (
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

const example = `
models:
  - provider: ollama
    model: "*"
    free: true
  - provider: ollama
    model: qwen3:32b
    context_window: 40960
    tools: true
  - provider: openai
    model: gpt-5.6-luna
    prices:
      - {above: 272000, input: 2, cache_read: 0.2, output: 9}
      - {input: 1, cache_read: 0.00001, output: "6.5"}
      - {tier: batch, input: 0.5, output: 3}
      - {from: 2027-01-01, input: 0.8, output: 5}
    max_output: 1000
    thinking: none
  - provider: anthropic
    model: "claude-*-9"
    prices: [{input: 7, output: 70}]
    vision: false
  - provider: openai
    model: "gpt-4o*"
    prices: [{input: 11, output: 12}]
`

func TestOverrides(t *testing.T) {
	base := load(t)
	c, err := base.WithOverrides(strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(c.Version(), base.Version()+"+") {
		t.Errorf("version %q", c.Version())
	}
	now, later := day("2026-08-21"), day("2027-01-01")
	for _, tt := range []struct {
		name, provider, model, tier string
		usage                       *llm.Usage
		at                          time.Time
		want                        int64
	}{
		{"free", "ollama", "anything", "priority", tokens(5, 5), now, 0},
		{"free, named", "ollama", "qwen3:32b", "", tokens(5, 5), now, 0},
		{"base", "openai", "gpt-5.6-luna", "", tokens(100_000, 1000), now, 100_000_000 + 6_500_000},
		{"step", "openai", "gpt-5.6-luna", "", tokens(300_000, 0), now, 600_000_000},
		{"tier", "openai", "gpt-5.6-luna", "batch", tokens(1000, 0), now, 500_000},
		{"later", "openai", "gpt-5.6-luna", "", tokens(1000, 0), later, 800_000},
		{"a small price", "openai", "gpt-5.6-luna", "", &llm.Usage{CacheRead: llm.Known(100_000)}, now, 1000},
		{"what is not given is not kept", "openai", "gpt-5.6-luna", "", &llm.Usage{CacheWrite5m: llm.Known(1)}, now, -1},
		{"nor another tier", "openai", "gpt-5.6-luna", "flex", tokens(1, 0), now, -1},
		{"a pattern for new models", "anthropic", "claude-opus-9", "", tokens(1000, 0), now, 7_000_000},
		{"a pattern for those of the table", "openai", "gpt-4o-mini", "", tokens(1000, 0), now, 11_000_000},
		{"others stay", "openai", "gpt-5", "", tokens(1000, 0), now, 1_250_000},
	} {
		cost, _ := c.Cost(tt.provider, tt.model, tt.tier, tt.usage, tt.at)
		if want := (llm.Count{N: max(tt.want, 0), Known: tt.want >= 0}); cost != want {
			t.Errorf("%s: %+v, want %+v", tt.name, cost, want)
		}
	}

	m, _ := c.Find("openai", "gpt-5.6-luna")
	if m.MaxOutput != 1000 || m.Thinking != "none" || m.ContextWindow != 1_050_000 || !m.Reasoning {
		t.Errorf("luna: %+v", m)
	}
	if m, _ = c.Find("anthropic", "claude-opus-9"); show(m.Vision) != "false" || m.Family != "claude" {
		t.Errorf("claude-opus-9: %+v", m)
	}
	if m, _ = c.Find("ollama", "qwen3:32b"); m.ContextWindow != 40960 || show(m.Tools) != "true" {
		t.Errorf("qwen3: %+v", m)
	}
	r, _ := m.Price.Rates("", 0, now)
	if r.Input != (Rate{0, Yours}) {
		t.Errorf("input %+v", r.Input)
	}
	if m, _ = base.Find("openai", "gpt-5.6-luna"); m.MaxOutput != 128_000 {
		t.Error("the catalog below was changed")
	}
	if _, ok := base.Find("ollama", "anything"); ok {
		t.Error("the catalog below was changed")
	}
}

func TestOverridesInJSON(t *testing.T) {
	c, err := load(t).WithOverrides(strings.NewReader(
		`{"models": [{"provider": "x", "model": "y", "prices": [{"input": 0.25, "output": 1}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if cost, _ := c.Cost("x", "y", "", tokens(4, 1), time.Time{}); cost != llm.Known(2000) {
		t.Errorf("cost %+v", cost)
	}
}

func TestEmptyOverrides(t *testing.T) {
	c, err := load(t).WithOverrides(strings.NewReader("# nothing yet\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Find("openai", "gpt-4o"); !ok {
		t.Error("the table is gone")
	}
}

func TestBadOverrides(t *testing.T) {
	entry := func(s string) string { return "models:\n  - {provider: openai, model: gpt-4o, " + s + "}\n" }
	for name, tt := range map[string]struct{ text, want string }{
		"unknown key":      {entry("inputs: 3"), "inputs"},
		"unknown top":      {"prices: {}\n", "prices"},
		"no model":         {"models: [{provider: openai, free: true}]", "model"},
		"two ways":         {entry("free: true, prices: [{input: 1}]"), "exclude"},
		"a word":           {entry("prices: [{input: cheap}]"), "cheap"},
		"an exponent":      {entry("prices: [{input: 1e-6}]"), "1e-6"},
		"a sign":           {entry("prices: [{input: -1}]"), "-1"},
		"ten places":       {entry("prices: [{input: 0.0000000001}]"), "nine places"},
		"too dear":         {entry("prices: [{input: 1000001}]"), "1000000"},
		"a list":           {entry("prices: [{input: [1]}]"), "number"},
		"unknown tier":     {entry("prices: [{tier: gold, input: 1}]"), "gold"},
		"unknown day":      {entry("prices: [{from: tomorrow, input: 1}]"), "tomorrow"},
		"twice":            {entry("prices: [{input: 1}, {output: 1}]"), "two entries"},
		"below nothing":    {entry("prices: [{above: -1, input: 1}]"), "above"},
		"unknown size":     {entry("size: medium"), "large"},
		"unknown thinking": {entry("thinking: hard"), "adaptive"},
		"negative window":  {entry("context_window: -5"), "negative"},
		"no YAML":          {"models: [", "yaml"},
		"too large":        {strings.Repeat("# more\n", maxOverrides/7+1), "larger"},
	} {
		_, err := load(t).WithOverrides(strings.NewReader(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
