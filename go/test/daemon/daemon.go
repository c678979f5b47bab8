// Package daemon runs the real programs for tests that look at them from
// outside, as a user would.
package daemon

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
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
	args := []string{"build", "-tags", "nomsgpack", "-o", dir + string(filepath.Separator)}
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

// Daemon is a running gatewayd.
type Daemon struct {
	URL  string
	Dir  string // its data folder
	Env  []string
	cmd  *exec.Cmd
	logs lockedBuffer
	gone chan struct{}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Start runs a daemon on a free port with a fresh data folder. It is stopped
// with the test.
func Start(t *testing.T, env ...string) *Daemon {
	t.Helper()
	d := &Daemon{Dir: t.TempDir(), Env: env}
	d.Run(t)
	t.Cleanup(func() { d.Stop(t) })
	return d
}

// Run starts the program again on the same data folder.
func (d *Daemon) Run(t *testing.T) {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(filepath.Join(bin, "gatewayd"), "--ready-json", "--listen", "127.0.0.1:0")
	d.cmd.Env = d.environ()
	d.cmd.Stderr = &d.logs
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
			var line struct{ Event, URL string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Event == "ready" {
				ready <- line.URL
			}
		}
		_ = d.cmd.Wait()
		close(d.gone)
	}()
	select {
	case d.URL = <-ready:
	case <-d.gone:
		t.Fatalf("gatewayd ended before it was ready:\n%s", d.logs.String())
	case <-time.After(30 * time.Second):
		t.Fatalf("gatewayd is not ready after 30 s:\n%s", d.logs.String())
	}
}

// environ is a clean environment, so that nothing of the tester's leaks in.
func (d *Daemon) environ() []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + d.Dir, "TOKLIGENCE_DATA_DIR=" + d.Dir, "TOKLIGENCE_API_KEY=" + Key,
		"GORACE=halt_on_error=1",
	}
	return append(env, d.Env...)
}

// Kill ends the program without a word, as a crash would.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill()
	<-d.gone
}

// Pid is the process id.
func (d *Daemon) Pid() int { return d.cmd.Process.Pid }

// Stop asks the program to end and waits for it.
func (d *Daemon) Stop(t *testing.T) {
	t.Helper()
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

// CLI runs the command line on the same data folder and returns its output.
func (d *Daemon) CLI(t *testing.T, args ...string) string {
	t.Helper()
	out, err := d.TryCLI(args...)
	if err != nil {
		t.Fatalf("gateway %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TryCLI is CLI for commands that may fail.
func (d *Daemon) TryCLI(args ...string) (string, error) {
	bin, err := build()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(bin, "gateway"), args...)
	cmd.Env = d.environ()
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%w: %s", err, problems.String())
	}
	return out.String(), nil
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
