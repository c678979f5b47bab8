package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLicenceNames(t *testing.T) {
	for name, want := range map[string]bool{
		"LICENSE": true, "License.txt": true, "LICENCE.md": true, "COPYING": true, "NOTICE": true, "PATENTS": true, "LICENSE-GO": true,
		"licenses.go": false, "README.md": false, "NOTICEBOARD": false,
	} {
		if licence.MatchString(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

// A package brings its own terms and those of the folders above it, not those
// of its neighbours.
func TestGather(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"LICENSE", "a/NOTICE", "a/b/x.go", "c/LICENSE"} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := &module{path: "example.org/m", version: "v1.0.0", dir: dir, files: map[string]bool{}}
	if err := m.gather(filepath.Join(dir, "a", "b")); err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(dir, "LICENSE"), filepath.Join(dir, "a", "NOTICE")}
	if got := slices.Sorted(maps.Keys(m.files)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := m.gather(os.TempDir()); err == nil {
		t.Error("a package outside its module was taken")
	}
	var out strings.Builder
	if err := m.print(&out); err != nil || !strings.Contains(out.String(), "example.org/m v1.0.0") || !strings.Contains(out.String(), "--- a/NOTICE") {
		t.Errorf("%v\n%s", err, &out)
	}
}

func TestNothingWithoutALicence(t *testing.T) {
	m := &module{path: "example.org/m", version: "v1.0.0", files: map[string]bool{}}
	if err := m.print(&strings.Builder{}); err == nil {
		t.Error("a module without a licence was taken")
	}
}
