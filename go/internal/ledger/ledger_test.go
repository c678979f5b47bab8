package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456789, time.FixedZone("east", 3600))

func openingOf(id string) ledger.Opening {
	return ledger.Opening{
		RequestID: id,
		Principal: identity.Principal{OrgID: "default", TeamID: "red", UserID: "u1", KeyID: "k1", KeyName: "laptop"},
		Operation: llm.Generate, Protocol: llm.Chat, Model: "gpt-x", BytesIn: 321, Estimate: 55, Started: noon,
	}
}

func attemptOf(n int, outcome ledger.Outcome) ledger.Attempt {
	a := ledger.Attempt{
		N: n, Provider: "acme", Prices: "acme", Protocol: llm.Messages, Model: "claude-x", Served: "claude-x-1", Tier: "priority",
		Usage: llm.Usage{Input: llm.Known(10), CacheRead: llm.Known(0), Output: llm.Known(7), Source: llm.Reported},
		Stop:  llm.Stop{Reason: llm.StopEnd}, Outcome: outcome, Status: 200, UpstreamID: "up_1",
		Started: noon.Add(time.Second), FirstToken: 30 * time.Millisecond, Total: 2 * time.Second, BytesOut: 99, Findings: 2,
	}
	if outcome == ledger.Failed {
		a.Status, a.Err, a.Usage, a.Stop = 429, llm.Errorf(llm.RateLimited, "slow down"), llm.Usage{}, llm.Stop{}
	}
	return a
}

// price charges a token a nano-dollar.
type price struct{}

func (price) Cost(provider, model, tier string, u *llm.Usage, _ time.Time) (llm.Count, string) {
	if provider != "acme" {
		return llm.Count{}, ""
	}
	return llm.Known(u.InputTotal() + u.OutputTotal()), model + "@" + tier
}

func open(t testing.TB, l *ledger.Ledger, id string) *ledger.Record {
	t.Helper()
	r, err := l.Open(t.Context(), openingOf(id))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func settle(t testing.TB, r *ledger.Record, n int, outcome ledger.Outcome) {
	t.Helper()
	if err := r.Settle(t.Context(), attemptOf(n, outcome)); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := l.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain for ", what)
		}
	}
}

func TestAnAttemptBecomesARow(t *testing.T) {
	for _, d := range []ledger.Durability{ledger.Normal, ledger.Sync} {
		t.Run(string(d), func(t *testing.T) {
			l, store := ledgertest.New(t, ledger.Options{Pricer: price{}, Durability: d})
			settle(t, open(t, l, "r1"), 0, ledger.Complete)
			flush(t, l)
			rows := store.Rows()
			if len(rows) != 1 {
				t.Fatalf("%d rows", len(rows))
			}
			got := rows[0]
			want := ledger.Entry{
				RequestID: "r1", Chain: l.Chain(), Seq: 1, Hash: got.Hash,
				OrgID: "default", TeamID: "red", UserID: "u1", KeyID: "k1", KeyName: "laptop",
				Operation: llm.Generate, ClientProtocol: llm.Chat, UpstreamProtocol: llm.Messages,
				Provider: "acme", ModelRequested: "gpt-x", ModelSent: "claude-x", ModelServed: "claude-x-1",
				UpstreamID: "up_1", Tier: "priority",
				Usage: llm.Usage{Input: llm.Known(10), CacheRead: llm.Known(0), Output: llm.Known(7), Source: llm.Reported},
				Cost:  llm.Known(17), PriceVersion: "claude-x-1@priority",
				Outcome: ledger.Complete, Status: 200, Stop: llm.StopEnd,
				Started:    time.Date(2026, 3, 4, 11, 0, 1, 123456000, time.UTC),
				FirstToken: 30 * time.Millisecond, Duration: 2 * time.Second, BytesIn: 321, BytesOut: 99, Findings: 2,
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			if got.Hash == [32]byte{} {
				t.Error("the row has no hash")
			}
		})
	}
}

func TestEveryAttemptHasARow(t *testing.T) {
	l, store := ledgertest.New(t, ledger.Options{})
	r := open(t, l, "r1")
	settle(t, r, 0, ledger.Failed)
	settle(t, r, 1, ledger.Failed)
	settle(t, r, 2, ledger.Complete)
	if err := r.Settle(t.Context(), attemptOf(2, ledger.Complete)); err == nil {
		t.Error("the same attempt was settled twice")
	}
	r.Close()
	flush(t, l)
	rows := store.Rows()
	if len(rows) != 3 {
		t.Fatalf("%d rows of 3", len(rows))
	}
	for i, e := range rows {
		if e.Attempt != i || e.Seq != int64(i+1) {
			t.Errorf("row %d is attempt %d with number %d", i, e.Attempt, e.Seq)
		}
		if e.Cost.Known || e.PriceVersion != "" {
			t.Errorf("row %d costs %v without prices", i, e.Cost)
		}
	}
	if rows[0].ErrorKind != "rate_limited" || rows[0].Usage.Input.Known {
		t.Errorf("the failure is %+v", rows[0])
	}
	if n := l.Stats().InFlight; n != 0 {
		t.Errorf("%d calls are in flight", n)
	}
}

func TestSettlingOutlivesTheClient(t *testing.T) {
	l, store := ledgertest.New(t, ledger.Options{Durability: ledger.Sync})
	r := open(t, l, "r1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Settle(ctx, attemptOf(0, ledger.CutByClient)); err != nil {
		t.Error(err)
	}
	flush(t, l)
	if len(store.Rows()) != 1 {
		t.Error("no row")
	}
}

func TestACallWithoutAttemptsLeavesNoRow(t *testing.T) {
	dir := t.TempDir()
	l, store := ledgertest.New(t, ledger.Options{Dir: dir})
	open(t, l, "r1").Close()
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	l2, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
	flush(t, l2)
	if rows := store.Rows(); len(rows) != 0 {
		t.Errorf("rows %v", rows)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("folders %v, want the one in use", left)
	}
}

func TestHostileTextIsTamed(t *testing.T) {
	l, store := ledgertest.New(t, ledger.Options{})
	o := openingOf("r1")
	o.Model = "bad\x00\xff" + strings.Repeat("é", 5000)
	r, err := l.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	a := attemptOf(0, ledger.Complete)
	a.UpstreamID = strings.Repeat("x", 1<<20)
	a.Usage.Output = llm.Known(-5)
	a.Total = -time.Second
	if err := r.Settle(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	flush(t, l)
	e := store.Rows()[0]
	if !strings.HasPrefix(e.ModelRequested, "bad??éé") || len(e.ModelRequested) > 202 || len(e.UpstreamID) > 200 {
		t.Errorf("model %q, upstream id of %d bytes", e.ModelRequested, len(e.UpstreamID))
	}
	if e.Usage.Output.Known || e.Duration != 0 {
		t.Errorf("output %v, duration %v", e.Usage.Output, e.Duration)
	}
}

func TestWhenNotRunningCallsAreRefused(t *testing.T) {
	l := ledger.New(ledger.Options{Dir: t.TempDir(), Store: &ledgertest.Store{}})
	check := func(when string) {
		_, err := l.Open(t.Context(), openingOf("r1"))
		if e := llm.AsError(err); e == nil || e.Kind != llm.Unavailable || e.RetryAfter == 0 {
			t.Errorf("%s: %v", when, err)
		}
		if l.Ready() == nil {
			t.Errorf("%s: it says it is ready", when)
		}
	}
	check("before Start")
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Ready(); err != nil {
		t.Error(err)
	}
	r := open(t, l, "r2")
	if err := l.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	check("after Stop")
	if err := r.Settle(t.Context(), attemptOf(0, ledger.Complete)); llm.AsError(err).Kind != llm.Unavailable {
		t.Errorf("settling after Stop: %v", err)
	}
}

func TestAFullJournalRefusesBeforeTheUpstreamIsCalled(t *testing.T) {
	l, store := ledgertest.New(t, ledger.Options{MaxBytes: 256 << 10})
	store.Fail(func() error { return errors.New("the database is down") })
	var settled, inFlight int
	var open []*ledger.Record
	for {
		r, err := l.Open(t.Context(), openingOf(fmt.Sprint("r", settled+inFlight)))
		if err != nil {
			e := llm.AsError(err)
			if e.Kind != llm.Unavailable || e.Code != "ledger_backpressure" || e.RetryAfter <= 0 {
				t.Errorf("refused with %+v", e)
			}
			break
		}
		if inFlight < 10 {
			open = append(open, r)
			inFlight++
			continue
		}
		settle(t, r, 0, ledger.Complete)
		settled++
	}
	if settled < 100 {
		t.Errorf("only %d rows in 256 KiB", settled)
	}
	if err := l.Ready(); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("Ready says %v", err)
	}
	for _, r := range open { // what has been let in is written
		settle(t, r, 0, ledger.Complete)
	}
	if s := l.Stats(); s.Pending != int64(settled+inFlight) || s.Bytes > s.Max {
		t.Errorf("stats %+v", s)
	}
	eventually(t, "the lag to show", func() bool { return l.Stats().Lag > 0 })
	store.Fail(nil)
	flush(t, l)
	if got := len(store.Rows()); got != settled+inFlight {
		t.Errorf("%d rows of %d", got, settled+inFlight)
	}
	eventually(t, "the journal to be emptied", func() bool { return l.Ready() == nil })
	if _, err := l.Open(t.Context(), openingOf("again")); err != nil {
		t.Error(err)
	}
}

// noSpace is a file system on which nothing new can be made.
type noSpace struct {
	journal.OS
	full func() bool
}

func (n noSpace) Create(path string, size int64) (journal.File, error) {
	if n.full() {
		return nil, errors.New("no space left on device")
	}
	return n.OS.Create(path, size)
}

func TestADiskWithoutRoomRefusesToo(t *testing.T) {
	var mu sync.Mutex
	full := false
	set := func(v bool) { mu.Lock(); defer mu.Unlock(); full = v }
	fs := noSpace{full: func() bool { mu.Lock(); defer mu.Unlock(); return full }}
	l, store := ledgertest.New(t, ledger.Options{MaxBytes: 512 << 10}.WithFS(fs))
	set(true)
	var open []*ledger.Record
	for {
		r, err := l.Open(t.Context(), openingOf(fmt.Sprint("r", len(open))))
		if err != nil {
			if e := llm.AsError(err); e.Code != "ledger_backpressure" {
				t.Errorf("refused with %+v", e)
			}
			break
		}
		open = append(open, r)
	}
	if len(open) < 5 {
		t.Errorf("only %d calls fit into a segment", len(open))
	}
	for _, r := range open {
		settle(t, r, 0, ledger.Complete)
	}
	flush(t, l)
	if got := len(store.Rows()); got != len(open) {
		t.Errorf("%d rows of %d", got, len(open))
	}
	set(false)
	for i := range 100 {
		r, err := l.Open(t.Context(), openingOf(fmt.Sprint("more", i)))
		if err != nil {
			t.Fatal(err)
		}
		settle(t, r, 0, ledger.Complete)
	}
}

func TestTheDatabaseMayBeAwayAtStartAndAtStop(t *testing.T) {
	dir := t.TempDir()
	store := &ledgertest.Store{}
	store.Fail(func() error { return errors.New("the database is down") })
	l, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
	for i := range 10 {
		settle(t, open(t, l, fmt.Sprint("r", i)), 0, ledger.Complete)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop says %v", err)
	}
	l2, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
	settle(t, open(t, l2, "r10"), 0, ledger.Complete)
	store.Fail(nil)
	flush(t, l2)
	if got := len(store.Rows()); got != 11 {
		t.Errorf("%d rows of 11", got)
	}
	if v, err := l2.Verify(t.Context()); err != nil || len(v.Faults) != 0 || v.Chains != 2 || v.Rows != 11 {
		t.Errorf("verification %+v, %v", v, err)
	}
	if err := l2.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestManyWriters(t *testing.T) {
	l, store := ledgertest.New(t, ledger.Options{MaxBytes: 64 << 20})
	const writers, each = 16, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r := open(t, l, fmt.Sprint(w, "-", i))
				if i%3 == 0 {
					settle(t, r, 0, ledger.Failed)
					settle(t, r, 1, ledger.Complete)
				} else {
					settle(t, r, 0, ledger.Complete)
				}
			}
		})
	}
	wg.Wait()
	flush(t, l)
	if got, want := len(store.Rows()), writers*(each+67); got != want {
		t.Errorf("%d rows of %d", got, want)
	}
	if v, err := l.Verify(t.Context()); err != nil || len(v.Faults) != 0 {
		t.Errorf("verification %+v, %v", v, err)
	}
}
