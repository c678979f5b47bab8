package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/lockfile"
)

const (
	recordName = "gatewayd.json" // in the data folder
	fileMode   = 0o600
	folderMode = 0o700

	maxRecord  = 64 << 10 // bytes; a longer file is no record
	claimTime  = 100 * time.Millisecond
	claimPause = 10 * time.Millisecond
)

// ErrRunning says that another daemon has the record or the PID file.
var ErrRunning = errors.New("a gateway runs there already")

// Record is what a detached daemon says about itself. It is true for as long as
// the daemon lives and no longer: the lock on its file ends with the process,
// so that neither a crash nor a process id used again can make it lie.
type Record struct {
	PID      int       `json:"pid"`
	URL      string    `json:"url,omitempty"` // "" before it is ready
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	Log      string    `json:"log,omitempty"`      // file
	Stopping bool      `json:"stopping,omitempty"` // it finishes its calls and takes no more
}

// Ready reports whether the daemon has said where it is.
func (r *Record) Ready() bool { return r.URL != "" }

// Claim is the record of this process, and its PID file if it has one.
type Claim struct {
	record *os.File
	pid    *os.File // nil: none
}

// NewClaim takes the record of a data folder, and the PID file unless that is
// "". The error is ErrRunning if another daemon has one of them.
func NewClaim(dataDir, pidFile string, r Record) (*Claim, error) {
	if err := os.MkdirAll(dataDir, folderMode); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	record, err := hold(filepath.Join(dataDir, recordName))
	if err != nil {
		return nil, err
	}
	c := &Claim{record: record}
	if err := c.Tell(r); err != nil {
		return nil, errors.Join(err, c.Release())
	}
	if pidFile == "" {
		return c, nil
	}
	pid, err := hold(pidFile)
	if err != nil {
		return nil, errors.Join(err, c.Release())
	}
	c.pid = pid
	if err := rewrite(pid, fmt.Appendf(nil, "%d\n", r.PID)); err != nil {
		return nil, errors.Join(err, c.Release())
	}
	return c, nil
}

// hold opens a file and locks it for the life of the process.
func hold(path string) (*os.File, error) {
	for begin := time.Now(); ; time.Sleep(claimPause) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
		if err != nil {
			return nil, err
		}
		err = lockfile.Take(f)
		if err == nil && named(f, path) {
			return f, nil
		}
		_ = f.Close() // nothing was written
		switch {
		case err != nil && !errors.Is(err, lockfile.ErrTaken):
			return nil, fmt.Errorf("locking %s: %w", path, err)
		case time.Since(begin) > claimTime: // those who only look let go at once
			return nil, fmt.Errorf("%s: %w", path, ErrRunning)
		}
	}
}

// named reports whether f still has its name: its last owner may have removed
// it between the opening and the locking.
func named(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

// Tell writes the record anew.
func (c *Claim) Tell(r Record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return rewrite(c.record, append(text, '\n'))
}

// rewrite is not one step; whoever reads half of it reads again.
func rewrite(f *os.File, text []byte) error {
	err := f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.Name(), err)
	}
	return nil
}

// Release gives the record and the PID file up.
func (c *Claim) Release() error {
	err := drop(c.record)
	if c.pid != nil {
		err = errors.Join(err, drop(c.pid))
	}
	return err
}

// drop removes the file while it is still locked, so that nobody can have taken
// it. Where an open file cannot be removed, an empty one stays.
func drop(f *os.File) error {
	err := f.Truncate(0)
	_ = os.Remove(f.Name())
	return errors.Join(err, f.Close())
}

// Inspect reads the record of a data folder; nil means that no detached daemon
// runs there. One that has only just begun has no URL yet.
func Inspect(dataDir string) (*Record, error) {
	f, err := os.Open(filepath.Join(dataDir, recordName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing runs, and that is no failure
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	taken, err := lockfile.Look(f)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", f.Name(), err)
	}
	if !taken {
		return nil, nil //nolint:nilnil // it died without a word
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return nil, err
	}
	return parseRecord(text), nil
}

// parseRecord reads a record that may be in the middle of being written.
func parseRecord(text []byte) *Record {
	var r Record
	if json.Unmarshal(text, &r) != nil || r.PID <= 0 {
		return &Record{}
	}
	return &r
}
