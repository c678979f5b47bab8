// Package logging writes what the programs have to say to people: structured
// records, to rotating files and to standard error, with every known secret
// taken out. It must not know what is logged or where its settings come from.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// Forms of a record.
const (
	JSON = "json"
	Text = "text"
	Off  = "off" // of standard error only
)

// Options say what is logged, where to and for how long.
type Options struct {
	Level   string          // debug, info ("" too), warn, error
	Secrets []secret.Secret // see Scrub

	File     bool   // write files
	Dir      string // of the files
	Program  string // name of the files, without .log; each program has its own
	Format   string // of the files: JSON ("" too), Text
	MaxSize  int64  // bytes of one file, rounded up to whole MiB; default 64 MiB
	MaxAge   time.Duration
	MaxFiles int // put aside; 0 keeps all, as MaxAge does, which counts in whole days

	Stderr       io.Writer // nil: nothing goes there
	StderrFormat string    // Text ("" too), JSON, Off

	Now func() time.Time // tells the day; nil: time.Now
}

// Log is where a program logs to. All methods may be called at any time from
// any goroutine.
type Log struct {
	Logger *slog.Logger // logs to all places

	level slog.LevelVar
	scrub scrubber
	file  *file // nil: none
}

// Open makes the folder and the file if there are none. The folder is for the
// owner only, and so are the files. When another process has the file, a
// number is added to the name.
func Open(o Options) (*Log, error) {
	l := &Log{}
	if err := l.SetLevel(o.Level); err != nil {
		return nil, err
	}
	l.Scrub(o.Secrets...)
	var handlers []slog.Handler
	if o.File {
		f, err := openFile(o)
		if err != nil {
			return nil, err
		}
		l.file = f
		handlers = append(handlers, l.handler(f, o.Format != Text))
	}
	if o.Stderr != nil && o.StderrFormat != Off {
		handlers = append(handlers, l.handler(o.Stderr, o.StderrFormat == JSON))
	}
	switch len(handlers) {
	case 0:
		l.Logger = slog.New(slog.DiscardHandler)
	case 1:
		l.Logger = slog.New(handlers[0])
	default:
		l.Logger = slog.New(slog.NewMultiHandler(handlers...))
	}
	return l, nil
}

// handler writes records to w, which sees each as one call of Write.
func (l *Log) handler(w io.Writer, asJSON bool) slog.Handler {
	options := &slog.HandlerOptions{Level: &l.level}
	clean := &cleanWriter{to: w, scrub: &l.scrub}
	if asJSON {
		return slog.NewJSONHandler(clean, options)
	}
	return slog.NewTextHandler(clean, options)
}

// SetLevel changes what is logged from now on: debug, info, warn or error.
func (l *Log) SetLevel(level string) error {
	switch strings.ToLower(level) {
	case "debug":
		l.level.Set(slog.LevelDebug)
	case "info", "":
		l.level.Set(slog.LevelInfo)
	case "warn":
		l.level.Set(slog.LevelWarn)
	case "error":
		l.level.Set(slog.LevelError)
	default:
		return fmt.Errorf("%q is no log level; use debug, info, warn or error", level)
	}
	return nil
}

// Scrub keeps secrets out of all records from now on, however they got in. It
// is the last belt: secrets are not logged in the first place. Those shorter
// than six bytes are left alone, since they would be found in common words.
func (l *Log) Scrub(secrets ...secret.Secret) { l.scrub.add(secrets) }

// Path is the file that is written, "" for none.
func (l *Log) Path() string {
	if l.file == nil {
		return ""
	}
	return l.file.path
}

// Close closes the file. What is logged later goes to standard error only.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("closing the log: %w", err)
	}
	return nil
}
