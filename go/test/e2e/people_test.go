package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

var shownKey = regexp.MustCompile(`(?m)^ +(tok_\S+)$`)

// rootKey finds the administrator's first key in what a daemon said.
func rootKey(logs string) string {
	found := shownKey.FindStringSubmatch(logs)
	if found == nil {
		return ""
	}
	return found[1]
}

// effect is how long a change of people may take to be seen by a daemon.
const effect = 5 * time.Second

func TestPersonalModeTakesAnyKey(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, "TOKLIGENCE_API_KEY=")
	for name, header := range map[string]http.Header{
		"none":    {"Authorization": {" "}},
		"bearer":  {"Authorization": {"Bearer sk-whatever"}},
		"x-api":   {"Authorization": {" "}, "X-Api-Key": {"any"}},
		"a tok_":  {"Authorization": {"Bearer tok_of_another_gateway"}},
		"x-goog":  {"Authorization": {" "}, "X-Goog-Api-Key": {"any"}},
		"strange": {"Authorization": {"Basic dXNlcjpwYXNz"}},
	} {
		if s := ask(t, d, http.MethodPost, paths["chat"], header, strings.NewReader(chat("loopback"))); s.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, s.status, s.body)
		}
	}
}

func TestPersonalModeWithAKey(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"bearer":          {http.Header{"Authorization": {"Bearer " + daemon.Key}}, 200},
		"small bearer":    {http.Header{"Authorization": {"bearer " + daemon.Key}}, 200},
		"x-api-key":       {http.Header{"Authorization": {" "}, "X-Api-Key": {daemon.Key}}, 200},
		"x-goog-api-key":  {http.Header{"Authorization": {" "}, "X-Goog-Api-Key": {daemon.Key}}, 200},
		"none":            {http.Header{"Authorization": {" "}}, 401},
		"another":         {http.Header{"Authorization": {"Bearer another"}}, 401},
		"longer":          {http.Header{"Authorization": {"Bearer " + daemon.Key + "x"}}, 401},
		"shorter":         {http.Header{"Authorization": {"Bearer " + daemon.Key[:3]}}, 401},
		"an unknown tok_": {http.Header{"Authorization": {"Bearer tok_unknown"}}, 401},
	} {
		for _, path := range []string{paths["chat"], paths["messages"]} {
			s := ask(t, d, http.MethodPost, path, c.header, strings.NewReader(message("loopback")))
			if s.status != c.status {
				t.Errorf("%s at %s: %d, want %d", name, path, s.status, c.status)
			}
		}
	}
	ask(t, d, http.MethodPost, paths["chat"], http.Header{"Authorization": {" "}}, strings.NewReader(chat("loopback"))).golden(t, "people/no-key")
	as(t, d, "another", "loopback").golden(t, "people/wrong-key")
	ask(t, d, http.MethodPost, paths["messages"], http.Header{"Authorization": {"Bearer another"}},
		strings.NewReader(message("loopback"))).golden(t, "people/wrong-key-m")
	if s := ask(t, d, http.MethodGet, "/v1/models", http.Header{"Authorization": {"Bearer another"}}, nil); s.status != 401 {
		t.Errorf("the list of models is shown to anybody: %d", s.status)
	}
	key := newKey(t, d, "guest")
	eventually(t, effect, "a tok_ key works beside it", func() bool { return as(t, d, key, "loopback").status == http.StatusOK })
}

func TestTeam(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, team...)
	root := rootKey(d.Logs())
	if root == "" || strings.Count(d.Logs(), root) != 1 {
		t.Fatalf("the administrator's key is not shown once:\n%s", d.Logs())
	}
	if s := as(t, d, root, "loopback"); s.status != http.StatusOK {
		t.Errorf("the administrator's key: %d %s", s.status, s.body)
	}
	if s := as(t, d, "anything", "loopback"); s.status != http.StatusUnauthorized {
		t.Errorf("any key: %d", s.status)
	}
	d.Stop(t)
	d.Run(t)
	if strings.Count(d.Logs(), "tok_") != 1 {
		t.Error("the second start shows a key too")
	}
	if s := as(t, d, root, "loopback"); s.status != http.StatusOK {
		t.Errorf("the administrator's key after a restart: %d", s.status)
	}
	for path, text := range filesBelow(t, d.Dir) {
		if strings.Contains(text, root) {
			t.Errorf("the administrator's key stands in %s", path)
		}
	}
}

// filesBelow reads every file below a folder.
func filesBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files below %s: %v", len(files), dir, err)
	}
	return files
}

func TestKeysTakeEffect(t *testing.T) {
	t.Parallel()
	d := daemon.Start(t, team...)
	works := func(key string) func() bool {
		return func() bool { return as(t, d, key, "loopback").status == http.StatusOK }
	}
	refused := func(key string) func() bool {
		return func() bool { return as(t, d, key, "loopback").status == http.StatusUnauthorized }
	}
	key := newKey(t, d, "alice", "--name", "laptop")
	eventually(t, effect, "a new key works", works(key))
	d.CLI(t, "keys", "revoke", "laptop")
	eventually(t, effect, "a revoked key is refused", refused(key))
	as(t, d, key, "loopback").golden(t, "people/revoked")

	key = newKey(t, d, "bob", "--expires", "4s")
	eventually(t, effect, "a key that expires works before", works(key))
	eventually(t, effect, "and not after", refused(key))
	if s := as(t, d, key, "loopback"); !strings.Contains(string(s.body), "expired") {
		t.Errorf("an expired key: %s", s.body)
	}

	key = newKey(t, d, "carol")
	eventually(t, effect, "carol's key works", works(key))
	d.CLI(t, "users", "change", "carol", "--disable")
	eventually(t, effect, "the key of a disabled user is refused", refused(key))
	d.CLI(t, "users", "change", "carol", "--enable")
	eventually(t, effect, "it works again", works(key))
	d.CLI(t, "users", "delete", "carol")
	eventually(t, effect, "the key of a deleted user is refused", refused(key))
}

func TestAllowedModels(t *testing.T) {
	t.Parallel()
	v := newVendor(t, "openai", "gpt-5", "gpt-5-mini")
	d := daemon.Start(t, append(team, "TOKLIGENCE_OPENAI_API_KEY=sk", "TOKLIGENCE_OPENAI_BASE_URL="+v.URL)...)
	key := newKey(t, d, "alice", "--models", "gpt-5-*,fast")
	eventually(t, effect, "an allowed model answers", func() bool { return as(t, d, key, "gpt-5-mini").status == http.StatusOK })
	for _, model := range []string{"gpt-5", "loopback", "openai/gpt-5"} {
		if s := as(t, d, key, model); s.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", model, s.status, s.body)
		}
	}
	as(t, d, key, "gpt-5").golden(t, "people/forbidden-model")
	ask(t, d, http.MethodPost, paths["messages"], http.Header{"Authorization": {"Bearer " + key}},
		strings.NewReader(message("gpt-5"))).golden(t, "people/forbidden-model-m")
	list := ask(t, d, http.MethodGet, "/v1/models", http.Header{"Authorization": {"Bearer " + key}}, nil)
	if !strings.Contains(string(list.body), `"gpt-5-mini"`) || strings.Contains(string(list.body), `"gpt-5"`) {
		t.Errorf("the list of models is not that of the key: %s", list.body)
	}
}

// TestRefusesToBeOpen does not listen beyond this machine without asking for
// keys, unless it is told to in so many words.
func TestRefusesToBeOpen(t *testing.T) {
	t.Parallel()
	d := daemon.New(t, "TOKLIGENCE_API_KEY=")
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0"} {
		said := d.Exec(t, "gatewayd", "--listen", address)
		if said.Code != 1 || !containsAll(said.Err, "TOKLIGENCE_MODE", "TOKLIGENCE_API_KEY", "TOKLIGENCE_AUTH_DISABLED") {
			t.Errorf("%s: exit code %d, %s", address, said.Code, said.Err)
		}
	}
	for name, env := range map[string][]string{
		"team":     team,
		"a key":    {"TOKLIGENCE_API_KEY=" + daemon.Key},
		"disabled": {"TOKLIGENCE_API_KEY=", "TOKLIGENCE_AUTH_DISABLED=true"},
	} {
		d := daemon.New(t, env...)
		d.Args = []string{"--listen", "0.0.0.0:0"}
		d.Run(t)
		want := map[string]int{"team": 401, "a key": 401, "disabled": 200}[name]
		if s := as(t, d, "nonsense", "loopback"); s.status != want {
			t.Errorf("%s: %d, want %d", name, s.status, want)
		}
		d.Stop(t)
	}
}

func containsAll(text string, parts ...string) bool {
	for _, part := range parts {
		if !strings.Contains(text, part) {
			return false
		}
	}
	return true
}
