package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// configure writes the configuration file of a data folder.
func configure(t *testing.T, d *daemon.Daemon, text string) {
	t.Helper()
	path := filepath.Join(d.Dir, "config.yaml")
	// As editors do: never half a file.
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// reloaded is how long a change of the file may take.
const reloaded = 5 * time.Second

func TestUnknownSettings(t *testing.T) {
	t.Parallel()
	d := daemon.New(t)
	configure(t, d, "# ours\nmode: personal\nlimits:\n  body_byte: 1MiB\nrouts:\n  - a=>b\n")
	for _, program := range []string{"gatewayd", "gateway"} {
		args := map[string][]string{"gateway": {"config", "show"}}[program]
		said := d.Exec(t, program, args...)
		if said.Code != 1 || !containsAll(said.Err, "config.yaml:4", "limits.body_byte:", "body_bytes?", "config.yaml:5", "routes?") {
			t.Errorf("%s: exit code %d: %s", program, said.Code, said.Err)
		}
	}
	said := d.Exec(t, "gateway", "config", "validate", "--json")
	var report struct {
		Valid    bool
		Problems []struct{ Where, Message, Fix string }
	}
	if err := json.Unmarshal([]byte(said.Out), &report); err != nil || said.Code != 1 || report.Valid || len(report.Problems) != 2 {
		t.Errorf("config validate: exit code %d, %v: %s", said.Code, err, said.Out)
	}
	configure(t, d, "mode: personal\nmode: team\n")
	if said := d.Exec(t, "gateway", "config", "validate"); said.Code != 1 || !containsAll(said.Out, "config.yaml", "ine 2", "mode") {
		t.Errorf("a setting given twice: exit code %d: %s%s", said.Code, said.Out, said.Err)
	}
	configure(t, d, "routes: ['claude*=>antropic']\n")
	if said := d.Exec(t, "gateway", "config", "validate"); said.Code != 1 || !strings.Contains(said.Out, "anthropic") {
		t.Errorf("a route to an unknown provider: exit code %d: %s%s", said.Code, said.Out, said.Err)
	}
	configure(t, d, "mode: personal\n")
	if said := d.Exec(t, "gateway", "config", "validate"); said.Code != 0 || said.Out == "" {
		t.Errorf("a valid file: exit code %d: %s%s", said.Code, said.Out, said.Err)
	}
}

func TestConfigShowsSources(t *testing.T) {
	t.Parallel()
	d := daemon.New(t, "TOKLIGENCE_LOG_LEVEL=warn", "TOKLIGENCE_OPENAI_API_KEY=sk-canary-7", "TOKLIGENCE_API_KEY=canary-8")
	configure(t, d, "log:\n  level: debug\nlimits:\n  body_bytes: 3MiB\n")
	var values []struct {
		Key    string
		Value  json.RawMessage
		Source json.RawMessage
	}
	out := d.CLI(t, "config", "show", "--json")
	if err := json.Unmarshal([]byte(out), &values); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for key, want := range map[string][2]string{
		"log.level":                {"warn", "TOKLIGENCE_LOG_LEVEL"},
		"limits.body_bytes":        {"3MiB", "config.yaml"},
		"limits.answer_bytes":      {"64MiB", "default"},
		"providers.openai.api_key": {"", "TOKLIGENCE_OPENAI_API_KEY"},
	} {
		found := false
		for _, v := range values {
			if v.Key == key {
				found = strings.Contains(string(v.Value), want[0]) && strings.Contains(string(v.Source), want[1])
			}
		}
		if !found {
			t.Errorf("%s is not shown as %v:\n%s", key, want, out)
		}
	}
	people := d.CLI(t, "config", "show")
	if strings.Contains(out+people, "canary") || !containsAll(people, "log.level", "TOKLIGENCE_LOG_LEVEL", "config.yaml:4") {
		t.Errorf("for people:\n%s", people)
	}
	if said := d.Exec(t, "gatewayd", "--listen", "nonsense"); said.Code != 1 || !strings.Contains(said.Err, "--listen") {
		t.Errorf("a bad flag: exit code %d: %s", said.Code, said.Err)
	}
}

// TestReload changes the file under a stream: it goes on as it began, new
// calls go the new way, and a bad file changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	one, two := newVendor(t, "one"), newVendor(t, "two")
	one.hold = make(chan struct{})
	file := func(route, more string) string {
		return fmt.Sprintf(`providers:
  one: {preset: openai-compatible, base_url: %q, api_key: sk-one}
  two: {preset: openai-compatible, base_url: %q, api_key: sk-two}
routes: ['m=>%s']
%s`, one.URL, two.URL, route, more)
	}
	d := daemon.New(t, "TOKLIGENCE_API_KEY=")
	configure(t, d, file("one", "api_key: first"))
	d.Run(t)
	req, err := http.NewRequest(http.MethodPost, d.URL+paths["chat"], strings.NewReader(`{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer first")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
		t.Fatalf("%q %v", line, err)
	}
	servedBy := func(key, name string) func() bool {
		return func() bool { return strings.Contains(string(as(t, d, key, "m").body), "from "+name) }
	}
	configure(t, d, file("two", "api_key: second"))
	eventually(t, reloaded, "the new route and the new key apply", servedBy("second", "two"))
	if s := as(t, d, "first", "m"); s.status != http.StatusUnauthorized {
		t.Errorf("the old key: %d", s.status)
	}
	configure(t, d, "routs: nonsense\n")
	eventually(t, reloaded, "the bad file is told", func() bool { return strings.Contains(d.Logs(), "the old one stays") })
	if !servedBy("second", "two")() {
		t.Error("a bad file changed something")
	}
	configure(t, d, file("one", "api_key: second"))
	eventually(t, reloaded, "the mended file applies", servedBy("second", "one"))
	d.Signal(t, syscall.SIGHUP)
	eventually(t, reloaded, "SIGHUP reads the file again", func() bool { return strings.Contains(d.Logs(), "nothing changes") })
	close(one.hold)
	whole := false
	for line, err := lines.ReadString('\n'); err == nil; line, err = lines.ReadString('\n') {
		whole = whole || line == "data: [DONE]\n"
	}
	if !whole {
		t.Error("the stream did not come to its end")
	}
	configure(t, d, file("one", "api_key: second\nmetrics: {enabled: false}"))
	eventually(t, reloaded, "what needs a restart is told", func() bool { return strings.Contains(d.Logs(), "next start") })
	if code := status(t, d, "/metrics"); code != http.StatusOK {
		t.Errorf("/metrics: %d", code)
	}
}

const priceFile = `models:
  - {provider: openai-compatible, model: m, prices: [{input: 1, output: 2}]}
`

// TestReloadPrices takes up another price file for the rows that come.
func TestReloadPrices(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "one")
	d := daemon.New(t)
	file := fmt.Sprintf("providers:\n  one: {preset: openai-compatible, base_url: %q, api_key: sk}\nroutes: ['m=>one']\n", v.URL)
	configure(t, d, file)
	d.Run(t)
	prices := filepath.Join(d.Dir, "prices.yaml")
	if err := os.WriteFile(prices, []byte(priceFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if cost := costOf(t, d, post(t, d, paths["chat"], chat("m"))); cost != "null" {
		t.Errorf("a model without a price costs %s", cost)
	}
	configure(t, d, file+"prices:\n  file: prices.yaml\n")
	eventually(t, reloaded, "the price applies", func() bool {
		return costOf(t, d, post(t, d, paths["chat"], chat("m"))) == "13000"
	})
}

// costOf is the cost of a request as the ledger has it, in nano-USD.
func costOf(t *testing.T, d *daemon.Daemon, s said) string {
	t.Helper()
	var row map[string]json.RawMessage
	out := d.CLI(t, "ledger", "export", "--json", "--request", s.header.Get("X-Request-Id"))
	if err := json.Unmarshal([]byte(out), &row); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	return string(row["cost_nano_usd"])
}
