package service

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var sample = Record{PID: os.Getpid(), URL: "http://127.0.0.1:1", Version: "1.2.3", Started: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Log: "/log"}

func TestClaim(t *testing.T) {
	dir, pidFile := t.TempDir(), filepath.Join(t.TempDir(), "pid")
	if r, err := Inspect(dir); r != nil || err != nil {
		t.Fatalf("in an empty folder: %+v %v", r, err)
	}
	c, err := NewClaim(dir, pidFile, Record{PID: sample.PID, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Inspect(dir); err != nil || r.PID != sample.PID || r.Ready() {
		t.Errorf("before it is ready: %+v %v", r, err)
	}
	if err := c.Tell(sample); err != nil {
		t.Fatal(err)
	}
	if r, err := Inspect(dir); err != nil || *r != sample {
		t.Errorf("%+v %v", r, err)
	}
	for _, second := range []struct{ dir, pid string }{{dir, ""}, {t.TempDir(), pidFile}} {
		if _, err := NewClaim(second.dir, second.pid, sample); !errors.Is(err, ErrRunning) {
			t.Errorf("a second claim: %v", err)
		}
		if r, err := Inspect(second.dir); second.dir != dir && (r != nil || err != nil) {
			t.Errorf("half of a claim is left: %+v %v", r, err)
		}
	}
	if r, err := Inspect(dir); err != nil || *r != sample {
		t.Errorf("after others have tried: %+v %v", r, err)
	}
	if err := c.Release(); err != nil {
		t.Fatal(err)
	}
	if r, err := Inspect(dir); r != nil || err != nil {
		t.Errorf("after the release: %+v %v", r, err)
	}
	if _, err := os.Stat(pidFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the PID file: %v", err)
	}
}

// TestInspectBelievesTheLock and no text without it.
func TestInspectBelievesTheLock(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, recordName), []byte(`{"pid":1,"url":"http://127.0.0.1:1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := Inspect(dir); r != nil || err != nil {
		t.Errorf("%+v %v", r, err)
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, seed := range []string{``, `{`, `null`, `{"pid":7,"url":"http://127.0.0.1:1","started":"2027-01-01T00:00:00Z"}`, `{"pid":-1}`, `{"pid":1e99}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if r := parseRecord(text); r == nil || r.PID < 0 || r.PID == 0 && *r != (Record{}) {
			t.Errorf("%q is read as %+v", text, r)
		}
	})
}

// FuzzWords puts words into units and takes them out again as the systems do.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"plain", `C:\Program Files\x\`, `a "b" c`, "100%", "$HOME", "ends in \\", "", "tab\there"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if got := windowsRead(windowsWord(word)); word != "" && got != word {
			t.Errorf("%q is read as %q", word, got)
		}
	})
}

// windowsRead takes one argument out of a command line by the published rules.
func windowsRead(line string) string {
	var out []byte
	slashes := 0
	flush := func(n int) {
		for range n {
			out = append(out, '\\')
		}
		slashes = 0
	}
	for i := range len(line) {
		switch c := line[i]; c {
		case '\\':
			slashes++
		case '"':
			quote := slashes%2 == 1
			flush(slashes / 2)
			if quote {
				out = append(out, '"')
			}
		default:
			flush(slashes)
			out = append(out, c)
		}
	}
	flush(slashes)
	return string(out)
}
