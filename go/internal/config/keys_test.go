package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

func TestEveryKeyIsWhole(t *testing.T) {
	names, variables, flags := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, k := range Keys() {
		if names[k.Name] {
			t.Errorf("%s stands twice in the table", k.Name)
		}
		names[k.Name] = true
		if variables[k.Env] {
			t.Errorf("%s: the variable %s is taken", k.Name, k.Env)
		}
		variables[k.Env] = true
		if k.Flag != "" && flags[k.Flag] {
			t.Errorf("%s: the flag %s is taken", k.Name, k.Flag)
		}
		flags[k.Flag] = true
		if !strings.HasSuffix(k.Doc, ".") || len(k.Doc) < 12 {
			t.Errorf("%s is not explained: %q", k.Name, k.Doc)
		}
		if (k.Kind == Count || k.Kind == Bytes || k.Kind == Duration) && k.Max == 0 {
			t.Errorf("%s has no upper bound", k.Name)
		}
		if k.Default == "" && k.example == "" {
			t.Errorf("%s has neither default nor example", k.Name)
		}
	}
}

func TestFixedNames(t *testing.T) {
	fixed := map[string]string{
		"listen": "TOKLIGENCE_LISTEN", "mode": "TOKLIGENCE_MODE", "data_dir": "TOKLIGENCE_DATA_DIR",
		"auth.disabled": "TOKLIGENCE_AUTH_DISABLED", "api_key": "TOKLIGENCE_API_KEY",
		"allowed_hosts": "TOKLIGENCE_ALLOWED_HOSTS", "database.url": "TOKLIGENCE_DATABASE_URL",
		"routes": "TOKLIGENCE_ROUTES", "aliases": "TOKLIGENCE_MODEL_ALIASES", "log.level": "TOKLIGENCE_LOG_LEVEL",
		"providers.<name>.api_key":  "TOKLIGENCE_<NAME>_API_KEY",
		"providers.<name>.base_url": "TOKLIGENCE_<NAME>_BASE_URL",
		"stream.drain_bytes":        "TOKLIGENCE_STREAM_DRAIN_BYTES",
	}
	for _, k := range Keys() {
		if want, ok := fixed[k.Name]; ok && k.Env != want {
			t.Errorf("%s: variable %s, want %s", k.Name, k.Env, want)
		}
		delete(fixed, k.Name)
	}
	for name := range fixed {
		t.Errorf("the table has no %s", name)
	}
	if got := KeyVariable("openai-compatible"); got != "TOKLIGENCE_OPENAI_COMPATIBLE_API_KEY" {
		t.Errorf("KeyVariable = %s", got)
	}
}

// TestEveryFieldHasAKey finds fields of Config and Provider that nothing can
// fill.
func TestEveryFieldHasAKey(t *testing.T) {
	var c Config
	bound := map[any]bool{}
	for _, e := range table() {
		bound[field(e.at(&c)).Addr().Interface()] = true
	}
	unbound(t, reflect.ValueOf(&c).Elem(), "Config", bound, "File", "Providers")
	var p Provider
	bound = map[any]bool{}
	for _, e := range providerTable() {
		bound[field(e.at(&p)).Addr().Interface()] = true
	}
	unbound(t, reflect.ValueOf(&p).Elem(), "Provider", bound, "Name")
}

func unbound(t *testing.T, v reflect.Value, path string, bound map[any]bool, except ...string) {
	t.Helper()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := path + "." + f.Name
		switch {
		case !f.IsExported() || strings.Contains(" "+strings.Join(except, " ")+" ", " "+f.Name+" "):
		case bound[v.Field(i).Addr().Interface()]:
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[secret.Secret]():
			unbound(t, v.Field(i), name, bound)
		default:
			t.Errorf("no key fills %s", name)
		}
	}
}

func TestDefaults(t *testing.T) {
	c, err := Load(Options{Env: []string{"HOME=" + t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings()) > 0 {
		t.Errorf("warnings without any configuration: %v", c.Warnings())
	}
	// What the packages that obey a setting do by themselves.
	for name, same := range map[string]bool{
		"listen":     c.Listen == "127.0.0.1:8081",
		"hold":       c.Stream.Hold == 10*time.Second,
		"keepalive":  c.Stream.KeepAlive == 15*time.Second,
		"write":      c.Stream.WriteTimeout == 30*time.Second,
		"drains":     c.Stream.DrainTime == 10*time.Second && c.Stream.DrainBytes == 256<<10 && c.Stream.MaxDrains == 64,
		"answers":    c.Limits.AnswerBytes == 64<<20 && c.Limits.FrameBytes == 16<<20,
		"bodies":     c.Limits.BodyBytes == 50<<20 && c.Limits.BodyMemory == 1<<30 && c.Limits.BodyIdle == 15*time.Second,
		"models":     c.Limits.ModelsCache == 300*time.Second,
		"server":     c.Limits.HeaderTime == 10*time.Second && c.Limits.IdleTime == 120*time.Second,
		"attempts":   c.Routing.Attempts == 2 && c.Routing.Failures == 3,
		"backoff":    c.Routing.Backoff == 250*time.Millisecond && c.Routing.BackoffMax == 8*time.Second,
		"cooldown":   c.Routing.Cooldown == 5*time.Second && c.Routing.CooldownMax == 5*time.Minute,
		"keys":       c.Routing.KeyCooldown == 10*time.Minute && c.Routing.Probe == 30*time.Second,
		"retryafter": c.Routing.RetryAfterWait == 5*time.Second && c.Routing.RetryAfterMax == 10*time.Minute,
		"journal":    c.Ledger.JournalBytes == 1<<30 && c.Ledger.Durability == DurabilityNormal,
	} {
		if !same {
			t.Errorf("the default of %s is not what it was", name)
		}
	}
}
