package check_test

import (
	"context"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// project reads the compose file, and those over it, as docker compose does.
func project(t *testing.T, profile string, env types.Mapping, more ...string) *types.Project {
	t.Helper()
	dir := filepath.Join(root, "docker")
	files := types.ToConfigFiles(append([]string{filepath.Join(dir, "compose.yaml")}, more...))
	p, err := loader.LoadWithContext(context.Background(), types.ConfigDetails{WorkingDir: dir, ConfigFiles: files, Environment: env},
		loader.WithProfiles([]string{profile}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfiles(t *testing.T) {
	for profile, want := range map[string][]string{"personal": {"personal"}, "team": {"postgres", "team"}, "": {}} {
		got := project(t, profile, nil).ServiceNames()
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("profile %q runs %v, not %v", profile, got, want)
		}
	}
}

func TestServicesMayDoLittle(t *testing.T) {
	for _, s := range project(t, "*", nil).Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged ||
			!slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Restart == "" {
			t.Errorf("%s: %+v", s.Name, s)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s is open to the network: %+v", s.Name, port)
			}
		}
		if s.Name == "postgres" && (len(s.Ports) > 0 || s.User == "" || s.HealthCheck == nil) {
			t.Errorf("postgres: %+v", s)
		}
	}
}

// TestNoSecretIsWritten finds out that whatever looks like a secret is a file.
func TestNoSecretIsWritten(t *testing.T) {
	p := project(t, "*", nil)
	for _, s := range p.Services {
		for name, value := range s.Environment {
			if !strings.Contains(name, "PASSWORD") && !strings.Contains(name, "KEY") && !strings.Contains(name, "URL") {
				continue
			}
			secret, mounted := strings.CutPrefix(*value, "/run/secrets/")
			if !strings.HasSuffix(name, "_FILE") || !mounted || !slices.ContainsFunc(s.Secrets, func(c types.ServiceSecretConfig) bool { return c.Source == secret }) {
				t.Errorf("%s: %s=%s", s.Name, name, *value)
			}
		}
	}
	for name, secret := range p.Secrets {
		if secret.File == "" {
			t.Errorf("the secret %s is no file", name)
		}
	}
}

func TestImages(t *testing.T) {
	for _, test := range []struct {
		env  types.Mapping
		want string
	}{{nil, version(t)}, {types.Mapping{"TOKLIGENCE_VERSION": "9.8.7"}, "9.8.7"}} {
		p := project(t, "*", test.env)
		personal, team := p.Services["personal"].Image, p.Services["team"].Image
		if personal != "tokligence/gateway:"+test.want || team != personal+"-team" {
			t.Errorf("%s and %s, want version %s", personal, team, test.want)
		}
	}
	if ports := project(t, "*", types.Mapping{"TOKLIGENCE_PORT": "9000"}).Services["team"].Ports; ports[0].Published != "9000" || ports[0].Target != 8081 {
		t.Errorf("%+v", ports)
	}
}

// TestTeamWaitsForItsDatabase looks at what the team's gateway needs.
func TestTeamWaitsForItsDatabase(t *testing.T) {
	team := project(t, "team", nil).Services["team"]
	if team.DependsOn["postgres"].Condition != types.ServiceConditionHealthy {
		t.Errorf("%+v", team.DependsOn)
	}
	if !slices.Contains(slices.Collect(maps.Keys(team.Networks)), "database") || !project(t, "team", nil).Networks["database"].Internal {
		t.Error("the database is in no network of its own")
	}
}

// makeSecrets runs the script beside a copy of the compose file.
func makeSecrets(t *testing.T, dir string) map[string]string {
	t.Helper()
	script, err := os.ReadFile(filepath.Join(root, "docker/secrets.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.sh"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", filepath.Join(dir, "secrets.sh")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	made := make(map[string]string)
	files, err := os.ReadDir(filepath.Join(dir, "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, "secrets", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		made[f.Name()] = string(text)
	}
	return made
}

func TestSecretsScript(t *testing.T) {
	dir := t.TempDir()
	made := makeSecrets(t, dir)
	p := project(t, "*", nil)
	for name, s := range p.Secrets {
		if filepath.Base(s.File) != name || len(made[name]) < 32 {
			t.Errorf("%s: the script made %q", name, made[name])
		}
	}
	if len(made) != len(p.Secrets) {
		t.Errorf("%d files for %d secrets", len(made), len(p.Secrets))
	}
	u, err := url.Parse(made["database_url"])
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	db := p.Services["postgres"]
	if u.Hostname() != db.Name || u.User.Username() != *db.Environment["POSTGRES_USER"] ||
		u.Path != "/"+*db.Environment["POSTGRES_DB"] || password != made["postgres_password"] {
		t.Errorf("%s does not fit %+v", u.Redacted(), db.Environment)
	}
	if again := makeSecrets(t, dir); again["api_key"] != made["api_key"] || again["database_url"] != made["database_url"] {
		t.Error("a second run changes secrets")
	}
	if other := makeSecrets(t, t.TempDir()); other["api_key"] == made["api_key"] || other["postgres_password"] == password {
		t.Error("two installations have one secret")
	}
	folder, err := os.Stat(filepath.Join(dir, "secrets"))
	if err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("others may look at the secrets: %v %v", folder, err)
	}
}

// TestGatewayTakesWhatComposeSays runs the program's own check of settings.
func TestGatewayTakesWhatComposeSays(t *testing.T) {
	made := makeSecrets(t, t.TempDir())
	made["openai_api_key"] = "sk-one"
	config, err := os.ReadFile(filepath.Join(root, "docker/config/config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	override := filepath.Join(t.TempDir(), "compose.override.yaml")
	if err := os.WriteFile(override, []byte(block(t, "compose.override.yaml")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*types.Project{project(t, "*", nil), project(t, "*", nil, override)} {
		for _, name := range []string{"personal", "team"} {
			s := p.Services[name]
			env := make(map[string]string)
			for k, v := range s.Environment {
				env[k] = *v
			}
			if name == "team" {
				env["TOKLIGENCE_MODE"] = "team" // of the image
			}
			secrets := make(map[string]string)
			for _, used := range s.Secrets {
				secrets["/run/secrets/"+used.Source] = made[used.Source]
			}
			understands(t, env, string(config), secrets)
		}
	}
	if _, ok := project(t, "team", nil, override).Services["team"].Environment["TOKLIGENCE_OPENAI_API_KEY_FILE"]; !ok {
		t.Error("the example in docs/docker.md changes nothing")
	}
}

// block returns the example of a file in docs/docker.md.
func block(t *testing.T, file string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs/docker.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "\n```yaml\n# "+file+"\n")
	text, _, closed := strings.Cut(rest, "\n```\n")
	if !found || !closed {
		t.Fatalf("docs/docker.md has no example of %s", file)
	}
	return text
}
