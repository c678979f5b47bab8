// Package agents_test runs the real Codex CLI and the real Claude Code through
// the real daemon, against providers that follow a script and refuse what the
// vendors refuse. The clients come from the npm registry at pinned versions
// (tools/install-test-deps.sh); nothing of them is kept here.
package agents_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// provider is one kind of vendor behind the gateway, with the model that
// clients ask for.
type provider struct {
	name, model string
	speaks      dialect
	env         func(url string) []string
}

func providers() []provider {
	key := func(name, base, url string, more ...string) []string {
		prefix := "TOKLIGENCE_" + name
		return append([]string{prefix + "_API_KEY=" + vendorKey, prefix + "_BASE_URL=" + url + base}, more...)
	}
	return []provider{
		{"anthropic", "claude-sonnet-4-5", anthropic{}, func(url string) []string { return key("ANTHROPIC", "", url) }},
		{"chat", "gpt-5", openaiChat{}, func(url string) []string {
			return key("OPENAI", "/v1", url, "TOKLIGENCE_PROVIDERS_OPENAI_PROTOCOLS=openai-chat")
		}},
		{"responses", "gpt-5", openaiResponses{}, func(url string) []string {
			return key("OPENAI", "/v1", url, "TOKLIGENCE_PROVIDERS_OPENAI_PROTOCOLS=openai-responses")
		}},
		{"gemini", "gemini-3.1-pro-preview", gemini{}, func(url string) []string { return key("GEMINI", "", url) }},
	}
}

// models are the providers, and with them a model that is unlike the others of
// its provider: it thinks by budget and gives its calls no ids.
func models() []provider {
	all := providers()
	older := all[len(all)-1]
	older.name, older.model = "gemini-2.5", "gemini-2.5-pro"
	return append(all, older)
}

// onEach runs a client of each version before each vendor.
func onEach(t *testing.T, versions []string, vendors []provider, run func(t *testing.T, version string, p provider)) {
	t.Helper()
	for _, version := range versions {
		for _, p := range vendors {
			t.Run(version+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				run(t, version, p)
			})
		}
	}
}

// gateway starts a daemon in front of one vendor.
func (p provider) gateway(t *testing.T, s script, env ...string) (*daemon.Daemon, *vendor) {
	t.Helper()
	v := newVendor(t, p.speaks, s)
	return daemon.Start(t, append(p.env(v.URL), env...)...), v
}

// patience bounds one run of a client. They take seconds.
const patience = 90 * time.Second

// few bounds how many clients run at a time: they are large programs.
var few = make(chan struct{}, 3)

// outcome is how a client ended.
type outcome struct {
	out, err string
	code     int
	took     time.Duration
}

// client runs a program of the npm registry in a folder of work, with a clean
// environment and a fresh home.
func client(t *testing.T, version, program, dir string, env []string, args ...string) outcome {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("clients", version, "node_modules", ".bin", program))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed, run tools/install-test-deps.sh: %v", version, err)
	}
	few <- struct{}{}
	defer func() { <-few }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "NO_COLOR=1"}, env...)
	cmd.WaitDelay = time.Second
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	begun := time.Now()
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) || ctx.Err() != nil {
		t.Fatalf("%s: %v %v\n%s\n%s", version, err, ctx.Err(), out.String(), problems.String())
	}
	return outcome{out.String(), problems.String(), cmd.ProcessState.ExitCode(), time.Since(begun)}
}

// workspace is a folder with a note that says colour = red.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "notes.txt"), []byte("shape = round\ncolour = red\n"))
	return dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// checkNote wants the note changed on disk.
func checkNote(t *testing.T, dir string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, "notes.txt"))
	if err != nil || string(got) != "shape = round\ncolour = blue\n" {
		t.Errorf("notes.txt: %q, %v", got, err)
	}
}

// explain logs what a failed test needs to be understood.
func explain(t *testing.T, d *daemon.Daemon, o outcome) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("exit code %d after %v\n--- client\n%s\n%s\n--- gateway\n%s", o.code, o.took, tail(o.out), tail(o.err), tail(d.Logs()))
		}
	})
}

func tail(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-6000):]
}
