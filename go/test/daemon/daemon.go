// Package daemon runs the real programs for tests that look at them from
// outside, as a user would.
package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Key is the credential that daemons of tests ask for.
const Key = "test-key"

var build = sync.OnceValues(func() (string, error) {
	_, self, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(self), "..", "..")
	dir, err := os.MkdirTemp("", "tokligence-bin")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-buildvcs=false", "-tags", "nomsgpack", "-o", dir + string(filepath.Separator)}
	if os.Getenv("TOKLIGENCE_TEST_RACE") != "" {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "./cmd/gateway", "./cmd/gatewayd")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return dir, nil
})

// Program returns the path of a built program, "gateway" or "gatewayd".
func Program(t testing.TB, name string) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(bin, name)
}

// Daemon is a gatewayd and the data folder it works on.
type Daemon struct {
	URL   string
	Ready string // the line it said when it was ready
	Dir   string // its data folder
	Env   []string
	Args  []string  // after those every test needs
	Stdin io.Reader // nil: none

	cmd  *exec.Cmd
	logs Log
	gone chan struct{} // closed when the program has ended
}

// Log is what a program says while others may read it.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is all that was said.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Start runs a daemon on a free port with a fresh data folder. It is stopped
// with the test.
func Start(t *testing.T, env ...string) *Daemon {
	t.Helper()
	d := New(t, env...)
	d.Run(t)
	return d
}

// New is a daemon that does not run yet.
func New(t *testing.T, env ...string) *Daemon {
	t.Helper()
	return On(t, t.TempDir(), env...)
}

// On is a daemon on a data folder that others may use too. It does not run
// yet.
func On(t *testing.T, dir string, env ...string) *Daemon {
	t.Helper()
	d := &Daemon{Dir: dir, Env: env}
	t.Cleanup(func() { d.Stop(t) })
	return d
}

// Run starts the program, again if it has run before.
func (d *Daemon) Run(t *testing.T) {
	t.Helper()
	args := append([]string{"--ready-json", "--listen", "127.0.0.1:0"}, d.Args...)
	d.cmd = exec.Command(Program(t, "gatewayd"), args...)
	d.cmd.Env = d.Environ()
	d.cmd.Stderr = &d.logs
	d.cmd.Stdin = d.Stdin
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.gone = make(chan struct{})
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			select {
			case ready <- lines.Text():
			default:
				fmt.Fprintf(&d.logs, "more on standard output: %s\n", lines.Text())
			}
		}
		_ = d.cmd.Wait()
		close(d.gone)
	}()
	select {
	case d.Ready = <-ready:
	case <-d.gone:
		t.Fatalf("gatewayd ended before it was ready:\n%s", d.logs.String())
	case <-time.After(30 * time.Second):
		t.Fatalf("gatewayd is not ready after 30 s:\n%s", d.logs.String())
	}
	var line struct{ Event, URL string }
	if err := json.Unmarshal([]byte(d.Ready), &line); err != nil || line.Event != "ready" {
		t.Fatalf("instead of being ready it said %q", d.Ready)
	}
	d.URL = line.URL
}

// Environ is a clean environment, so that nothing of the tester's leaks in.
// A variable of Env wins.
func (d *Daemon) Environ() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.Dir, "TOKLIGENCE_DATA_DIR=" + d.Dir, "TOKLIGENCE_API_KEY=" + Key,
		"TOKLIGENCE_UPDATE_CHECK_ENABLED=false",
		"GORACE=halt_on_error=1",
	}
	return append(env, d.Env...)
}

// Kill ends the program without a word, as a crash would.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill()
	<-d.gone
}

// Signal sends a signal to the program.
func (d *Daemon) Signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Wait waits until the program has ended, and returns its exit code.
func (d *Daemon) Wait(t *testing.T, patience time.Duration) int {
	t.Helper()
	select {
	case <-d.gone:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("gatewayd still runs after %v:\n%s", patience, d.logs.String())
		return -1
	}
}

// Pid is the process id.
func (d *Daemon) Pid() int { return d.cmd.Process.Pid }

// Stop asks the program to end and waits for it.
func (d *Daemon) Stop(t *testing.T) {
	t.Helper()
	if d.gone == nil {
		return
	}
	select {
	case <-d.gone:
		return
	default:
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.gone:
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill()
		t.Errorf("gatewayd does not stop:\n%s", d.logs.String())
	}
}

// Logs is what the program has written to stderr.
func (d *Daemon) Logs() string { return d.logs.String() }

// Said is what a program that has ended said, and how it ended.
type Said struct {
	Out, Err string
	Code     int
}

// longest bounds a command that hangs. Programs built with the race detector
// take long over SQLite.
const longest = 3 * time.Minute

// Exec runs a program to its end in the environment of the daemon.
func (d *Daemon) Exec(t *testing.T, program string, args ...string) Said {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	cmd := exec.CommandContext(ctx, Program(t, program), args...)
	cmd.Env = d.Environ()
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	var ended *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &ended) || ctx.Err() != nil {
		t.Fatalf("%s %s: %v %v\n%s", program, strings.Join(args, " "), err, ctx.Err(), problems.String())
	}
	return Said{out.String(), problems.String(), cmd.ProcessState.ExitCode()}
}

// CLI runs the command line on the same data folder and returns its output.
func (d *Daemon) CLI(t *testing.T, args ...string) string {
	t.Helper()
	said := d.Exec(t, "gateway", args...)
	if said.Code != 0 {
		t.Fatalf("gateway %s: exit code %d\n%s%s", strings.Join(args, " "), said.Code, said.Out, said.Err)
	}
	return said.Out
}

// Row is one line of the ledger's export.
type Row struct {
	RequestID string `json:"request_id"`
	Attempt   int    `json:"attempt"`
	Outcome   string `json:"outcome"`
	Model     string `json:"model_served"`
	Provider  string `json:"provider"`
	Source    string `json:"usage_source"`
	Input     *int64 `json:"input_tokens"`
	Output    *int64 `json:"output_tokens"`
}

// Ledger returns the rows of the ledger.
func (d *Daemon) Ledger(t *testing.T) []Row {
	t.Helper()
	var rows []Row
	for line := range strings.Lines(d.CLI(t, "ledger", "export", "--json")) {
		var row Row
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("ledger line %q: %v", line, err)
		}
		rows = append(rows, row)
	}
	return rows
}
