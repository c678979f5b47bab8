package e2e_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

var snake = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// shape lists the names in a JSON value, the way to each written out.
func shape(t *testing.T, text string) []string {
	t.Helper()
	found := map[string]bool{}
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				if !snake.MatchString(name) {
					t.Errorf("the name %q is not in snake case", name)
				}
				found[at+name] = true
				walk(at+name+".", member)
			}
		case []any:
			for _, element := range v {
				walk(at+"[].", element)
			}
		}
	}
	dec := json.NewDecoder(strings.NewReader(text))
	n := 0
	for ; dec.More(); n++ {
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		walk("", v)
	}
	if n == 0 {
		t.Fatal("no JSON at all")
	}
	return slices.Sorted(maps.Keys(found))
}

// same compares lines with a golden file.
func same(t *testing.T, name string, lines []string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got := []byte(strings.Join(lines, "\n") + "\n")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s (%v): got\n%s\nwant\n%s", name, err, got, want)
	}
}

// TestEveryCommand runs each command for people and for programs: names in
// JSON are what other programs rely on.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "openai", "gpt-5", "gpt-5-mini")
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk-canary", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL, "TOKLIGENCE_MODEL_ALIASES=fast=>gpt-5-mini")
	d.Env = append(d.Env, "TOKLIGENCE_LISTEN="+strings.TrimPrefix(d.URL, "http://"))
	post(t, d, paths["chat"], chat("fast"))
	post(t, d, paths["chat"], chat("loopback:status=500"))
	for _, c := range []struct {
		name string
		args []string
		json bool // also without a second effect, so it is run for people first
	}{
		{"init", []string{"init"}, true},
		{"users-create", []string{"users", "create", "alice", "--role", "admin", "--team", "blue"}, false},
		{"users-list", []string{"users", "list"}, true},
		{"users-change", []string{"users", "change", "alice", "--role", "user"}, true},
		{"keys-create", []string{"keys", "create", "--user", "alice", "--name", "ci", "--models", "gpt-*", "--expires", "30d"}, false},
		{"keys-list", []string{"keys", "list"}, true},
		{"keys-revoke", []string{"keys", "revoke", "ci"}, true},
		{"keys-delete", []string{"keys", "delete", "ci"}, false},
		{"users-delete", []string{"users", "delete", "alice"}, false},
		{"usage", []string{"usage"}, true},
		{"usage-by", []string{"usage", "--by", "day,user,key,team,provider,model,outcome", "--since", "1h"}, true},
		{"ledger-export", []string{"ledger", "export"}, true},
		{"ledger-verify", []string{"ledger", "verify"}, true},
		{"models", []string{"models"}, true},
		{"route-explain", []string{"route", "explain", "--model", "fast", "--protocol", "anthropic-messages"}, true},
		{"config-validate", []string{"config", "validate"}, true},
		{"config-show", []string{"config", "show"}, true},
		{"migrate", []string{"migrate"}, true},
		{"migrate-dry", []string{"migrate", "--dry-run"}, true},
		{"doctor", []string{"doctor"}, true},
		{"healthcheck", []string{"healthcheck"}, true},
		{"version", []string{"version"}, true},
	} {
		if c.json {
			said := d.Exec(t, "gateway", c.args...)
			if said.Code != 0 || strings.TrimSpace(said.Out) == "" {
				t.Errorf("%s: exit code %d, %q, %s", c.name, said.Code, said.Out, said.Err)
			}
			if strings.Contains(said.Out+said.Err, "sk-canary") {
				t.Errorf("%s shows a secret", c.name)
			}
		}
		said := d.Exec(t, "gateway", append(c.args, "--json")...)
		if said.Code != 0 || said.Err != "" {
			t.Errorf("%s --json: exit code %d, %s", c.name, said.Code, said.Err)
		}
		same(t, "cli/"+c.name+".txt", shape(t, said.Out))
	}
	for _, args := range [][]string{{"config", "schema"}, {"config", "example"}, {"config", "reference"}} {
		if d.CLI(t, args...) == "" {
			t.Errorf("%v says nothing", args)
		}
	}
	if schema := d.CLI(t, "config", "schema"); !json.Valid([]byte(schema)) {
		t.Error("the schema is no JSON")
	}
}

// TestExitCodes are 1 for what failed and 2 for what makes no sense.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	d := daemon.New(t)
	for line, want := range map[string]int{
		"":                                     0,
		"--help":                               0,
		"--version":                            0,
		"help users":                           0,
		"nonsense":                             2,
		"users nonsense":                       2,
		"users create":                         2,
		"users create a b":                     2,
		"users list --nonsense":                2,
		"users create a --role king":           1,
		"users delete nobody":                  1,
		"users change a":                       2,
		"keys create":                          2,
		"keys create --user nobody":            1,
		"keys create --user a --expires soon":  2,
		"keys revoke nothing":                  1,
		"usage --by colour":                    2,
		"usage --since yesterday":              2,
		"ledger export --until never":          2,
		"route explain":                        2,
		"route explain --model x":              1,
		"healthcheck --url http://127.0.0.1:1": 1,
		"config show --config /nonexistent/config.yaml": 1,
		"version extra": 2,
	} {
		said := d.Exec(t, "gateway", strings.Fields(line)...)
		if said.Code != want {
			t.Errorf("gateway %s: exit code %d, want %d: %s%s", line, said.Code, want, said.Out, said.Err)
		}
		if want != 0 && said.Err == "" && !strings.HasPrefix(line, "route") {
			t.Errorf("gateway %s says nothing of what is wrong", line)
		}
		if strings.Contains(said.Err, "goroutine") {
			t.Errorf("gateway %s panics: %s", line, said.Err)
		}
	}
	for line, near := range map[string]string{"usrs": "users", "keys creat": "create", "ledger verfy": "verify"} {
		if said := d.Exec(t, "gateway", strings.Fields(line)...); !strings.Contains(said.Err, near) {
			t.Errorf("gateway %s: %s", line, said.Err)
		}
	}
	for line, want := range map[string]int{"--help": 0, "--version": 0, "extra": 2, "--nonsense": 2, "--mode nonsense": 1} {
		if said := d.Exec(t, "gatewayd", strings.Fields(line)...); said.Code != want {
			t.Errorf("gatewayd %s: exit code %d, want %d: %s", line, said.Code, want, said.Err)
		}
	}
}

func TestInitTwice(t *testing.T) {
	t.Parallel()
	d := daemon.New(t)
	first := d.CLI(t, "init")
	path := filepath.Join(d.Dir, "config.yaml")
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(first, path) {
		t.Fatalf("%v\n%s", err, first)
	}
	if said := d.Exec(t, "gateway", "config", "validate"); said.Code != 0 {
		t.Errorf("what init writes is not valid: %s", said.Out)
	}
	own := append(text, "log: {level: warn}\n"...)
	if err := os.WriteFile(path, own, 0o600); err != nil {
		t.Fatal(err)
	}
	again := d.CLI(t, "init")
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, own) || !strings.Contains(again, "stays as it is") {
		t.Errorf("the second init changes the file (%v): %s", err, again)
	}
	d.CLI(t, "init", "--force")
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, text) {
		t.Errorf("--force does not write it anew: %v", err)
	}
	d.Run(t)
	if s := post(t, d, paths["chat"], chat("loopback")); s.status != http.StatusOK {
		t.Errorf("a gateway after init: %d %s", s.status, s.body)
	}
}

func TestUsageGroups(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "openai", "gpt-5")
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL)
	for model, calls := range map[string]int{"gpt-5": 3, "loopback": 2, "loopback:status=400": 1} {
		for range calls {
			post(t, d, paths["chat"], chat(model))
		}
	}
	type sum struct {
		Group                        map[string]string
		Requests, Attempts, Failures int
		Input                        int64 `json:"input_tokens"`
		Cost                         int64 `json:"cost_nano_usd"`
		Unpriced                     int   `json:"unpriced_attempts"`
	}
	sums := func(args ...string) map[string]sum {
		var list []sum
		out := d.CLI(t, append([]string{"usage", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		by := map[string]sum{}
		for _, s := range list {
			by[strings.Join(slices.Sorted(maps.Values(s.Group)), "/")] = s
		}
		return by
	}
	byProvider := sums("--by", "provider")
	if got := byProvider["openai"]; got.Requests != 3 || got.Attempts != 3 || got.Failures != 0 || got.Input != 21 || got.Cost == 0 || got.Unpriced != 0 {
		t.Errorf("openai: %+v", got)
	}
	if got := byProvider["loopback"]; got.Requests != 3 || got.Failures != 1 {
		t.Errorf("loopback: %+v", got)
	}
	if got := sums("--by", "provider", "--provider", "openai"); len(got) != 1 {
		t.Errorf("only openai: %+v", got)
	}
	if got := sums("--model", "gpt-5"); len(got) != 1 {
		t.Errorf("only gpt-5: %+v", got)
	}
	if got := sums("--until", "1h"); len(got) != 0 {
		t.Errorf("before the last hour: %+v", got)
	}
	people := d.CLI(t, "usage")
	if !containsAll(people, "PROVIDER", "gpt-5", "$0.0") {
		t.Errorf("for people:\n%s", people)
	}
	var csv bytes.Buffer
	csv.WriteString(d.CLI(t, "ledger", "export", "--since", "1h"))
	if n := strings.Count(csv.String(), "\n"); n != 7 || !strings.HasPrefix(csv.String(), "request_id,") {
		t.Errorf("%d lines of CSV:\n%s", n, csv.String())
	}
}

// TestCompletions are scripts that their shells understand.
func TestCompletions(t *testing.T) {
	t.Parallel()
	d := daemon.New(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		script := d.CLI(t, "completion", shell)
		if !strings.Contains(script, "gateway") {
			t.Errorf("%s: %q", shell, script)
		}
		if path, err := exec.LookPath(shell); err == nil && shell != "powershell" {
			check := exec.Command(path, "-n")
			check.Stdin = strings.NewReader(script)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s does not understand it: %v %s", shell, err, out)
			}
		}
	}
	if out := d.CLI(t, "__complete", "us"); !containsAll(out, "usage", "users") {
		t.Errorf("completing us: %s", out)
	}
}
