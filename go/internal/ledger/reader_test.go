package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// gate is a store in which Apply can be stopped, and nothing else.
type gate struct {
	ledgertest.Store
	mu     sync.Mutex
	closed bool
}

func (g *gate) shut(v bool) { g.mu.Lock(); defer g.mu.Unlock(); g.closed = v }

func (g *gate) Apply(ctx context.Context, batch []ledger.Entry) (int, error) {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed {
		return 0, errDown
	}
	return g.Store.Apply(ctx, batch)
}

func start(t *testing.T, o ledger.Options) *ledger.Ledger {
	t.Helper()
	l := ledger.New(o)
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = l.Stop(ctx)
	})
	return l
}

// random settles n calls of few users, providers and days.
func random(t *testing.T, l *ledger.Ledger, r *rand.Rand, name string, n int) {
	t.Helper()
	for i := range n {
		o := openingOf(fmt.Sprint(name, i))
		o.Principal.UserID = fmt.Sprint("u", r.IntN(3))
		o.Started = noon.Add(time.Duration(r.IntN(72)) * time.Hour)
		rec, err := l.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 1 + r.IntN(3) {
			a := attemptOf(n, ledger.Failed)
			a.Provider, a.Started = fmt.Sprint("p", r.IntN(2)), o.Started.Add(time.Duration(n)*time.Hour)
			if r.IntN(2) == 0 {
				a.Usage = llm.Usage{Input: llm.Known(r.Int64N(100))}
			}
			if err := rec.Settle(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		rec.Close()
	}
}

func list(t *testing.T, r *ledger.Reader, f ledger.Filter) []ledger.Entry {
	t.Helper()
	var all []ledger.Entry
	for e, err := range r.Entries(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// TestReadersSeeBothPlaces compares what a reader sees with rows in journals
// with what it sees once they are all in the store.
func TestReadersSeeBothPlaces(t *testing.T) {
	dir, store := t.TempDir(), &gate{}
	a := start(t, ledger.Options{Dir: dir, Store: store, Pricer: price{}})
	b := start(t, ledger.Options{Dir: dir, Store: store})
	r := rand.New(rand.NewPCG(1, 1))
	random(t, a, r, "early-", 60)
	flush(t, a)
	store.shut(true)
	random(t, a, r, "late-a-", 60)
	random(t, b, r, "late-b-", 60)
	reader := &ledger.Reader{Dir: dir, Store: store} // of a process of its own

	filters := []ledger.Filter{
		{},
		{Limit: 1},
		{Limit: 70},
		{UserID: "u1"},
		{Provider: "p0", UserID: "u2"},
		{Chain: a.Chain()},
		{Chain: b.Chain(), Limit: 5},
		{From: noon.Add(10 * time.Hour), Until: noon.Add(40 * time.Hour)},
		{RequestID: "late-b-7"},
		{RequestID: "none"},
		{Model: "claude-x-1"},
		{Model: "other"},
		{Outcome: ledger.Failed, Limit: 200},
	}
	groups := [][]ledger.Dimension{
		nil, {ledger.ByUser}, {ledger.ByProvider, ledger.ByDay}, {ledger.ByOutcome, ledger.ByModel, ledger.ByTeam, ledger.ByKey},
	}
	type seen struct {
		entries []ledger.Entry
		sums    [][]ledger.Sum
	}
	look := func() (all []seen) {
		for _, f := range filters {
			s := seen{entries: list(t, reader, f)}
			for _, by := range groups {
				sums, err := reader.Sums(t.Context(), f, by)
				if err != nil {
					t.Fatal(err)
				}
				s.sums = append(s.sums, sums)
			}
			all = append(all, s)
		}
		return all
	}
	before := look()
	if v, err := reader.Verify(t.Context()); err != nil || len(v.Faults) > 0 || v.Chains != 2 || int(v.Rows) != len(before[0].entries) {
		t.Errorf("with rows in journals: %+v, %v", v, err)
	}
	store.shut(false)
	flush(t, a)
	flush(t, b)
	after := look()
	if len(after[0].entries) < 300 || len(after[0].entries) != len(store.Rows()) {
		t.Fatalf("%d rows, in the store %d", len(after[0].entries), len(store.Rows()))
	}
	for i := range filters {
		if !reflect.DeepEqual(before[i].entries, after[i].entries) {
			t.Errorf("%+v: %d rows before, %d after", filters[i], len(before[i].entries), len(after[i].entries))
		}
		for g := range groups {
			if !reflect.DeepEqual(before[i].sums[g], after[i].sums[g]) {
				t.Errorf("%+v by %v:\nbefore %+v\nafter  %+v", filters[i], groups[g], before[i].sums[g], after[i].sums[g])
			}
		}
	}
}

// TestReadersWhileRowsMove reads again and again while calls are recorded and
// applied: a row that was settled before the reading is seen once.
func TestReadersWhileRowsMove(t *testing.T) {
	dir, store := t.TempDir(), &gate{}
	l := start(t, ledger.Options{Dir: dir, Store: store, MaxBytes: 1 << 20})
	reader := &ledger.Reader{Dir: dir, Store: store}
	var (
		mu      sync.Mutex
		settled int
		wg      sync.WaitGroup
	)
	stop := make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			r, err := l.Open(t.Context(), openingOf(fmt.Sprint("r", i)))
			if err != nil {
				t.Error(err)
				return
			}
			settle(t, r, 0, ledger.Complete)
			mu.Lock()
			settled++
			mu.Unlock()
			store.shut(i%400 > 200) // rows pile up, and move in between
			time.Sleep(100 * time.Microsecond)
		}
	})
	for range 60 {
		mu.Lock()
		least := settled
		mu.Unlock()
		seen := map[string]int{}
		for e, err := range reader.Entries(t.Context(), ledger.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if seen[e.RequestID]++; seen[e.RequestID] > 1 {
				t.Fatalf("%s came twice", e.RequestID)
			}
		}
		if len(seen) < least {
			t.Fatalf("%d rows of at least %d", len(seen), least)
		}
		sums, err := reader.Sums(t.Context(), ledger.Filter{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		most := int64(settled) + 1
		mu.Unlock()
		if len(seen) > 0 && (len(sums) != 1 || sums[0].Attempts < int64(least) || sums[0].Attempts > most) {
			t.Fatalf("sums %+v of %d to %d rows", sums, least, most)
		}
		if v, err := reader.Verify(t.Context()); err != nil || len(v.Faults) > 0 || v.Rows < int64(least) {
			t.Fatalf("%+v, %v", v, err)
		}
		time.Sleep(3 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
}

func TestReadersSayWhenTheDatabaseIsAway(t *testing.T) {
	l, store := ledgertest.New(t, ledger.Options{})
	settle(t, open(t, l, "r1"), 0, ledger.Complete)
	store.Fail(func() error { return errDown })
	var last error
	for _, err := range l.Entries(t.Context(), ledger.Filter{}) {
		last = err
	}
	_, failed := l.Sums(t.Context(), ledger.Filter{}, nil)
	_, verified := l.Verify(t.Context())
	store.Fail(nil)
	for i, err := range []error{last, failed, verified} {
		if !errors.Is(err, errDown) {
			t.Errorf("reader %d says %v", i, err)
		}
	}
}

func TestTamperingShows(t *testing.T) {
	key := func(n int) ledger.EntryKey { return ledger.EntryKey{RequestID: fmt.Sprint("r", n)} }
	changes := map[string]func(*ledger.Entry){
		"user":     func(e *ledger.Entry) { e.UserID = "other" },
		"cost":     func(e *ledger.Entry) { e.Cost.N++ },
		"no cost":  func(e *ledger.Entry) { e.Cost = llm.Count{} },
		"tokens":   func(e *ledger.Entry) { e.Usage.Output.N-- },
		"absent":   func(e *ledger.Entry) { e.Usage.CacheRead = llm.Count{} },
		"source":   func(e *ledger.Entry) { e.Usage.Source = llm.Counted },
		"outcome":  func(e *ledger.Entry) { e.Outcome = ledger.Failed },
		"time":     func(e *ledger.Entry) { e.Started = e.Started.Add(time.Microsecond) },
		"duration": func(e *ledger.Entry) { e.Duration++ },
		"hash":     func(e *ledger.Entry) { e.Hash[5]++ },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			l, store := ledgertest.New(t, ledger.Options{Pricer: price{}})
			for i := range 6 {
				settle(t, open(t, l, fmt.Sprint("r", i)), 0, ledger.Complete)
			}
			flush(t, l)
			store.Change(key(3), func(e *ledger.Entry) bool { change(e); return true })
			v, err := l.Verify(t.Context())
			if err != nil || len(v.Faults) == 0 || v.Faults[0].Kind != ledger.Changed || v.Faults[0].Seq != 4 || v.Faults[0].RequestID != "r3" {
				t.Errorf("%v, %v", v.Faults, err)
			}
		})
	}
	removed := map[int]ledger.Fault{
		0: {Kind: ledger.Missing, Seq: 1, Until: 1},
		3: {Kind: ledger.Missing, Seq: 4, Until: 4},
		5: {Kind: ledger.Missing, Seq: 6, Until: 6}, // the journal knows how many there were
	}
	for n, want := range removed {
		t.Run(fmt.Sprint("removed ", n), func(t *testing.T) {
			l, store := ledgertest.New(t, ledger.Options{})
			for i := range 6 {
				settle(t, open(t, l, fmt.Sprint("r", i)), 0, ledger.Complete)
			}
			flush(t, l)
			store.Change(key(n), func(*ledger.Entry) bool { return false })
			eventually(t, "the journal to note that all is applied", func() bool {
				want.Chain = l.Chain()
				v, err := l.Verify(t.Context())
				return err == nil && len(v.Faults) == 1 && v.Faults[0] == want
			})
		})
	}
	t.Run("added", func(t *testing.T) {
		l, store := ledgertest.New(t, ledger.Options{})
		settle(t, open(t, l, "r0"), 0, ledger.Complete)
		flush(t, l)
		forged := store.Rows()[0]
		forged.RequestID = "r1"
		if _, err := store.Apply(t.Context(), []ledger.Entry{forged}); err != nil {
			t.Fatal(err)
		}
		v, err := l.Verify(t.Context())
		if err != nil || len(v.Faults) != 1 || v.Faults[0].Kind != ledger.Foreign {
			t.Errorf("%v, %v", v.Faults, err)
		}
	})
}
