package journal

import (
	"errors"
	"fmt"
	"slices"
)

// batch is a run of records that are written together. Whoever finds nobody
// writing takes the pen and writes what is there; whoever comes meanwhile
// puts a record into the next batch and waits, and one of those gets the pen.
type batch struct {
	seg  *segment
	off  int64 // in the segment
	buf  []byte
	err  error         // of the writing; set once
	done chan struct{} // closed when written or failed; nil: nobody waits
	lead chan struct{} // hands the pen to one who waits
	// shared is set once others have waited in the batch, who may still look
	// at it.
	shared bool
	// stable is closed when the batch is on stable storage or failed.
	stable chan struct{}
}

func (b *batch) expectDone() {
	if b.done == nil {
		b.done, b.lead, b.shared = make(chan struct{}), make(chan struct{}, 1), true
	}
}

func (b *batch) expectStable() <-chan struct{} {
	if b.stable == nil {
		b.stable = make(chan struct{})
	}
	return b.stable
}

func (b *batch) isDone() {
	if b.done != nil {
		close(b.done)
		b.done, b.lead = nil, nil
	}
}

func (b *batch) isStable() {
	if b.stable != nil {
		close(b.stable)
		b.stable = nil
	}
}

// writeWaiting writes all batches there are. The caller has the pen and the
// lock, which is open meanwhile.
func (j *Journal) writeWaiting() {
	j.open = false
	j.work = append(j.work[:0], j.batches[j.written:]...)
	j.mu.Unlock()
	n, err := write(j.work)
	j.mu.Lock()
	j.advance(n)
	if err != nil {
		j.move(fmt.Errorf("writing the journal: %w", err))
	}
	if !j.awake {
		j.awake = true
		signal(j.wake)
	}
	signal(j.news)
}

// write writes batches to their places, up to the first error.
func write(batches []*batch) (n int, err error) {
	for _, b := range batches {
		if _, err := b.seg.file.WriteAt(b.buf, b.off); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// advance notes that n more batches are written.
func (j *Journal) advance(n int) {
	for _, b := range j.batches[j.written : j.written+n] {
		b.isDone()
	}
	j.written += n
}

// put gives the pen to somebody who waits, or lays it down.
func (j *Journal) put() {
	for j.wanted == 0 && j.failed == nil && j.written < len(j.batches) {
		waiting := j.batches[j.written:]
		if i := slices.IndexFunc(waiting, func(b *batch) bool { return b.lead != nil }); i >= 0 {
			signal(waiting[i].lead)
			return
		}
		j.writeWaiting() // left from when the disk failed: nobody waits
	}
	j.penned = false
	j.idle.Signal()
}

// seize waits for the pen, before those who wait in a batch.
func (j *Journal) seize() {
	j.wanted++
	for j.penned {
		j.idle.Wait()
	}
	j.wanted--
	j.penned = true
}

// move writes everything that is not on stable storage to a new segment: what
// was written to the old one can not be trusted after an error, and asking
// again would only be told that all is well. The caller has the pen.
func (j *Journal) move(cause error) {
	j.mu.Unlock()
	j.opts.Fault(cause)
	j.mu.Lock()
	for range 2 {
		err := j.moveOnce()
		if err == nil {
			j.failed = nil
			return
		}
		cause = errors.Join(cause, err)
	}
	j.fail(cause)
}

func (j *Journal) moveOnce() error {
	to, err := j.nextSegment()
	if err != nil {
		return err
	}
	j.moves++
	j.written, j.open = 0, false
	j.work = append(j.work[:0], j.batches...)
	for _, b := range j.work {
		j.place(b, to)
	}
	j.mu.Unlock()
	if _, err = write(j.work); err == nil {
		err = to.file.Sync()
	}
	if err != nil {
		err = errors.Join(fmt.Errorf("writing the journal: %w", err), to.file.Close(), j.opts.FS.Remove(to.path))
	}
	j.mu.Lock()
	if err != nil {
		return err
	}
	j.advance(len(j.work))
	j.forget(len(j.work))
	for _, b := range j.batches {
		j.place(b, to)
	}
	j.old = append(j.old, j.cur)
	j.cur = to
	to.last = j.number
	j.used += to.size
	return nil
}

// place gives a batch its place in a segment.
func (j *Journal) place(b *batch, to *segment) {
	b.seg, b.off = to, to.size
	to.size += int64(len(b.buf))
}

// nextSegment returns a spare segment, or a new one.
func (j *Journal) nextSegment() (*segment, error) {
	if len(j.spares) == 0 {
		j.mu.Unlock()
		err := j.stock(func() bool { return len(j.spares) == 0 })
		j.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
	if len(j.spares) == 0 {
		return nil, ErrClosed
	}
	s := j.spares[0]
	j.spares = j.spares[1:]
	return s, nil
}

// fail tells everybody who waits. What was to be written stays where it is,
// for when the disk recovers.
func (j *Journal) fail(cause error) {
	j.failed = cause
	for _, b := range j.batches {
		if b.err == nil {
			b.err = cause
		}
		b.isDone()
		b.isStable()
	}
}
