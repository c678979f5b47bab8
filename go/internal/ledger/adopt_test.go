package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
)

var errDown = errors.New("the database is down")

// abandon leaves a journal behind as a dead process would: with rows that no
// store has seen, and calls in flight.
func abandon(t *testing.T, dir string, rows, inFlight int) (chain string) {
	t.Helper()
	store := &ledgertest.Store{}
	store.Fail(func() error { return errDown })
	l, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
	for i := range rows {
		settle(t, open(t, l, fmt.Sprintf("%s-row-%d", l.Chain(), i)), 0, ledger.Complete)
	}
	for i := range inFlight {
		r := open(t, l, fmt.Sprintf("%s-flight-%d", l.Chain(), i))
		for n := range i % 3 {
			settle(t, r, n, ledger.Failed)
		}
	}
	chain = l.Chain()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_ = l.Stop(ctx)
	return chain
}

func TestCallsInFlightBecomeRows(t *testing.T) {
	dir := t.TempDir()
	chain := abandon(t, dir, 5, 6)
	l, store := ledgertest.New(t, ledger.Options{Dir: dir, Pricer: price{}})
	flush(t, l)
	crashed := map[string]ledger.Entry{}
	for _, e := range store.Rows() {
		if e.Outcome == ledger.Crashed {
			crashed[e.RequestID] = e
		}
	}
	if len(crashed) != 6 || len(store.Rows()) != 5+6+6 {
		t.Fatalf("%d crashed calls, %d rows", len(crashed), len(store.Rows()))
	}
	for i := range 6 {
		e := crashed[fmt.Sprintf("%s-flight-%d", chain, i)]
		if e.Attempt != i%3 || e.Usage.Input.N != 55 || e.Usage.Output.Known || e.Chain != chain || e.KeyID != "k1" {
			t.Errorf("call %d in flight became %+v", i, e)
		}
	}
	if v, err := l.Verify(t.Context()); err != nil || len(v.Faults) > 0 {
		t.Errorf("verification: %v, %v", v.Faults, err)
	}
	if _, err := os.Stat(filepath.Join(dir, chain)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

// TestAnAdoptionThatIsInterruptedGoesOn lets the database fail after each
// number of batches: whoever goes on must come to the same rows.
func TestAnAdoptionThatIsInterruptedGoesOn(t *testing.T) {
	for good := range 5 {
		dir := t.TempDir()
		abandon(t, dir, 1100, 700)
		store := &ledgertest.Store{}
		calls := 0
		store.Fail(func() error {
			if calls++; calls > good {
				return errDown
			}
			return nil
		})
		for range 2 { // two who do not live to see the end
			l, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
			time.Sleep(60 * time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_ = l.Stop(ctx)
			cancel()
		}
		store.Fail(nil)
		l, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
		flush(t, l)
		if got, want := len(store.Rows()), 1100+700+699; got != want {
			t.Errorf("interrupted after %d batches: %d rows of %d", good, got, want)
		}
		if v, err := l.Verify(t.Context()); err != nil || len(v.Faults) > 0 {
			t.Errorf("interrupted after %d batches: %v, %v", good, v.Faults, err)
		}
		if err := l.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestTwoDaemonsDoNotTouchEachOther(t *testing.T) {
	dir, store := t.TempDir(), &ledgertest.Store{}
	a, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store, Sweep: time.Millisecond})
	b, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store, Sweep: time.Millisecond})
	ra, rb := open(t, a, "a"), open(t, b, "b")
	time.Sleep(30 * time.Millisecond)
	settle(t, ra, 0, ledger.Complete)
	settle(t, rb, 0, ledger.Complete)
	if err := a.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	settle(t, open(t, b, "c"), 0, ledger.Complete)
	flush(t, b)
	var ids []string
	for _, e := range store.Rows() {
		if e.Outcome != ledger.Complete {
			t.Errorf("row %+v", e)
		}
		ids = append(ids, e.RequestID)
	}
	if !slices.Equal(ids, []string{"a", "b", "c"}) {
		t.Errorf("rows %v", ids)
	}
}

func TestADamagedJournalIsKeptAndTheRestIsSaved(t *testing.T) {
	dir := t.TempDir()
	chain := abandon(t, dir, 50, 2)
	segment := filepath.Join(dir, chain, "00000001.seg")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l, store := ledgertest.New(t, ledger.Options{Dir: dir})
	flush(t, l)
	rows := len(store.Rows())
	if rows < 51 || rows > 53 { // one record is gone: a row or an opening
		t.Errorf("%d rows", rows)
	}
	if s := l.Stats(); s.Lost != 1 {
		t.Errorf("stats %+v", s)
	}
	kept, _ := filepath.Glob(filepath.Join(dir, chain+".*.corrupt"))
	if len(kept) != 1 {
		t.Errorf("kept aside: %v", kept)
	}
	v, err := l.Verify(t.Context())
	if err != nil || len(v.Faults) == 0 || v.Faults[0].Kind != ledger.Kept {
		t.Errorf("verification: %v, %v", v.Faults, err)
	}
}

// TestLongCallsDoNotHoldTheJournal keeps calls open while thousands pass.
func TestLongCallsDoNotHoldTheJournal(t *testing.T) {
	dir := t.TempDir()
	l, store := ledgertest.New(t, ledger.Options{Dir: dir, MaxBytes: 256 << 10})
	long := []*ledger.Record{open(t, l, "long-0"), open(t, l, "long-1"), open(t, l, "long-2")}
	settle(t, long[2], 0, ledger.Failed)
	passed := 0
	for end := time.Now().Add(20 * time.Second); passed < 2000 && time.Now().Before(end); {
		r, err := l.Open(t.Context(), openingOf(fmt.Sprint("short-", passed)))
		if err != nil {
			flush(t, l) // let it catch up
			time.Sleep(5 * time.Millisecond)
			continue
		}
		settle(t, r, 0, ledger.Complete)
		passed++
	}
	if passed != 2000 {
		t.Fatalf("after %d calls there is no room: %+v", passed, l.Stats())
	}
	settle(t, long[0], 0, ledger.Complete)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := l.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	l2, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
	flush(t, l2)
	got := map[ledger.EntryKey]ledger.Outcome{}
	for _, e := range store.Rows() {
		got[ledger.EntryKey{RequestID: e.RequestID, Attempt: e.Attempt}] = e.Outcome
	}
	want := map[ledger.EntryKey]ledger.Outcome{
		{RequestID: "long-0"}: ledger.Complete, {RequestID: "long-1"}: ledger.Crashed,
		{RequestID: "long-2"}: ledger.Failed, {RequestID: "long-2", Attempt: 1}: ledger.Crashed,
	}
	for key, outcome := range want {
		if got[key] != outcome {
			t.Errorf("%v ended as %q, want %q", key, got[key], outcome)
		}
	}
	if len(got) != 2004 {
		t.Errorf("%d rows", len(got))
	}
	if v, err := l2.Verify(t.Context()); err != nil || len(v.Faults) > 0 {
		t.Errorf("verification: %v, %v", v.Faults, err)
	}
}
