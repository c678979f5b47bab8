package ledger

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
)

const (
	maxBatch     = 500 // rows in one transaction
	applyTimeout = 30 * time.Second
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// feed moves the rows of one journal folder into the store.
type feed struct {
	ledger *Ledger
	folder *journal.Folder
	cursor *journal.Cursor

	applied uint64       // records up to this one are in the store
	mark    journal.Mark // of the last record that was read
	batch   []Entry
	damaged map[int]bool // segments with something unreadable

	// calls are the openings without an end; nil where the process that
	// opened them is this one.
	calls map[uint64]call
}

// call is a call that was opened and, so far, not closed.
type call struct {
	row      Entry
	attempts int
}

func (l *Ledger) newFeed(folder *journal.Folder) *feed {
	f := &feed{ledger: l, folder: folder, damaged: map[int]bool{}}
	from := uint64(0)
	if mark, ok := folder.Mark(); ok {
		f.applied, f.mark = mark.Number, mark
		from = mark.Number + 1
	}
	f.cursor = folder.Cursor(from, func(d journal.Damage) {
		if d.To <= f.applied {
			return // lost, but in the store
		}
		f.damaged[d.Segment] = true
		l.damage.Add(int64(d.To - d.From + 1))
		l.opts.Log.Error("the journal is damaged: records are lost; the segment is kept aside", "journal", d.Chain,
			"segment", d.Segment, "first", d.From, "last", d.To)
	})
	return f
}

func (f *feed) isDamaged(segment int) bool { return f.damaged[segment] }

// read fills the batch. more says that there may be more to read at once.
func (f *feed) read() (more bool, err error) {
	for len(f.batch) < maxBatch {
		rec, err := f.cursor.Next()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		f.take(rec)
	}
	return true, nil
}

func (f *feed) take(rec journal.Record) {
	f.mark.Number = max(f.mark.Number, rec.Number)
	if f.calls == nil && len(rec.Payload) > 0 && rec.Payload[0] != entry {
		return
	}
	p, err := parse(f.folder.Chain(), rec.Payload)
	if err != nil {
		f.damaged[f.cursor.Segment()] = true
		f.ledger.damage.Add(1)
		f.ledger.opts.Log.Error("a journal record makes no sense; the segment is kept aside", "journal", f.folder.Chain(),
			"segment", f.cursor.Segment(), "record", rec.Number, "error", err)
		return
	}
	f.track(rec.Number, &p)
	if p.kind != entry {
		return
	}
	if p.place.seq > f.mark.Seq {
		f.mark.Seq, f.mark.Hash = p.place.seq, p.place.hash
	}
	if rec.Number > f.applied {
		f.batch = append(f.batch, p.entry)
	}
}

// track keeps account of the calls in flight.
func (f *feed) track(number uint64, p *parsed) {
	if f.calls == nil {
		return
	}
	switch p.kind {
	case opening:
		delete(f.calls, p.opening)
		f.calls[number] = call{row: p.entry, attempts: p.attempts}
	case closing:
		delete(f.calls, p.opening)
	case entry:
		c, known := f.calls[p.opening]
		switch {
		case p.last:
			delete(f.calls, p.opening)
		case known:
			c.attempts = max(c.attempts, p.entry.Attempt+1)
			f.calls[p.opening] = c
		}
	}
}

// push puts the batch into the store and notes it. After an error it can be
// called again.
func (f *feed) push(ctx context.Context) error {
	if len(f.batch) > 0 {
		ctx, cancel := context.WithTimeout(ctx, applyTimeout)
		defer cancel()
		if _, err := f.ledger.opts.Store.Apply(ctx, f.batch); err != nil {
			return err
		}
		clear(f.batch)
		f.batch = f.batch[:0]
	}
	if f.mark.Number > f.applied {
		f.applied = f.mark.Number
		if err := f.folder.SetMark(f.mark); err != nil {
			f.ledger.opts.Log.Warn("the journal's mark was not written; rows may be applied again", "error", err)
		}
	}
	return nil
}

// persist pushes until it succeeds or ctx ends.
func (f *feed) persist(ctx context.Context, hurry <-chan struct{}) error {
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		err := f.push(ctx)
		switch {
		case err == nil && backoff > firstBackoff:
			f.ledger.opts.Log.Info("the database takes rows again", "journal", f.folder.Chain())
			return nil
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case backoff == firstBackoff:
			f.ledger.opts.Log.Warn("the database does not take rows; they wait in the journal", "journal", f.folder.Chain(),
				"rows", len(f.batch), "error", err)
		}
		wait := time.NewTimer(backoff)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-hurry:
			wait.Stop()
		case <-wait.C:
		}
	}
}
