// Package journal is an append-only log in segment files, one folder for each
// process that writes. A record is in the hands of the operating system when
// Append returns and on stable storage soon after. It must not know what a
// record says or what becomes of it.
package journal

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// Options say how large a journal may grow and how fast it is made durable.
type Options struct {
	MaxBytes     int64         // of all records and reservations; default 1 GiB
	SegmentBytes int64         // of one file; default 8 MiB, or an eighth of MaxBytes
	Delay        time.Duration // from a write to its sync; default 7 ms
	Retry        time.Duration // between tries to write while the disk fails; default 250 ms
	Fault        func(error)   // told when a segment or the disk fails; default: nobody
	FS           FS            // default: the real one
	Now          func() time.Time
}

const minSegment = 8 << 10

func (o *Options) fill() {
	o.MaxBytes = cmp.Or(o.MaxBytes, 1<<30)
	o.SegmentBytes = cmp.Or(o.SegmentBytes, min(8<<20, max(minSegment, o.MaxBytes/8)))
	o.Delay = cmp.Or(o.Delay, 7*time.Millisecond)
	o.Retry = cmp.Or(o.Retry, 250*time.Millisecond)
	if o.Fault == nil {
		o.Fault = func(error) {}
	}
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

var (
	// ErrFull is returned when there is no room for another reservation.
	ErrFull = errors.New("the journal is full")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the journal is closed")
)

// Journal is a folder being written. Its methods may be called at any time
// from anywhere.
type Journal struct {
	folder *Folder
	opts   Options
	salt   uint32

	mu       sync.Mutex
	number   uint64     // of the last record
	cur      *segment   // that records go to
	spares   []*segment // made ahead, in the order of their use
	old      []*segment // that records went to, oldest first
	made     int        // index of the newest segment
	used     int64      // bytes of all segments that are there
	reserved int64
	failed   error // the disk takes nothing; what was to be written waits in batches
	closed   bool

	// batches holds, in order, what is not yet on stable storage. The first
	// written ones are in the file; the last one takes records as long as
	// open says so.
	batches []*batch
	written int
	open    bool
	moves   int // times that batches went to another segment

	// The pen is held by the one goroutine that writes to files.
	penned bool
	wanted int       // by how many who do not wait in a batch
	idle   sync.Cond // the pen has been put down for them

	free []*batch
	work []*batch // of who holds the pen

	making sync.Mutex // held while a segment is made

	awake   bool // the keeper has been told of a write
	wake    chan struct{}
	hurry   chan struct{}
	news    chan struct{}
	quit    chan struct{}
	keeping sync.WaitGroup
}

// Create makes a folder below root and a journal in it.
func Create(root string, o Options) (*Journal, error) {
	o.fill()
	folder, err := newFolder(root, o.FS, o.Now())
	if err != nil {
		return nil, err
	}
	j := &Journal{
		folder: folder, opts: o, salt: salt(folder.chain),
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), news: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	j.idle.L = &j.mu
	first, err := j.make()
	if err != nil {
		return nil, errors.Join(err, folder.Remove(nil))
	}
	j.cur, j.used = first, first.size
	j.keeping.Go(j.keep)
	return j, nil
}

// Folder returns the folder, to be read and marked. It must not be removed or
// released.
func (j *Journal) Folder() *Folder { return j.folder }

// News gets a value after records have been written.
func (j *Journal) News() <-chan struct{} { return j.news }

// Append writes a record. When it returns nil the record survives the death
// of the process, and with durable set that of the machine. When it returns
// an error other than ErrClosed the record may still be written later, when
// the disk has recovered.
func (j *Journal) Append(p Payload, durable bool) error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	b := j.add(p)
	if err := j.failed; err != nil {
		j.mu.Unlock()
		return err
	}
	var stable <-chan struct{}
	if durable {
		stable = b.expectStable()
	}
	err := j.write(b)
	if err != nil || !durable {
		return err
	}
	signal(j.hurry)
	<-stable
	j.mu.Lock()
	defer j.mu.Unlock()
	return b.err
}

// Note takes a record that need not be written at once: it goes with the next
// one that is appended, or after Options.Delay. It saves the system call of a
// record that only matters if nothing follows it.
func (j *Journal) Note(p Payload) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return ErrClosed
	}
	j.add(p)
	if j.failed == nil && !j.awake {
		j.awake = true
		signal(j.wake)
	}
	return j.failed
}

// write sees to it that b is written. It is called with the lock and opens it.
func (j *Journal) write(b *batch) error {
	defer j.mu.Unlock()
	if j.penned {
		b.expectDone()
		done, lead := b.done, b.lead
		j.mu.Unlock()
		select {
		case <-done:
			j.mu.Lock()
			return b.err
		case <-lead:
			j.mu.Lock()
		}
	}
	j.penned = true
	j.writeWaiting()
	err := b.err
	j.put()
	return err
}

// add puts a record into the last batch.
func (j *Journal) add(p Payload) *batch {
	j.number++
	b := j.last()
	start := len(b.buf)
	b.buf = appendFrame(b.buf, j.salt, j.number, p)
	size := int64(len(b.buf) - start)
	if b.seg.size+size > j.opts.SegmentBytes && len(j.spares) > 0 && b.seg.size > headerSize {
		b = j.turn(b, start)
	}
	b.seg.size += size
	b.seg.last = j.number
	j.used += size
	return b
}

// last returns the batch that takes records.
func (j *Journal) last() *batch {
	if j.open {
		return j.batches[len(j.batches)-1]
	}
	var b *batch
	if n := len(j.free); n > 0 {
		b, j.free = j.free[n-1], j.free[:n-1]
	} else {
		b = &batch{buf: make([]byte, 0, 1<<10)}
	}
	b.seg, b.off = j.cur, j.cur.size
	j.batches = append(j.batches, b)
	j.open = true
	return b
}

// turn goes on to the next segment with the record that begins at start of b.
func (j *Journal) turn(b *batch, start int) *batch {
	j.old = append(j.old, j.cur)
	j.cur, j.spares = j.spares[0], j.spares[1:]
	j.used += j.cur.size
	if start == 0 {
		b.seg, b.off = j.cur, j.cur.size
		return b
	}
	j.open = false
	next := j.last()
	next.buf = append(next.buf, b.buf[start:]...)
	b.buf = b.buf[:start]
	return next
}

// Sync returns when everything written so far is on stable storage.
func (j *Journal) Sync(ctx context.Context) error {
	j.mu.Lock()
	if len(j.batches) == 0 {
		j.mu.Unlock()
		return nil
	}
	b := j.batches[len(j.batches)-1]
	stable := b.expectStable()
	j.mu.Unlock()
	signal(j.hurry)
	signal(j.wake)
	select {
	case <-stable:
	case <-ctx.Done():
		return ctx.Err()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return b.err
}

// Close ends the writing and syncs what was written. The folder stays locked:
// it is for the caller to remove or to release.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	close(j.quit)
	j.keeping.Wait()
	j.finish()
	err := j.flush()
	j.making.Lock()
	defer j.making.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range append(append(j.old, j.cur), j.spares...) {
		if s.file != nil {
			_ = s.file.Truncate(s.size) // gives back what was set aside
			err = errors.Join(err, s.file.Close())
			s.file = nil
		}
	}
	return err
}

// finish waits until everybody's records are written.
func (j *Journal) finish() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seize()
	if j.failed == nil && j.written < len(j.batches) {
		j.writeWaiting()
	}
	j.penned = false
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
