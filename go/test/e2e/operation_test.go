package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/version"
	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	post(t, d, paths["chat"], chat("loopback"))
	for _, path := range []string{"/livez", "/readyz", "/health"} {
		s := ask(t, d, http.MethodGet, path, http.Header{"Authorization": {" "}}, nil)
		var body struct{ Status, Version string }
		if err := json.Unmarshal(s.body, &body); err != nil || s.status != http.StatusOK || body.Status != "ok" || body.Version != version.Version() {
			t.Errorf("%s: %d %s", path, s.status, s.body)
		}
	}
	s := ask(t, d, http.MethodGet, "/metrics", nil, nil)
	for _, line := range strings.Split(string(s.body), "\n") {
		if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "tokligence_") && !strings.HasPrefix(line, "go_") && !strings.HasPrefix(line, "process_") {
			t.Errorf("a metric of a strange name: %s", line)
		}
	}
	if !containsAll(string(s.body), "tokligence_", `provider="loopback"`, "# HELP", "# TYPE") || strings.Contains(string(s.body), daemon.Key) {
		t.Errorf("metrics: %s", s.body)
	}
}

// heldStream opens a stream that goes on until release is called, which
// returns what came then and how it ended.
func heldStream(t *testing.T, d *daemon.Daemon, v *vendor) (release func() (string, error)) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, d.URL+paths["chat"], strings.NewReader(`{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"Hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+daemon.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
		t.Fatalf("%q %v", line, err)
	}
	return func() (string, error) {
		close(v.hold)
		rest, err := io.ReadAll(lines)
		return string(rest), err
	}
}

func startHolding(t *testing.T, env ...string) (*daemon.Daemon, *vendor) {
	t.Helper()
	v := newVendor(t, "openai", "gpt-5")
	v.hold = make(chan struct{})
	return daemon.Start(t, append([]string{"TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL=" + v.URL}, env...)...), v
}

// TestDrain ends with the last call, not before, and takes no new ones.
func TestDrain(t *testing.T) {
	t.Parallel()
	d, v := startHolding(t, "TOKLIGENCE_SHUTDOWN_DELAY=500ms")
	release := heldStream(t, d, v)
	d.Signal(t, syscall.SIGTERM)
	eventually(t, 400*time.Millisecond, "balancers are told", func() bool { return status(t, d, "/readyz") == http.StatusServiceUnavailable })
	if s := post(t, d, paths["chat"], chat("loopback")); s.status != http.StatusOK {
		t.Errorf("within the delay calls are still answered: %d", s.status)
	}
	eventually(t, 3*time.Second, "no new calls are taken", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(d.URL, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	rest, err := release()
	if err != nil || !strings.HasSuffix(rest, "data: [DONE]\n\n") {
		t.Errorf("the stream ended with %v after %q", err, rest[max(0, len(rest)-100):])
	}
	if code := d.Wait(t, 5*time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.Logs())
	}
	checkOutcome(t, d, "complete")
}

// TestSecondSignalCuts does not wait for what is still open.
func TestSecondSignalCuts(t *testing.T) {
	t.Parallel()
	d, v := startHolding(t)
	release := heldStream(t, d, v)
	d.Signal(t, syscall.SIGTERM)
	time.Sleep(200 * time.Millisecond) // not one signal, but two
	d.Signal(t, syscall.SIGTERM)
	if code := d.Wait(t, 5*time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, d.Logs())
	}
	if rest, err := release(); strings.Contains(rest, "[DONE]") || err == nil && !strings.Contains(rest, `"error"`) {
		t.Errorf("a cut stream looks whole: %v after %q", err, rest[max(0, len(rest)-200):])
	}
	checkOutcome(t, d, "gateway_crash")
}

// checkOutcome wants one row of the provider, with that outcome.
func checkOutcome(t *testing.T, d *daemon.Daemon, want string) {
	t.Helper()
	n := 0
	for _, row := range d.Ledger(t) {
		if row.Provider == "openai" {
			n++
			if row.Outcome != want {
				t.Errorf("outcome %s, want %s", row.Outcome, want)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
	if said := d.Exec(t, "gateway", "ledger", "verify"); said.Code != 0 {
		t.Errorf("ledger verify: %s", said.Out)
	}
}

func TestReadyLine(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	port := d.URL[strings.LastIndexByte(d.URL, ':')+1:]
	want := fmt.Sprintf(`{"event":"ready","url":"http://127.0.0.1:%s","port":%s,"pid":%d,"version":%q}`, port, port, d.Pid(), version.Version())
	if d.Ready != want {
		t.Errorf("got  %s\nwant %s", d.Ready, want)
	}
	post(t, d, paths["chat"], chat("loopback"))
	d.Stop(t)
	if strings.Contains(d.Logs(), "more on standard output") {
		t.Errorf("more than the ready line on standard output:\n%s", d.Logs())
	}
}

// run starts a program and returns the line it says when it is ready.
func run(t *testing.T, d *daemon.Daemon, cmd *exec.Cmd) string {
	t.Helper()
	cmd.Env = d.Environ()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// ended reports whether a process is gone, or only its parent's to bury.
func ended(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return syscall.Kill(pid, 0) != nil
	}
	_, state, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(state, "Z")
}

// TestParentWatch ends when the parent does.
func TestParentWatch(t *testing.T) {
	t.Parallel()
	gatewayd := daemon.Program(t, "gatewayd")
	pidOf := func(line string) int {
		var ready struct{ PID int }
		if err := json.Unmarshal([]byte(line), &ready); err != nil || ready.PID == 0 {
			t.Fatalf("%q: %v", line, err)
		}
		return ready.PID
	}
	t.Run("stdin", func(t *testing.T) {
		cmd := exec.Command(gatewayd, "--ready-json", "--listen", "127.0.0.1:0", "--parent-watch=stdin")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		pid := pidOf(run(t, daemon.New(t), cmd))
		time.Sleep(200 * time.Millisecond)
		if ended(pid) {
			t.Fatal("it ends while the parent is there")
		}
		_ = in.Close()
		eventually(t, 2*time.Second, "the end of standard input ends it", func() bool { return ended(pid) })
	})
	t.Run("pid", func(t *testing.T) {
		cmd := exec.Command("sh", "-c", `"$1" --ready-json --listen 127.0.0.1:0 --parent-watch=pid & wait`, "sh", gatewayd)
		pid := pidOf(run(t, daemon.New(t), cmd))
		_ = cmd.Process.Kill()
		eventually(t, 2*time.Second, "the death of the parent ends it", func() bool { return ended(pid) })
	})
	t.Run("a pid that is another's from the start", func(t *testing.T) {
		said := daemon.New(t).Exec(t, "gatewayd", "--listen", "127.0.0.1:0", "--parent-watch=pid:1000000000")
		if said.Code != 0 || !strings.Contains(said.Err, "the parent process is gone") {
			t.Errorf("exit code %d: %s", said.Code, said.Err)
		}
	})
	t.Run("a pid that is named", func(t *testing.T) {
		cmd := exec.Command("sh", "-c", `"$1" --ready-json --listen 127.0.0.1:0 --parent-watch=pid:$$ & wait`, "sh", gatewayd)
		pid := pidOf(run(t, daemon.New(t), cmd))
		time.Sleep(time.Second)
		if ended(pid) {
			t.Fatal("it ends while the parent is there")
		}
		_ = cmd.Process.Kill()
		eventually(t, 2*time.Second, "the death of the parent ends it", func() bool { return ended(pid) })
	})
	for _, mode := range []string{"nonsense", "pid:", "pid:0", "pid:me", "stdin:7", ":7"} {
		if said := daemon.New(t).Exec(t, "gatewayd", "--parent-watch="+mode); said.Code != 2 || !containsAll(said.Err, "stdin", "pid") {
			t.Errorf("%s: exit code %d: %s", mode, said.Code, said.Err)
		}
	}
}

// TestServe is gatewayd under its other name.
func TestServe(t *testing.T) {
	t.Parallel()
	d := daemon.New(t)
	cmd := exec.Command(daemon.Program(t, "gateway"), "serve", "--ready-json", "--listen", "127.0.0.1:0")
	var ready struct{ URL string }
	if err := json.Unmarshal([]byte(run(t, d, cmd)), &ready); err != nil {
		t.Fatal(err)
	}
	d.URL = ready.URL
	if s := post(t, d, paths["chat"], chat("loopback")); s.status != http.StatusOK {
		t.Errorf("%d %s", s.status, s.body)
	}
	if entries, err := os.ReadFile(filepath.Join(d.Dir, "logs", "gatewayd.log")); err != nil || len(entries) == 0 {
		t.Errorf("the daemon's log: %v", err)
	}
}

// TestGreeting prints a first request that works.
func TestGreeting(t *testing.T) {
	t.Parallel()
	d := daemon.New(t, "TOKLIGENCE_API_KEY=")
	cmd := exec.Command(daemon.Program(t, "gatewayd"), "--listen", "127.0.0.1:0")
	cmd.Env = d.Environ()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line := ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); strings.HasPrefix(text, "curl ") || line != "" {
			line += strings.TrimSuffix(text, `\`)
			if strings.HasSuffix(text, "'") {
				break
			}
		}
	}
	answer, err := exec.Command("sh", "-c", line+" -sS").Output()
	if err != nil || !bytes.Contains(answer, []byte("[loopback] Hello")) {
		t.Errorf("%s\nanswers %s, %v", line, answer, err)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	said := daemon.New(t).Exec(t, "gatewayd", "--listen", address)
	if said.Code != 1 || !containsAll(said.Err, address, "in use", "TOKLIGENCE_LISTEN") {
		t.Errorf("exit code %d: %s", said.Code, said.Err)
	}
}

// TestNoSecretIsKept looks for keys in everything a gateway leaves behind.
func TestNoSecretIsKept(t *testing.T) {
	t.Parallel()
	up := newFaulty(t)
	d := daemon.Start(t, "TOKLIGENCE_API_KEY=canary-of-the-owner", "TOKLIGENCE_LOG_LEVEL=debug",
		"TOKLIGENCE_OPENAI_API_KEY=sk-canary", "TOKLIGENCE_OPENAI_BASE_URL="+up, "TOKLIGENCE_ROUTES=*=>openai", "TOKLIGENCE_ROUTING_ATTEMPTS=1")
	guest := newKey(t, d, "guest")
	eventually(t, effect, "the guest's key works", func() bool { return as(t, d, guest, "fine").status == http.StatusOK })
	for _, model := range []string{"fine", "server-error", "html", "bad-key"} {
		as(t, d, "canary-of-the-owner", model)
		as(t, d, guest, model)
	}
	as(t, d, "canary-of-a-stranger", "fine")
	d.CLI(t, "config", "show")
	d.CLI(t, "keys", "list")
	d.Exec(t, "gateway", "doctor")
	d.CLI(t, "keys", "revoke", guest) // by the key itself
	export := d.CLI(t, "ledger", "export", "--json") + d.CLI(t, "ledger", "export")
	metrics := string(ask(t, d, http.MethodGet, "/metrics", nil, nil).body)
	d.Stop(t)

	files := filesBelow(t, d.Dir)
	files["the export"], files["the metrics"], files["standard error"] = export, metrics, d.Logs()
	for _, secret := range []string{"canary-of-the-owner", "sk-canary", "canary-of-a-stranger", guest} {
		for _, spelling := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))} {
			for name, text := range files {
				if strings.Contains(text, spelling) {
					t.Errorf("%s holds the secret %s", name, secret)
				}
			}
		}
	}
	logs := filepath.Join(d.Dir, "logs")
	for name, says := range map[string]string{"gatewayd.log": "attempt failed", "gateway.log": "keys create"} {
		path := filepath.Join(logs, name)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		if !strings.Contains(files[path], says) {
			t.Errorf("%s does not tell of %q:\n%s", name, says, files[path])
		}
		for line := range strings.Lines(files[path]) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: a line that is no JSON: %s", name, line)
			}
		}
	}
	if strings.Contains(files[filepath.Join(logs, "gatewayd.log")], "keys create") {
		t.Error("the command line writes into the daemon's log")
	}
}
