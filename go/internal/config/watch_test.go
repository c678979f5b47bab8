package config

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// quiet is how long nothing must happen for nothing to be expected.
const quiet = 4 * settle

// watched is a watcher under test with what it has applied and logged.
type watched struct {
	*Watcher
	applied chan *Config
	refuse  error
	mu      sync.Mutex
	logs    bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logs.Write(p)
}

func (w *watched) logged(t *testing.T, text string) {
	t.Helper()
	w.Current() // waits for a reload that is under way
	w.mu.Lock()
	defer w.mu.Unlock()
	if !strings.Contains(w.logs.String(), text) {
		t.Errorf("%q is not logged:\n%s", text, w.logs.String())
	}
}

func watch(t *testing.T, o Options) *watched {
	t.Helper()
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{applied: make(chan *Config, 16)}
	w.Watcher = Watch(o, c, slog.New(slog.NewTextHandler(w, nil)), func(c *Config) error {
		if w.refuse != nil {
			return w.refuse
		}
		w.applied <- c
		return nil
	})
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) next(t *testing.T) *Config {
	t.Helper()
	select {
	case c := <-w.applied:
		return c
	case <-time.After(10 * time.Second):
		w.mu.Lock()
		defer w.mu.Unlock()
		t.Fatalf("nothing was applied; logged:\n%s", w.logs.String())
		return nil
	}
}

func (w *watched) nothing(t *testing.T) {
	t.Helper()
	select {
	case c := <-w.applied:
		t.Fatalf("applied %+v", c)
	case <-time.After(quiet):
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWatchSeesEveryWayOfChanging(t *testing.T) {
	path, o := place(t, "log: {level: info}\n")
	w := watch(t, o)

	write(t, path, "log: {level: debug}\n")
	if c := w.next(t); c.Log.Level != "debug" || w.Current() != c {
		t.Errorf("written in place: level %s", c.Log.Level)
	}
	write(t, path+".new", "log: {level: warn}\n")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if c := w.next(t); c.Log.Level != "warn" {
		t.Errorf("replaced by renaming: level %s", c.Log.Level)
	}
	write(t, path, "log: {level: error}\n") // the new file is watched too
	if c := w.next(t); c.Log.Level != "error" {
		t.Errorf("written after renaming: level %s", c.Log.Level)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if c := w.next(t); c.Log.Level != "info" {
		t.Errorf("removed: level %s", c.Log.Level)
	}
	write(t, path, "log: {level: debug}\n")
	if c := w.next(t); c.Log.Level != "debug" {
		t.Errorf("made anew: level %s", c.Log.Level)
	}
	write(t, filepath.Join(filepath.Dir(path), "tokligence.db-wal"), "x")
	write(t, path, "log: {level: debug}\n")
	w.nothing(t)
}

// TestWatchFollowsLinks changes a mounted volume as Kubernetes does: a link to
// a folder is replaced, the file's own link stays.
func TestWatchFollowsLinks(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, name); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	version := func(name, level string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name, FileName), "log: {level: "+level+"}\n")
	}
	version("..one", "info")
	link("..one", filepath.Join(dir, "..data"))
	link(filepath.Join("..data", FileName), filepath.Join(dir, FileName))
	w := watch(t, Options{Env: []string{"HOME=" + home, "TOKLIGENCE_CONFIG=" + filepath.Join(dir, FileName)}})

	for i, name := range []string{"..two", "..three"} {
		level := []string{"debug", "warn"}[i]
		version(name, level)
		link(name, filepath.Join(dir, "..data_tmp"))
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if err := os.RemoveAll(filepath.Join(dir, "..one")); err != nil {
				t.Fatal(err)
			}
		}
		if c := w.next(t); c.Log.Level != level {
			t.Errorf("%s: level %s, want %s", name, c.Log.Level, level)
		}
	}
	write(t, filepath.Join(dir, "..three", FileName), "log: {level: error}\n")
	if c := w.next(t); c.Log.Level != "error" {
		t.Errorf("changed where the links lead: level %s", c.Log.Level)
	}
}

func TestWatchFollowsSecrets(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	write(t, key, "first-key\n")
	_, o := place(t, "providers: {openai: {api_key: 'file:"+filepath.ToSlash(key)+"'}}\n")
	w := watch(t, o)
	write(t, key, "second-key\n")
	if c := w.next(t); c.Providers[0].Keys[0].Reveal() != "second-key" {
		t.Error("the old key is still used")
	}
	w.logged(t, "settings=providers.openai")
}

func TestWatchRefuses(t *testing.T) {
	path, o := place(t, "log: {level: info}\n")
	w := watch(t, o)
	before := w.Current()

	write(t, path, "log: {level: debug}\nlistne: x\n")
	w.nothing(t)
	w.logged(t, "the configuration is not valid; the old one stays")
	w.logged(t, "Did you mean listen?")
	if err := w.Reload(); err == nil || w.Current() != before {
		t.Errorf("Reload takes what is not valid: %v", err)
	}

	// A secret that is missing mends the refusal when it comes.
	key := filepath.Join(filepath.Dir(path), "key")
	write(t, path, "log: {level: debug}\napi_key: file:key\n")
	w.nothing(t)
	write(t, key, "0123456789abcdef")
	if c := w.next(t); c.Log.Level != "debug" || c.APIKey.Empty() {
		t.Errorf("%+v", c)
	}
}

func TestReload(t *testing.T) {
	path, o := place(t, "")
	w := watch(t, o)
	if err := w.Reload(); err != nil {
		t.Fatal(err)
	}
	w.nothing(t)
	w.logged(t, "nothing changes")

	w.refuse = errors.New("no such model")
	write(t, path, "aliases: {a: b}\n")
	before := w.Current()
	if err := w.Reload(); !errors.Is(err, w.refuse) || w.Current() != before {
		t.Errorf("what cannot be used is taken: %v", err)
	}
	w.logged(t, "no such model")
}

func TestReloadKeepsWhatNeedsARestart(t *testing.T) {
	path, o := place(t, "listen: 127.0.0.1:1\nlog: {level: info}\nproviders: {openai: {api_key: a}, xai: {api_key: b}}\n")
	w := watch(t, o)
	write(t, path, "listen: 127.0.0.1:2\nmode: team\nlog: {level: debug}\nproviders: {xai: {api_key: c}, gemini: {api_key: d}}\n")
	c := w.next(t)
	if c.Listen != "127.0.0.1:1" || c.Mode != ModePersonal || c.Log.Level != "debug" {
		t.Errorf("listen %s, mode %s, level %s", c.Listen, c.Mode, c.Log.Level)
	}
	w.logged(t, `settings that take effect at the next start have changed" settings="listen, mode"`)
	w.logged(t, `settings="log.level, providers.xai, providers.gemini, providers.openai"`)
	for _, v := range c.Explain() {
		if v.Key == "mode" && v.Source.Layer != FromDefault {
			t.Errorf("the mode that applies is said to come from %s", v.Source)
		}
	}
}

// TestReloadStaysSafe takes the key away in the same breath as the address
// that needs it, which alone would be a safe configuration.
func TestReloadStaysSafe(t *testing.T) {
	path, o := place(t, "listen: 0.0.0.0:1\napi_key: 0123456789abcdef\n")
	w := watch(t, o)
	write(t, path, "listen: 127.0.0.1:1\n")
	if err := w.Reload(); err == nil || !strings.Contains(err.Error(), "0.0.0.0:1") {
		t.Errorf("the daemon would serve everyone until its restart: %v", err)
	}
	if w.Current().APIKey.Empty() {
		t.Error("the key is gone")
	}
}

func TestCompareSeesOrder(t *testing.T) {
	one := load(t, "providers: {openai: {api_key: a}, xai: {api_key: b}}\nroutes: [a=>b, c=>d]\n")
	two := load(t, "providers: {xai: {api_key: b}, openai: {api_key: a}}\nroutes: [c=>d, a=>b]\n")
	two.DataDir, two.Log.Dir = one.DataDir, one.Log.Dir
	if diff := compare(one, two); !slices.Equal(diff.now, []string{"routes", "providers.xai", "providers.openai"}) || diff.later != nil {
		t.Errorf("%+v", diff)
	}
}

func TestCloseEndsTheGoroutine(t *testing.T) {
	_, o := place(t, "")
	c, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	for range 10 {
		w := Watch(o, c, slog.New(slog.DiscardHandler), func(*Config) error { return nil })
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
