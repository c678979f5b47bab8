package logging

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

const daemon, commandLine = "gatewayd", "gateway"

func open(t *testing.T, o Options) *Log {
	t.Helper()
	if o.Program == "" {
		o.Program = daemon
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPlacesAndForms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "logs")
	var stderr bytes.Buffer
	l := open(t, Options{File: true, Dir: dir, Stderr: &stderr})
	l.Logger.Info("hello", slog.Int("n", 1))
	l.Logger.Debug("hidden")
	var record map[string]any
	if err := json.Unmarshal([]byte(read(t, l.Path())), &record); err != nil || record["msg"] != "hello" || record["n"] != 1.0 {
		t.Errorf("file: %v, %v", record, err)
	}
	if !strings.Contains(stderr.String(), "level=INFO msg=hello n=1") || strings.Contains(stderr.String(), "hidden") {
		t.Errorf("stderr: %s", stderr.String())
	}
	if got := filepath.Base(l.Path()); got != "gatewayd.log" {
		t.Errorf("file %s", got)
	}

	stderr.Reset()
	l = open(t, Options{File: true, Dir: dir, Program: commandLine, Format: Text, Stderr: &stderr, StderrFormat: JSON, Level: "warn"})
	l.Logger.Info("hidden")
	l.Logger.Warn("seen")
	if text := read(t, l.Path()); !strings.Contains(text, "level=WARN msg=seen") || strings.Contains(text, "hidden") || filepath.Base(l.Path()) != "gateway.log" {
		t.Errorf("%s: %s", l.Path(), text)
	}
	if !strings.Contains(stderr.String(), `"msg":"seen"`) {
		t.Errorf("stderr: %s", stderr.String())
	}

	stderr.Reset()
	l = open(t, Options{Stderr: &stderr, StderrFormat: Off})
	if l.Logger.Error("nowhere"); l.Path() != "" || stderr.Len() > 0 {
		t.Errorf("logs to %q, %q", l.Path(), stderr.String())
	}
}

func TestLevelCanBeSwitched(t *testing.T) {
	var stderr bytes.Buffer
	l := open(t, Options{File: true, Dir: t.TempDir(), Stderr: &stderr})
	with := l.Logger.With(slog.String("part", "x")).WithGroup("g")
	with.Debug("one")
	setLevel(t, l, "debug")
	with.Debug("two")
	setLevel(t, l, "error")
	with.Warn("three")
	for place, text := range map[string]string{"file": read(t, l.Path()), "stderr": stderr.String()} {
		if strings.Contains(text, "one") || !strings.Contains(text, "two") || strings.Contains(text, "three") {
			t.Errorf("%s: %s", place, text)
		}
	}
	if l.Logger.Enabled(context.Background(), slog.LevelWarn) {
		t.Error("warnings are still enabled")
	}
}

func setLevel(t *testing.T, l *Log, level string) {
	t.Helper()
	if err := l.SetLevel(level); err != nil {
		t.Error(err)
	}
}

func TestLevels(t *testing.T) {
	for text, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "": slog.LevelInfo, "WARN": slog.LevelWarn, "error": slog.LevelError,
	} {
		l := open(t, Options{Level: text, Stderr: io.Discard})
		if enabled := l.Logger.Enabled; !enabled(t.Context(), want) || enabled(t.Context(), want-1) {
			t.Errorf("%q is not %v", text, want)
		}
		if err := l.SetLevel("loud"); err == nil || !l.Logger.Enabled(t.Context(), want) {
			t.Errorf("loud is a level: %v", err)
		}
	}
	if _, err := Open(Options{Level: "loud"}); err == nil {
		t.Error("loud is a level to open with")
	}
}

func TestOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permissions of this kind")
	}
	dir := filepath.Join(t.TempDir(), "logs")
	l := open(t, Options{File: true, Dir: dir, MaxSize: megabyte})
	fill(l, 3*megabyte)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	loose := filepath.Join(t.TempDir(), "gatewayd.log")
	if err := os.WriteFile(loose, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, Options{File: true, Dir: filepath.Dir(loose)})
	if info, err := os.Stat(loose); err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("a file that others could read stays so: %v, %v", info.Mode(), err)
	}
}

// fill logs records of 1 KiB and returns how many.
func fill(l *Log, bytes int) int {
	text := strings.Repeat("x", 1000)
	n := 0
	for ; n*1000 < bytes; n++ {
		l.Logger.Info(text, slog.Int("n", n))
	}
	return n
}

func TestRotatesBySize(t *testing.T) {
	dir := t.TempDir()
	l := open(t, Options{File: true, Dir: dir, MaxSize: megabyte})
	n := fill(l, 3*megabyte)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files := names(t, filepath.Join(dir, "gatewayd*.log"))
	if len(files) != 4 {
		t.Errorf("files: %v", files)
	}
	seen := make(map[int]bool)
	for _, path := range files {
		text := read(t, path)
		if len(text) > megabyte {
			t.Errorf("%s has %d bytes", path, len(text))
		}
		lines := bufio.NewScanner(strings.NewReader(text))
		for lines.Scan() {
			var record struct{ N int }
			if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			seen[record.N] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d records of %d are kept", len(seen), n)
	}
}

func TestOldFilesGo(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "gatewayd-2020-01-02T03-04-05.000-day.log")
	foreign := filepath.Join(dir, "gatewayd.notes.log")
	for _, path := range []string{old, foreign} {
		if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, Options{File: true, Dir: dir, MaxSize: megabyte, MaxAge: 30 * 24 * time.Hour, MaxFiles: 2})
	fill(l, 5*megabyte)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if files := names(t, filepath.Join(dir, "gatewayd-*.log")); len(files) > 3 { // one may come after the last look
		t.Errorf("files put aside: %v", files)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old file is still there: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not ours is gone: %v", err)
	}
}

// clock tells a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

func TestRotatesByDate(t *testing.T) {
	dir := t.TempDir()
	c := &clock{now: time.Date(2026, 3, 1, 23, 59, 59, 0, time.Local)}
	l := open(t, Options{File: true, Dir: dir, Now: c.Now})
	aside := func() []string { return names(t, filepath.Join(dir, "gatewayd-*-day.log")) }
	l.Logger.Info("first day")
	if len(aside()) != 0 {
		t.Fatal("put aside on its own day")
	}
	c.set(c.Now().Add(2 * time.Second))
	l.Logger.Info("second day")
	l.Logger.Info("second day again")
	if files := aside(); len(files) != 1 || !strings.Contains(read(t, files[0]), "first day") || strings.Contains(read(t, l.Path()), "first day") {
		t.Errorf("after midnight: %v", files)
	}
	c.set(c.Now().Add(-time.Hour)) // a clock that is put back
	l.Logger.Info("still the second day")
	if len(aside()) != 1 {
		t.Error("put aside because the clock was put back")
	}
}

func TestRotatesFilesOfDaysBefore(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gateway.log")
	if err := os.WriteFile(path, []byte("yesterday\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now().AddDate(0, 0, -1)
	if err := os.Chtimes(path, before, before); err != nil {
		t.Fatal(err)
	}
	l := open(t, Options{File: true, Dir: dir, Program: commandLine})
	l.Logger.Info("today")
	files := names(t, filepath.Join(dir, "gateway-*-day.log"))
	if len(files) != 1 || read(t, files[0]) != "yesterday\n" || strings.Contains(read(t, path), "yesterday") {
		t.Errorf("files put aside: %v", files)
	}
	l2 := open(t, Options{File: true, Dir: dir}) // an empty file of a day before is not put aside
	l2.Logger.Info("x")
	if files := names(t, filepath.Join(dir, "gatewayd-*")); len(files) != 0 {
		t.Errorf("files put aside: %v", files)
	}
}

func TestProcessesDoNotShareAFile(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, Options{File: true, Dir: dir}), open(t, Options{File: true, Dir: dir})
	cli := open(t, Options{File: true, Dir: dir, Program: commandLine})
	if filepath.Base(a.Path()) != "gatewayd.log" || filepath.Base(b.Path()) != "gatewayd.2.log" || filepath.Base(cli.Path()) != "gateway.log" {
		t.Errorf("%s, %s, %s", a.Path(), b.Path(), cli.Path())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if again := open(t, Options{File: true, Dir: dir}); again.Path() != a.Path() {
		t.Errorf("after the first has gone: %s", again.Path())
	}
}

func TestLongRecordsAreCut(t *testing.T) {
	l := open(t, Options{File: true, Dir: t.TempDir(), MaxSize: megabyte})
	l.Logger.Info(strings.Repeat("x", 3*megabyte))
	l.Logger.Info("next")
	text := read(t, l.Path())
	if len(text) > maxRecord+1000 || !strings.Contains(text, "[cut]\n") || !strings.Contains(text, "next") {
		t.Errorf("%d bytes", len(text))
	}
}

func TestUnwritableFolder(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{File: true, Dir: filepath.Join(blocked, "logs"), Program: daemon}); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("error %v", err)
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	for range 20 {
		l, err := Open(Options{File: true, Dir: dir, Program: daemon, MaxSize: megabyte, MaxFiles: 1})
		if err != nil {
			t.Fatal(err)
		}
		fill(l, megabyte/4)
		for range 2 {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		l.Logger.Info("too late")
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestSecretsStayOut(t *testing.T) {
	const canary = `sk-c4n"ary/<&>+é-1`
	var stderr bytes.Buffer
	hidden := secret.New(canary)
	l := open(t, Options{File: true, Dir: t.TempDir(), Stderr: &stderr, Secrets: []secret.Secret{hidden, secret.New("abc"), {}}})
	log := l.Logger
	log.Info("typed", slog.Any("key", hidden), slog.Group("g", slog.Any("key", hidden)))
	log.Info("struct", slog.Any("v", struct{ Key, key secret.Secret }{hidden, hidden}))
	log.Info("message "+canary, slog.String("s", canary), slog.Any("err", fmt.Errorf("with %s", canary)))
	log.Info("bytes", slog.Any("b", []byte(canary)), slog.String("b64", base64.StdEncoding.EncodeToString([]byte(canary))))
	log.With(slog.String("early", canary)).WithGroup("x").Info("quoted", slog.Any("q", map[string]string{canary: "v"}))
	log.Info("abc is too short to be taken out")
	for place, text := range map[string]string{"file": read(t, l.Path()), "stderr": stderr.String()} {
		for _, form := range spellings(canary) {
			if strings.Contains(text, form) {
				t.Errorf("%s shows %s:\n%s", place, form, text)
			}
		}
		if strings.Contains(text, "c4n") || !strings.Contains(text, "[redacted]") || !strings.Contains(text, "abc is") {
			t.Errorf("%s:\n%s", place, text)
		}
	}
}

func TestScrubTakesTheLongestFirst(t *testing.T) {
	var s scrubber
	s.add([]secret.Secret{secret.New("secret")})
	s.add([]secret.Secret{secret.New("secret-and-more"), secret.New("secret")})
	if got := string(s.clean([]byte("a secret-and-more b secret"))); got != "a [redacted] b [redacted]" {
		t.Errorf("%s", got)
	}
}

func TestLoggingAtOnce(t *testing.T) {
	l := open(t, Options{File: true, Dir: t.TempDir(), MaxSize: megabyte})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				l.Logger.Info("record", slog.Int("i", i*1000+j))
				if j%50 == 0 {
					l.Scrub(secret.New(fmt.Sprintf("secret-%d-%d", i, j)))
					setLevel(t, l, "INFO")
				}
			}
		})
	}
	wg.Wait()
	if n := strings.Count(read(t, l.Path()), "\n"); n != 1600 {
		t.Errorf("%d records of 1600", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	l, err := Open(Options{File: true, Dir: b.TempDir(), Program: daemon})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := range 10 {
		l.Scrub(secret.New(fmt.Sprintf("sk-secret-of-a-provider-%d", i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Logger.Info("call", slog.String("model", "gpt-5"), slog.Int("status", 200), slog.Duration("took", time.Second))
	}
}
