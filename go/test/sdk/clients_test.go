// Package sdk_test runs the official clients through the real daemon.
package sdk_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
	"github.com/tokligence/tokligence-gateway/go/test/fixtureupstream"
)

const fixtures = "../../internal/protocol/protocoltest/testdata/fixtures"

// start runs a gateway in front of one vendor of each protocol.
func start(t *testing.T) (d *daemon.Daemon, vendors []*fixtureupstream.Vendor) {
	t.Helper()
	dir, err := filepath.Abs(fixtures)
	if err != nil {
		t.Fatal(err)
	}
	urls := map[string]string{}
	for _, name := range []string{"chat", "messages", "gemini"} {
		vendor := &fixtureupstream.Vendor{Protocol: name, Dir: dir}
		server := httptest.NewServer(vendor)
		t.Cleanup(server.Close)
		vendors, urls[name] = append(vendors, vendor), server.URL
	}
	d = daemon.Start(t,
		"TOKLIGENCE_ROUTES=chat-*=>openai,messages-*=>anthropic,gemini-*=>gemini", "TOKLIGENCE_ROUTING_ATTEMPTS=1",
		"TOKLIGENCE_OPENAI_API_KEY=sk-openai-canary", "TOKLIGENCE_OPENAI_BASE_URL="+urls["chat"]+"/v1",
		"TOKLIGENCE_ANTHROPIC_API_KEY=sk-ant-canary", "TOKLIGENCE_ANTHROPIC_BASE_URL="+urls["messages"],
		"TOKLIGENCE_GEMINI_API_KEY=AIza-gemini-canary", "TOKLIGENCE_GEMINI_BASE_URL="+urls["gemini"],
		"TOKLIGENCE_PROVIDERS_GEMINI_PROTOCOLS=gemini") // Chat clients too are to be translated here
	return d, vendors
}

// run runs a test program of another language.
func run(t *testing.T, d *daemon.Daemon, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GATEWAY_URL="+d.URL, "GATEWAY_KEY="+daemon.Key)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s\n--- gateway\n%s", program, err, out, d.Logs())
	}
}

func TestJavaScriptClients(t *testing.T) {
	d, vendors := start(t)
	run(t, d, "js", "node", "--test", "--test-reporter=tap", "sdk.test.mjs", "beside.test.mjs", "vercel.test.mjs")
	checkUpstreams(t, vendors...)
}

func TestPythonClients(t *testing.T) {
	d, vendors := start(t)
	run(t, d, "py", filepath.Join(".venv", "bin", "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sdk.py", "test_beside.py")
	checkUpstreams(t, vendors...)
}

// checkUpstreams looks at what the vendors got: their own key, never the
// client's.
func checkUpstreams(t *testing.T, vendors ...*fixtureupstream.Vendor) {
	t.Helper()
	for _, v := range vendors {
		calls := v.Calls()
		if len(calls) == 0 {
			t.Errorf("%s: no call arrived", v.Protocol)
		}
		for _, call := range calls {
			for name, values := range call.Header {
				for _, value := range values {
					if value == daemon.Key || value == "Bearer "+daemon.Key {
						t.Errorf("%s: the client's key reached the upstream in %s", v.Protocol, name)
					}
				}
			}
		}
	}
}
