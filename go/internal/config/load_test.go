package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var presets = []string{"openai", "anthropic", "gemini", "xai", "ollama", "openai-compatible"} //nolint:gochecknoglobals // for tests

// place is a folder with a configuration in it.
func place(t *testing.T, yaml string) (path string, o Options) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, FileName)
	if yaml != "" {
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path, Options{Presets: presets, Env: []string{"HOME=" + dir, "TOKLIGENCE_DATA_DIR=" + dir}}
}

func load(t *testing.T, yaml string, env ...string) *Config {
	t.Helper()
	_, o := place(t, yaml)
	o.Env = append(o.Env, env...)
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// problems returns what Load finds, with the folder taken out of it.
func problems(t *testing.T, yaml string, env ...string) []string {
	t.Helper()
	path, o := place(t, yaml)
	o.Env = append(o.Env, env...)
	c, err := Load(o)
	var all []Problem
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		all = invalid.Problems
	} else {
		all = c.Warnings()
	}
	var out []string
	for _, p := range all {
		text := strings.ReplaceAll(p.String(), filepath.Dir(path)+string(filepath.Separator), "")
		if p.Warning {
			text = "warning: " + text
		}
		out = append(out, text)
	}
	return out
}

func TestLayers(t *testing.T) {
	path, o := place(t, "listen: 127.0.0.1:1\nmode: team\nstream:\n  hold: 1s\n  keepalive: 2s\n")
	o.Env = append(o.Env, "TOKLIGENCE_LISTEN=127.0.0.1:2", "TOKLIGENCE_STREAM_HOLD=3s", "TOKLIGENCE_MODE=")
	o.Flags = map[string]string{"listen": "127.0.0.1:3"}
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{
		"listen":               {"127.0.0.1:3", "flag --listen"},
		"stream.hold":          {"3s", "env TOKLIGENCE_STREAM_HOLD"},
		"stream.keepalive":     {"2s", path + ":5"},
		"mode":                 {"team", path + ":2"}, // an empty variable is not set
		"stream.write_timeout": {"30s", "default"},
	}
	for _, v := range c.Explain() {
		if w, ok := want[v.Key]; ok {
			if got := [2]string{v.Value, v.Source.String()}; got != w {
				t.Errorf("%s: %v, want %v", v.Key, got, w)
			}
			delete(want, v.Key)
		}
	}
	if len(want) > 0 {
		t.Errorf("not explained: %v", want)
	}
	if c.Stream.Hold != 3*time.Second || c.Stream.KeepAlive != 2*time.Second || c.Listen != "127.0.0.1:3" || c.Mode != ModeTeam {
		t.Errorf("loaded %+v", c)
	}
}

func TestFileIsFound(t *testing.T) {
	dir := t.TempDir()
	named := filepath.Join(dir, "named.yaml")
	byFlag := filepath.Join(dir, "flag.yaml")
	for path, level := range map[string]string{
		named: "warn", byFlag: "error", filepath.Join(dir, ".tokligence", FileName): "debug",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("log: {level: "+level+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	home := "HOME=" + dir
	for name, tc := range map[string]struct {
		o    Options
		want string
	}{
		"data folder": {Options{Env: []string{home}}, "debug"},
		"variable":    {Options{Env: []string{home, "TOKLIGENCE_CONFIG=~/named.yaml"}}, "warn"},
		"flag": {
			Options{Env: []string{home, "TOKLIGENCE_CONFIG=" + named}, Flags: map[string]string{"config": byFlag}},
			"error",
		},
		"data folder by flag": {
			Options{Env: []string{"TOKLIGENCE_DATA_DIR=" + dir}, Flags: map[string]string{"data-dir": filepath.Join(dir, ".tokligence")}},
			"debug",
		},
		"none": {Options{Env: []string{home, "TOKLIGENCE_DATA_DIR=" + t.TempDir()}}, "info"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Load(tc.o)
			if err != nil {
				t.Fatal(err)
			}
			if c.Log.Level != tc.want {
				t.Errorf("level %s, want %s (from %q)", c.Log.Level, tc.want, c.File)
			}
		})
	}
	if got, err := DataDir(Options{Env: []string{home}}); err != nil || got != filepath.Join(dir, ".tokligence") {
		t.Errorf("DataDir: %s, %v", got, err)
	}
	if _, err := DataDir(Options{Env: []string{}}); err == nil {
		t.Error("DataDir finds one without a home")
	}
	_, err := Load(Options{Env: []string{home, "TOKLIGENCE_CONFIG=" + filepath.Join(dir, "missing.yaml")}})
	if err == nil || !strings.Contains(err.Error(), "env TOKLIGENCE_CONFIG") || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a file that is named and missing: %v", err)
	}
}

func TestPaths(t *testing.T) {
	path, o := place(t, "prices: {file: my/prices.yaml}\nlog: {dir: ~/logs}\n")
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	if c.Prices.File != filepath.Join(dir, "my", "prices.yaml") || c.Log.Dir != filepath.Join(dir, "logs") || c.DataDir != dir {
		t.Errorf("prices %s, logs %s, data %s", c.Prices.File, c.Log.Dir, c.DataDir)
	}
	if _, err := Load(Options{Env: []string{}}); err == nil || !strings.Contains(err.Error(), "data_dir: There is no home folder") {
		t.Errorf("without a home folder: %v", err)
	}
	dir = t.TempDir()
	if c, err = Load(Options{Env: []string{"TOKLIGENCE_DATA_DIR=" + dir}}); err != nil || c.DataDir != dir {
		t.Errorf("without a home folder that is needed: %v", err)
	}
}

func TestProviders(t *testing.T) {
	c := load(t, `
providers:
  gpu:
    preset: openai-compatible
    base_url: http://gpu.lan:8000/v1
    models: [a, b]
    protocols: [openai-chat]
    headers: {x-team: env:TEAM}
    timeout: 2m
    quirks: {no_strict: true, drop_fields: [seed]}
    defaults: {large: a}
  openai:
    api_keys: [k1, k2]
  xai:
`, "TEAM=research", "TOKLIGENCE_OPENAI_API_KEY=k3, k4", "TOKLIGENCE_OLLAMA_BASE_URL=http://localhost:11434",
		"TOKLIGENCE_PROVIDERS_GPU_DISABLED=true", "TOKLIGENCE_GPU_API_KEY=k5")
	var names []string
	for _, p := range c.Providers {
		names = append(names, p.Name+"="+p.Preset)
	}
	if got := strings.Join(names, " "); got != "gpu=openai-compatible openai=openai ollama=ollama" {
		t.Fatalf("providers: %s", got)
	}
	gpu, openai := c.Providers[0], c.Providers[1]
	if len(openai.Keys) != 2 || openai.Keys[0].Reveal() != "k3" || openai.Keys[1].Reveal() != "k4" {
		t.Errorf("the variable does not replace the keys of the file: %d keys", len(openai.Keys))
	}
	if !gpu.Disabled || gpu.Keys[0].Reveal() != "k5" || gpu.Timeout != 2*time.Minute || gpu.Defaults.Large != "a" ||
		gpu.Headers["X-Team"].Reveal() != "research" || fmt.Sprint(gpu.Models, gpu.Protocols) != "[a b] [openai-chat]" {
		t.Errorf("gpu: %+v", gpu)
	}
	if want := map[string]any{"no_strict": true, "drop_fields": []any{"seed"}}; !reflect.DeepEqual(gpu.Quirks, want) {
		t.Errorf("quirks: %v", gpu.Quirks)
	}
}

func TestRoutesAndAliases(t *testing.T) {
	wantRoutes := "[claude*=>anthropic|openai/gpt-5 gpt-*=>openai]"
	wantAliases := "[gpt-4.1=>claude-sonnet-4-5 fast*=>openai/gpt-5-mini]"
	for name, c := range map[string]*Config{
		"text": load(t, "", "TOKLIGENCE_ROUTES=claude* => anthropic | openai/gpt-5 , gpt-*=>openai",
			"TOKLIGENCE_MODEL_ALIASES=gpt-4.1=>claude-sonnet-4-5, fast* =>openai/gpt-5-mini,"),
		"list":    load(t, "routes: ['claude*=>anthropic|openai/gpt-5', 'gpt-*=>openai']\naliases: ['gpt-4.1=>claude-sonnet-4-5', 'fast*=>openai/gpt-5-mini']\n"),
		"mapping": load(t, "routes:\n- {match: claude*, targets: [anthropic, openai/gpt-5]}\n- match: gpt-*\n  targets: openai\naliases:\n  gpt-4.1: claude-sonnet-4-5\n  fast*: openai/gpt-5-mini\n"),
		"env over file": load(t, "routes: ['a=>b']\naliases: {x: y}\n", "TOKLIGENCE_ROUTES=claude*=>anthropic|openai/gpt-5,gpt-*=>openai",
			"TOKLIGENCE_MODEL_ALIASES=gpt-4.1=>claude-sonnet-4-5,fast*=>openai/gpt-5-mini"),
	} {
		t.Run(name, func(t *testing.T) {
			if got := fmt.Sprint(c.Routes); got != wantRoutes {
				t.Errorf("routes %s, want %s", got, wantRoutes)
			}
			if got := fmt.Sprint(c.Aliases); got != wantAliases {
				t.Errorf("aliases %s, want %s", got, wantAliases)
			}
		})
	}
}

func TestAnchorsAndEmptyKeys(t *testing.T) {
	c := load(t, "stream: &s {hold: 7s}\nlog:\napi_key:\nproviders: {openai: {models: &m [a]}, xai: {models: *m}}\n")
	if c.Stream.Hold != 7*time.Second || !c.APIKey.Empty() || c.Providers[1].Models[0] != "a" {
		t.Errorf("%+v", c)
	}
}

func TestProxies(t *testing.T) {
	c := load(t, "proxy: {exclude: [.lan]}\nproviders: {openai: {proxy: none}, xai: {proxy: 'socks5://me:pw@own:1'}, gemini: {models: [a]}}\n",
		"HTTPS_PROXY=shared.lan:3128", "NO_PROXY=ignored.example")
	for _, tc := range []struct {
		provider int
		base     string
		want     string
	}{
		{0, "https://api.openai.com", ""},
		{1, "https://api.x.ai", "socks5://me:pw@own:1"},
		{2, "https://google.example", "http://shared.lan:3128"},
		{2, "http://google.example", ""},
		{2, "https://gpu.lan", ""},
		{2, "https://127.0.0.1", ""},
		{2, "https://ignored.example", "http://shared.lan:3128"}, // the file's list counts
	} {
		got, err := c.ProxyFor(&c.Providers[tc.provider], mustURL(t, tc.base))
		text := ""
		if got != nil {
			text = got.String()
		}
		if err != nil || text != tc.want {
			t.Errorf("provider %d to %s: %q, %v; want %q", tc.provider, tc.base, text, err, tc.want)
		}
	}
}

// TestOfflineAsksNobodyWhoCouldListen lets commands run in the environment of
// a daemon, of which they may see only a part.
func TestOfflineAsksNobodyWhoCouldListen(t *testing.T) {
	o := Options{Env: []string{"HOME=" + t.TempDir(), "TOKLIGENCE_LISTEN=0.0.0.0:8081"}}
	if _, err := Load(o); err == nil {
		t.Error("a daemon would listen beyond loopback without authentication")
	}
	o.Offline = true
	if _, err := Load(o); err != nil {
		t.Errorf("a command that does not listen: %v", err)
	}
}

// TestKeepQuiet switches the update check off where nobody reads of it, unless
// it was set.
func TestKeepQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		env  []string
		want bool
		from string
	}{
		"plain":              {nil, true, ""},
		"in a CI":            {[]string{"CI=true"}, false, "CI"},
		"a CI of any value":  {[]string{"CI=woodpecker"}, false, "CI"},
		"no CI":              {[]string{"CI=false"}, true, ""},
		"not to be tracked":  {[]string{"DO_NOT_TRACK=1"}, false, "DO_NOT_TRACK"},
		"tracking allowed":   {[]string{"DO_NOT_TRACK=0"}, true, ""},
		"set in spite of it": {[]string{"CI=true", "TOKLIGENCE_UPDATE_CHECK_ENABLED=true"}, true, "TOKLIGENCE_UPDATE_CHECK_ENABLED"},
		"switched off":       {[]string{"TOKLIGENCE_UPDATE_CHECK_ENABLED=false"}, false, "TOKLIGENCE_UPDATE_CHECK_ENABLED"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := Load(Options{Env: append([]string{"HOME=" + t.TempDir()}, c.env...)})
			if err != nil {
				t.Fatal(err)
			}
			if cfg.UpdateCheck.Enabled != c.want || cfg.source("update_check.enabled").Name != c.from {
				t.Errorf("%v from %+v", cfg.UpdateCheck.Enabled, cfg.source("update_check.enabled"))
			}
		})
	}
}
