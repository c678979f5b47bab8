package logging

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"

	"github.com/tokligence/tokligence-gateway/go/internal/lockfile"
)

const (
	megabyte    = 1 << 20
	defaultSize = 64 * megabyte
	maxRecord   = 512 << 10 // bytes; a longer one is cut
	maxShare    = 99        // processes that log to one folder under one name

	fileMode   = 0o600
	folderMode = 0o700
)

// file is a log file that is put aside when it is full and when a day begins.
// The library rotates by day too, but neither for a program that was not
// running at midnight nor by a clock of ours.
type file struct {
	path string
	now  func() time.Time

	mu     sync.Mutex
	out    *timberjack.Logger
	lock   *os.File
	day    int // of the records in it
	closed bool
}

// openFile finds a name that no other process writes to: rotation by two would
// lose records.
func openFile(o Options) (*file, error) {
	if err := os.MkdirAll(o.Dir, folderMode); err != nil {
		return nil, fmt.Errorf("making the folder for logs: %w", err)
	}
	for n := 1; n <= maxShare; n++ {
		name := o.Program
		if n > 1 {
			name = fmt.Sprintf("%s.%d", o.Program, n)
		}
		lock, err := takeLock(filepath.Join(o.Dir, "."+name+".lock"))
		if errors.Is(err, lockfile.ErrTaken) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("locking the log: %w", err)
		}
		f, err := newFile(filepath.Join(o.Dir, name+".log"), lock, o)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the log: %w", err), lock.Close())
		}
		return f, nil
	}
	return nil, fmt.Errorf("opening the log: %d processes log to %s already", maxShare, o.Dir)
}

// takeLock holds path until the returned file is closed or the process ends.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return nil, err
	}
	if err := lockfile.Take(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func newFile(path string, lock *os.File, o Options) (*file, error) {
	f := &file{path: path, lock: lock, now: o.Now}
	if f.now == nil {
		f.now = time.Now
	}
	probe, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, fileMode)
	if err != nil {
		return nil, err
	}
	info, err := probe.Stat()
	_ = probe.Chmod(fileMode) // only the owner may; it is worth a try
	if err = errors.Join(err, probe.Close()); err != nil {
		return nil, err
	}
	f.day = dayOf(f.now())
	if info.Size() > 0 {
		f.day = dayOf(info.ModTime().In(f.now().Location()))
	}
	f.out = &timberjack.Logger{
		Filename: path, FileMode: fileMode, LocalTime: true,
		MaxSize:    int((cmp.Or(max(o.MaxSize, 0), defaultSize) + megabyte - 1) / megabyte),
		MaxAge:     int((o.MaxAge + 24*time.Hour - 1) / (24 * time.Hour)),
		MaxBackups: o.MaxFiles,
	}
	return f, nil
}

// dayOf numbers days so that later ones are larger.
func dayOf(t time.Time) int {
	y, m, d := t.Date()
	return (y*100+int(m))*100 + d
}

// Write takes one record. A file that cannot be rotated is written on.
func (f *file) Write(record []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return len(record), nil
	}
	if today := dayOf(f.now()); today > f.day {
		f.day = today
		f.putAside()
	}
	text := record
	if len(text) > maxRecord {
		text = append(text[:maxRecord:maxRecord], " [cut]\n"...)
	}
	if _, err := f.out.Write(text); err != nil {
		return 0, err
	}
	return len(record), nil
}

// putAside begins a new file, unless nothing is in the old one.
func (f *file) putAside() {
	if info, err := os.Stat(f.path); err != nil || info.Size() == 0 {
		return
	}
	_ = f.out.RotateWithReason("day") // where it fails the next write opens the file again
}

// Close waits for old files to be removed.
func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return errors.Join(f.out.Close(), f.lock.Close())
}
