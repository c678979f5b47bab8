package service

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	stderrName = "gatewayd.stderr"
	maxStderr  = 1 << 20 // bytes; a longer file begins anew
)

// Detach is for a daemon that Start began: from now on it lives on whatever
// becomes of its parent.
func Detach() { ignorePipes() }

// Settle ends what a daemon says to its parent. What it still writes to
// standard error, which is its last words in a crash, goes to a file in dir.
func Settle(dir string) error {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return fmt.Errorf("making the folder for logs: %w", err)
	}
	path := filepath.Join(dir, stderrName)
	how := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > maxStderr {
		how |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, how, fileMode)
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	if err := loosen(f); err != nil {
		return errors.Join(fmt.Errorf("leaving the parent's standard error: %w", err), f.Close())
	}
	return f.Close()
}
