package journal

import (
	"errors"
	"fmt"
)

// Reserve sets n bytes aside for records to come, so that these do not fail
// for want of room. It returns ErrFull or what keeps the disk from being
// written.
func (j *Journal) Reserve(n int64) error {
	for {
		j.mu.Lock()
		switch {
		case j.closed:
			j.mu.Unlock()
			return ErrClosed
		case j.failed != nil:
			defer j.mu.Unlock()
			return j.failed
		case j.used+j.reserved+n > j.opts.MaxBytes:
			j.mu.Unlock()
			return ErrFull
		case j.room() >= j.reserved+n:
			j.reserved += n
			j.mu.Unlock()
			return nil
		}
		j.mu.Unlock()
		if err := j.stock(func() bool { return j.room() < j.reserved+n }); err != nil {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
}

// Unreserve gives room back.
func (j *Journal) Unreserve(n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reserved -= n
}

// room is what can be written into segments that are there already.
func (j *Journal) room() int64 {
	return max(0, j.opts.SegmentBytes-j.cur.size) + int64(len(j.spares))*(j.opts.SegmentBytes-headerSize)
}

// stock makes a spare segment if one is needed.
func (j *Journal) stock(needed func() bool) error {
	j.making.Lock()
	defer j.making.Unlock()
	j.mu.Lock()
	need := needed() && !j.closed
	j.mu.Unlock()
	if !need {
		return nil
	}
	s, err := j.make()
	if err != nil {
		return err
	}
	j.mu.Lock()
	j.spares = append(j.spares, s)
	j.mu.Unlock()
	return nil
}

// make makes a segment file. The caller holds making, or is alone.
func (j *Journal) make() (*segment, error) {
	index := j.made + 1
	s := &segment{index: index, path: segPath(j.folder.dir, index), size: headerSize}
	file, err := j.opts.FS.Create(s.path, j.opts.SegmentBytes)
	if err != nil {
		return nil, fmt.Errorf("making a journal segment: %w", err)
	}
	j.made++
	s.file = file
	_, err = file.WriteAt(appendHeader(nil, j.folder.chain, index), 0)
	if err == nil {
		err = j.opts.FS.SyncDir(j.folder.dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a journal segment: %w", err), file.Close(), j.opts.FS.Remove(s.path))
	}
	return s, nil
}

// Usage tells how full a journal is.
type Usage struct {
	Bytes, Reserved, Max int64
	Number               uint64 // of the last record
	Failed               error  // why nothing can be written, nil: all is well
}

// Usage returns how full the journal is.
func (j *Journal) Usage() Usage {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Usage{Bytes: j.used, Reserved: j.reserved, Max: j.opts.MaxBytes, Number: j.number, Failed: j.failed}
}

// Trim removes the segments that hold no record above through. Those for
// which damaged returns true are kept beside the folder.
func (j *Journal) Trim(through uint64, damaged func(index int) bool) error {
	j.mu.Lock()
	var drop []*segment
	for len(j.old) > 0 && j.old[0].last <= through && j.old[0].file == nil {
		drop = append(drop, j.old[0])
		j.old = j.old[1:]
	}
	j.mu.Unlock()
	if len(drop) == 0 {
		return nil
	}
	var failed error
	for _, s := range drop {
		if err := j.folder.drop(s.index, damaged(s.index)); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		j.mu.Lock()
		j.used -= s.size
		j.mu.Unlock()
	}
	if err := errors.Join(failed, j.opts.FS.SyncDir(j.folder.dir)); err != nil {
		return fmt.Errorf("removing journal segments: %w", err)
	}
	return nil
}

// Holding returns the numbers of the last records of the segments that could
// be removed if these were done with, oldest first.
func (j *Journal) Holding() []uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := make([]uint64, len(j.old))
	for i, s := range j.old {
		last[i] = s.last
	}
	return last
}
