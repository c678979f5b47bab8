package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
)

func entriesOf(t *testing.T, s *Store, f ledger.Filter) []ledger.Entry {
	t.Helper()
	var out []ledger.Entry
	for e, err := range s.Entries(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// filters narrow random entries in every way, and in some at once.
func filters(r *rand.Rand, entries []ledger.Entry) []ledger.Filter {
	some := func() *ledger.Entry { return &entries[r.IntN(len(entries))] }
	early, late := some().Started, some().Started
	if late.Before(early) {
		early, late = late, early
	}
	return []ledger.Filter{
		{},
		{Limit: 1},
		{Limit: pageRows},
		{Limit: pageRows + 1},
		{From: early, Until: late},
		{From: early.Add(time.Nanosecond), Until: late.Add(time.Nanosecond)},
		{From: early.In(time.FixedZone("far", 9*3600))},
		{Until: early, Limit: 7},
		{RequestID: some().RequestID},
		{RequestID: "none"},
		{Chain: "chain-a"},
		{Chain: "chain-b", From: early, Limit: pageRows + 20},
		{OrgID: "acme"},
		{UserID: "u1", From: early},
		{KeyID: "k1", Until: late},
		{Provider: "openai", Outcome: ledger.Complete},
		{Model: "gpt-x"},
		{Model: "Claude-Z"},
		{Model: "claude-z"},
		{OrgID: "default", UserID: "u2", KeyID: "k2", Provider: "anthropic", Model: "claude-x", Outcome: ledger.Failed},
	}
}

func TestLedgerAgainstAModel(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		r := rand.New(rand.NewPCG(1, 2))
		s, m := migrated(t, open), model{}
		all := random(r, 4000)
		for rest := all; len(rest) > 0; {
			batch := rest[:min(len(rest), r.IntN(700))]
			rest = rest[len(batch):]
			want := m.apply(batch)
			if got, err := s.Apply(t.Context(), batch); err != nil || got != want {
				t.Fatalf("Apply(%d rows) = %d, %v, want %d", len(batch), got, err, want)
			}
		}
		for _, f := range filters(r, all) {
			if got, want := entriesOf(t, s, f), m.entries(f); !slices.Equal(got, want) {
				t.Fatalf("Entries(%+v) gives %d rows, want %d\n%s", f, len(got), len(want), difference(got, want))
			}
			for _, by := range [][]ledger.Dimension{
				nil,
				{ledger.ByDay},
				{ledger.ByModel, ledger.ByDay},
				{ledger.ByUser, ledger.ByKey, ledger.ByTeam, ledger.ByProvider, ledger.ByOutcome},
			} {
				got, err := s.Sums(t.Context(), f, by)
				if want := m.sums(f, by); err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("Sums(%+v, %v) = %v, %+v\nwant %+v", f, by, err, got, want)
				}
			}
		}
		has(t, s, m, all)
		heads(t, s, m)
	})
}

func difference(got, want []ledger.Entry) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("row %d is  %+v\nwanted %+v", i, got[i], want[i])
		}
	}
	return ""
}

func has(t *testing.T, s *Store, m model, all []ledger.Entry) {
	t.Helper()
	want := map[ledger.EntryKey]bool{}
	var keys []ledger.EntryKey
	for _, e := range all {
		for attempt := range 4 { // most are not there
			key := ledger.EntryKey{RequestID: e.RequestID, Attempt: attempt}
			keys = append(keys, key)
			if _, there := m[key]; there {
				want[key] = true
			}
		}
	}
	if got, err := s.Has(t.Context(), keys); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Has() knows %d of %d rows, %v", len(got), len(want), err)
	}
	if got, err := s.Has(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("Has(nothing) = %v, %v", got, err)
	}
}

func heads(t *testing.T, s *Store, m model) {
	t.Helper()
	var want []ledger.Head
	for _, chain := range []string{"chain-a", "chain-b", "chain-c"} {
		rows := m.entries(ledger.Filter{Chain: chain})
		last := rows[len(rows)-1]
		want = append(want, ledger.Head{Chain: chain, Seq: last.Seq, Hash: last.Hash, Rows: int64(len(rows))})
	}
	if got, err := s.Heads(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("Heads() = %+v, %v\nwant %+v", got, err, want)
	}
}

func TestEmptyLedger(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		if added, err := s.Apply(t.Context(), nil); added != 0 || err != nil {
			t.Errorf("Apply(nothing) = %d, %v", added, err)
		}
		for _, by := range [][]ledger.Dimension{nil, {ledger.ByDay}} {
			if sums, err := s.Sums(t.Context(), ledger.Filter{}, by); err != nil || len(sums) != 0 {
				t.Errorf("Sums(%v) = %v, %v", by, sums, err)
			}
		}
		if _, err := s.Sums(t.Context(), ledger.Filter{}, []ledger.Dimension{"day; DROP TABLE users"}); err == nil {
			t.Error("an unknown dimension is summed")
		}
		if heads, err := s.Heads(t.Context()); err != nil || len(heads) != 0 {
			t.Errorf("Heads() = %v, %v", heads, err)
		}
		if rows := entriesOf(t, s, ledger.Filter{}); len(rows) != 0 {
			t.Errorf("rows %v", rows)
		}
	})
}

// Two stores add batches that overlap, in different orders, at once.
func TestApplyAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		migrated(t, open)
		all := random(rand.New(rand.NewPCG(3, 4)), 2000)
		var mu sync.Mutex
		var added int
		var wait sync.WaitGroup
		for i := range 4 {
			s := open()
			mine := slices.Clone(all)
			r := rand.New(rand.NewPCG(uint64(i), 5))
			r.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			wait.Go(func() {
				for batch := range slices.Chunk(mine, 300) {
					n, err := s.Apply(t.Context(), batch)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					added += n
					mu.Unlock()
				}
			})
		}
		wait.Wait()
		m := model{}
		m.apply(all)
		rows := entriesOf(t, open(), ledger.Filter{})
		if added != len(m) || len(rows) != len(m) {
			t.Errorf("%d added, %d rows, want %d", added, len(rows), len(m))
		}
	})
}

// What a client sends ends up in the ledger: no text may stop it.
func TestAnyTextIsStored(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		odd := ledger.Entry{
			RequestID: "a", ModelRequested: "x\x00y\xff", ModelServed: strings.Repeat("long ", 5000),
			UpstreamID: "\xc3\x28", ErrorKind: "'; DROP TABLE users; --", KeyName: "🔑",
		}
		if added, err := s.Apply(t.Context(), []ledger.Entry{odd, {RequestID: "b"}}); added != 2 || err != nil {
			t.Fatalf("Apply() = %d, %v", added, err)
		}
		got := entriesOf(t, s, ledger.Filter{RequestID: "a", Model: odd.ModelRequested})
		odd.ModelRequested, odd.UpstreamID = "x\ufffdy\ufffd", "\ufffd("
		if len(got) != 1 || got[0] != odd {
			t.Errorf("got %+v", got)
		}
	})
}

func TestReaderMayStopAndWriteMeanwhile(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		batch := random(rand.New(rand.NewPCG(6, 7)), 1200)
		if _, err := s.Apply(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		for range 2 * readers * defaultMaxConns { // more than there are connections
			for range s.Entries(t.Context(), ledger.Filter{Limit: 3}) {
				break
			}
		}
		seen := 0
		for _, err := range s.Entries(t.Context(), ledger.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen%400 == 1 {
				next := ledger.Entry{RequestID: fmt.Sprint("later ", seen), Started: at(1e8)}
				if _, err := s.Apply(t.Context(), []ledger.Entry{next}); err != nil {
					t.Fatal(err)
				}
			}
		}
		m := model{}
		if want := m.apply(batch); seen < want {
			t.Errorf("%d rows seen, want %d at least", seen, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		rows := 0
		for _, err := range s.Entries(ctx, ledger.Filter{}) {
			if rows++; rows == 10 {
				cancel()
			}
			last = err
		}
		if !errors.Is(last, context.Canceled) || rows != pageRows+1 {
			t.Errorf("after %d rows the error is %v", rows, last)
		}
	})
}
