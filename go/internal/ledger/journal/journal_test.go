package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// text is a payload that says the same wherever it stands.
type text string

func (t text) AppendTo(dst []byte, _ uint64) []byte { return append(dst, t...) }

// numbered is a payload that must know its number.
type numbered struct{ size int }

func (n numbered) AppendTo(dst []byte, number uint64) []byte {
	dst = binary.BigEndian.AppendUint64(dst, number)
	return append(dst, make([]byte, n.size)...)
}

func create(t testing.TB, root string, o Options) *Journal {
	t.Helper()
	j, err := Create(root, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = j.Close()
		_ = j.folder.Release()
	})
	return j
}

func add(t testing.TB, j *Journal, payload string) {
	t.Helper()
	if err := j.Append(text(payload), false); err != nil {
		t.Fatal(err)
	}
}

// read returns the payloads a cursor finds at present.
func read(t testing.TB, c *Cursor) []string {
	t.Helper()
	var all []string
	for {
		rec, err := c.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(rec.Payload))
	}
}

func TestWhatIsAppendedIsRead(t *testing.T) {
	root := t.TempDir()
	j := create(t, root, Options{SegmentBytes: 1 << 10})
	c := NewCursor(root, j.Folder().Chain(), 1, func(d Damage) { t.Error(d) })
	var want []string
	for i := range 500 {
		payload := fmt.Sprint("record ", i)
		if err := j.Reserve(200); err != nil {
			t.Fatal(err)
		}
		add(t, j, payload)
		j.Unreserve(200)
		want = append(want, payload)
		if i%7 == 0 {
			if got := read(t, c); len(got) == 0 || got[len(got)-1] != payload {
				t.Fatalf("after record %d the cursor read %v", i, got)
			}
		}
	}
	got := read(t, NewCursor(root, j.Folder().Chain(), 1, nil))
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("read %d records of %d", len(got), len(want))
	}
	if all, _ := segments(j.folder.dir); len(all) < 5 {
		t.Errorf("only %d segments", len(all))
	}
}

func TestWritersShareWritesAndKeepOrder(t *testing.T) {
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			root := t.TempDir()
			j := create(t, root, Options{SegmentBytes: 16 << 10})
			const writers, each = 32, 100
			follow := make(chan int)
			stop := make(chan struct{})
			go func() { // reads while they write
				c, seen := NewCursor(root, j.Folder().Chain(), 1, func(d Damage) { t.Error(d) }), 0
				for {
					rec, err := c.Next()
					switch {
					case err == nil:
						seen++
						if n := binary.BigEndian.Uint64(rec.Payload); n != rec.Number || rec.Number != uint64(seen) {
							t.Errorf("record %d has number %d inside and %d outside", seen, n, rec.Number)
						}
						continue
					case !errors.Is(err, io.EOF):
						t.Error(err)
					}
					select {
					case <-stop:
						if seen >= writers*each {
							follow <- seen
							return
						}
					default:
					}
					time.Sleep(100 * time.Microsecond)
				}
			}()
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for i := range each {
						if i%8 == 0 && j.Reserve(1<<10) == nil {
							defer j.Unreserve(1 << 10)
						}
						if err := j.Append(numbered{i}, durable); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			close(stop)
			if seen := <-follow; seen != writers*each {
				t.Errorf("read %d records of %d", seen, writers*each)
			}
			if err := j.Sync(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReservationsKeepRoom(t *testing.T) {
	j := create(t, t.TempDir(), Options{MaxBytes: 64 << 10})
	n := 0
	for ; j.Reserve(1<<10) == nil; n++ {
	}
	if n < 55 || n > 63 {
		t.Errorf("%d reservations of 1 KiB in 64 KiB", n)
	}
	if err := j.Reserve(1 << 10); !errors.Is(err, ErrFull) {
		t.Errorf("a full journal says %v", err)
	}
	for range n { // each gets what was promised
		add(t, j, string(make([]byte, 900)))
		j.Unreserve(1 << 10)
	}
	if err := j.Reserve(16 << 10); !errors.Is(err, ErrFull) {
		t.Errorf("a journal with 56 KiB of records says %v", err)
	}
	waitFor(t, "the segments to be closed", func() bool {
		if err := j.Trim(j.Usage().Number, func(int) bool { return false }); err != nil {
			t.Fatal(err)
		}
		return j.Usage().Bytes < 10<<10
	})
	if err := j.Reserve(16 << 10); err != nil {
		t.Errorf("after the records were removed: %v", err)
	}
}

func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

func TestTrimKeepsWhatIsDamagedAside(t *testing.T) {
	root := t.TempDir()
	j := create(t, root, Options{SegmentBytes: 1 << 10})
	for range 5 {
		if err := j.Reserve(1500); err != nil {
			t.Fatal(err)
		}
		add(t, j, string(make([]byte, 800)))
	}
	waitFor(t, "one segment kept aside and the others removed", func() bool {
		if err := j.Trim(3, func(i int) bool { return i == 2 }); err != nil {
			t.Fatal(err)
		}
		kept, _ := Corrupt(root)
		all, _ := segments(j.folder.dir)
		h := j.Holding()
		return len(kept) == 1 && len(all) > 0 && all[0] > 2 && len(h) > 0 && h[0] > 3
	})
	got := read(t, NewCursor(root, j.Folder().Chain(), 4, func(d Damage) { t.Error(d) }))
	if len(got) != 2 {
		t.Errorf("%d records remain of 4 and 5", len(got))
	}
}

func TestCloseEndsTheWriting(t *testing.T) {
	root := t.TempDir()
	j, err := Create(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	add(t, j, "a")
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(text("b"), false); !errors.Is(err, ErrClosed) {
		t.Errorf("Append says %v", err)
	}
	if err := j.Reserve(1); !errors.Is(err, ErrClosed) {
		t.Errorf("Reserve says %v", err)
	}
	st, err := os.Stat(segPath(j.folder.dir, 1))
	if err != nil || st.Size() != headerSize+frameFixed+1 {
		t.Errorf("the segment has %d bytes (%v)", st.Size(), err)
	}
	if _, err := Acquire(root, j.Folder().Chain(), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("a locked folder says %v", err)
	}
	if err := j.Folder().Remove(nil); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func BenchmarkAppend(b *testing.B) {
	payload := numbered{400}
	for _, writers := range []int{1, 64} {
		for _, durable := range []bool{false, true} {
			b.Run(fmt.Sprintf("writers=%d/durable=%v", writers, durable), func(b *testing.B) {
				j := create(b, b.TempDir(), Options{MaxBytes: 1 << 40})
				b.ReportAllocs()
				b.ResetTimer()
				cpu := processor()
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						for i := w; i < b.N; i += writers {
							if err := j.Append(payload, durable); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64((processor()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
			})
		}
	}
}
