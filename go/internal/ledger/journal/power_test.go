package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lossy is a file system that remembers what a power cut would leave: of each
// file what was synced, and of the sectors written since any or none.
type lossy struct {
	OS
	mu    sync.Mutex
	files map[string]*lossyFile
	off   atomic.Bool // the power is gone
}

const sector = 512

type lossyFile struct {
	File
	fs     *lossy
	now    []byte // as the process sees it
	synced []byte
	dirty  map[int]bool // sectors
}

func (f *lossy) Create(path string, size int64) (File, error) {
	file, err := f.OS.Create(path, size)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &lossyFile{File: file, fs: f, dirty: map[int]bool{}}
	f.files[path] = l
	return l, nil
}

func (f *lossyFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	if end := int(off) + len(b); end > len(f.now) {
		f.now = append(f.now, make([]byte, end-len(f.now))...)
	}
	copy(f.now[off:], b)
	for s := int(off) / sector; s <= (int(off)+len(b)-1)/sector; s++ {
		f.dirty[s] = true
	}
	f.fs.mu.Unlock()
	return f.File.WriteAt(b, off)
}

func (f *lossyFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if !f.fs.off.Load() {
		f.synced = append(f.synced[:0], f.now...)
		clear(f.dirty)
	}
	return nil
}

// remains returns a file as it may be found after the cut.
func (f *lossyFile) remains(r *rand.Rand) []byte {
	b := make([]byte, max(len(f.now), len(f.synced)))
	copy(b, f.synced)
	for s := range f.dirty {
		if from, to := s*sector, min((s+1)*sector, len(f.now)); r.IntN(2) == 0 && from < to {
			copy(b[from:to], f.now[from:to])
		}
	}
	if r.IntN(2) == 0 { // the length may be the old one
		b = b[:max(len(f.synced), len(b)-r.IntN(len(b)+1))]
	}
	return b
}

// TestPowerCuts pulls the plug at random moments: what was acknowledged as
// durable is read afterwards, and nothing is read that was never written.
func TestPowerCuts(t *testing.T) {
	cuts := 300
	if testing.Short() {
		cuts = 30
	}
	for seed := range cuts {
		r := rand.New(rand.NewPCG(11, uint64(seed)))
		fs := &lossy{files: map[string]*lossyFile{}}
		j, err := Create(t.TempDir(), Options{FS: fs, SegmentBytes: 2 << 10, Delay: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		var (
			mu   sync.Mutex
			kept []string
			all  = map[string]bool{}
			wg   sync.WaitGroup
		)
		for w := range 3 {
			wg.Go(func() {
				for i := 0; !fs.off.Load(); i++ {
					payload := fmt.Sprint("record ", w, "-", i, " ", string(make([]byte, i%200)))
					if j.Reserve(400) != nil {
						continue
					}
					mu.Lock()
					all[payload] = true
					mu.Unlock()
					err := j.Append(text(payload), i%2 == 0)
					j.Unreserve(400)
					mu.Lock()
					if err == nil && i%2 == 0 && !fs.off.Load() {
						kept = append(kept, payload)
					}
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Duration(200+r.IntN(3000)) * time.Microsecond)
		mu.Lock() // nobody is told anything after the cut
		fs.off.Store(true)
		mu.Unlock()
		wg.Wait()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if err := j.folder.Release(); err != nil {
			t.Fatal(err)
		}
		root := t.TempDir()
		dir := filepath.Join(root, j.folder.chain)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for path, f := range fs.files {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), f.remains(r), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := NewCursor(root, j.folder.chain, 1, nil)
		c.Final()
		got := read(t, c)
		holds(t, got, kept)
		for _, g := range got {
			if !all[g] {
				t.Errorf("%q was never written", g)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d: %d read, %d kept", seed, len(got), len(kept))
		}
	}
}
