package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
)

// Reader reads the whole ledger: what is in the database, and what is still
// on its way there in the journals of all processes. It needs no running
// Ledger and disturbs none.
type Reader struct {
	Dir   string // of the journals of all processes
	Store Store
}

// ReadPending yields the rows in the journals below dir, in the order of each
// journal. Some may be in the database already. Read the database after it,
// never before: rows move from the journals into it.
func ReadPending(dir string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		names, err := journal.Chains(dir)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, name := range names {
			if !pendingOf(dir, name, yield) {
				return
			}
		}
	}
}

// pendingOf yields the rows of one journal; false means that the caller has
// had enough.
func pendingOf(dir, name string, yield func(Entry, error) bool) bool {
	mark, _ := journal.MarkOf(dir, name)
	cursor := journal.NewCursor(dir, name, 0, nil)
	defer cursor.Close()
	for {
		rec, err := cursor.Next()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return yield(Entry{}, fmt.Errorf("reading journal %s: %w", name, err))
		}
		if rec.Number <= mark.Number || len(rec.Payload) == 0 || rec.Payload[0] != entry {
			continue
		}
		p, err := parse(name, rec.Payload)
		if err != nil {
			err = fmt.Errorf("reading record %d of journal %s: %w", rec.Number, name, err)
		}
		if !yield(p.entry, err) {
			return false
		}
	}
}

// pending returns the rows that match and are not in the store, in the order
// of the store.
func (r *Reader) pending(ctx context.Context, f *Filter) ([]Entry, error) {
	var rows []Entry
	for e, err := range ReadPending(r.Dir) {
		if err != nil {
			return nil, err
		}
		if f.Matches(&e) {
			rows = append(rows, e)
		}
	}
	there, err := r.has(ctx, rows)
	if err != nil {
		return nil, err
	}
	seen := make(map[EntryKey]bool, len(rows))
	rows = slices.DeleteFunc(rows, func(e Entry) bool { // a folder being adopted may hold a row twice
		known := there[e.key()] || seen[e.key()]
		seen[e.key()] = true
		return known
	})
	slices.SortFunc(rows, func(a, b Entry) int { return f.compare(&a, &b) })
	return rows, nil
}

func (r *Reader) has(ctx context.Context, rows []Entry) (map[EntryKey]bool, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	keys := make([]EntryKey, len(rows))
	for i := range rows {
		keys[i] = rows[i].key()
	}
	return r.Store.Has(ctx, keys)
}

// Entries yields the rows that match, oldest first or, with a Chain, in the
// order of the chain; each once. The error, if any, comes last.
func (r *Reader) Entries(ctx context.Context, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		pending, err := r.pending(ctx, &f)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		m := merging{yield: yield, filter: &f, pending: pending, moving: make(map[EntryKey]bool, len(pending))}
		for i := range pending {
			m.moving[pending[i].key()] = true
		}
		for e, err := range r.Store.Entries(ctx, f) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !m.store(&e) {
				return
			}
		}
		for len(m.pending) > 0 && m.next() {
		}
	}
}

// merging puts rows of the journals between those of the store. A row may
// get into the store meanwhile: whichever comes first is yielded.
type merging struct {
	yield   func(Entry, error) bool
	filter  *Filter
	pending []Entry
	moving  map[EntryKey]bool // pending rows that have not been yielded
	yielded int
}

// store takes a row of the store; false means that it was the last.
func (m *merging) store(e *Entry) bool {
	for len(m.pending) > 0 && m.filter.compare(&m.pending[0], e) < 0 {
		if !m.next() {
			return false
		}
	}
	unseen, moved := m.moving[e.key()]
	if moved && !unseen {
		return true
	}
	return m.emit(e)
}

// next yields the next pending row, unless it has come from the store; false
// means that no more are wanted.
func (m *merging) next() bool {
	e := &m.pending[0]
	m.pending = m.pending[1:]
	return !m.moving[e.key()] || m.emit(e)
}

func (m *merging) emit(e *Entry) bool {
	if _, moves := m.moving[e.key()]; moves {
		m.moving[e.key()] = false
	}
	m.yielded++
	return m.yield(*e, nil) && (m.filter.Limit == 0 || m.yielded < m.filter.Limit)
}
