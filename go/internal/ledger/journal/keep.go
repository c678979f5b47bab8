package journal

import (
	"fmt"
	"slices"
	"time"
)

// A busy journal writes some dozen batches between two syncs; they are used
// again.
const (
	maxFree      = 128
	maxFreeBytes = 4 << 10
)

// keep makes durable what has been written, keeps a segment in stock, and
// tries again when the disk has failed.
func (j *Journal) keep() {
	for {
		select {
		case <-j.quit:
			return
		case <-j.hurry:
		case <-j.wake:
			if !j.pause(j.opts.Delay, j.hurry) {
				return
			}
		}
		_ = j.flush() // told to Fault and to those who wait
		for j.recovering() {
			if !j.pause(j.opts.Retry, nil) {
				return
			}
			j.recover()
		}
		_ = j.stock(func() bool { // if not now, then when a call asks for it
			return len(j.spares) == 0 && j.cur.size > j.opts.SegmentBytes/2
		})
	}
}

// pause waits for a time or until hurried; false means to stop.
func (j *Journal) pause(d time.Duration, hurry <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-j.quit:
		return false
	case <-hurry:
	case <-t.C:
	}
	return true
}

// flush writes what was only noted and syncs what has been written.
func (j *Journal) flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.written < len(j.batches) && !j.penned && j.failed == nil {
		j.penned = true
		j.writeWaiting()
		j.put()
	}
	for {
		j.awake = false
		n, moves := j.written, j.moves
		if n == 0 {
			j.closeOld()
			return j.failed
		}
		var segs []*segment
		for _, b := range j.batches[:n] {
			if !slices.Contains(segs, b.seg) {
				segs = append(segs, b.seg)
			}
		}
		j.mu.Unlock()
		err := syncAll(segs)
		j.mu.Lock()
		switch {
		case j.moves != moves: // written elsewhere meanwhile: look again
		case err == nil:
			j.forget(n)
		default:
			j.seize()
			if j.moves == moves {
				j.move(err)
			}
			j.put()
		}
		if err == nil && j.moves == moves {
			j.closeOld()
			return j.failed
		}
	}
}

func syncAll(segs []*segment) error {
	for _, s := range segs {
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("syncing the journal: %w", err)
		}
	}
	return nil
}

// forget drops the first n batches, which are on stable storage.
func (j *Journal) forget(n int) {
	for _, b := range j.batches[:n] {
		lone := b.stable == nil && b.err == nil && !b.shared
		b.isStable()
		if lone && len(j.free) < maxFree && cap(b.buf) <= maxFreeBytes {
			*b = batch{buf: b.buf[:0]}
			j.free = append(j.free, b)
		}
	}
	j.batches = slices.Delete(j.batches, 0, n)
	j.written -= n
}

// closeOld closes the segments that nothing refers to any more.
func (j *Journal) closeOld() {
	for _, s := range j.old {
		if s.file == nil || slices.ContainsFunc(j.batches, func(b *batch) bool { return b.seg == s }) {
			continue
		}
		_ = s.file.Close() // what counts has been synced, here or elsewhere
		s.file = nil
	}
}

func (j *Journal) recovering() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed != nil
}

// recover tries to write again.
func (j *Journal) recover() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seize()
	if j.moveOnce() == nil {
		j.failed = nil
		signal(j.wake)
		signal(j.news)
	}
	j.put()
}
