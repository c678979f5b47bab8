package agents_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

func claudeVersions() []string { return []string{"claude-2.0.29", "claude-2.1.330"} }

// claude runs one prompt, unmodified but for the address, the key and whatever
// more the test sets.
func claude(t *testing.T, d *daemon.Daemon, version, dir string, more ...string) outcome {
	t.Helper()
	env := append([]string{
		"ANTHROPIC_BASE_URL=" + d.URL + "/anthropic", "ANTHROPIC_API_KEY=" + daemon.Key, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
		"DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1", "DISABLE_AUTOUPDATER=1",
	}, more...)
	o := client(t, version, "claude", dir, env,
		"-p", "Make the colour in notes.txt blue.", "--output-format", "json", "--allowedTools", "Read,Edit,Write,Bash", "--max-turns", "20")
	explain(t, d, o)
	return o
}

func use(name string, input obj) call {
	raw, err := json.Marshal(input)
	if err != nil {
		panic(err)
	}
	return call{Name: name, Input: string(raw)}
}

// claudeScript reads the note and runs a command at a time, edits the note,
// looks again and reports. Calls without tools are warm-ups.
func claudeScript(dir string) script {
	note := filepath.Join(dir, "notes.txt")
	return func(a *asked) (reply, error) {
		if len(a.Tools) == 0 {
			return reply{Text: "I am warm."}, nil
		}
		r := reply{Thought: "One step at a time."}
		switch len(a.Rounds) {
		case 0:
			r.Text = "I look at the note."
			r.Calls = []call{use("Read", obj{"file_path": note}), use("Bash", obj{"command": `echo "ümlaut \"quoted\""`, "description": "Say something"})}
		case 1:
			if !strings.Contains(a.last(0)+a.last(1), "colour = red") || !strings.Contains(a.last(0)+a.last(1), "ümlaut") {
				return reply{}, fmt.Errorf("the note or the output did not come back: %+v", a.Rounds[0].Results)
			}
			r.Calls = []call{use("Edit", obj{"file_path": note, "old_string": "colour = red", "new_string": "colour = blue"})}
		case 2:
			r.Calls = []call{use("Bash", obj{"command": "cat " + note, "description": "Look again"})}
		default:
			if !strings.Contains(a.last(0), "colour = blue") {
				return reply{}, fmt.Errorf("the note is not edited: %+v", a.Rounds)
			}
			return reply{Thought: "All is well.", Text: "The colour is blue now."}, nil
		}
		return r, nil
	}
}

// summary is the last word of Claude Code.
type summary struct {
	Subtype, Result string
	Failed          bool    `json:"is_error"`
	Cost            float64 `json:"total_cost_usd"`
	Usage           struct {
		Input  int `json:"input_tokens"`
		Output int `json:"output_tokens"`
		Cached int `json:"cache_read_input_tokens"`
	}
}

func readSummary(t *testing.T, o outcome) summary {
	t.Helper()
	var s summary
	if err := json.Unmarshal([]byte(o.out), &s); err != nil {
		t.Errorf("the summary: %v", err)
	}
	return s
}

// checkClaude wants a good end, a message and a cost.
func checkClaude(t *testing.T, o outcome) {
	t.Helper()
	s := readSummary(t, o)
	if o.code != 0 || s.Failed || s.Subtype != "success" || s.Result != "The colour is blue now." {
		t.Errorf("exit code %d, %+v", o.code, s)
	}
	if s.Cost <= 0 || s.Usage.Input == 0 || s.Usage.Output == 0 {
		t.Errorf("cost %v of %+v", s.Cost, s.Usage)
	}
}

// TestClaude leaves all models to Claude Code: with the key of one provider,
// whoever that is, its own names are answered.
func TestClaude(t *testing.T) {
	onEach(t, claudeVersions(), providers(), func(t *testing.T, version string, p provider) {
		dir := workspace(t)
		d, v := p.gateway(t, claudeScript(dir))
		o := claude(t, d, version, dir)
		v.check(t)
		checkClaude(t, o)
		checkNote(t, dir)
		if version == "claude-2.0.29" {
			checkWarmUps(t, v)
		}
	})
}

// checkWarmUps wants the calls that the older version makes at its start, one
// of its two to a small model.
func checkWarmUps(t *testing.T, v *vendor) {
	t.Helper()
	models := map[string]bool{}
	warm := 0
	for _, a := range v.asked() {
		models[a.Model] = true
		if len(a.Tools) == 0 {
			warm++
		}
	}
	if warm < 2 || len(models) < 2 {
		t.Errorf("%d warm-ups, models %v", warm, models)
	}
}

// TestClaudeForeignModel asks for a model that Claude Code does not know: it
// then sends adaptive thinking, an effort and system messages in between. The
// key goes the other way it knows.
func TestClaudeForeignModel(t *testing.T) {
	for _, version := range claudeVersions() {
		for _, p := range models() {
			if p.name == "anthropic" {
				continue // all its models are known
			}
			t.Run(version+"/"+p.name, func(t *testing.T) {
				t.Parallel()
				dir := workspace(t)
				d, v := p.gateway(t, claudeScript(dir))
				o := claude(t, d, version, dir, "ANTHROPIC_MODEL="+p.model, "ANTHROPIC_API_KEY=", "ANTHROPIC_AUTH_TOKEN="+daemon.Key)
				v.check(t)
				checkClaude(t, o)
				checkNote(t, dir)
			})
		}
	}
}
