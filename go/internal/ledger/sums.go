package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Add adds a row to the sum. Requests counts it as a request of its own: who
// adds several attempts of one must see to that.
func (s *Sum) Add(e *Entry) {
	u := &e.Usage
	s.Attempts++
	s.Requests++
	if e.Outcome == Failed || e.Outcome == CutByUpstream || e.Outcome == Crashed {
		s.Failures++
	}
	s.Input += u.Input.N
	s.CacheRead += u.CacheRead.N
	s.CacheWrite += u.CacheWrite5m.N + u.CacheWrite1h.N
	s.Output += u.Output.N
	s.Reasoning += u.Reasoning.N
	s.Media += u.AudioIn.N + u.AudioOut.N + u.ImageIn.N + u.ImageOut.N
	s.Cost += e.Cost.N
	used := u.InputTotal()+u.OutputTotal() > 0
	if !e.Cost.Known && (used || e.Outcome == Complete && slices.Contains(llm.Untold(), e.Operation)) {
		s.Unpriced++
	}
	if used {
		if u.Source == llm.Estimated || u.Source == llm.Counted {
			s.Estimated++
		}
	}
	if s.First.IsZero() || e.Started.Before(s.First) {
		s.First = e.Started
	}
	if e.Started.After(s.Last) {
		s.Last = e.Started
	}
}

// Sums adds up the rows that match, by the given dimensions and in their
// order, each row once. The filter's Limit has no meaning here.
func (r *Reader) Sums(ctx context.Context, f Filter, by []Dimension) ([]Sum, error) {
	f.Limit = 0
	const tries = 5
	for range tries {
		pending, err := r.pending(ctx, &f)
		if err != nil {
			return nil, err
		}
		sums, err := r.Store.Sums(ctx, f, by)
		if err != nil || len(pending) == 0 {
			return sums, err
		}
		moved, err := r.has(ctx, pending)
		if err != nil {
			return nil, err
		}
		if len(moved) == 0 {
			return r.addPending(ctx, &f, by, sums, pending)
		}
		// Some got into the store meanwhile, before or after it was asked.
	}
	return r.fold(ctx, f, by)
}

// addPending adds rows that are not in the store to the store's sums.
func (r *Reader) addPending(ctx context.Context, f *Filter, by []Dimension, sums []Sum, pending []Entry) ([]Sum, error) {
	t := newTotals(by, sums)
	for i := range pending {
		e := &pending[i]
		if e.Attempt > 0 { // an earlier attempt may have been counted
			for earlier, err := range r.Store.Entries(ctx, Filter{RequestID: e.RequestID}) {
				if err != nil {
					return nil, err
				}
				if f.Matches(&earlier) {
					t.counted[t.name(&earlier)+earlier.RequestID] = true
				}
			}
		}
		t.add(e)
	}
	return t.list(), nil
}

// fold adds up row by row: slow, and right whatever moves.
func (r *Reader) fold(ctx context.Context, f Filter, by []Dimension) ([]Sum, error) {
	t := newTotals(by, nil)
	for e, err := range r.Entries(ctx, f) {
		if err != nil {
			return nil, err
		}
		t.add(&e)
	}
	return t.list(), nil
}

// totals are sums being added to.
type totals struct {
	by      []Dimension
	sums    map[string]*Sum
	counted map[string]bool // requests, by the name of the sum and their own
}

func newTotals(by []Dimension, sums []Sum) *totals {
	t := &totals{by: by, sums: make(map[string]*Sum, len(sums)), counted: map[string]bool{}}
	for _, s := range sums {
		var name strings.Builder
		for _, d := range by {
			name.WriteString(s.Group[d] + "\x00")
		}
		t.sums[name.String()] = &s
	}
	return t
}

// name tells to which sum an entry belongs.
func (t *totals) name(e *Entry) string {
	var name strings.Builder
	for _, d := range t.by {
		name.WriteString(d.Value(e) + "\x00")
	}
	return name.String()
}

func (t *totals) add(e *Entry) {
	name := t.name(e)
	s := t.sums[name]
	if s == nil {
		s = &Sum{Group: make(map[Dimension]string, len(t.by))}
		for _, d := range t.by {
			s.Group[d] = d.Value(e)
		}
		t.sums[name] = s
	}
	s.Add(e)
	if t.counted[name+e.RequestID] {
		s.Requests--
	}
	t.counted[name+e.RequestID] = true
}

// list returns the sums in the order of their groups.
func (t *totals) list() []Sum {
	list := make([]Sum, 0, len(t.sums))
	for _, s := range t.sums {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b Sum) int {
		for _, d := range t.by {
			if c := strings.Compare(a.Group[d], b.Group[d]); c != 0 {
				return c
			}
		}
		return 0
	})
	return list
}

// SumUp adds up entries by the given dimensions and in their order.
func SumUp(entries []Entry, by []Dimension) []Sum {
	t := newTotals(by, nil)
	for i := range entries {
		t.add(&entries[i])
	}
	return t.list()
}
