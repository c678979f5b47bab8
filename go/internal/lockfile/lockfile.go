// Package lockfile holds a file for one process among all of this machine. The
// system lets go when the process ends, however that ends, so nobody has to
// guess whether the owner of a lock is still there. It knows nothing of what is
// locked.
package lockfile

import (
	"errors"
	"os"
)

// ErrTaken says that another process holds the lock.
var ErrTaken = errors.New("taken by another process")

// Take locks f without waiting, until f is closed. Others can read and write
// the file meanwhile. The error is ErrTaken if another process has the lock.
func Take(f *os.File) error { return take(f, true) }

// Look reports whether a process holds the lock of f.
func Look(f *os.File) (taken bool, err error) {
	err = take(f, false)
	if errors.Is(err, ErrTaken) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, release(f)
}
