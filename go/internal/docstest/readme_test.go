package docstest

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

var (
	fenced  = regexp.MustCompile("(?s)```.*?```")
	comment = regexp.MustCompile(`(?m)\s+# .*$`)
)

// TestTranslationsOfTheReadme holds what is to be typed to the English page.
func TestTranslationsOfTheReadme(t *testing.T) {
	commands := func(page string) []string {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		return fenced.FindAllString(comment.ReplaceAllString(string(text), ""), -1)
	}
	want := commands("../../../README.md")
	if got := commands("../../../docs/README.zh-CN.md"); len(want) < 5 || !slices.Equal(got, want) {
		t.Errorf("docs/README.zh-CN.md has %q, README.md %q", got, want)
	}
}
