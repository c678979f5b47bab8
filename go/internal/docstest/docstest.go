// Package docstest holds a table in a page of the documentation to what the
// program says. It knows pages and marks; it must not know what they are about.
package docstest

import (
	"os"
	"strings"
	"testing"
)

// Table compares what stands in a page between two marks with the table that
// should. With update it writes it there instead.
func Table(t *testing.T, page, begin, end, table string, update bool) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	want := head + begin + table + end + tail
	switch {
	case want == string(text):
	case !update:
		t.Errorf("%s is out of date: run this test with -update", page)
	default:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
