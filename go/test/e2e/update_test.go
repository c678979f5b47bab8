package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tokligence/tokligence-gateway/go/internal/version"
	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// releases answers update checks.
type releases struct {
	*httptest.Server
	asked atomic.Int32
	body  atomic.Pointer[[]byte] // of the last
}

func newReleases(t *testing.T, latest string) *releases {
	t.Helper()
	r := &releases{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.body.Store(&body)
		r.asked.Add(1)
		fmt.Fprintf(w, `{"version":%q}`, latest)
	}))
	t.Cleanup(r.Close)
	return r
}

// checking is the environment of a daemon that asks url as soon as it runs.
func checking(url string, more ...string) []string {
	return append([]string{
		"TOKLIGENCE_UPDATE_CHECK_ENABLED=true", "TOKLIGENCE_UPDATE_CHECK_DELAY=0s", "TOKLIGENCE_UPDATE_CHECK_URL=" + url,
		"TOKLIGENCE_LOG_LEVEL=debug", "TOKLIGENCE_LISTEN=127.0.0.1:0",
	}, more...)
}

// TestUpdateCheck asks once, whatever is started how often on one database.
func TestUpdateCheck(t *testing.T) {
	t.Parallel()
	r := newReleases(t, "99.1.0")
	d := daemon.Start(t, checking(r.URL+"/v1/check")...)
	eventually(t, 10*time.Second, "the newer version is logged", func() bool { return strings.Contains(d.Logs(), "version=99.1.0") })
	var told struct{ Installation, Version, Platform, Database string }
	decoder := json.NewDecoder(strings.NewReader(string(*r.body.Load())))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&told); err != nil {
		t.Fatalf("%v in %s", err, *r.body.Load())
	}
	if _, err := uuid.Parse(told.Installation); err != nil || told.Version != version.Version() ||
		told.Platform != runtime.GOOS+"/"+runtime.GOARCH || told.Database != "sqlite" {
		t.Errorf("told %s", *r.body.Load())
	}
	d.Stop(t)
	d.Run(t)
	second := daemon.On(t, d.Dir, d.Env...)
	second.Run(t)
	for _, d := range []*daemon.Daemon{d, second} { // they know it from the database
		eventually(t, 10*time.Second, "the newer version is logged", func() bool { return strings.Count(d.Logs(), "version=99.1.0") > 0 })
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if ill := examine(t, d); !slices.ContainsFunc(ill, func(c check) bool { return c.Name == "version" && strings.Contains(c.Detail, "99.1.0") }) {
		t.Errorf("the doctor says %+v", ill)
	}
	said := d.Exec(t, "gateway", "status")
	if !strings.Contains(said.Out, "Version 99.1.0 is out") {
		t.Errorf("status: %s", said.Out)
	}
	if n := r.asked.Load(); n != 1 {
		t.Errorf("doctor or status asked: %d times in all", n)
	}
}

// TestVersionCheck asks when told to, and only if it may.
func TestVersionCheck(t *testing.T) {
	t.Parallel()
	for latest, want := range map[string]string{"99.1.0": "Version 99.1.0 is out", "0.0.1": "This is the latest version"} {
		r := newReleases(t, latest)
		d := daemon.New(t, checking(r.URL)...)
		if said := d.CLI(t, "version", "--check"); !strings.Contains(said, want) {
			t.Errorf("%s", said)
		}
		var v struct {
			Latest string
			Newer  *bool `json:"update_available"`
		}
		if err := json.Unmarshal([]byte(d.CLI(t, "version", "--check", "--json")), &v); err != nil || v.Latest != latest || v.Newer == nil || *v.Newer != (latest == "99.1.0") {
			t.Errorf("%+v %v", v, err)
		}
		if n := r.asked.Load(); n != 2 {
			t.Errorf("asked %d times", n)
		}
		off := daemon.New(t, append(checking(r.URL), "TOKLIGENCE_UPDATE_CHECK_ENABLED=false")...)
		if said := off.Exec(t, "gateway", "version", "--check"); said.Code != 1 || !strings.Contains(said.Err, "nothing was sent") {
			t.Errorf("exit code %d: %s%s", said.Code, said.Out, said.Err)
		}
		if said := off.CLI(t, "version"); strings.Contains(said, latest) {
			t.Errorf("%s", said)
		}
		if n := r.asked.Load(); n != 2 {
			t.Error("one that is off asked")
		}
	}
}

// TestUpdateCheckByProxy goes the way that the other programs of the machine go.
func TestUpdateCheckByProxy(t *testing.T) {
	t.Parallel()
	r := newReleases(t, "99.1.0")
	d := daemon.New(t, checking("http://updates.invalid/v1/check", "HTTP_PROXY="+r.URL)...)
	if said := d.CLI(t, "version", "--check"); !strings.Contains(said, "99.1.0") || r.asked.Load() != 1 {
		t.Errorf("asked %d times: %s", r.asked.Load(), said)
	}
}

// sealed runs gatewayd in a network of its own, where every address, those of
// name servers too, is led to the loopback device: nobody answers, and every
// packet is counted.
func sealed(t *testing.T, d *daemon.Daemon) (pid int) {
	t.Helper()
	const script = `set -e
ip link set lo up
ip route add default dev lo
ip -6 route add default dev lo 2>/dev/null || true
exec "$1" --ready-json --listen 127.0.0.1:0`
	if out, err := exec.Command("unshare", "-n", "sh", "-c", strings.TrimSuffix(script, `exec "$1" --ready-json --listen 127.0.0.1:0`)).CombinedOutput(); err != nil {
		t.Skipf("no network of one's own can be made here: %v %s", err, out)
	}
	cmd := exec.Command("unshare", "-n", "sh", "-c", script, "sh", daemon.Program(t, "gatewayd"))
	var ready struct{ PID int }
	if err := json.Unmarshal([]byte(run(t, d, cmd)), &ready); err != nil {
		t.Fatal(err)
	}
	return ready.PID
}

// packets are those that left, in the network of a process: what IP was asked
// to send, and what the device sent of it.
func packets(t *testing.T, pid int) (asked, sent int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "net", "snmp"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == "Ip:" && names == nil {
			names = f
		} else if f[0] == "Ip:" {
			asked = number(t, f[slices.Index(names, "OutRequests")])
		}
	}
	if text, err = os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "net", "dev")); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, rest, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == "lo" {
			sent = number(t, strings.Fields(rest)[9])
		}
	}
	return asked, sent
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestUpdateCheckOffSendsNoPacket counts in a network of its own. The daemon
// that may ask proves that the counting works.
func TestUpdateCheckOffSendsNoPacket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		done string // what the log says when the check is over
	}{
		{"on", checking("http://10.99.7.7/v1/check"), ""},
		{"off", append(checking("http://10.99.7.7/v1/check"), "TOKLIGENCE_UPDATE_CHECK_ENABLED=false"), "the update check is off"},
		{"off, the usual address", []string{"TOKLIGENCE_UPDATE_CHECK_DELAY=0s", "TOKLIGENCE_LOG_LEVEL=debug"}, "the update check is off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := daemon.New(t, c.env...)
			pid := sealed(t, d)
			logged := func() bool {
				text, err := os.ReadFile(filepath.Join(d.Dir, "logs", "gatewayd.log"))
				return err == nil && strings.Contains(string(text), c.done)
			}
			if c.done == "" {
				eventually(t, 10*time.Second, "a packet leaves", func() bool { asked, sent := packets(t, pid); return asked > 0 && sent > 0 })
				return
			}
			eventually(t, 10*time.Second, "the check is over", logged)
			if asked, sent := packets(t, pid); asked > 0 || sent > 0 {
				t.Errorf("%d packets asked for, %d sent", asked, sent)
			}
		})
	}
}
