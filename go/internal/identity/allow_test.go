package identity

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestAllowed(t *testing.T) {
	for _, tt := range []struct {
		patterns []string
		model    string
		want     bool
	}{
		{nil, "anything", true},
		{[]string{}, "anything", false},
		{[]string{"gpt-4o"}, "gpt-4o", true},
		{[]string{"gpt-4o"}, "gpt-4o-mini", false},
		{[]string{"gpt-4o"}, "GPT-4o", false},
		{[]string{"gpt-*"}, "gpt-", true},
		{[]string{"*/llama*"}, "meta/llama-3", true},
		{[]string{"a", "b*"}, "bc", true},
		{[]string{"*"}, "", true},
		{[]string{"a*b*c"}, "aXbYbZc", true},
		{[]string{"a*b*c"}, "acb", false},
		{[]string{"a?c"}, "abc", false},
	} {
		if got := Allowed(Principal{Models: tt.patterns}, tt.model); got != tt.want {
			t.Errorf("%q allows %q: %v", tt.patterns, tt.model, got)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, tt := range []struct {
		inner, outer []string
		want         bool
	}{
		{nil, nil, true},
		{nil, []string{"*"}, false}, // models to come may be anything
		{[]string{"a"}, nil, true},
		{[]string{}, []string{}, true},
		{[]string{"a*"}, []string{"*"}, true},
		{[]string{"*"}, []string{"a*"}, false},
		{[]string{"a*b"}, []string{"a*"}, true},
		{[]string{"a*"}, []string{"a*b"}, false},
		{[]string{"ab*", "c"}, []string{"a*", "c"}, true},
		{[]string{"*b"}, []string{"a", "*"}, true},
	} {
		if got := within(tt.inner, tt.outer); got != tt.want {
			t.Errorf("%q within %q: %v", tt.inner, tt.outer, got)
		}
	}
}

// TestMatchIsQuick holds the bound on steps: patterns come from people.
func TestMatchIsQuick(t *testing.T) {
	start := time.Now()
	if match(strings.Repeat("*a", 128)+"b", strings.Repeat("a", 512)) {
		t.Error("matched")
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("took %s", d)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b*c", "aXbYbZc")
	f.Add("**", "")
	f.Add("*.*", "\xff.\x00")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 64 || len(name) > 256 || strings.ContainsRune(pattern+name, '\uFFFD') {
			return
		}
		quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`)
		re, err := regexp.Compile(`\A(?s:` + quoted + `)\z`)
		if err != nil {
			return // no UTF-8
		}
		if got := match(pattern, name); got != re.MatchString(name) {
			t.Errorf("match(%q, %q) = %v", pattern, name, got)
		}
	})
}
