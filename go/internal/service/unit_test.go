package service

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// cases are units on all systems, made on this one.
func cases() map[string]Options {
	awkward := map[string]string{"config": `/srv/100% "mine"/$HOME/config.yaml`, "listen": "127.0.0.1:9000"}
	return map[string]Options{
		"linux user":     {Program: "/opt/gateway", Home: "/home/me", Config: "/home/me/.config", UID: 1000, Flags: awkward},
		"linux system":   {Program: "/usr/local/bin/gateway", System: true},
		"darwin user":    {Program: "/opt/homebrew/bin/gateway", Home: "/Users/me", UID: 501, Flags: map[string]string{"config": "/Users/me/R&D <x>/config.yaml"}},
		"windows system": {Program: `C:\Program Files\Tokligence\gateway.exe`, System: true, Data: `C:\ProgramData\Tokligence`, Flags: map[string]string{"listen": "127.0.0.1:9000"}},
	}
}

func unitOf(t *testing.T, name string) *Unit {
	t.Helper()
	goos, _, _ := strings.Cut(name, " ")
	u, err := New(goos, cases()[name])
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestUnits compares everything that would be done with golden files.
func TestUnits(t *testing.T) {
	for name := range cases() {
		t.Run(name, func(t *testing.T) {
			u := unitOf(t, name)
			var b strings.Builder
			for _, part := range []struct {
				name  string
				steps []Step
			}{{"install", u.Install}, {"start", u.Start}, {"stop", u.Stop}, {"uninstall", u.Uninstall}} {
				fmt.Fprintf(&b, "== %s\n", part.name)
				for _, s := range part.steps {
					text := s.Text
					s.Text = ""
					enc := json.NewEncoder(&b)
					enc.SetEscapeHTML(false)
					if err := enc.Encode(s); err != nil {
						t.Fatal(err)
					}
					b.WriteString(text)
				}
			}
			fmt.Fprintf(&b, "== status\n%q\n== hint\n%s\n", u.query, u.Hint)
			golden := filepath.Join("testdata", strings.ReplaceAll(name, " ", "_")+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || string(want) != b.String() {
				t.Errorf("%v\ngot\n%s\nwant\n%s", err, b.String(), want)
			}
		})
	}
}

func TestUnfit(t *testing.T) {
	for name, c := range map[string]struct {
		goos string
		o    Options
		told string
	}{
		"a program of a user":     {"linux", Options{Program: "/home/me/gateway", System: true}, "--user"},
		"a folder of a user":      {"linux", Options{Program: "/usr/bin/gateway", System: true, Flags: map[string]string{"data-dir": "/srv"}}, "/var/lib/tokligence"},
		"the root of macOS":       {"darwin", Options{Program: "/opt/homebrew/bin/gateway", System: true}, "--user"},
		"root as a user of macOS": {"darwin", Options{Program: "/usr/local/bin/gateway", Home: "/var/root"}, "without sudo"},
		"a user of Windows":       {"windows", Options{Program: `C:\gateway.exe`}, "--user"},
		"Windows without a place": {"windows", Options{Program: `C:\gateway.exe`, System: true}, "--data-dir"},
		"another system":          {"plan9", Options{}, "gateway start"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c.goos, c.o); err == nil || !strings.Contains(err.Error(), c.told) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestPlist is one that any reader of XML reads, with the words it was given.
func TestPlist(t *testing.T) {
	u := unitOf(t, "darwin user")
	dec := xml.NewDecoder(strings.NewReader(u.Install[0].Text))
	var words []string
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok {
			words = append(words, string(text))
		}
	}
	for _, want := range []string{"/opt/homebrew/bin/gateway", "serve", "--config=/Users/me/R&D <x>/config.yaml"} {
		if !slices.Contains(words, want) {
			t.Errorf("%q is not in it: %q", want, words)
		}
	}
}

// TestSystemdAccepts lets systemd itself read the units.
func TestSystemdAccepts(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not installed: ", err)
	}
	program := filepath.Join(t.TempDir(), "a program, 100% mine")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	user := cases()["linux user"]
	user.Program = program
	for name, o := range map[string]Options{"--user": user, "--system": {Program: "/usr/bin/env", System: true}} {
		t.Run(name, func(t *testing.T) {
			u, err := Systemd(o)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), unitName)
			if err := os.WriteFile(file, []byte(u.Install[0].Text), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(analyze, "verify", name, "--man=no", "--recursive-errors=no", file)
			cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// fake puts a program on the path that notes how it is called, prints what it
// is told to, and ends with a code.
func fake(t *testing.T, name, says string, code int) (calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	script := fmt.Sprintf("#!/bin/sh\necho \"${0##*/} $*\" >>'%s'\ncat <<'E'\n%s\nE\nexit %d\n", notes, says, code)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	return func() []string {
		text, err := os.ReadFile(notes)
		if err != nil {
			return nil
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

// TestDo installs and removes an agent of launchd, with a launchctl that notes
// what it is asked for.
func TestDo(t *testing.T) {
	calls := fake(t, "launchctl", "state = running\n\tpid = 4711", 0)
	home := t.TempDir()
	u, err := Launchd(Options{Program: "/usr/local/bin/gateway", Home: home, UID: 501})
	if err != nil {
		t.Fatal(err)
	}
	for _, steps := range [][]Step{u.Install, u.Start, u.Stop} {
		if err := Do(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(filepath.Join(home, "Library/LaunchAgents/com.tokligence.gatewayd.plist")); err != nil || string(text) != u.Install[0].Text {
		t.Errorf("the plist: %v\n%s", err, text)
	}
	if s, err := u.State(t.Context()); err != nil || s != (State{Installed: true, Running: true, PID: 4711, Word: "running"}) {
		t.Errorf("%+v %v", s, err)
	}
	if err := Do(t.Context(), u.Uninstall); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(u.File); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the plist stays: %v", err)
	}
	want := []string{
		"launchctl enable gui/501/com.tokligence.gatewayd", "launchctl bootstrap gui/501 " + u.File,
		"launchctl kickstart gui/501/com.tokligence.gatewayd", "launchctl bootout gui/501/com.tokligence.gatewayd",
		"launchctl print gui/501/com.tokligence.gatewayd", "launchctl bootout gui/501/com.tokligence.gatewayd",
	}
	if got := calls(); !slices.Equal(got, want) {
		t.Errorf("called\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestDoStops at the first step that fails, and says what the system said.
func TestDoStops(t *testing.T) {
	calls := fake(t, "systemctl", "Failed to connect to bus", 1)
	u, err := Systemd(Options{Program: "/opt/gateway", Home: t.TempDir(), Config: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := Do(t.Context(), u.Install); err == nil || !strings.Contains(err.Error(), "Failed to connect to bus") || len(calls()) != 1 {
		t.Errorf("%v after %q", err, calls())
	}
	t.Setenv("PATH", t.TempDir())
	if err := Do(t.Context(), u.Start); !errors.Is(err, ErrNoTool) {
		t.Errorf("%v", err)
	}
	if _, err := u.State(t.Context()); !errors.Is(err, ErrNoTool) {
		t.Errorf("%v", err)
	}
}

func TestState(t *testing.T) {
	for name, c := range map[string]struct {
		unit string
		tool string
		says string
		code int
		want State
	}{
		"systemd runs it":     {"linux user", "systemctl", "LoadState=loaded\nActiveState=active\nMainPID=77", 0, State{true, true, 77, "active"}},
		"systemd gave up":     {"linux user", "systemctl", "LoadState=loaded\nActiveState=failed\nMainPID=0", 0, State{true, false, 0, "failed"}},
		"systemd has none":    {"linux user", "systemctl", "LoadState=not-found\nActiveState=inactive\nMainPID=0", 0, State{false, false, 0, "inactive"}},
		"launchd has none":    {"darwin user", "launchctl", "Could not find service", 113, State{}},
		"Windows runs it":     {"windows system", "sc.exe", "SERVICE_NAME: gatewayd\n        TYPE               : 10  WIN32_OWN_PROCESS\n        STATE              : 4  RUNNING\n        PID                : 4711\n", 0, State{true, true, 4711, "running"}},
		"Windows in German":   {"windows system", "sc.exe", "SERVICE_NAME: gatewayd\n        TYP                : 10  WIN32_OWN_PROCESS\n        STATUS             : 1  STOPPED\n        PID                : 0\n", 0, State{true, false, 0, "stopped"}},
		"Windows has no such": {"windows system", "sc.exe", "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:", 36, State{}},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, c.tool, c.says, c.code)
			if s, err := unitOf(t, c.unit).State(t.Context()); err != nil || s != c.want {
				t.Errorf("%+v %v, want %+v", s, err, c.want)
			}
		})
	}
}

// TestCommandsEnd with their context.
func TestCommandsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Do(ctx, []Step{{Run: []string{"sleep", "60"}}}); err == nil {
		t.Error("it ran")
	}
}
