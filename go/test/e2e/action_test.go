package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// action is what the test needs of action.yml.
type action struct {
	Inputs  map[string]struct{ Description, Default string }
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, Shell, Run string
			Env            map[string]string
		}
	}
}

// TestAction runs the steps of action.yml as a runner would, on a gateway that
// is on the path already.
func TestAction(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var a action
	if err := yaml.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	if a.Runs.Using != "composite" || len(a.Runs.Steps) == 0 {
		t.Fatalf("%+v", a.Runs)
	}
	for name, in := range a.Inputs {
		if in.Description == "" || strings.Contains(in.Default, "${{") {
			t.Errorf("the input %s: %+v", name, in)
		}
	}
	dir := t.TempDir()
	env, output := filepath.Join(dir, "env"), filepath.Join(dir, "output")
	d := background(t, "GITHUB_ENV="+env, "GITHUB_OUTPUT="+output)
	config := filepath.Join(dir, "a config.yaml")
	if err := os.WriteFile(config, []byte("log: {format: text}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	given := map[string]string{"package": "none", "config": config}
	for _, step := range a.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("an input is put into a script, which it could change: %s", step.Run)
		}
		cmd := exec.Command(step.Shell, "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step.Run)
		cmd.Env = append(d.Environ(), "PATH="+filepath.Dir(daemon.Program(t, "gateway"))+":"+os.Getenv("PATH"))
		for name, value := range step.Env {
			input, ok := strings.CutPrefix(strings.TrimSuffix(value, " }}"), "${{ inputs.")
			in, known := a.Inputs[input]
			if !ok || !known {
				t.Fatalf("%s: %s is no input", name, value)
			}
			if value = in.Default; given[input] != "" {
				value = given[input]
			}
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, step.Run, out)
		}
	}
	s := tell(t, d, 0, "status")
	if text, err := os.ReadFile(output); err != nil || string(text) != "url="+s.URL+"\nlog="+s.Log+"\n" {
		t.Errorf("outputs: %v\n%s", err, text)
	}
	if text, err := os.ReadFile(env); err != nil || !containsAll(string(text), "OPENAI_BASE_URL="+s.URL+"/v1\n", "ANTHROPIC_BASE_URL="+s.URL+"/anthropic\n") {
		t.Errorf("environment: %v\n%s", err, text)
	}
	if log, err := os.ReadFile(s.Log); err != nil || !strings.Contains(string(log), "level=INFO") {
		t.Errorf("the configuration is not that of the input: %v", err)
	}
	d.URL = s.URL
	if s := post(t, d, paths["chat"], chat("loopback")); s.status != http.StatusOK {
		t.Errorf("%d %s", s.status, s.body)
	}
}
