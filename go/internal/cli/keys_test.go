package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
)

func TestLoopBreakerOfAKey(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		c := &command{out: &out, err: &out, in: strings.NewReader("")}
		return c.run(context.Background(), programCLI, append(args, "--data-dir", dir)), out.String()
	}
	for _, step := range []struct {
		args string
		code int
		want string
	}{
		{"users create alice", 0, ""},
		{"keys create --user alice --name poller --loop-breaker off --json", 0, `"loop_breaker": "off"`},
		{"keys list --user alice --json", 0, `"loop_breaker": "off"`},
		{"keys revoke poller --json", 0, `"loop_breaker": "off"`},
		{"keys create --user alice --name usual --json", 0, `"loop_breaker": "on"`},
		{"keys create --user alice --name odd --loop-breaker maybe", 2, "on or off"},
	} {
		if code, out := run(strings.Fields(step.args)...); code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("%s ended with %d: %s", step.args, code, out)
		}
	}
}
