package route

import (
	"regexp"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"claude*", "claude-x", true},
		{"claude*", "claude", true},
		{"claude*", "Claude-x", false},
		{"claude*", "anthropic/claude-x", false},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"gpt-*-mini*", "gpt-5.1-codex-mini", true},
		{"gpt-*-mini*", "gpt-5-mini-2026", true},
		{"gpt-*-mini*", "gpt-mini", false},
		{"*/*", "a/b:c", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"**a**", "a", true},
		{"gpt-4.5", "gpt-4x5", false},
		{"o[13]*", "o1", false},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
	long := strings.Repeat("a", maxModel)
	if match(strings.Repeat("*a", 40)+"b", long) {
		t.Error("matched")
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		limit int
		want  int
	}{
		{"gpt-4o", "gpt-4o", 2, 0},
		{"gtp-4o", "gpt-4o", 2, 1},
		{"gpt4o", "gpt-4o", 2, 1},
		{"claude", "gemini", 2, 3},
		{"", "ab", 2, 2},
		{"", "abc", 2, 3},
		{"claud-sonet-4-5", "claude-sonnet-4-5", 5, 2},
	} {
		if got := distance(c.a, c.b, c.limit); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("claude*", "claude-x")
	f.Add("*-mini", "gpt-mini-mini")
	f.Add("a**b*", "ab")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 50 || len(name) > 200 {
			return
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = byteExpr(parts[i])
		}
		want := regexp.MustCompile(`^(?s:` + strings.Join(parts, ".*") + `)$`).MatchString(latin(name))
		if got := match(pattern, name); got != want {
			t.Errorf("match(%q, %q) = %v", pattern, name, got)
		}
		if covers(pattern, name) && isPattern(name) {
			if inner := strings.ReplaceAll(name, "*", "x/y"); !match(pattern, inner) {
				t.Errorf("%q covers %q and does not match %q", pattern, name, inner)
			}
		}
	})
}

// latin makes a character of every byte, for a regular expression that works
// on characters.
func latin(text string) string {
	runes := make([]rune, len(text))
	for i := range len(text) {
		runes[i] = rune(text[i])
	}
	return string(runes)
}

func byteExpr(text string) string { return regexp.QuoteMeta(latin(text)) }

func FuzzParseTarget(f *testing.F) {
	s := build(Options{Providers: keys(with("openai", "openrouter"), "openai#2")})
	for _, seed := range []string{"openai", "openai/gpt-5", "openrouter/openai/gpt-5:free", "openai#2/x", "loopback:a=b", "/", "openai/", "x/y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := s.parseTarget(text)
		if !ok {
			return
		}
		if got.pool == nil || got.fixed != (got.model != "") || isPattern(got.model) {
			t.Errorf("target %q is %+v", text, got)
		}
		if got.fixed && !strings.HasSuffix(strings.TrimSpace(text), got.model) {
			t.Errorf("target %q asks for %q", text, got.model)
		}
	})
}

func FuzzPlan(f *testing.F) {
	builtin := New(Options{Builtin: true, Providers: with("openai", "openrouter")})
	routed := New(Options{Providers: with("openai"), Routes: []Rule{{"*a*", []string{"openai"}}}, Aliases: []Alias{{"b*", "ba"}}})
	for _, seed := range []string{"gpt-5", "openrouter/x", "/", "loopback:", "", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, model string) {
		for _, r := range []*Router{builtin, routed} {
			plan, err := r.Plan(t.Context(), ask(model))
			if (err == nil) != (len(plan) > 0) {
				t.Fatalf("plan %v, error %v", plan, err)
			}
			if e := llm.AsError(err); e != nil && e.Kind == llm.Internal {
				t.Fatal(err)
			}
			for i := range plan {
				for _, b := range []byte(plan[i].Route) {
					if b < ' ' || b > '~' {
						t.Fatalf("route %q", plan[i].Route)
					}
				}
			}
		}
	})
}

func BenchmarkPlan(b *testing.B) {
	o := Options{
		Providers: keys(with("openai", "anthropic", "openrouter"), "openai#2"),
		Catalog:   models{"anthropic/claude-sonnet-4-5": {Family: "claude"}},
	}
	routed := o
	routed.Routes = []Rule{{"gpt-*", []string{"openai", "openrouter/openai/gpt-5"}}, {"claude*", []string{"anthropic"}}}
	o.Builtin = true
	for _, c := range []struct {
		name, model string
		o           Options
		ill         bool
	}{
		{"built-in", "claude-sonnet-4-5", o, false},
		{"route", "claude-sonnet-4-5", routed, false},
		{"pool and failover", "gpt-5", routed, false},
		{"pool and failover, ill", "gpt-5", routed, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := New(c.o)
			if c.ill {
				bad := Candidate{}
				bad.Target.Provider, bad.Target.Model = "openai", "gpt-5"
				r.Report(bad, Outcome{Err: failure(llm.RateLimited, 429, 0)})
			}
			q := ask(c.model)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Plan(b.Context(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
