package journal

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// faulty is a file system whose operations fail when fail says so.
type faulty struct {
	OS
	fail func(op string) error
}

type faultyFile struct {
	File
	fs *faulty
}

func (f *faulty) Create(path string, size int64) (File, error) {
	if err := f.fail("create"); err != nil {
		return nil, err
	}
	file, err := f.OS.Create(path, size)
	return &faultyFile{file, f}, err
}

func (f *faulty) SyncDir(dir string) error {
	if err := f.fail("syncdir"); err != nil {
		return err
	}
	return f.OS.SyncDir(dir)
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.fs.fail("write"); err != nil {
		n, _ := f.File.WriteAt(b[:len(b)/2], off) // torn
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.fail("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

// TestEveryFaultOnce lets each operation in turn fail once: what was
// acknowledged must be there, and the journal must be well again afterwards.
func TestEveryFaultOnce(t *testing.T) {
	for _, op := range []string{"create", "syncdir", "write", "sync"} {
		for nth := range int32(8) {
			t.Run(fmt.Sprint(op, nth), func(t *testing.T) {
				var count atomic.Int32
				fs := &faulty{fail: func(o string) error {
					if o == op && count.Add(1) == nth+1 {
						return syscall.EIO
					}
					return nil
				}}
				root := t.TempDir()
				o := Options{FS: fs, SegmentBytes: 1 << 10, Retry: time.Millisecond, Delay: time.Millisecond}
				j, err := Create(root, o)
				if err != nil {
					if _, left := Chains(root); left != nil {
						t.Error(left)
					}
					return // refused to start
				}
				defer j.Folder().Release()
				var kept []string
				for i := range 40 {
					if j.Reserve(100) != nil {
						continue
					}
					payload := fmt.Sprint("a record that is somewhat long, number ", i)
					if j.Append(text(payload), i%2 == 0) == nil {
						kept = append(kept, payload)
					}
					j.Unreserve(100)
				}
				waitFor(t, "the journal to be well", func() bool { return j.Usage().Failed == nil })
				if err := j.Reserve(100); err != nil {
					t.Errorf("afterwards: %v", err)
				}
				if err := j.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
				c := j.Folder().Cursor(1, func(d Damage) { t.Error(d) })
				c.Final()
				holds(t, read(t, c), kept)
				if len(kept) < 38 {
					t.Errorf("only %d of 40 were taken", len(kept))
				}
			})
		}
	}
}

// holds reports what of kept is missing in got, or twice there.
func holds(t *testing.T, got, kept []string) {
	t.Helper()
	times := map[string]int{}
	for _, g := range got {
		times[g]++
		if times[g] > 1 {
			t.Errorf("%q came twice", g)
		}
	}
	for _, k := range kept {
		if times[k] == 0 {
			t.Errorf("%q was acknowledged and is lost", k)
		}
	}
}

// TestADiskThatFailsForAWhile: while nothing can be written the journal takes
// no reservation, and what could not be written is written later.
func TestADiskThatFailsForAWhile(t *testing.T) {
	for _, op := range []string{"write", "sync"} {
		t.Run(op, func(t *testing.T) {
			var down atomic.Bool
			fs := &faulty{fail: func(o string) error {
				if down.Load() && (o == op || o == "create") {
					return syscall.ENOSPC
				}
				return nil
			}}
			var faults atomic.Int32
			root := t.TempDir()
			j := create(t, root, Options{
				FS: fs, Retry: 2 * time.Millisecond, Delay: time.Millisecond, Fault: func(error) { faults.Add(1) },
			})
			if err := j.Reserve(1000); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() { _ = j.Append(text(fmt.Sprint("before ", i)), true) })
			}
			wg.Wait()
			down.Store(true)
			var refused atomic.Int32
			for i := range 8 {
				wg.Go(func() {
					if j.Append(text(fmt.Sprint("during ", i)), true) != nil {
						refused.Add(1)
					}
				})
			}
			wg.Wait()
			if refused.Load() != 8 {
				t.Errorf("%d of 8 durable records were refused", refused.Load())
			}
			waitFor(t, "the failure to show", func() bool { return j.Usage().Failed != nil })
			if err := j.Reserve(1); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("a failing disk says %v", err)
			}
			down.Store(false)
			waitFor(t, "the journal to be well", func() bool { return j.Usage().Failed == nil })
			add(t, j, "after")
			var want []string
			for i := range 8 {
				want = append(want, fmt.Sprint("before ", i), fmt.Sprint("during ", i))
			}
			got := read(t, NewCursor(root, j.Folder().Chain(), 1, func(d Damage) { t.Error(d) }))
			holds(t, got, append(want, "after"))
			if faults.Load() == 0 {
				t.Error("nobody was told")
			}
		})
	}
}

// TestReservedRoomIsThere fills a small disk: what was reserved can be written.
func TestReservedRoomIsThere(t *testing.T) {
	root := t.TempDir()
	if err := mountSmall(root, 256<<10); err != nil {
		t.Skip("no small disk here: ", err)
	}
	defer unmount(root)
	j, err := Create(root, Options{SegmentBytes: 32 << 10})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; j.Reserve(1<<10) == nil; n++ {
	}
	if n < 100 {
		t.Errorf("%d reservations in 256 KiB", n)
	}
	_ = os.WriteFile(root+"/ballast", make([]byte, 256<<10), 0o600) // takes what is left
	for i := range n {
		if err := j.Append(text(make([]byte, 900)), false); err != nil {
			t.Fatalf("record %d of %d: %v", i, n, err)
		}
		j.Unreserve(1 << 10)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if err := j.Folder().Release(); err != nil {
		t.Error(err)
	}
}
