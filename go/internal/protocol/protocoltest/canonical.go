package protocoltest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew")

// Canonical returns JSON with sorted members and without blanks; text that is
// no JSON comes back as it is.
func Canonical(v []byte) string {
	dec := json.NewDecoder(bytes.NewReader(v))
	dec.UseNumber()
	var x any
	if dec.Decode(&x) != nil {
		return string(v)
	}
	out, err := json.Marshal(x)
	if err != nil {
		return string(v)
	}
	return string(out)
}

// Golden compares got with the golden file at path under testdata, or writes
// it with -update.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	path = filepath.Join("testdata", path)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs from the golden file; look at the difference and run with -update if it is meant\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// Indented returns JSON for golden files.
func Indented(t testing.TB, v []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Indent(&out, v, "", "  "); err != nil {
		t.Fatalf("no JSON: %v\n%s", err, v)
	}
	out.WriteByte('\n')
	return out.Bytes()
}
