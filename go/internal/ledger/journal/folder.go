package journal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/lockfile"
)

const (
	lockName = "lock"
	markName = "applied"
	markSize = 52

	corruptSuffix = ".corrupt"
)

var (
	// ErrBusy is returned for a folder whose owner is alive.
	ErrBusy = errors.New("the journal folder is in use")
	// ErrGone is returned for a folder that another process has removed.
	ErrGone = errors.New("the journal folder is gone")
)

// Mark says how far the records of a folder have been applied, and where the
// chain stood there.
type Mark struct {
	Number uint64 // of the last record that needs no more work
	Seq    int64
	Hash   [32]byte
}

// Folder is a journal folder that this process has locked.
type Folder struct {
	root, chain, dir string
	fs               FS
	lock, mark       *os.File
}

// Chains returns the names of the journal folders below root, oldest first.
func Chains(root string) ([]string, error) {
	files, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the journals: %w", err)
	}
	var names []string
	for _, f := range files {
		if f.IsDir() && len(f.Name()) <= maxChainLen {
			names = append(names, f.Name())
		}
	}
	return names, nil
}

// Corrupt returns the names of the segment files that were kept aside.
func Corrupt(root string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(root, "*"+corruptSuffix))
	for i, p := range paths {
		paths[i] = filepath.Base(p)
	}
	return paths, err
}

// newFolder makes a folder under a name that no other has had.
func newFolder(root string, fs FS, now time.Time) (*Folder, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("making the journal folder: %w", err)
	}
	for range 10 {
		chain := now.UTC().Format("20060102T150405") + "-" + strings.ToLower(rand.Text()[:10])
		if err := os.Mkdir(filepath.Join(root, chain), 0o700); err != nil {
			return nil, fmt.Errorf("making the journal folder: %w", err)
		}
		f, err := acquire(root, chain, fs, os.O_CREATE)
		if errors.Is(err, ErrBusy) || errors.Is(err, ErrGone) {
			continue // taken for one whose owner has died, before it had the lock
		}
		if err != nil {
			return nil, err
		}
		return f, fs.SyncDir(root)
	}
	return nil, errors.New("making the journal folder: no new folder could be locked")
}

// Acquire locks the folder of a chain. The lock ends with Release, Remove or
// the process.
func Acquire(root, chain string, fs FS) (*Folder, error) {
	if fs == nil {
		fs = OS{}
	}
	f, err := acquire(root, chain, fs, 0)
	if !errors.Is(err, ErrGone) {
		return f, err
	}
	// Whoever removes a folder removes the lock last, so there is nothing left
	// but perhaps the folder itself.
	dir := filepath.Join(root, chain)
	if all, _ := segments(dir); len(all) == 0 {
		_ = os.Remove(dir)
		return nil, ErrGone
	}
	return acquire(root, chain, fs, os.O_CREATE)
}

func acquire(root, chain string, fs FS, create int) (*Folder, error) {
	f := &Folder{root: root, chain: chain, dir: filepath.Join(root, chain), fs: fs}
	lock, err := open(f.path(lockName), create)
	if err != nil {
		return nil, err
	}
	if err := hold(lock); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	f.lock = lock
	if f.mark, err = open(f.path(markName), os.O_CREATE); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return f, nil
}

func open(path string, create int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|create, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("opening a journal folder: %w", err)
	}
	return f, nil
}

// hold takes the lock and makes sure that the file is still the one with the
// name: the last owner may have removed it in between.
func hold(lock *os.File) error {
	err := lockfile.Take(lock)
	if errors.Is(err, lockfile.ErrTaken) {
		return ErrBusy
	}
	if err != nil {
		return err
	}
	mine, err := lock.Stat()
	if err != nil {
		return fmt.Errorf("locking a journal folder: %w", err)
	}
	named, err := os.Stat(lock.Name())
	if err != nil || !os.SameFile(mine, named) {
		return ErrGone
	}
	return nil
}

func (f *Folder) path(name string) string { return filepath.Join(f.dir, name) }

// Chain returns the name of the chain that is kept in the folder.
func (f *Folder) Chain() string { return f.chain }

// Mark returns what SetMark last kept; ok is false when there is none or it
// was torn. All records must then be looked at again.
func (f *Folder) Mark() (m Mark, ok bool) {
	m, ok = readMark(f.mark)
	return m, ok
}

// SetMark notes how far the records are applied. It is not synced: an older
// mark costs repeated work and nothing else.
func (f *Folder) SetMark(m Mark) error {
	b := make([]byte, 0, markSize)
	b = binary.LittleEndian.AppendUint64(b, m.Number)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Seq))
	b = append(b, m.Hash[:]...)
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := f.mark.WriteAt(b, 0); err != nil {
		return fmt.Errorf("noting how far the journal is applied: %w", err)
	}
	return nil
}

func readMark(f *os.File) (m Mark, ok bool) {
	var b [markSize]byte
	if n, _ := f.ReadAt(b[:], 0); n != markSize {
		return m, false
	}
	if crc32.Checksum(b[:markSize-4], castagnoli) != binary.LittleEndian.Uint32(b[markSize-4:]) {
		return m, false
	}
	m.Number = binary.LittleEndian.Uint64(b[:])
	m.Seq = int64(binary.LittleEndian.Uint64(b[8:]))
	copy(m.Hash[:], b[16:])
	return m, true
}

// Extend adds records in a segment of their own and syncs it. It is for a
// folder that nobody writes to: the first record gets the number first.
func (f *Folder) Extend(first uint64, payloads []Payload) error {
	all, err := segments(f.dir)
	if err != nil {
		return err
	}
	index := 1
	if len(all) > 0 {
		index = all[len(all)-1] + 1
	}
	b := appendHeader(nil, f.chain, index)
	for i, p := range payloads {
		b = appendFrame(b, salt(f.chain), first+uint64(i), p)
	}
	file, err := f.fs.Create(segPath(f.dir, index), int64(len(b)))
	if err != nil {
		return fmt.Errorf("adding to a journal: %w", err)
	}
	_, err = file.WriteAt(b, 0)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = f.fs.SyncDir(f.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("adding to a journal: %w", err), f.fs.Remove(segPath(f.dir, index)))
	}
	return nil
}

// drop removes a segment file, or keeps it beside the folders if it is damaged.
func (f *Folder) drop(index int, damaged bool) error {
	path := segPath(f.dir, index)
	if !damaged {
		return f.fs.Remove(path)
	}
	kept := fmt.Sprintf("%s.%08d%s", f.chain, index, corruptSuffix)
	return f.fs.Rename(path, filepath.Join(f.root, kept))
}

// Remove deletes the folder and gives the lock back. Segments for which
// damaged returns true are kept beside it.
func (f *Folder) Remove(damaged func(index int) bool) error {
	all, err := segments(f.dir)
	if err != nil {
		return err
	}
	for _, index := range all {
		if err := f.drop(index, damaged != nil && damaged(index)); err != nil {
			return errors.Join(fmt.Errorf("removing a journal: %w", err), f.Release())
		}
	}
	_ = f.mark.Close()
	err = f.fs.Remove(f.path(markName))
	// An open file can not be removed everywhere.
	early := f.fs.Remove(f.path(lockName))
	_ = f.lock.Close()
	if early != nil {
		err = errors.Join(err, f.fs.Remove(f.path(lockName)))
	}
	if gone := f.fs.Remove(f.dir); gone != nil && !errors.Is(gone, os.ErrNotExist) { // others remove empty folders, too
		err = errors.Join(err, gone)
	}
	if err = errors.Join(err, f.fs.SyncDir(f.root)); err != nil {
		return fmt.Errorf("removing a journal: %w", err)
	}
	return nil
}

// Release gives the lock back and leaves the folder as it is.
func (f *Folder) Release() error { return errors.Join(f.mark.Close(), f.lock.Close()) }
