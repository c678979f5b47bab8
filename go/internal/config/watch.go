package config

import (
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
	reads   []content // what the last reload found, refused or not

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
	go w.run()
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
			w.reads = invalid.reads
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
func (w *Watcher) run() {
	defer close(w.done)
	timer := time.NewTimer(settle)
	defer timer.Stop()
	waiting := true // something may have changed before the files were watched
	names := w.follow()
	var seen []content
	for {
		select {
		case event, ok := <-w.events.Events:
			if !ok {
				return
			}
			if !waiting && names[filepath.Clean(event.Name)] {
				waiting = true
				timer.Reset(settle)
			}
		case err, ok := <-w.events.Errors:
			if ok && !waiting { // the queue ran over: anything may have changed
				w.log.Warn("watching the configuration", slog.Any("error", err))
				waiting = true
				timer.Reset(settle)
			}
		case <-timer.C:
			loaded := w.contents()
			now := readAgain(loaded)
			waiting = !slices.Equal(now, loaded)
			if waiting && slices.Equal(now, seen) {
				_ = w.Reload() // it has logged why not
			}
			seen = now
			if names = w.follow(); waiting {
				timer.Reset(settle)
			}
		}
	}
}

func (w *Watcher) contents() []content {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reads
}

// follow watches the folder of every file that matters and of every link that
// leads there, and returns their names. A folder, not a file, since files are
// replaced by renaming.
func (w *Watcher) follow() map[string]bool {
	names, folders := make(map[string]bool), make(map[string]bool)
	for _, file := range w.contents() {
		for _, name := range trail(file.path) {
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
