package agents_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// failing answers the first calls that offer tools with an error, and the rest
// as the script says. A negative count never ends.
func failing(n int64, with error, then script) script {
	var failed atomic.Int64
	return func(a *asked) (reply, error) {
		if len(a.Tools) > 0 && (n < 0 || failed.Add(1) <= n) {
			return reply{}, with
		}
		return then(a)
	}
}

// soon is less than any of the clients' own retries take in all.
const soon = 30 * time.Second

var errBad = &refusal{http.StatusBadRequest, "The rhubarb is not ripe."}

// TestClaudeBadRequest: a 400 ends the client at once, with the vendor's words.
func TestClaudeBadRequest(t *testing.T) {
	onEach(t, claudeVersions(), providers(), func(t *testing.T, version string, p provider) {
		dir := workspace(t)
		d, v := p.gateway(t, failing(-1, errBad, claudeScript(dir)))
		o := claude(t, d, version, dir)
		v.check(t)
		if s := readSummary(t, o); o.code == 0 || !s.Failed || !strings.Contains(s.Result, "rhubarb") || o.took > soon {
			t.Errorf("exit code %d after %v, %+v", o.code, o.took, s)
		}
	})
}

// TestCodexBadRequest: the same.
func TestCodexBadRequest(t *testing.T) {
	onEach(t, codexVersions(), providers(), func(t *testing.T, version string, p provider) {
		dir := workspace(t)
		d, v := p.gateway(t, failing(-1, errBad, codexScript))
		o := codex(t, d, version, dir, p.model)
		v.check(t)
		if o.code == 0 || !strings.Contains(o.out, "rhubarb") || o.took > soon {
			t.Errorf("exit code %d after %v", o.code, o.took)
		}
	})
}

// TestBusyVendor: a vendor that is busy for a moment, or breaks off in
// mid-stream, does not spoil the work. The gateway tries again where nothing
// has been said yet, the client otherwise.
func TestBusyVendor(t *testing.T) {
	faults := map[string]error{
		"429": &refusal{http.StatusTooManyRequests, "Slow down."}, "503": &refusal{http.StatusServiceUnavailable, "Overloaded."}, "cut": errCut,
	}
	for name, fault := range faults {
		for _, p := range providers() {
			t.Run(name+"/claude/"+p.name, func(t *testing.T) {
				t.Parallel()
				dir := workspace(t)
				d, v := p.gateway(t, failing(1, fault, claudeScript(dir)))
				o := claude(t, d, "claude-2.1.330", dir)
				v.check(t)
				checkClaude(t, o)
				checkNote(t, dir)
			})
			t.Run(name+"/codex/"+p.name, func(t *testing.T) {
				t.Parallel()
				dir := workspace(t)
				d, v := p.gateway(t, failing(1, fault, codexScript))
				o := codex(t, d, "codex-0.169.0", dir, p.model)
				v.check(t)
				checkCodex(t, o)
				checkNote(t, dir)
			})
		}
	}
}
