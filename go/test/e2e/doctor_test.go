package e2e_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// check is what the doctor says of one thing.
type check struct{ Name, Status, Detail, Fix string }

// examine runs the doctor and returns what is not well.
func examine(t *testing.T, d *daemon.Daemon) (ill []check) {
	t.Helper()
	said := d.Exec(t, "gateway", "doctor", "--json")
	var all []check
	if err := json.Unmarshal([]byte(said.Out), &all); err != nil {
		t.Fatalf("%v in %s%s", err, said.Out, said.Err)
	}
	broken := false
	for _, c := range all {
		broken = broken || c.Status == "error"
		if c.Status != "ok" {
			ill = append(ill, c)
			if c.Fix == "" || c.Detail == "" {
				t.Errorf("it does not say how to mend %+v", c)
			}
		}
	}
	if broken != (said.Code == 1) {
		t.Errorf("exit code %d with %+v", said.Code, ill)
	}
	return ill
}

// free is an address that nobody has.
const free = "TOKLIGENCE_LISTEN=127.0.0.1:0"

// refusing is a provider that answers every call in one way.
func refusing(t *testing.T, status int, ahead time.Duration) string {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status == http.StatusOK {
			_, _ = w.Write([]byte(`{"object":"list","data":[]}`))
			return
		}
		_, _ = w.Write([]byte(`{"error":{"message":"Incorrect API key provided: sk-canary","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`))
	}))
	t.Cleanup(up.Close)
	return up.URL
}

// TestDoctor finds each trouble and says how to mend it, and nothing else.
func TestDoctor(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := newVendor(t, "openai", "gpt-5").URL
	openai := func(url string, more ...string) []string {
		return append([]string{free, "TOKLIGENCE_OPENAI_API_KEY=sk-canary", "TOKLIGENCE_OPENAI_BASE_URL=" + url}, more...)
	}
	for name, c := range map[string]struct {
		env          []string
		config       string
		status, name string   // of the worst complaint; none: all is well
		says         []string // in its detail or fix
	}{
		"well":            {openai(good), "", "", "", nil},
		"no provider":     {[]string{free}, "", "warning", "providers", []string{"TOKLIGENCE_OPENAI_API_KEY"}},
		"key missing":     {openai(good), "providers: {anthropic: {timeout: 1m}}\n", "error", "provider anthropic", []string{"TOKLIGENCE_ANTHROPIC_API_KEY"}},
		"key refused":     {openai(refusing(t, 401, 0)), "", "error", "provider openai", []string{"401", "TOKLIGENCE_OPENAI_API_KEY"}},
		"unreachable":     {openai("http://127.0.0.1:1"), "", "error", "provider openai", []string{"127.0.0.1:1", "base URL"}},
		"port taken":      {openai(good, "TOKLIGENCE_LISTEN="+taken.Addr().String()), "", "error", "address", []string{taken.Addr().String(), "TOKLIGENCE_LISTEN"}},
		"clock behind":    {openai(refusing(t, 200, 2*time.Hour)), "", "error", "clock", []string{"behind"}},
		"lost alias":      {openai(good, "TOKLIGENCE_ROUTES=gpt-*=>openai", "TOKLIGENCE_MODEL_ALIASES=fast=>nothing"), "", "error", "routes", []string{"fast", "nothing"}},
		"lost route":      {openai(good, "TOKLIGENCE_ROUTES=gpt-*=>openai,claude*=>antropic"), "", "error", "routes", []string{"antropic", "anthropic"}},
		"clock ahead":     {openai(refusing(t, 200, -2*time.Hour)), "", "error", "clock", []string{"ahead"}},
		"keyless route":   {openai(good, "TOKLIGENCE_ROUTES=gpt-*=>openai,claude*=>anthropic"), "", "error", "routes", []string{"leads nowhere", "TOKLIGENCE_ANTHROPIC_API_KEY"}},
		"bad setting":     {openai(good), "limits: {body_byte: 1}\n", "error", "configuration", []string{"config.yaml:1", "body_bytes"}},
		"odd variable":    {openai(good, "TOKLIGENCE_OPENIA_API_KEY=sk"), "", "warning", "configuration", []string{"TOKLIGENCE_OPENAI_API_KEY"}},
		"database absent": {openai(good, "TOKLIGENCE_DATABASE_URL=postgres://user:sk-canary@127.0.0.1:1/none?connect_timeout=1"), "", "error", "database", []string{"127.0.0.1", "TOKLIGENCE_DATABASE_URL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := daemon.New(t, c.env...)
			if c.config != "" {
				configure(t, d, c.config)
			}
			checkIll(t, examine(t, d), c.status, c.name, c.says)
			if people := d.Exec(t, "gateway", "doctor"); people.Out == "" || strings.Contains(people.Out+people.Err, "canary") {
				t.Errorf("for people: %s%s", people.Out, people.Err)
			}
		})
	}
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		d := daemon.New(t, openai(good, "TOKLIGENCE_DATA_DIR="+file, "TOKLIGENCE_DATABASE_URL=sqlite:"+filepath.Join(t.TempDir(), "db"))...)
		checkIll(t, examine(t, d), "error", "data folder", []string{file, "TOKLIGENCE_DATA_DIR"})
	})
	t.Run("own daemon", func(t *testing.T) {
		t.Parallel()
		d := daemon.Start(t, openai(good)...)
		d.Env = append(d.Env, "TOKLIGENCE_LISTEN="+strings.TrimPrefix(d.URL, "http://"))
		checkIll(t, examine(t, d), "", "", nil)
	})
}

// checkIll wants complaints about one thing, the worst of that status.
func checkIll(t *testing.T, ill []check, status, name string, says []string) {
	t.Helper()
	worst, text := "", ""
	for _, c := range ill {
		if c.Name != name {
			t.Errorf("a complaint about %s: %+v", c.Name, c)
		}
		if worst != "error" {
			worst = c.Status
		}
		text += c.Detail + " " + c.Fix + "\n"
	}
	if worst != status || !containsAll(text, says...) {
		t.Errorf("found %+v, want %s of %s that says %q", ill, status, name, says)
	}
}

// TestSchemas has a database that an older and a newer program made.
func TestSchemas(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	v := newVendor(t, "openai", "gpt-5")
	d := daemon.New(t, free, "TOKLIGENCE_DATABASE_URL="+url, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL)
	if out := d.CLI(t, "migrate", "--dry-run"); !strings.Contains(out, "pending") {
		t.Errorf("a dry run: %s", out)
	}
	if tables := query(t, url, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"); tables != 0 {
		t.Errorf("a dry run makes %d tables", tables)
	}
	checkIll(t, examine(t, d), "", "", nil)
	d.CLI(t, "migrate")
	checkIll(t, examine(t, d), "", "", nil)

	latest := query(t, url, "SELECT max(version_id) FROM schema_versions")
	query(t, url, "INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true) RETURNING 1")
	checkIll(t, examine(t, d), "error", "database", []string{"9999", "newer"})
	for program, args := range map[string][]string{"gateway": {"users", "list"}, "gatewayd": nil} {
		if said := d.Exec(t, program, args...); said.Code != 1 || !containsAll(said.Err, "9999", "newer") {
			t.Errorf("%s on a newer database: exit code %d: %s", program, said.Code, said.Err)
		}
	}
	query(t, url, "WITH gone AS (DELETE FROM schema_versions WHERE version_id = 9999 RETURNING 1) SELECT count(*) FROM gone")
	query(t, url, "UPDATE schema_versions SET version_id = 0 WHERE version_id = (SELECT max(version_id) FROM schema_versions) RETURNING 1")
	checkIll(t, examine(t, d), "warning", "database", []string{"old schema", "gateway migrate"})
	if latest < 2 {
		t.Errorf("schema %d", latest)
	}
}

// query returns the one number that a statement yields.
func query(t *testing.T, url, statement string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), statement).Scan(&n); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return n
}
