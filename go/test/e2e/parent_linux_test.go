package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// watched starts a daemon that watches its standard input and returns its
// process id.
func watched(t *testing.T, d *daemon.Daemon, stdin *os.File) (pid int) {
	t.Helper()
	cmd := exec.Command(daemon.Program(t, "gatewayd"), "--ready-json", "--listen", "127.0.0.1:0", "--parent-watch=stdin")
	cmd.Stdin = stdin
	var ready struct {
		PID int
		URL string
	}
	if err := json.Unmarshal([]byte(run(t, d, cmd)), &ready); err != nil {
		t.Fatal(err)
	}
	d.URL = ready.URL
	return ready.PID
}

// terminalPair opens a terminal: what a person sees and what a program has.
func terminalPair(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

// processorTime is how long a process has been computing.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	ticks := 0
	for _, f := range strings.Fields(rest)[11:13] { // user, system
		n, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// TestParentWatchKinds watches every kind of standard input.
func TestParentWatchKinds(t *testing.T) {
	t.Parallel()
	t.Run("a terminal is not read", func(t *testing.T) {
		master, slave := terminalPair(t)
		pid := watched(t, daemon.New(t), slave)
		if _, err := master.Write([]byte("\x04typed\n\x04")); err != nil { // the end of a file, as typed
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		if ended(pid) {
			t.Error("it ends while its parent is there")
		}
	})
	t.Run("on a terminal the parent's end counts", func(t *testing.T) {
		_, slave := terminalPair(t)
		cmd := exec.Command("sh", "-c", `"$1" --ready-json --listen 127.0.0.1:0 --parent-watch=stdin <&3 & wait`, "sh", daemon.Program(t, "gatewayd"))
		cmd.ExtraFiles = []*os.File{slave}
		var ready struct{ PID int }
		if err := json.Unmarshal([]byte(run(t, daemon.New(t), cmd)), &ready); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Process.Kill()
		eventually(t, 2*time.Second, "the death of the parent ends it", func() bool { return ended(ready.PID) })
	})
	t.Run("input without end costs little", func(t *testing.T) {
		zero, err := os.Open("/dev/zero")
		if err != nil {
			t.Fatal(err)
		}
		defer zero.Close()
		pid := watched(t, daemon.New(t), zero)
		before := processorTime(t, pid)
		time.Sleep(time.Second)
		if ended(pid) {
			t.Fatal("it ends while input comes")
		}
		if used := processorTime(t, pid) - before; used > 500*time.Millisecond {
			t.Errorf("it computes for %v in a second", used)
		}
	})
	t.Run("nothing at all is the end", func(t *testing.T) {
		d := daemon.New(t)
		if said := d.Exec(t, "gatewayd", "--listen", "127.0.0.1:0", "--parent-watch=stdin"); said.Code != 0 || !strings.Contains(said.Err, "standard input has ended") {
			t.Errorf("exit code %d: %s", said.Code, said.Err)
		}
	})
}

// childOfShell starts a daemon that watches its standard input and has a shell
// for its parent. dies ends the shell; ask ends the input.
func childOfShell(t *testing.T, d *daemon.Daemon) (pid int, dies, ask func()) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `"$1" --ready-json --listen 127.0.0.1:0 --parent-watch=stdin <&3 & exec 3<&-; wait`, "sh", daemon.Program(t, "gatewayd"))
	cmd.ExtraFiles = []*os.File{in}
	var ready struct {
		PID int
		URL string
	}
	if err := json.Unmarshal([]byte(run(t, d, cmd)), &ready); err != nil {
		t.Fatal(err)
	}
	d.URL = ready.URL
	_ = in.Close()
	t.Cleanup(func() { _ = syscall.Kill(ready.PID, syscall.SIGKILL) })
	return ready.PID, func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }, func() { _ = out.Close() }
}

func holding(t *testing.T) (*daemon.Daemon, *vendor) {
	t.Helper()
	v := newVendor(t, "openai", "gpt-5")
	v.hold = make(chan struct{})
	return daemon.New(t, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL), v
}

// TestParentGoneCuts does not go on for the sake of calls that are in flight
// when the parent dies, also after it has asked.
func TestParentGoneCuts(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(dies, ask func()){
		"at once":   func(dies, ask func()) { dies(); ask() },
		"who asked": func(dies, ask func()) { ask(); dies() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, v := holding(t)
			pid, dies, ask := childOfShell(t, d)
			release := heldStream(t, d, v)
			end(dies, ask)
			eventually(t, 5*time.Second, "it ends all the same", func() bool { return ended(pid) })
			if rest, err := release(); strings.Contains(rest, "[DONE]") || err == nil && !strings.Contains(rest, `"error"`) {
				t.Errorf("a cut stream looks whole: %v after %q", err, rest)
			}
			checkOutcome(t, d, "gateway_crash")
		})
	}
}

// TestParentAsks finishes the calls in flight for a parent that waits.
func TestParentAsks(t *testing.T) {
	t.Parallel()
	d, v := holding(t)
	pid, _, ask := childOfShell(t, d)
	release := heldStream(t, d, v)
	ask()
	time.Sleep(3 * time.Second) // more than the dead are granted
	if rest, err := release(); err != nil || !strings.Contains(rest, "[DONE]") {
		t.Errorf("the stream is cut: %v after %q", err, rest)
	}
	eventually(t, 5*time.Second, "then it ends", func() bool { return ended(pid) })
	checkOutcome(t, d, "complete")
}
