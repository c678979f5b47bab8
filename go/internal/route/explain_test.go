package route

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

func TestExplain(t *testing.T) {
	o := Options{
		Providers: keys(with("anthropic", "openai"), "openai#2"),
		Routes: []Rule{
			{"gpt-*", []string{"openai"}},
			{"claude*", []string{"ollama", "anthropic", "openai/gpt-5.5"}},
			{"*", []string{"openai"}},
		},
		Aliases: []Alias{{"best", "claude-opus"}},
		Now:     newClock().now,
	}
	r := New(o)
	limited := Candidate{}
	limited.Target.Provider, limited.Target.Model = "anthropic", "claude-opus"
	r.Report(limited, Outcome{Err: failure(llm.RateLimited, 429, time.Minute)})
	e := r.Explain(ask("best"))
	if e.Alias != "best" || e.Resolved != "claude-opus" || e.Via != "claude*" || e.Mode != ModeAuto || e.Error != nil {
		t.Errorf("explanation %+v", e)
	}
	if len(e.Candidates) != 2 || e.Candidates[0].Model != "gpt-5.5" {
		t.Errorf("candidates %+v", e.Candidates)
	}
	lost := map[string]string{}
	for _, l := range e.Lost {
		lost[l.What] = l.Why
	}
	for what, why := range map[string]string{
		"route 1 (gpt-*)":       "does not match",
		"route 3 (*)":           "not reached",
		"ollama/claude-opus":    "TOKLIGENCE_OLLAMA_BASE_URL",
		"anthropic/claude-opus": "2026-11-01T00:01:00Z",
		"gemini":                "TOKLIGENCE_GEMINI_API_KEY",
		"loopback":              "own name",
	} {
		if !strings.Contains(lost[what], why) {
			t.Errorf("%s lost because %q, want %q", what, lost[what], why)
		}
	}
	raw, err := json.Marshal(e)
	if err != nil || !strings.Contains(string(raw), `"candidates":[{"provider":"openai`) {
		t.Errorf("JSON %s, error %v", raw, err)
	}
}

func TestExplainBuiltin(t *testing.T) {
	r := New(Options{Builtin: true, Providers: with("openai", "groq")})
	e := r.Explain(ask("gpt-5"))
	lost := map[string]string{}
	for _, l := range e.Lost {
		lost[l.What] = l.Why
	}
	if lost["anthropic"] != "it has no key: set TOKLIGENCE_ANTHROPIC_API_KEY" ||
		lost["groq"] != "the model is not of its families" || len(e.Lost) != 6 {
		t.Errorf("lost %v", lost)
	}
	if e := r.Explain(ask("nowhere")); e.Error == nil || e.Error.Kind != "model_not_found" || e.Candidates == nil {
		t.Errorf("explanation %+v", e)
	}
}

func TestKnown(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want []string
	}{
		{"built-in", Options{Builtin: true, Providers: with("openai", "openrouter"), Aliases: []Alias{
			{"best", "gpt-5"}, {"lost", "claude-x"}, {"any-*", "gpt-5"},
		}}, []string{
			"best=openai", "gpt-5.5=openai", "gpt-5.5-mini=openai", "loopback=loopback",
			"openrouter/openai/gpt-5.5=openrouter", "openrouter/openai/gpt-5.5-mini=openrouter",
		}},
		{"configured", Options{Providers: with("openai", "anthropic"), Routes: []Rule{
			{"claude*", []string{"anthropic/claude-sonnet-4-5"}},
			{"house", []string{"openai/gpt-5"}},
			{"keyless", []string{"gemini"}},
		}}, []string{"claude-sonnet-4-5=anthropic", "house=openai", "loopback=loopback"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			r := New(c.o)
			for _, ref := range r.Known() {
				got = append(got, ref.ID+"="+ref.Provider)
				if _, err := r.Plan(t.Context(), ask(ref.ID)); err != nil {
					t.Errorf("%s is listed and not callable: %v", ref.ID, err)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("known %v, want %v", got, c.want)
			}
		})
	}
}

// TestReportedModels counts what providers say of themselves: a default that
// its provider has not is not listed, and near names may be reported ones.
func TestReportedModels(t *testing.T) {
	r := New(Options{Builtin: true, Providers: with("openai")})
	r.Learn("openai", []string{"gpt-5"})
	if known := r.Known(); len(known) != 1 || known[0].ID != "loopback" {
		t.Errorf("known without the provider's report: %v", known)
	}
	r = New(Options{Providers: with("openai"), Routes: []Rule{{"gpt-*", []string{"openai"}}}})
	r.Learn("openai", []string{"gpt-5-mini", "o4-mini"})
	for model, near := range map[string]string{"gtp-5-mini": "Did you mean gpt-5-mini?", "o4-mni": "There are: gpt-*, loopback."} {
		if _, err := r.Plan(t.Context(), ask(model)); err == nil || !strings.Contains(err.Error(), near) {
			t.Errorf("%s: %v, want %s", model, err, near)
		}
	}
}

func TestLearn(t *testing.T) {
	r := New(Options{Builtin: true, Providers: with("openai", "groq", "ollama", "openrouter", "anthropic")})
	first := func(model string) string {
		plan, err := r.Plan(t.Context(), ask(model))
		if err != nil {
			return ""
		}
		return steps(plan)[0]
	}
	if got := first("kimi-k2"); got != "" {
		t.Fatalf("nobody is known to have it, yet: %s", got)
	}
	r.Learn("groq", []string{"kimi-k2", "gpt-oss:20b", "openai/gpt-oss-120b"})
	r.Learn("openrouter", []string{"anthropic/claude-sonnet-4.5", "openrouter/auto"})
	r.Learn("gone", []string{"kimi-k3"})
	for model, want := range map[string]string{
		"kimi-k2":     "groq/kimi-k2",
		"kimi-k3":     "",
		"gpt-oss:20b": "openai/gpt-oss:20b", // openai has not said what it has
	} {
		if got := first(model); got != want {
			t.Errorf("%s leads to %q, want %q", model, got, want)
		}
	}
	r.Learn("openai", []string{"gpt-5", "gpt-4o"})
	if got := first("gpt-oss:20b"); got != "groq/gpt-oss:20b" {
		t.Errorf("gpt-oss:20b leads to %q", got)
	}
	for _, c := range [][3]string{
		{"groq", "kimi-k2", "kimi-k2"},
		{"groq", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"},
		{"openrouter", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"},
		{"openrouter", "openrouter/auto", "openrouter/auto"},
		{"openai", "gpt-5", "gpt-5"},
		{"gemini", "gemini-3-pro", ""},
		{"nobody", "x", ""},
	} {
		if got := r.NameFor(c[0], c[1]); got != c[2] {
			t.Errorf("%s of %s is called %q, want %q", c[1], c[0], got, c[2])
		}
	}
}

func TestProblems(t *testing.T) {
	gone := with("anthropic", "openai", "gemini")
	for _, c := range []struct {
		name string
		o    Options
		want []string // "where: part of the message"
	}{
		{"fine", Options{
			Routes:  []Rule{{"claude*", []string{"anthropic"}}, {"*", []string{"openai"}}},
			Aliases: []Alias{{"best", "claude-x"}, {"gpt-*", "openai/gpt-5"}},
		}, nil},
		{
			"unknown provider",
			Options{Routes: []Rule{{"claude*", []string{"antropic"}}}},
			[]string{"routes[0] (claude*): names no provider"},
		},
		{
			"no key",
			Options{Routes: []Rule{{"claude*", []string{"anthropic", "groq"}}}},
			[]string{"routes[0] (claude*): TOKLIGENCE_GROQ_API_KEY"},
		},
		{
			"nowhere",
			Options{Routes: []Rule{{"llama*", []string{"groq"}}}},
			[]string{"routes[0] (llama*): TOKLIGENCE_GROQ_API_KEY", "routes[0] (llama*): leads nowhere"},
		},
		{
			"no codec for the pair",
			Options{Codecs: protocols{llm.Chat, llm.Messages}, Routes: []Rule{{"gemini*", []string{"gemini"}}}},
			[]string{"routes[0] (gemini*): speaks no protocol", "routes[0] (gemini*): leads nowhere"},
		},
		{"pairs under passthrough", Options{
			Mode: ModePassthrough, Codecs: protocols{llm.Chat, llm.Messages},
			Routes: []Rule{{"claude*", []string{"anthropic"}}},
		}, []string{"routes[0] (claude*): does not speak openai-chat"}},
		{
			"shadowed",
			Options{Routes: []Rule{{"gpt-*", []string{"openai"}}, {"gpt-4*", []string{"openai"}}}},
			[]string{"routes[1] (gpt-4*): never reached"},
		},
		{"shadowed by an alias", Options{Routes: []Rule{{"*", []string{"openai"}}}, Aliases: []Alias{{"a", "b"}}}, nil},
		{
			"pattern as a model",
			Options{Routes: []Rule{{"gpt-*", []string{"openai/gpt-*", "openai"}}}},
			[]string{"routes[0] (gpt-*): asks for a pattern"},
		},
		{
			"no target",
			Options{Routes: []Rule{{"gpt-*", nil}, {"", []string{"openai"}}}},
			[]string{"routes[0] (gpt-*): no target", "routes[1] (): pattern is empty"},
		},
		{
			"loopback route",
			Options{Routes: []Rule{{"loopback", []string{"openai"}}}},
			[]string{"routes[0] (loopback): always go to the built-in"},
		},
		{
			"alias leads nowhere",
			Options{Routes: []Rule{{"gpt-*", []string{"openai"}}}, Aliases: []Alias{{"a", "claude"}}},
			[]string{"aliases[a]: leads nowhere"},
		},
		{
			"alias to a provider without a key",
			Options{Routes: []Rule{{"*", []string{"openai"}}}, Aliases: []Alias{{"a", "groq/llama"}}},
			[]string{"aliases[a]: TOKLIGENCE_GROQ_API_KEY"},
		},
		{
			"alias cycle",
			Options{Routes: []Rule{{"*", []string{"openai"}}}, Aliases: []Alias{{"a", "b"}, {"b", "c"}, {"c", "a"}}},
			[]string{"aliases[a]: a => b => c => a", "aliases[b]: b => c => a => b", "aliases[c]: c => a => b => c"},
		},
		{
			"alias of an alias",
			Options{Routes: []Rule{{"*", []string{"openai"}}}, Aliases: []Alias{{"a", "b"}, {"b", "gpt"}}},
			[]string{"aliases[a]: followed once only"},
		},
		{
			"alias for itself",
			Options{Routes: []Rule{{"*", []string{"openai"}}}, Aliases: []Alias{{"a", "a"}}},
			[]string{"aliases[a]: stands for itself"},
		},
		{
			"alias twice and shadowed",
			Options{
				Routes:  []Rule{{"*", []string{"openai"}}},
				Aliases: []Alias{{"a", "x"}, {"a", "y"}, {"b*", "x"}, {"bb*", "x"}},
			},
			[]string{"aliases[a]: given twice", "aliases[bb*]: never reached"},
		},
		{"alias to a pattern", Options{Builtin: true, Aliases: []Alias{{"a", "gpt-*"}}}, []string{"aliases[a]: a pattern is no model"}},
		{"built-in", Options{Builtin: true, Aliases: []Alias{{"a", "gpt-5"}, {"b", "grok"}}}, []string{"aliases[b]: leads nowhere"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.o.Providers == nil {
				c.o.Providers = gone
			}
			got := New(c.o).Problems()
			if len(got) != len(c.want) {
				t.Fatalf("problems %v, want %v", got, c.want)
			}
			for i, want := range c.want {
				where, what, _ := strings.Cut(want, ": ")
				if got[i].Where != where || !strings.Contains(got[i].Message, what) || got[i].Fix == "" {
					t.Errorf("problem %v, want %q", got[i], want)
				}
			}
		})
	}
	t.Run("unknown provider has a near name", func(t *testing.T) {
		got := New(Options{Providers: gone, Routes: []Rule{{"claude*", []string{"antropic/x"}}}}).Problems()
		if len(got) != 1 || got[0].Fix != "Did you mean anthropic?" || got[0].Warning {
			t.Errorf("problems %v", got)
		}
	})
	t.Run("one name for two providers", func(t *testing.T) {
		got := New(Options{Builtin: true, Providers: append(with("openai"), with("openai")...)}).Problems()
		if len(got) != 7 || got[0].Where != "providers.anthropic" {
			t.Errorf("problems %v", got)
		}
	})
}
