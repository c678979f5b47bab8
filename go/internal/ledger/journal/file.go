package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// FS is the part of a file system that a journal writes to. Tests put faults
// in; the default is the real one.
type FS interface {
	// Create makes a new file with room for size bytes set aside, where the
	// system can.
	Create(path string, size int64) (File, error)
	Remove(path string) error
	Rename(from, to string) error
	// SyncDir makes what was created, renamed and removed in dir durable.
	SyncDir(dir string) error
}

// File is a file being written.
type File interface {
	WriteAt(b []byte, off int64) (int, error)
	Sync() error // the data, and what is needed to find it
	Truncate(size int64) error
	Close() error
}

// OS is the real file system.
type OS struct{}

type osFile struct{ *os.File }

// Sync makes the content durable.
func (f osFile) Sync() error { return dataSync(f.File) }

// Create makes a new file that only its owner can read.
func (OS) Create(path string, size int64) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := allocate(f, size); err != nil {
		return nil, errors.Join(fmt.Errorf("setting %d bytes aside for %s: %w", size, filepath.Base(path), err), f.Close(), os.Remove(path))
	}
	return osFile{f}, nil
}

// Remove deletes a file.
func (OS) Remove(path string) error { return os.Remove(path) }

// Rename moves a file.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }
