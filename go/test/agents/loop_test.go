package agents_test

import (
	"fmt"
	"strings"
	"testing"
)

// steps is how many calls a long loop makes, one after the other.
const steps = 12

// longScript makes calls that differ, and thinks before each.
func longScript(run func(a *asked, command string) (call, error)) script {
	return func(a *asked) (reply, error) {
		if len(a.Tools) == 0 {
			return reply{Text: "I am warm."}, nil
		}
		n := len(a.Rounds)
		if n > 0 && !strings.Contains(a.last(0), fmt.Sprintf("step %d", n)) {
			return reply{}, fmt.Errorf("step %d came back as %q", n, a.last(0))
		}
		if n == steps {
			return reply{Thought: "Done.", Text: "The colour is blue now."}, nil
		}
		next, err := run(a, fmt.Sprintf("echo step %d", n+1))
		r := reply{Thought: fmt.Sprintf("Now step %d.", n+1), Calls: []call{next}}
		if n == 0 {
			r.Text = "I read the note first."
		}
		return r, err
	}
}

// TestLongLoop thinks and calls for a dozen turns: every thought goes back to
// the vendor that had it.
func TestLongLoop(t *testing.T) {
	for i, want := range map[int]struct{ field, value string }{0: {"signature", signed}, 2: {"encrypted_content", sealed}, 3: {"thoughtSignature", ""}} {
		p := providers()[i]
		t.Run("codex/"+p.name, func(t *testing.T) {
			t.Parallel()
			d, v := p.gateway(t, longScript(shell))
			o := codex(t, d, "codex-0.169.0", workspace(t), p.model, `model_reasoning_effort = "high"`, `model_supports_reasoning_summaries = true`)
			v.check(t)
			checkCodex(t, o)
			if got := count(latest(v).Raw, want.field, want.value); got != steps {
				t.Errorf("%d thoughts of %d came back", got, steps)
			}
		})
		t.Run("claude/"+p.name, func(t *testing.T) {
			t.Parallel()
			bash := func(_ *asked, command string) (call, error) {
				return use("Bash", obj{"command": command, "description": "Take a step"}), nil
			}
			d, v := p.gateway(t, longScript(bash))
			o := claude(t, d, "claude-2.1.330", workspace(t))
			v.check(t)
			checkClaude(t, o)
			if got := count(latest(v).Raw, want.field, want.value); got != steps {
				t.Errorf("%d thoughts of %d came back", got, steps)
			}
		})
	}
}
