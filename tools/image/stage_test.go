package main

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// program writes a stand-in that says which version it is.
func standIn(t *testing.T, version string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	text := "#!/bin/sh\necho '{\"version\": \"" + version + "\", \"commit\": \"feed\", \"date\": \"2026-01-02T03:04:05+02:00\"}'\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func here() string { return runtime.GOOS + "/" + runtime.GOARCH }

// TestSameDigests builds in two places, under different umasks.
func TestSameDigests(t *testing.T) {
	program := standIn(t, "1.2.3")
	make := func(mask int) string {
		defer syscall.Umask(syscall.Umask(mask))
		dir := t.TempDir()
		var out strings.Builder
		err := run(t.Context(), []string{
			"build", "-root", root, "-program", here() + "=" + program, "-program", "linux/sparc=" + program,
			"-context", filepath.Join(dir, "c"), "-out", filepath.Join(dir, "o"),
		}, &out, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	a, b := make(0o022), make(0o077)
	if a != b || !strings.HasPrefix(a, "1.2.3 sha256:") || !strings.Contains(a, "\n1.2.3-team sha256:") {
		t.Errorf("%s\nand\n%s", a, b)
	}
}

func TestNothingElseIsOverwritten(t *testing.T) {
	program := here() + "=" + standIn(t, "1.2.3")
	for _, flagName := range []string{"-context", "-out"} {
		folder, other := t.TempDir(), t.TempDir()
		precious := filepath.Join(folder, "thesis")
		if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"build", "-root", root, "-program", program, "-context", filepath.Join(other, "c"), "-out", filepath.Join(other, "o")}
		if err := run(t.Context(), append(args, flagName, folder), io.Discard, io.Discard); err == nil {
			t.Errorf("%s: it was taken", flagName)
		}
		if _, err := os.Stat(precious); err != nil {
			t.Error(err)
		}
	}
}

func TestVersions(t *testing.T) {
	program := standIn(t, "1.2.3")
	foreign := "plan9/mips=" + program
	for _, test := range []struct {
		args []string
		want string // "" an error
	}{
		{[]string{"-program", here() + "=" + program}, "1.2.3"},
		{[]string{"-program", here() + "=" + program, "-version", "1.2.3"}, "1.2.3"},
		{[]string{"-program", here() + "=" + program, "-version", "1.2.4"}, ""},
		{[]string{"-program", foreign, "-version", "1.2.4"}, "1.2.4"},
		{[]string{"-program", foreign}, ""},
		{[]string{"-program", here() + "=/nonexistent"}, ""},
		{[]string{"-artifacts", "/nonexistent"}, ""},
	} {
		var out strings.Builder
		args := append([]string{"stage", "-root", root, "-context", filepath.Join(t.TempDir(), "c")}, test.args...)
		err := run(t.Context(), args, &out, io.Discard)
		if (err == nil) != (test.want != "") || err == nil && !strings.HasPrefix(out.String(), "VERSION="+test.want+"\n") {
			t.Errorf("%v: %v, %s", test.args, err, &out)
		}
	}
}

func TestMisuse(t *testing.T) {
	for _, args := range [][]string{nil, {"bake"}, {"push"}, {"push", "a", "b"}, {"build", "extra"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
	for _, program := range []string{"x", "linux=x", "linux/arm64", "linux/arm64=", "a/b/c=x"} {
		if err := run(t.Context(), []string{"build", "-program", program}, io.Discard, io.Discard); err == nil {
			t.Errorf("-program %s was taken", program)
		}
	}
	if err := run(t.Context(), []string{"build", "-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	if err := run(t.Context(), []string{"push", "-from", t.TempDir(), "UPPER"}, io.Discard, io.Discard); err == nil {
		t.Error("a repository that cannot be was taken")
	}
}

// TestDates: the commit's if the program knows it, else SOURCE_DATE_EPOCH.
func TestDates(t *testing.T) {
	foreign := programs{{platform: v1.Platform{OS: "plan9", Architecture: "mips"}, path: "x"}}
	var known programs
	if err := known.add(here(), standIn(t, "1.2.3")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from  programs
		epoch string
		want  int64 // -1 an error
	}{
		{known, "5", time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC).Unix()}, {foreign, "5", 5}, {foreign, "", 0}, {foreign, "soon", -1},
	} {
		t.Setenv("SOURCE_DATE_EPOCH", test.epoch)
		got, err := identify(test.from, "1.2.3")
		if (err != nil) != (test.want < 0) || err == nil && got.Date.Unix() != test.want {
			t.Errorf("%q: %v %v, want %d", test.epoch, got.Date, err, test.want)
		}
	}
}
