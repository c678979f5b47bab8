package e2e_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

var update = flag.Bool("update", false, "write golden files anew")

// said is what a client was told: status, the headers that matter and body.
type said struct {
	status int
	header http.Header
	body   []byte
	err    error // the answer was cut
}

// ask sends a request with the daemon's key.
func ask(t *testing.T, d *daemon.Daemon, method, path string, header http.Header, body io.Reader) said {
	t.Helper()
	req, err := http.NewRequest(method, d.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if req.Header.Get("Authorization") == "" {
		req.Header.Set("Authorization", "Bearer "+daemon.Key)
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	return said{resp.StatusCode, resp.Header, out, err}
}

func post(t *testing.T, d *daemon.Daemon, path, body string) said {
	t.Helper()
	return ask(t, d, http.MethodPost, path, nil, strings.NewReader(body))
}

var (
	anyID    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|req_[0-9a-f]{16}`)
	anyPort  = regexp.MustCompile(`127\.0\.0\.1:\d+(->127\.0\.0\.1:\d+)?`)
	anyStamp = regexp.MustCompile(`"created(_at)?":\d+`)
)

// script writes an answer down so that it can be compared.
func (s said) script() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%d\n", s.status)
	for _, name := range []string{"Content-Type", "Retry-After", "X-Tokligence-Loss", "X-Should-Retry", "Allow"} {
		if v := s.header.Values(name); len(v) > 0 {
			fmt.Fprintf(&out, "%s: %s\n", strings.ToLower(name), strings.Join(v, ", "))
		}
	}
	body := s.body
	if json.Valid(body) {
		var indented bytes.Buffer
		_ = json.Indent(&indented, body, "", "  ") // it is valid
		body = indented.Bytes()
	}
	out.WriteString("\n")
	out.Write(body)
	out.WriteString("\n")
	if s.err != nil {
		out.WriteString("(cut)\n")
	}
	text := anyID.ReplaceAll(out.Bytes(), []byte("ID"))
	text = anyPort.ReplaceAll(text, []byte("ADDRESS"))
	return anyStamp.ReplaceAll(text, []byte(`"created$1":0`))
}

// golden compares what was said with the golden file of that name.
func (s said) golden(t *testing.T, name string) {
	t.Helper()
	if s.header.Get("X-Request-Id") == "" {
		t.Error("the answer has no x-request-id")
	}
	path := filepath.Join("testdata", name+".txt")
	got := s.script()
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
		t.Fatalf("%v; run with -update", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}
