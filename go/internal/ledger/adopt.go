package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
)

// adoptAll looks for journals of dead processes, now and again, until ctx ends.
func (l *Ledger) adoptAll(ctx context.Context) {
	tick := time.NewTicker(l.opts.Sweep)
	defer tick.Stop()
	for {
		l.adoptDead(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case swept := <-l.sweep:
			l.adoptDead(ctx)
			close(swept)
		}
	}
}

// adoptDead empties the journals that nobody holds.
func (l *Ledger) adoptDead(ctx context.Context) {
	names, err := journal.Chains(l.opts.Dir)
	if err != nil {
		l.opts.Log.Error("journals of earlier runs can not be listed", "error", err)
	}
	for _, name := range names {
		folder, err := journal.Acquire(l.opts.Dir, name, l.opts.fs)
		switch {
		case errors.Is(err, journal.ErrBusy) || errors.Is(err, journal.ErrGone):
			continue
		case err == nil:
			l.adopting.Add(1)
			err = l.adopt(ctx, folder)
			l.adopting.Add(-1)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.opts.Log.Error("a journal of an earlier run could not be replayed; trying again later", "journal", name, "error", err)
		}
	}
}

// adopt moves what a dead process left behind into the store and removes the
// folder. The calls that were in flight become rows of their own, written to
// the journal first, so that whoever must go on finds the same ones.
func (l *Ledger) adopt(ctx context.Context, folder *journal.Folder) error {
	f := l.newFeed(folder)
	f.calls = map[uint64]call{}
	f.cursor.Final()
	rows, err := f.empty(ctx)
	crashed := len(f.calls)
	if err == nil && crashed > 0 {
		if err = f.crash(ctx); err == nil {
			_, err = f.empty(ctx)
		}
	}
	err = errors.Join(err, f.cursor.Close())
	if err != nil {
		return errors.Join(err, folder.Release())
	}
	if rows > 0 || crashed > 0 {
		l.opts.Log.Info("replayed the journal of an earlier run", "journal", folder.Chain(), "rows", rows, "crashed_calls", crashed)
	}
	return folder.Remove(f.isDamaged)
}

// empty moves all rows there are and returns how many.
func (f *feed) empty(ctx context.Context) (rows int, err error) {
	for more := true; more; {
		if more, err = f.read(); err != nil {
			return rows, err
		}
		rows += len(f.batch)
		if err := f.persist(ctx, nil); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// crash writes a row for each call that was in flight.
func (f *feed) crash(ctx context.Context) error {
	at, err := f.end(ctx)
	if err != nil {
		return err
	}
	var payloads []journal.Payload
	var scratch []byte
	for _, number := range slices.Sorted(maps.Keys(f.calls)) {
		c := f.calls[number]
		c.row.Attempt = c.attempts
		w := writing(nil)
		w.row(&c.row)
		at, scratch = at.next(w.b, scratch)
		payloads = append(payloads, crashed{opening: number, place: at, row: w.b})
	}
	return f.folder.Extend(f.mark.Number+1, payloads)
}

// end returns where the chain of the folder stands.
func (f *feed) end(ctx context.Context) (chain, error) {
	name := f.folder.Chain()
	at := newChain(name)
	if f.mark.Seq > 0 {
		return chain{seq: f.mark.Seq, hash: f.mark.Hash}, nil
	}
	// No row and no mark: all rows may have been applied and removed.
	heads, err := f.ledger.opts.Store.Heads(ctx)
	if err != nil {
		return at, fmt.Errorf("looking for the end of chain %s: %w", name, err)
	}
	for _, h := range heads {
		if h.Chain == name {
			at = chain{seq: h.Seq, hash: h.Hash}
		}
	}
	return at, nil
}

// crashed is the journal record of a call that was in flight.
type crashed struct {
	opening uint64
	place   chain
	row     []byte
}

// AppendTo implements journal.Payload.
func (c crashed) AppendTo(dst []byte, _ uint64) []byte {
	return appendEntry(dst, c.opening, true, c.place, c.row)
}
