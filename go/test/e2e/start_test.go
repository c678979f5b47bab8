package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/version"
	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// found is what gateway start and gateway status say.
type found struct {
	State, URL, Version, Log string
	PID                      int
	Already                  bool   `json:"already_running"`
	DataDir                  string `json:"data_dir"`
	Checks                   map[string]string
}

// background is a data folder for gateway start. What runs there at the end of
// the test is stopped.
func background(t *testing.T, env ...string) *daemon.Daemon {
	t.Helper()
	d := daemon.New(t, append([]string{free}, env...)...)
	t.Cleanup(func() {
		if said := d.Exec(t, "gateway", "stop", "--wait", "1s"); said.Code != 0 {
			t.Errorf("gateway stop: %s%s", said.Out, said.Err)
		}
	})
	return d
}

// tell runs a command that prints JSON, and wants its exit code.
func tell(t *testing.T, d *daemon.Daemon, code int, args ...string) (f found) {
	t.Helper()
	said := d.Exec(t, "gateway", append(args, "--json")...)
	if said.Code != code {
		t.Fatalf("gateway %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), said.Code, code, said.Out, said.Err)
	}
	if said.Out == "" {
		return f
	}
	if err := json.Unmarshal([]byte(said.Out), &f); err != nil {
		t.Fatalf("gateway %s: %v in %s", strings.Join(args, " "), err, said.Out)
	}
	return f
}

// knownDead waits until a daemon that dies has let go of its record.
func knownDead(t *testing.T, d *daemon.Daemon) {
	t.Helper()
	eventually(t, 10*time.Second, "it is known to be dead", func() bool {
		var s found
		said := d.Exec(t, "gateway", "status", "--json")
		return json.Unmarshal([]byte(said.Out), &s) == nil && s.State == "stopped" && said.Code == 1
	})
}

func TestStart(t *testing.T) {
	t.Parallel()
	d := background(t)
	if s := tell(t, d, 1, "status"); s.State != "stopped" || s.DataDir != d.Dir {
		t.Errorf("before the start: %+v", s)
	}
	pidFile := filepath.Join(t.TempDir(), "pid")
	first := tell(t, d, 0, "start", "--detach", "--wait", "30s", "--pid-file", pidFile)
	if first.Already || first.Version != version.Version() || first.Log != filepath.Join(d.Dir, "logs", "gatewayd.log") {
		t.Errorf("started: %+v", first)
	}
	if text, err := os.ReadFile(pidFile); err != nil || string(text) != fmt.Sprintln(first.PID) {
		t.Errorf("the PID file says %q, %v", text, err)
	}
	d.URL = first.URL
	if s := post(t, d, paths["chat"], chat("loopback")); s.status != http.StatusOK {
		t.Errorf("%d %s", s.status, s.body)
	}
	again := tell(t, d, 0, "start")
	if !again.Already || again.PID != first.PID || again.URL != first.URL {
		t.Errorf("started twice: %+v", again)
	}
	if said := d.CLI(t, "start"); !containsAll(said, "already", first.URL) {
		t.Errorf("started twice: %s", said)
	}
	if s := tell(t, d, 0, "status"); s.State != "running" || s.PID != first.PID || s.Checks["ledger"] != "ok" {
		t.Errorf("status: %+v", s)
	}
	if said := d.CLI(t, "stop"); !strings.Contains(said, "has ended") {
		t.Errorf("stop: %s", said)
	}
	if !ended(first.PID) {
		t.Error("gateway stop does not wait for the end")
	}
	for _, path := range []string{pidFile, filepath.Join(d.Dir, "gatewayd.json")} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", path, err)
		}
	}
	if said := d.CLI(t, "stop"); !strings.Contains(said, "No gateway") {
		t.Errorf("stopped twice: %s", said)
	}
	if entries, err := os.ReadFile(first.Log); err != nil || !containsAll(string(entries), `"ready"`, `"stopped"`) {
		t.Errorf("the log: %v\n%s", err, entries)
	}
}

// TestStartAfterCrash believes neither the record nor the PID file that a dead
// daemon left, even if its process id is another's by now.
func TestStartAfterCrash(t *testing.T) {
	t.Parallel()
	d := background(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	first := tell(t, d, 0, "start", "--pid-file", pidFile)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	knownDead(t, d)
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()
	record := filepath.Join(d.Dir, "gatewayd.json")
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal("a killed daemon leaves its record: ", err)
	}
	stale := strings.Replace(string(text), strconv.Itoa(first.PID), strconv.Itoa(bystander.Process.Pid), 1)
	if err := os.WriteFile(record, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := d.CLI(t, "stop"); !strings.Contains(said, "No gateway") || ended(bystander.Process.Pid) {
		t.Errorf("a stale record made it stop a stranger: %s", said)
	}
	second := tell(t, d, 0, "start", "--pid-file", pidFile)
	if second.Already || second.PID == first.PID {
		t.Errorf("started after a crash: %+v", second)
	}
	if text, err := os.ReadFile(pidFile); err != nil || string(text) != fmt.Sprintln(second.PID) {
		t.Errorf("the PID file says %q, %v", text, err)
	}
}

// TestPidFileTaken leaves the PID file of another daemon alone.
func TestPidFileTaken(t *testing.T) {
	t.Parallel()
	one, other := background(t), background(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	first := tell(t, one, 0, "start", "--pid-file", pidFile)
	said := other.Exec(t, "gateway", "start", "--pid-file", pidFile)
	if said.Code != 1 || !containsAll(said.Err, pidFile, "runs there already") {
		t.Errorf("exit code %d: %s", said.Code, said.Err)
	}
	if text, err := os.ReadFile(pidFile); err != nil || string(text) != fmt.Sprintln(first.PID) {
		t.Errorf("the PID file says %q, %v", text, err)
	}
}

// TestStartTogether starts one daemon, however many ask for it at once.
func TestStartTogether(t *testing.T) {
	t.Parallel()
	d := background(t)
	const callers = 4
	var wg sync.WaitGroup
	all := make([]found, callers)
	for i := range all {
		wg.Go(func() {
			said := d.Exec(t, "gateway", "start", "--wait", "60s", "--json")
			if err := json.Unmarshal([]byte(said.Out), &all[i]); err != nil || said.Code != 0 || said.Err != "" {
				t.Errorf("exit code %d: %s%s", said.Code, said.Out, said.Err)
			}
		})
	}
	wg.Wait()
	made := 0
	for _, f := range all {
		if f.PID != all[0].PID || f.URL != all[0].URL {
			t.Errorf("two daemons: %+v and %+v", all[0], f)
		}
		if !f.Already {
			made++
		}
	}
	if made != 1 {
		t.Errorf("%d say that they have started it", made)
	}
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := l.Addr().String()
	for name, c := range map[string]struct {
		env  []string
		args []string
		code int
		told []string
	}{
		"port taken":      {nil, []string{"--listen", address}, 1, []string{address, "in use", "ended before it was ready"}},
		"wrong setting":   {[]string{"TOKLIGENCE_LISTEN=nonsense"}, nil, 1, []string{"TOKLIGENCE_LISTEN", "nonsense"}},
		"no workflow":     {nil, []string{"--github-env"}, 2, []string{"GITHUB_ENV"}},
		"beyond loopback": {nil, []string{"--listen", "0.0.0.0:0", "--mode", "nonsense"}, 1, []string{"nonsense"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := background(t, c.env...)
			said := d.Exec(t, "gateway", append([]string{"start"}, c.args...)...)
			if said.Code != c.code || !containsAll(said.Err, c.told...) {
				t.Errorf("exit code %d: %s", said.Code, said.Err)
			}
		})
	}
}

// TestStartOutlivesParent starts from a shell that ends at once, and whose
// group is killed then, as a runner does with the steps of a job.
func TestStartOutlivesParent(t *testing.T) {
	t.Parallel()
	d := background(t)
	cmd := exec.Command("sh", "-c", `"$1" start >/dev/null; kill -KILL 0`, "sh", daemon.Program(t, "gateway"))
	cmd.Env = d.Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	_ = cmd.Run() // killed, as it should be
	s := tell(t, d, 0, "status")
	if s.State != "running" {
		t.Fatalf("%+v", s)
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.PID), "stat"))
	if err == nil {
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); f[2] != strconv.Itoa(s.PID) || f[3] != strconv.Itoa(s.PID) {
			t.Errorf("it is in group %s and session %s of another", f[2], f[3])
		}
	}
	d.URL = s.URL
	if s := post(t, d, paths["chat"], chat("loopback")); s.status != http.StatusOK {
		t.Errorf("%d %s", s.status, s.body)
	}
}

// TestStartShowsTheFirstKey and keeps it nowhere.
func TestStartShowsTheFirstKey(t *testing.T) {
	t.Parallel()
	d := background(t, "TOKLIGENCE_API_KEY=", "TOKLIGENCE_MODE=team")
	said := d.Exec(t, "gateway", "start")
	i := strings.Index(said.Err, "tok_")
	if said.Code != 0 || i < 0 {
		t.Fatalf("exit code %d: %s%s", said.Code, said.Out, said.Err)
	}
	token := strings.Fields(said.Err[i:])[0]
	d.URL = tell(t, d, 0, "status").URL
	if s := as(t, d, token, "loopback"); s.status != http.StatusOK {
		t.Errorf("the key does not work: %d %s", s.status, s.body)
	}
	for _, name := range []string{"gatewayd.log", "gatewayd.stderr"} {
		if text, err := os.ReadFile(filepath.Join(d.Dir, "logs", name)); err != nil || strings.Contains(string(text), token) {
			t.Errorf("%s: %v, or the key is in it", name, err)
		}
	}
}

// TestGitHubEnv tells the steps that follow where the gateway is.
func TestGitHubEnv(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("OTHER=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := background(t, "GITHUB_ENV="+file)
	said := d.Exec(t, "gateway", "start", "--github-env")
	if said.Code != 0 || !strings.Contains(said.Err, "::add-mask::"+daemon.Key+"\n") {
		t.Fatalf("exit code %d: %s%s", said.Code, said.Out, said.Err)
	}
	url := tell(t, d, 0, "status").URL
	want := "OTHER=1\nOPENAI_BASE_URL=" + url + "/v1\nANTHROPIC_BASE_URL=" + url + "/anthropic\nOPENAI_API_KEY=" + daemon.Key + "\nANTHROPIC_API_KEY=" + daemon.Key + "\n"
	if text, err := os.ReadFile(file); err != nil || string(text) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, text, want)
	}
}

// TestStopCuts waits for a call in flight as long as it was told, then cuts it.
func TestStopCuts(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "openai", "gpt-5")
	v.hold = make(chan struct{})
	d := background(t, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL)
	d.URL = tell(t, d, 0, "start").URL
	release := heldStream(t, d, v)
	if said := d.CLI(t, "stop", "--wait", "300ms"); !strings.Contains(said, "were cut") {
		t.Errorf("stop: %s", said)
	}
	if rest, err := release(); strings.Contains(rest, "[DONE]") || err == nil && !strings.Contains(rest, `"error"`) {
		t.Errorf("a cut stream looks whole: %v after %q", err, rest)
	}
	checkOutcome(t, d, "gateway_crash")
}

// TestStopKills ends a daemon that does not end.
func TestStopKills(t *testing.T) {
	t.Parallel()
	d := background(t)
	f := tell(t, d, 0, "start")
	if err := syscall.Kill(f.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if s := tell(t, d, 1, "status"); s.State != "silent" || s.PID != f.PID {
		t.Errorf("status of one that hangs: %+v", s)
	}
	if said := d.CLI(t, "stop", "--wait", "100ms"); !strings.Contains(said, "was killed") {
		t.Errorf("stop: %s", said)
	}
	if !ended(f.PID) {
		t.Error("it is alive")
	}
}

// TestStatusOfAnother finds what gateway start has not begun, and does not
// take it for its own.
func TestStatusOfAnother(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	other := daemon.New(t, "TOKLIGENCE_LISTEN="+strings.TrimPrefix(d.URL, "http://"))
	s := tell(t, other, 0, "status")
	if s.State != "other" || s.URL != d.URL || s.PID != 0 {
		t.Errorf("%+v", s)
	}
	if said := other.CLI(t, "stop"); !strings.Contains(said, "No gateway") {
		t.Errorf("stop: %s", said)
	}
}

// TestStartTooSlow says so, and the gateway goes on starting with nobody to
// listen to it.
func TestStartTooSlow(t *testing.T) {
	t.Parallel()
	d := background(t, "TOKLIGENCE_NO_SUCH_THING=1") // it has something to say
	said := d.Exec(t, "gateway", "start", "--wait", "1ms")
	if said.Code != 1 || !containsAll(said.Err, "not ready yet after 1ms", "gateway status") {
		t.Errorf("exit code %d: %s", said.Code, said.Err)
	}
	eventually(t, 30*time.Second, "it comes up all the same", func() bool { return d.Exec(t, "gateway", "status").Code == 0 })
}

// TestStartWarnsOnce passes on what the daemon says of the configuration.
func TestStartWarnsOnce(t *testing.T) {
	t.Parallel()
	d := background(t, "TOKLIGENCE_NO_SUCH_THING=1")
	if said := d.Exec(t, "gateway", "start"); said.Code != 0 || strings.Count(said.Err, "TOKLIGENCE_NO_SUCH_THING") != 1 {
		t.Errorf("exit code %d: %s", said.Code, said.Err)
	}
}

// TestStartKeepsLastWords of a daemon that dies of a fault, from its second
// run too.
func TestStartKeepsLastWords(t *testing.T) {
	t.Parallel()
	d := background(t)
	for n := 1; n <= 2; n++ {
		f := tell(t, d, 0, "start")
		if err := syscall.Kill(f.PID, syscall.SIGQUIT); err != nil { // the run time says where it is, and dies
			t.Fatal(err)
		}
		knownDead(t, d)
		text, err := os.ReadFile(filepath.Join(d.Dir, "logs", "gatewayd.stderr"))
		if got := strings.Count(string(text), "SIGQUIT: quit"); err != nil || got != n {
			t.Errorf("%d last words after %d deaths, %v", got, n, err)
		}
	}
}

// TestStartAfterStopping waits for a daemon that finishes its calls, and does
// not take it for one that runs.
func TestStartAfterStopping(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "openai", "gpt-5")
	v.hold = make(chan struct{})
	d := background(t, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL)
	first := tell(t, d, 0, "start")
	d.URL = first.URL
	release := heldStream(t, d, v)
	if err := syscall.Kill(first.PID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, "it is known to be stopping", func() bool {
		return strings.Contains(d.Exec(t, "gateway", "status").Out, "is stopping")
	})
	if said := d.Exec(t, "gateway", "start", "--wait", "100ms"); said.Code != 1 || !containsAll(said.Err, "still stopping", "gateway stop") {
		t.Errorf("exit code %d: %s%s", said.Code, said.Out, said.Err)
	}
	second := make(chan found)
	go func() {
		var f found
		_ = json.Unmarshal([]byte(d.Exec(t, "gateway", "start", "--wait", "60s", "--json").Out), &f)
		second <- f
	}()
	if rest, err := release(); err != nil || !strings.HasSuffix(rest, "data: [DONE]\n\n") {
		t.Errorf("the call of the first: %v after %q", err, rest)
	}
	if f := <-second; f.PID == 0 || f.PID == first.PID || f.Already {
		t.Errorf("%+v after %+v", f, first)
	}
}
