// Package check_test holds the compose file and the Helm chart to their own
// rules, and their settings to the program's. It starts nothing.
package check_test

import (
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const root = "../.."

// scratch is removed after the tests.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tokligence-check")
	if err != nil {
		log.Fatal(err)
	}
	scratch = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "gateway")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nomsgpack", "-ldflags", "-s -w", "-o", path, "./cmd/gateway")
	cmd.Dir = filepath.Join(root, "go")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
})

// version is the one of the program, as its source says.
func version(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "go/internal/version/VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// understands runs the program's own check of settings: variables as in a
// container, with the configuration file and the secrets they name. A secret
// is given by the path that the container would read it from.
func understands(t *testing.T, env map[string]string, config string, secrets map[string]string) {
	t.Helper()
	gateway, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(gateway, "config", "validate")
	cmd.Env = []string{"TOKLIGENCE_DATA_DIR=" + dir, "TOKLIGENCE_LISTEN=:8081"}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value := env[name]
		switch {
		case name == "TOKLIGENCE_CONFIG":
			value = file
		case strings.HasSuffix(name, "_FILE"):
			content, ok := secrets[value]
			if !ok {
				t.Errorf("%s names %s, which is not mounted", name, value)
			}
			value = filepath.Join(dir, name)
			if err := os.WriteFile(value, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "warning") {
		t.Errorf("the program does not take %v: %v\n%s", env, err, out)
	}
}
