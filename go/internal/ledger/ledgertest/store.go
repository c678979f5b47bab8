// Package ledgertest keeps a ledger in memory, for tests of what writes to
// one. It must not be used by anything that is not a test.
package ledgertest

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
)

// Store is a ledger.Store in memory. The zero value is ready for use.
type Store struct {
	mu   sync.Mutex
	rows map[ledger.EntryKey]ledger.Entry
	fail func() error
}

// Fail makes every operation ask f first, and fail with its error. Nil stops
// the failing.
func (s *Store) Fail(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = f
}

// lock returns holding the lock, or with the error of Fail.
func (s *Store) lock(ctx context.Context) error {
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		if err := fail(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	return nil
}

// Apply implements ledger.Store.
func (s *Store) Apply(ctx context.Context, batch []ledger.Entry) (int, error) {
	if err := s.lock(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = map[ledger.EntryKey]ledger.Entry{}
	}
	added := 0
	for i := range batch {
		key := ledger.EntryKey{RequestID: batch[i].RequestID, Attempt: batch[i].Attempt}
		if _, there := s.rows[key]; !there {
			s.rows[key] = batch[i]
			added++
		}
	}
	return added, nil
}

// Rows returns all rows, oldest first.
func (s *Store) Rows() []ledger.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.matching(ledger.Filter{})
}

func (s *Store) matching(f ledger.Filter) []ledger.Entry {
	var rows []ledger.Entry
	for _, e := range s.rows {
		if f.Matches(&e) {
			rows = append(rows, e)
		}
	}
	slices.SortFunc(rows, func(a, b ledger.Entry) int {
		place := a.Started.Compare(b.Started)
		if f.Chain != "" {
			place = cmp.Compare(a.Seq, b.Seq)
		}
		return cmp.Or(place, cmp.Compare(a.RequestID, b.RequestID), cmp.Compare(a.Attempt, b.Attempt))
	})
	if f.Limit > 0 {
		rows = rows[:min(f.Limit, len(rows))]
	}
	return rows
}

// Entries implements ledger.Store.
func (s *Store) Entries(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		if err := s.lock(ctx); err != nil {
			yield(ledger.Entry{}, err)
			return
		}
		rows := s.matching(f)
		s.mu.Unlock()
		for _, e := range rows {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Sums implements ledger.Store.
func (s *Store) Sums(ctx context.Context, f ledger.Filter, by []ledger.Dimension) ([]ledger.Sum, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	f.Limit = 0
	return ledger.SumUp(s.matching(f), by), nil
}

// Has implements ledger.Store.
func (s *Store) Has(ctx context.Context, keys []ledger.EntryKey) (map[ledger.EntryKey]bool, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	there := map[ledger.EntryKey]bool{}
	for _, k := range keys {
		if _, ok := s.rows[k]; ok {
			there[k] = true
		}
	}
	return there, nil
}

// Heads implements ledger.Store.
func (s *Store) Heads(ctx context.Context) ([]ledger.Head, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	heads := map[string]ledger.Head{}
	for _, e := range s.rows {
		h := heads[e.Chain]
		h.Chain = e.Chain
		h.Rows++
		if e.Seq > h.Seq {
			h.Seq, h.Hash = e.Seq, e.Hash
		}
		heads[e.Chain] = h
	}
	var list []ledger.Head
	for _, h := range heads {
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b ledger.Head) int { return cmp.Compare(a.Chain, b.Chain) })
	return list, nil
}

// Change alters a row behind the ledger's back; returning false removes it.
func (s *Store) Change(key ledger.EntryKey, f func(*ledger.Entry) (keep bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.rows[key]
	delete(s.rows, key)
	if f(&e) {
		s.rows[ledger.EntryKey{RequestID: e.RequestID, Attempt: e.Attempt}] = e
	}
}

// New returns a running ledger whose rows end up in a store in memory. Flush
// it to see them there. It ends with the test.
func New(t testing.TB, o ledger.Options) (*ledger.Ledger, *Store) {
	t.Helper()
	s, ok := o.Store.(*Store)
	if !ok {
		s = &Store{}
		o.Store = s
	}
	o.Dir = cmp.Or(o.Dir, t.TempDir())
	l := ledger.New(o)
	if err := l.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = l.Stop(ctx) // a test that cares stops it itself
	})
	return l, s
}
