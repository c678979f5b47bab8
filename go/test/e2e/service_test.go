package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// TestServiceOfSystemd works with a systemctl that notes what it is asked for.
func TestServiceOfSystemd(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("systemd is of Linux")
	}
	bin := t.TempDir()
	notes := filepath.Join(bin, "notes")
	script := "#!/bin/sh\necho \"$*\" >>'" + notes + "'\ncase \"$*\" in *show*) printf 'LoadState=loaded\\nActiveState=active\\nMainPID=77\\n';; esac\n"
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	d := daemon.New(t)
	d.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "XDG_CONFIG_HOME=" + filepath.Join(d.Dir, "conf")}
	unit := filepath.Join(d.Dir, "conf", "systemd", "user", "gatewayd.service")

	preview := d.CLI(t, "service", "install", "--user", "--dry-run", "--listen", "127.0.0.1:9000")
	if !containsAll(preview, "write "+unit, "    ExecStart=", " serve --listen=127.0.0.1:9000\n", "run systemctl --user daemon-reload", "run systemctl --user enable gatewayd.service") {
		t.Errorf("dry run:\n%s", preview)
	}
	if _, err := os.Stat(unit); !os.IsNotExist(err) {
		t.Errorf("a dry run writes: %v", err)
	}
	if _, err := os.Stat(notes); !os.IsNotExist(err) {
		t.Errorf("a dry run calls systemctl: %v", err)
	}
	if said := d.CLI(t, "service", "install", "--user", "--data-dir", d.Dir); !containsAll(said, "installed", "gatewayd.env", "gateway service start") {
		t.Errorf("install: %s", said)
	}
	text, err := os.ReadFile(unit)
	if err != nil || !containsAll(string(text), " serve --data-dir="+d.Dir+"\n", "ExecStart="+daemon.Program(t, "gateway")) {
		t.Errorf("%v\n%s", err, text)
	}
	if strings.Contains(string(text), daemon.Key) {
		t.Error("a key stands in the unit")
	}
	d.CLI(t, "service", "start", "--user")
	if said := d.CLI(t, "service", "status", "--user"); !strings.Contains(said, "running (process 77)") {
		t.Errorf("status: %s", said)
	}
	d.CLI(t, "service", "stop", "--user")
	d.CLI(t, "service", "uninstall", "--user")
	if _, err := os.Stat(unit); !os.IsNotExist(err) {
		t.Errorf("the unit stays: %v", err)
	}
	want := "--user daemon-reload\n--user enable gatewayd.service\n--user start gatewayd.service\n" +
		"--user show gatewayd.service --property=LoadState,ActiveState,MainPID\n--user stop gatewayd.service\n" +
		"--user disable --now gatewayd.service\n--user daemon-reload\n"
	if calls, err := os.ReadFile(notes); err != nil || string(calls) != want {
		t.Errorf("%v\ncalled\n%swant\n%s", err, calls, want)
	}
}

func TestServiceMisused(t *testing.T) {
	t.Parallel()
	d := daemon.New(t)
	if said := d.Exec(t, "gateway", "service", "start", "--user", "--system"); said.Code != 2 || !strings.Contains(said.Err, "exclude each other") {
		t.Errorf("exit code %d: %s", said.Code, said.Err)
	}
	if said := d.Exec(t, "gateway", "service", "instal"); said.Code != 2 || !strings.Contains(said.Err, "did you mean install?") {
		t.Errorf("exit code %d: %s", said.Code, said.Err)
	}
	d.Env = []string{"PATH=" + t.TempDir()}
	if said := d.Exec(t, "gateway", "service", "start", "--user"); said.Code != 1 || !strings.Contains(said.Err, "'gateway start' needs none") {
		t.Errorf("without systemd: exit code %d: %s", said.Code, said.Err)
	}
	var steps []struct{ Run []string }
	if err := json.Unmarshal([]byte(d.CLI(t, "service", "stop", "--user", "--dry-run", "--json")), &steps); err != nil || len(steps) != 1 {
		t.Errorf("%+v %v", steps, err)
	}
}
