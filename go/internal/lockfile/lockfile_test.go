package lockfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestTake uses two descriptions of one file: locks belong to those, so that
// they work within one process as between two.
func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	first, second := open(), open()
	look := func(want bool) {
		t.Helper()
		if taken, err := Look(second); err != nil || taken != want {
			t.Errorf("taken: %v %v", taken, err)
		}
	}
	look(false)
	if err := Take(first); err != nil {
		t.Fatal(err)
	}
	look(true)
	if err := Take(second); !errors.Is(err, ErrTaken) {
		t.Errorf("a second owner: %v", err)
	}
	if _, err := second.WriteString("text"); err != nil {
		t.Errorf("others may write: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	look(false)
	if err := Take(second); err != nil {
		t.Errorf("after the end of the first: %v", err)
	}
}
