package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// installed is what both kinds of packages put on a system.
var installed = []string{
	"/usr/bin/gateway", "/usr/bin/gatewayd", "/etc/tokligence/tokligence.yaml", "/etc/tokligence/gatewayd.env",
	"/usr/lib/systemd/system/gatewayd.service", "/usr/share/man/man1/gateway.1.gz", "/usr/share/man/man1/gatewayd.1.gz",
	"/usr/share/bash-completion/completions/gateway", "/usr/share/fish/vendor_completions.d/gateway.fish",
	"/usr/share/doc/tokligence-gateway/copyright", "/usr/share/doc/tokligence-gateway/THIRD_PARTY_NOTICES",
}

func mine(t *testing.T, all []Artifact) string {
	t.Helper()
	for _, a := range all {
		if a.GOARCH == runtime.GOARCH {
			return a.File()
		}
	}
	t.Skipf("the snapshot has no package for %s", runtime.GOARCH)
	return ""
}

// TestDeb installs the package beside the system, uses it, and removes it: the
// configuration stays until it is purged.
func TestDeb(t *testing.T) {
	dpkg, file := tool(t, "dpkg"), mine(t, packages(t, "deb"))
	at := t.TempDir()
	status := filepath.Join(at, "var/lib/dpkg")
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(status, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(status, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Small images of Debian leave out manual pages and documents.
	args := []string{"--root=" + at, "--path-include=/usr/share/*", "--force-not-root", "--force-script-chrootless", "--log=" + filepath.Join(at, "log")}
	run(t, dpkg, append(args, "--install", file)...)
	usable(t, at)
	run(t, dpkg, append(args, "--remove", "tokligence-gateway")...)
	if _, err := os.Lstat(filepath.Join(at, "usr/bin/gateway")); !os.IsNotExist(err) {
		t.Errorf("the program is still there: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(at, "etc/tokligence/tokligence.yaml")); err != nil {
		t.Errorf("removing took the configuration along: %v", err)
	}
	run(t, dpkg, append(args, "--purge", "tokligence-gateway")...)
	if _, err := os.Lstat(filepath.Join(at, "etc/tokligence")); !os.IsNotExist(err) {
		t.Errorf("the configuration is still there: %v", err)
	}
}

func TestRPM(t *testing.T) {
	rpm, file := tool(t, "rpm"), mine(t, packages(t, "rpm"))
	if os.Geteuid() != 0 {
		t.Skip("rpm installs into another root for root only")
	}
	at := t.TempDir()
	run(t, rpm, "--root", at, "--dbpath", "/db", "--initdb")
	run(t, rpm, "--root", at, "--dbpath", "/db", "--nodeps", "--noscripts", "--ignorearch", "-i", file)
	usable(t, at)
	run(t, rpm, "--root", at, "--dbpath", "/db", "--noscripts", "-e", "tokligence-gateway")
	if _, err := os.Lstat(filepath.Join(at, "usr/bin/gateway")); !os.IsNotExist(err) {
		t.Errorf("the program is still there: %v", err)
	}
	configuration := run(t, rpm, "-q", "--configfiles", "-p", file)
	if !strings.Contains(configuration, "/etc/tokligence/tokligence.yaml") || !strings.Contains(configuration, "/etc/tokligence/gatewayd.env") {
		t.Errorf("configuration files: %s", configuration)
	}
}

// usable checks an installation below a folder and runs its programs.
func usable(t *testing.T, at string) {
	t.Helper()
	for _, file := range installed {
		if _, err := os.Stat(filepath.Join(at, file)); err != nil {
			t.Error(err)
		}
	}
	secrets, err := os.Stat(filepath.Join(at, "etc/tokligence/gatewayd.env"))
	if err != nil {
		t.Fatal(err)
	}
	if secrets.Mode().Perm() != 0o600 {
		t.Errorf("gatewayd.env, which holds keys, has mode %v", secrets.Mode())
	}
	version, err := Version()
	if err != nil {
		t.Fatal(err)
	}
	if out := run(t, filepath.Join(at, "usr/bin/gatewayd"), "--version"); strings.TrimSpace(out) != "gatewayd version "+version {
		t.Errorf("gatewayd --version says %q", out)
	}
	out, err := exec.Command(filepath.Join(at, "usr/bin/gateway"), "config", "validate",
		"--config", filepath.Join(at, "etc/tokligence/tokligence.yaml"), "--data-dir", filepath.Join(at, "data")).CombinedOutput()
	if err != nil {
		t.Errorf("the configuration of the package is not valid: %v\n%s", err, out)
	}
}

// TestUnit asks systemd what it thinks of the service.
func TestUnit(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	unit := string(read(t, filepath.Join(root, "go/internal/service/units/gatewayd.service")))
	for _, line := range []string{"DynamicUser=yes", "StateDirectory=tokligence", "ProtectSystem=strict", "EnvironmentFile=-/etc/tokligence/gatewayd.env"} {
		if !strings.Contains(unit, line+"\n") {
			t.Errorf("the unit does not say %s", line)
		}
	}
	// It is verified with the program's place on this machine.
	here := strings.ReplaceAll(unit, "/usr/bin/gatewayd", program(t))
	file := filepath.Join(t.TempDir(), "gatewayd.service")
	if err := os.WriteFile(file, []byte(here), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, analyze, "verify", "--man=no", file)
}
