package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

func TestSecretsAreNotShown(t *testing.T) {
	const canary = "cAnArY-7d21f0"
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key"), canary+"file\n")
	c := load(t, `
api_key: `+canary+`literal
database: {url: 'postgres://me:`+canary+`db@host/name?sslpassword=`+canary+`ssl'}
proxy: {https: 'http://me:`+canary+`proxy@proxy:1'}
providers:
  openai: {api_key: 'file:`+filepath.ToSlash(filepath.Join(dir, "key"))+`', headers: {x-secret: `+canary+`header}}
  xai: {api_keys: [env:XAI, `+canary+`second]}
`, "XAI="+canary+"env")
	var out strings.Builder
	fmt.Fprintf(&out, "%v %+v %#v\n", c, *c, *c)
	for _, v := range []any{c, c.Explain(), c.Warnings()} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	if text := out.String(); strings.Contains(text, canary) {
		at := strings.Index(text, canary)
		t.Errorf("shown: %s", text[max(0, at-80):at+40])
	}
	held := map[string]bool{}
	for _, s := range c.Secrets() {
		held[s.Reveal()] = true
	}
	for _, end := range []string{"literal", "proxy", "db", "ssl", "file", "header", "env", "second"} {
		if !held[canary+end] {
			t.Errorf("Secrets leaves %s out", end)
		}
	}
	if !held["postgres://me:"+canary+"db@host/name?sslpassword="+canary+"ssl"] {
		t.Error("Secrets leaves the database out")
	}
	want := map[string]string{
		"api_key": "[redacted]", "database.url": "postgres://me:[redacted]@host/name", "proxy.https": "http://me:[redacted]@proxy:1",
		"providers.openai.headers": "X-Secret: [redacted]", "providers.xai.api_key": "[redacted],[redacted]",
	}
	for _, v := range c.Explain() {
		if w, ok := want[v.Key]; ok && v.Value != w {
			t.Errorf("%s is shown as %q, want %q", v.Key, v.Value, w)
		}
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	const canary = "cAnArY-7d21f0"
	for _, env := range []string{
		"TOKLIGENCE_API_KEY=" + canary + " x", "TOKLIGENCE_API_KEY=" + canary + "\x01",
		"TOKLIGENCE_OPENAI_API_KEY='" + canary + "'", "TOKLIGENCE_OPENAI_API_KEY=a " + canary,
		"TOKLIGENCE_DATABASE_URL=mysql://a:" + canary + "@b", "TOKLIGENCE_DATABASE_URL=" + canary,
		"TOKLIGENCE_PROXY_HTTPS=ftp://a:" + canary + "@b", "TOKLIGENCE_OPENAI_BASE_URL=https://a:" + canary + "@b",
		"TOKLIGENCE_OPENAI_BASE_URL=ftp://a:" + canary + "@b", "TOKLIGENCE_OPENAI_BASE_URL=https://b?key=" + canary,
	} {
		found := problems(t, "", env)
		if len(found) == 0 || strings.Contains(strings.Join(found, "\n"), canary) {
			t.Errorf("%s: %v", env, found)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	for name, tc := range map[string]struct {
		content string
		mode    os.FileMode
		want    string // "" works
	}{
		"good":           {"0123456789abcdef\n", 0o600, ""},
		"read-only":      {"0123456789abcdef", 0o400, ""},
		"others read it": {"0123456789abcdef", 0o644, "warning: env TOKLIGENCE_API_KEY_FILE: api_key: Others may read the secret in"},
		"empty":          {" \n", 0o600, "is empty"},
		"two lines":      {"a\nb\n", 0o600, "line break"},
		"too large":      {strings.Repeat("a", maxSecretFile+1), 0o600, "is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && tc.mode == 0o644 {
				t.Skip("no permissions of this kind")
			}
			_ = os.Remove(path)
			write(t, path, tc.content)
			if err := os.Chmod(path, tc.mode); err != nil {
				t.Fatal(err)
			}
			found := strings.Join(problems(t, "", "TOKLIGENCE_API_KEY_FILE="+path), "\n")
			if tc.want == "" && found != "" || !strings.Contains(found, tc.want) {
				t.Errorf("found %q, want %q", found, tc.want)
			}
		})
	}
}

func TestFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permissions of this kind")
	}
	for name, tc := range map[string]struct {
		yaml string
		mode os.FileMode
		want string
	}{
		"no secret":            {"mode: team\n", 0o644, ""},
		"secret, own":          {"api_key: 0123456789abcdef\n", 0o600, ""},
		"secret, others read":  {"api_key: 0123456789abcdef\n", 0o640, "others may read it"},
		"reference":            {"api_key: env:HOME\n", 0o644, ""},
		"everyone may change":  {"mode: team\n", 0o666, "Everyone may change this file"},
		"secret of a provider": {"providers: {openai: {api_keys: [a]}}\n", 0o644, "others may read it"},
	} {
		t.Run(name, func(t *testing.T) {
			path, o := place(t, tc.yaml)
			if err := os.Chmod(path, tc.mode); err != nil {
				t.Fatal(err)
			}
			c, err := Load(o)
			if err != nil {
				t.Fatal(err)
			}
			found := fmt.Sprint(c.Warnings())
			if (tc.want == "") != (len(c.Warnings()) == 0) || !strings.Contains(found, tc.want) {
				t.Errorf("warnings %s, want %q", found, tc.want)
			}
		})
	}
}

func TestShowURL(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		"none":                              "none",
		"postgres://me@host/db":             "postgres://me@host/db",
		"postgres://me:pw@host:5432/db":     "postgres://me:[redacted]@host:5432/db",
		"postgres://host/db?password=pw":    "postgres://host/db",
		"postgres:///db?host=/run&user=a":   "[redacted]",
		"postgresql://u:p@h1,h2/db":         "postgresql://u:[redacted]@h1,h2/db",
		"sqlite:/var/lib/a.db":              "sqlite:/var/lib/a.db",
		"sqlite:a.db":                       "sqlite:a.db",
		"sqlite:///var/lib/a.db?_pragma=pw": "sqlite:/var/lib/a.db",
		"postgres://me:p%zz@host/db":        "[redacted]",
	} {
		if got := showURL(secret.New(text)); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
}

func TestInvalidErrorIsOneLineForOneProblem(t *testing.T) {
	_, o := place(t, "mode: tem\n")
	_, err := Load(o)
	var invalid *InvalidError
	if !errors.As(err, &invalid) || len(invalid.Problems) != 1 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	_, o = place(t, "mode: tem\nlog: {level: x}\n")
	if _, err = Load(o); err == nil || !strings.HasPrefix(err.Error(), "configuration: 2 problems:\n  ") {
		t.Errorf("%v", err)
	}
}

func TestExposedSecrets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing there")
	}
	for _, test := range []struct {
		path string
		mode os.FileMode
		want bool
	}{
		{"/home/me/key", 0o600, false},
		{"/home/me/key", 0o640, true},
		{"/home/me/key", 0o604, true},
		{"/run/secrets/key", 0o444, false},
		{"/run/secretsnot/key", 0o444, true},
	} {
		if got := exposed(test.path, test.mode); got != test.want {
			t.Errorf("%s with %o: %v", test.path, test.mode, got)
		}
	}
}
