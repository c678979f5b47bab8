package ledger

import (
	"context"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
)

const (
	gather = 200 * time.Millisecond // for rows to come together in a batch

	// maxHeld is how many segments may be kept only for calls that take long;
	// then their openings are written again.
	maxHeld = 4
)

// applyOwn moves the rows of the own journal into the store until ctx ends.
func (l *Ledger) applyOwn(ctx context.Context, j *journal.Journal) {
	for {
		more, err := l.own.read()
		if err != nil {
			l.opts.Log.Error("the own journal can not be read", "error", err)
		}
		if len(l.own.batch) > 0 {
			l.progress.begin(l.opts.Now())
		}
		if l.own.persist(ctx, l.poke) != nil {
			return
		}
		l.progress.reach(l.own.mark.Seq)
		l.tidy(j)
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-l.poke:
			continue
		case <-again(j):
			continue
		case <-j.News():
		}
		select {
		case <-ctx.Done():
			return
		case <-l.poke:
		case <-time.After(gather):
		}
	}
}

// again returns what tells to tidy up once more: a segment that is done with
// can go only when it is synced and no long call holds it.
func again(j *journal.Journal) <-chan time.Time {
	if len(j.Holding()) == 0 {
		return nil
	}
	return time.After(5 * gather)
}

// tidy removes the segments that nobody needs any more.
func (l *Ledger) tidy(j *journal.Journal) {
	through := l.own.applied
	oldest := l.oldestOpen()
	if oldest > 0 {
		through = min(through, oldest-1)
	}
	if err := j.Trim(through, l.own.isDamaged); err != nil {
		l.opts.Log.Warn("applied segments of the journal could not be removed", "error", err)
	}
	if oldest == 0 || oldest > l.own.applied {
		return
	}
	held, last := 0, uint64(0)
	for _, end := range j.Holding() {
		if end >= oldest && end <= l.own.applied {
			held, last = held+1, end
		}
	}
	if held >= maxHeld {
		l.carry(last)
	}
}

func (l *Ledger) oldestOpen() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.oldest == nil {
		return 0
	}
	return l.oldest.number
}

// carry writes the openings up to a number again, so that the segments in
// which they are can go.
func (l *Ledger) carry(through uint64) {
	for {
		l.mu.Lock()
		r := l.oldest
		var number uint64
		if r != nil {
			number = r.number
		}
		l.mu.Unlock()
		if number == 0 || number > through {
			return
		}
		if err := r.announce(number); err != nil {
			return // the disk fails: another time
		}
	}
}
