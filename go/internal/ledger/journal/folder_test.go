package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
	"testing"
	"time"
)

func checksumOf(header []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(header[:headerSize-4], castagnoli))
}

func TestAFolderHasOneOwner(t *testing.T) {
	root := t.TempDir()
	lay(t, root, 3)
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		owners []*Folder
	)
	for range 16 {
		wg.Go(func() {
			f, err := Acquire(root, testChain, nil)
			if err != nil {
				if !errors.Is(err, ErrBusy) {
					t.Error(err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			owners = append(owners, f)
		})
	}
	wg.Wait()
	if len(owners) != 1 {
		t.Fatalf("%d owners", len(owners))
	}
	if err := owners[0].Remove(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(root, testChain, nil); !errors.Is(err, ErrGone) {
		t.Errorf("a folder that was removed says %v", err)
	}
}

// TestOwnersComeAndGo makes folders while others take and remove all they can
// get: nobody may lose a folder that it holds.
func TestOwnersComeAndGo(t *testing.T) {
	root := t.TempDir()
	stop := make(chan struct{})
	var cleaners, makers sync.WaitGroup
	for range 2 {
		cleaners.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				names, err := Chains(root)
				if err != nil {
					t.Error(err)
				}
				for _, name := range names {
					if f, err := Acquire(root, name, nil); err == nil {
						if err := f.Remove(nil); err != nil {
							t.Error(err)
						}
					} else if !errors.Is(err, ErrBusy) && !errors.Is(err, ErrGone) {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 2 {
		makers.Go(func() {
			for range 50 {
				f, err := newFolder(root, OS{}, time.Now())
				if err != nil {
					t.Error(err)
					continue
				}
				if err := f.SetMark(Mark{Number: 1}); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(f.path(lockName)); err != nil {
					t.Errorf("a held folder was removed: %v", err)
				}
				if err := f.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	makers.Wait()
	close(stop)
	cleaners.Wait()
}

func TestMarksAreReadBackUnlessTorn(t *testing.T) {
	root := t.TempDir()
	lay(t, root, 1)
	f, err := Acquire(root, testChain, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	if _, ok := f.Mark(); ok {
		t.Error("a mark out of nothing")
	}
	want := Mark{Number: 7, Seq: 5, Hash: [32]byte{1, 2, 3}}
	if err := f.SetMark(want); err != nil {
		t.Fatal(err)
	}
	if got, ok := f.Mark(); !ok || got != want {
		t.Errorf("read back %v, %v", got, ok)
	}
	if got, ok := MarkOf(root, testChain); !ok || got != want {
		t.Errorf("read by another: %v, %v", got, ok)
	}
	if _, err := f.mark.WriteAt([]byte{9}, 3); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Mark(); ok {
		t.Error("a torn mark was taken for one")
	}
}

func TestExtendGoesOnAfterATornTail(t *testing.T) {
	root := t.TempDir()
	dir, all := lay(t, root, 2, 3)
	b, err := os.ReadFile(segPath(dir, 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segPath(dir, 2), b[:len(b)-2], 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Acquire(root, testChain, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := f.Cursor(1, func(d Damage) { t.Error(d) })
	c.Final()
	got := read(t, c)
	if err := f.Extend(c.Expect(), []Payload{text("x"), text("y")}); err != nil {
		t.Fatal(err)
	}
	got = append(got, read(t, c)...)
	if want := append(append([]string{}, all[:4]...), "x", "y"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("read %q", got)
	}
	if err := f.Remove(nil); err != nil {
		t.Error(err)
	}
}
