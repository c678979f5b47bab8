package agents_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

func codexVersions() []string { return []string{"codex-0.55.0", "codex-0.169.0"} }

// codex runs one prompt. Without a model it uses its own default. More are
// further settings.
func codex(t *testing.T, d *daemon.Daemon, version, dir, model string, more ...string) outcome {
	t.Helper()
	return codexAs(t, d, "gw", version, dir, model, more...)
}

// codexAs is codex whose provider has a name that Codex may know.
func codexAs(t *testing.T, d *daemon.Daemon, name, version, dir, model string, more ...string) outcome {
	t.Helper()
	home := t.TempDir()
	config := ""
	if model != "" {
		config = fmt.Sprintf("model = %q\n", model)
	}
	config += strings.Join(more, "\n") + fmt.Sprintf(`
model_provider = "gw"
check_for_update_on_startup = false
[model_providers.gw]
name = "%s"
base_url = "%s/v1"
env_key = "GW_KEY"
wire_api = "responses"
request_max_retries = 2
stream_max_retries = 2
[analytics]
enabled = false
`, name, d.URL)
	write(t, filepath.Join(home, "config.toml"), []byte(config))
	o := client(t, version, "codex", dir, []string{"CODEX_HOME=" + home, "GW_KEY=" + daemon.Key},
		"exec", "--skip-git-repo-check", "--json", "--sandbox", "danger-full-access", "--", "Make the colour in notes.txt blue.")
	explain(t, d, o)
	return o
}

// codeMode is the tool that newer models get in place of all others: it runs
// JavaScript, in which the other tools are functions. It comes in a namespace,
// which most vendors must be told of as part of the name.
const codeMode = "functions__exec"

// free calls a tool that takes free text, in the form the vendor was told.
func free(a *asked, name, input string) (call, error) {
	t := a.Tools[name]
	if t.Custom {
		return call{Name: name, Input: input, Custom: true}, nil
	}
	raw, err := json.Marshal(obj{t.Arg: input})
	return call{Name: name, Input: string(raw)}, err
}

// script is a line of JavaScript that calls a nested tool and shows what it says.
func nested(a *asked, name string, input any) (call, error) {
	raw, err := json.Marshal(input)
	if err != nil {
		return call{}, err
	}
	return free(a, codeMode, fmt.Sprintf("text(await tools.%s(%s));\n", name, raw))
}

// shell is a call of the shell tool that this version of Codex offers.
func shell(a *asked, command string) (call, error) {
	if _, ok := a.Tools[codeMode]; ok {
		return nested(a, "exec_command", obj{"cmd": command})
	}
	var name string
	var input any
	for _, name = range []string{"exec_command", "shell_command", "shell"} {
		if _, ok := a.Tools[name]; ok {
			break
		}
		name = ""
	}
	switch name {
	case "exec_command":
		input = obj{"cmd": command}
	case "shell_command":
		input = obj{"command": command}
	case "shell":
		input = obj{"command": []string{"bash", "-lc", command}}
	default:
		return call{}, fmt.Errorf("no shell among the tools %v", a.Tools)
	}
	raw, err := json.Marshal(input)
	return call{Name: name, Input: string(raw)}, err
}

const colourPatch = "*** Begin Patch\n*** Update File: notes.txt\n@@\n shape = round\n-colour = red\n+colour = blue\n*** End Patch"

// patch calls apply_patch: the tool if there is one, in the form that the
// vendor was told, else the command of that name.
func patch(a *asked) (call, error) {
	if _, ok := a.Tools[codeMode]; ok {
		return nested(a, "apply_patch", colourPatch)
	}
	if _, ok := a.Tools["apply_patch"]; ok {
		return free(a, "apply_patch", colourPatch)
	}
	return shell(a, "apply_patch <<'EOF'\n"+colourPatch+"\nEOF\n")
}

// codexScript reads the note, runs a command, patches the note, looks again and reports.
func codexScript(a *asked) (reply, error) {
	var next call
	var err error
	r := reply{Thought: "One step at a time."}
	switch len(a.Rounds) {
	case 0:
		r.Text = "I read the note first."
		next, err = shell(a, "cat notes.txt")
	case 1:
		if !strings.Contains(a.last(0), "colour = red") {
			return reply{}, fmt.Errorf("the note did not come back: %q", a.last(0))
		}
		next, err = shell(a, "echo \"quoted \\\"ümlaut\\\"\" && exit 3")
	case 2:
		if !strings.Contains(a.last(0), "ümlaut") {
			return reply{}, fmt.Errorf("the command's output did not come back: %q", a.last(0))
		}
		next, err = patch(a)
	case 3:
		next, err = shell(a, "cat notes.txt")
	default:
		if !strings.Contains(a.last(0), "colour = blue") {
			return reply{}, fmt.Errorf("the note is not patched: %q, and before: %+v", a.last(0), a.Rounds[2].Results)
		}
		return reply{Text: "The colour is blue now."}, nil
	}
	r.Calls = []call{next}
	return r, err
}

// checkCodex wants a good end and the final message among the events.
func checkCodex(t *testing.T, o outcome) {
	t.Helper()
	if o.code != 0 {
		t.Errorf("exit code %d", o.code)
	}
	var said []string
	type usage struct {
		Input  int `json:"input_tokens"`
		Output int `json:"output_tokens"`
	}
	var used usage
	for line := range strings.Lines(o.out) {
		var event struct {
			Type, Message string
			Item          struct{ Type, Text string }
			Usage         *usage
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("event %q: %v", line, err)
		}
		if event.Type == "error" && !strings.HasPrefix(event.Message, "Reconnecting") || event.Type == "turn.failed" {
			t.Errorf("%s", line)
		}
		if event.Type == "item.completed" && event.Item.Type == "agent_message" {
			said = append(said, event.Item.Text)
		}
		if event.Usage != nil {
			used = *event.Usage
		}
	}
	if !slices.Contains(said, "The colour is blue now.") || !slices.Contains(said, "I read the note first.") {
		t.Errorf("messages: %q", said)
	}
	if used.Input == 0 || used.Output == 0 {
		t.Errorf("usage: %+v", used)
	}
}

func TestCodex(t *testing.T) {
	onEach(t, codexVersions(), models(), func(t *testing.T, version string, p provider) {
		d, v := p.gateway(t, codexScript)
		dir := workspace(t)
		o := codex(t, d, version, dir, p.model)
		v.check(t)
		checkCodex(t, o)
		checkNote(t, dir)
	})
}

// TestCodexOwnModel leaves the model to Codex: its own name is answered by the
// only provider there is, whoever that is.
func TestCodexOwnModel(t *testing.T) {
	for _, version := range codexVersions() {
		for _, p := range providers() {
			if p.name == "responses" {
				continue // bytes pass, whatever the model
			}
			t.Run(version+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				d, v := p.gateway(t, codexScript)
				dir := workspace(t)
				o := codex(t, d, version, dir, "")
				v.check(t)
				checkCodex(t, o)
				checkNote(t, dir)
				for _, a := range v.asked() {
					if p.name != "chat" && strings.HasPrefix(a.Model, "gpt") {
						t.Errorf("%s was asked for %s", p.name, a.Model)
					}
				}
			})
		}
	}
}

// TestCodexFreeformPatch has the patch tool that takes free text, which half of
// the vendors must be told of as a function.
func TestCodexFreeformPatch(t *testing.T) {
	for _, p := range models() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			d, v := p.gateway(t, codexScript)
			dir := workspace(t)
			o := codex(t, d, "codex-0.55.0", dir, p.model, "features.apply_patch_freeform = true")
			v.check(t)
			checkCodex(t, o)
			checkNote(t, dir)
			for _, a := range v.asked() {
				if _, ok := a.Tools["apply_patch"]; !ok {
					t.Errorf("apply_patch is not among the tools: %v", a.Tools)
				}
			}
		})
	}
}
