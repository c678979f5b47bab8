package config

import (
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle   = 150 * time.Millisecond // files must hold still for so long
	maxLinks = 32                     // symbolic links followed from one path
)

// Watcher takes up changes of the configuration while the program runs.
type Watcher struct {
	options Options
	apply   func(*Config) error
	log     *slog.Logger

	mu      sync.Mutex // one reload at a time
	current *Config
	reads   []string // files that matter, those of a refused configuration too

	events *fsnotify.Watcher // nil: files cannot be watched here
	done   chan struct{}
}

// Watch follows the files that current was read from until Close. A change
// that is valid is given to apply, whose error refuses it; calls of apply do
// not overlap. Where files cannot be watched, Reload still works.
func Watch(o Options, current *Config, log *slog.Logger, apply func(*Config) error) *Watcher {
	w := &Watcher{options: o, apply: apply, log: log, current: current, reads: current.reads, done: make(chan struct{})}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("changes of the configuration are not noticed; send SIGHUP after one", slog.Any("error", err))
		close(w.done)
		return w
	}
	w.events = events
	names := w.follow()
	go w.run(names, fingerprint(w.reads))
	return w
}

// Close stops watching and waits for a reload that is under way.
func (w *Watcher) Close() error {
	if w.events == nil {
		return nil
	}
	err := w.events.Close()
	<-w.done
	return err
}

// Current is the configuration that applies.
func (w *Watcher) Current() *Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current
}

// Reload reads everything anew. If that is not valid or not taken, the error
// says why and what applied before still does.
func (w *Watcher) Reload() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	next, changes, err := reload(w.options, w.current)
	if err != nil {
		var invalid *InvalidError
		if errors.As(err, &invalid) {
			w.reads = slices.Concat(w.current.reads, invalid.reads)
		}
		w.log.Error("the configuration is not valid; the old one stays", slog.Any("error", err))
		return err
	}
	w.reads = next.reads
	for _, p := range next.warnings {
		w.log.Warn("configuration", slog.String("problem", p.String()))
	}
	if len(changes.later) > 0 {
		w.log.Warn("settings that take effect at the next start have changed", slog.String("settings", strings.Join(changes.later, ", ")))
	}
	if len(changes.now) == 0 {
		w.log.Info("the configuration was read again; nothing changes")
		return nil
	}
	if err := w.apply(next); err != nil {
		w.log.Error("the configuration cannot be used; the old one stays", slog.Any("error", err))
		return err
	}
	w.current = next
	w.log.Info("the configuration has changed", slog.String("settings", strings.Join(changes.now, ", ")))
	return nil
}

// run waits until files that have changed hold still, then reloads. Programs
// write files in several steps; half a file would be refused.
func (w *Watcher) run(names map[string]bool, loaded digest) {
	defer close(w.done)
	timer := time.NewTimer(settle)
	timer.Stop()
	waiting, seen := false, loaded
	for {
		select {
		case event, ok := <-w.events.Events:
			if !ok {
				timer.Stop()
				return
			}
			if !waiting && names[filepath.Clean(event.Name)] {
				waiting = true
				timer.Reset(settle)
			}
		case err, ok := <-w.events.Errors:
			if ok { // the queue ran over: anything may have changed
				w.log.Warn("watching the configuration", slog.Any("error", err))
				waiting = true
				timer.Reset(settle)
			}
		case <-timer.C:
			if now := fingerprint(w.paths()); now != seen {
				seen = now
				timer.Reset(settle)
				continue
			}
			waiting = false
			if seen != loaded {
				_ = w.Reload() // it has logged why not
				loaded = fingerprint(w.paths())
				seen = loaded
			}
			names = w.follow()
		}
	}
}

func (w *Watcher) paths() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads
}

// follow watches the folder of every file that matters and of every link that
// leads there, and returns their names. A folder, not a file, since files are
// replaced by renaming.
func (w *Watcher) follow() map[string]bool {
	names, folders := make(map[string]bool), make(map[string]bool)
	for _, path := range w.paths() {
		for _, name := range trail(path) {
			names[name] = true
			folders[filepath.Dir(name)] = true
		}
	}
	for _, old := range w.events.WatchList() {
		if !folders[old] {
			_ = w.events.Remove(old) // it may be gone already
		}
	}
	for folder := range folders {
		if err := w.events.Add(folder); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, fsnotify.ErrClosed) {
			w.log.Warn("watching the configuration", slog.String("folder", folder), slog.Any("error", err))
		}
	}
	return names
}

// trail returns path, every symbolic link on the way and where they lead.
func trail(path string) []string {
	path = filepath.Clean(path)
	out := []string{path}
	for range maxLinks {
		link := firstLink(path)
		if link == "" {
			return out
		}
		target, err := os.Readlink(link)
		if err != nil {
			return out
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(link), target)
		}
		path = filepath.Join(target, strings.TrimPrefix(path, link))
		out = append(out, link, path)
	}
	return out
}

// firstLink returns the outermost symbolic link that path passes, or "".
func firstLink(path string) string {
	for at := 1; at <= len(path); at++ {
		if at < len(path) && !os.IsPathSeparator(path[at]) {
			continue
		}
		if info, err := os.Lstat(path[:at]); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return path[:at]
		}
	}
	return ""
}

type digest [sha256.Size]byte

// fingerprint is that of the content of files, missing ones included.
func fingerprint(paths []string) (sum digest) {
	h := sha256.New()
	for _, path := range paths {
		data, err := readFile(path)
		part := sha256.Sum256(data)
		h.Write([]byte(path))
		h.Write(part[:])
		if err != nil {
			h.Write([]byte{0})
		}
	}
	h.Sum(sum[:0])
	return sum
}
