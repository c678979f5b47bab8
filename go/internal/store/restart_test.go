package store

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// The server dies and comes back while rows are added and keys are looked up:
// what was said to be added is there, nothing twice, and no one hangs.
func TestServerRestartsInMidRun(t *testing.T) {
	server := pgtest.Start(t, pgtest.Durable())
	s := migrated(t, opened(t, Options{URL: secret.New(server.URL)}))
	ctx, stop := context.WithCancel(t.Context())

	var acked, failures, slowest atomic.Int64
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for n := 0; ctx.Err() == nil; {
				batch := make([]ledger.Entry, 20)
				for i := range batch {
					batch[i] = ledger.Entry{RequestID: fmt.Sprintf("%d-%08d", worker, n), Attempt: i, Started: at(n)}
				}
				began := time.Now()
				_, err := s.Apply(context.WithoutCancel(ctx), batch)
				slowest.Store(max(slowest.Load(), int64(time.Since(began))))
				if err != nil {
					failures.Add(1)
					time.Sleep(10 * time.Millisecond)
					continue // the same batch again, as the journal does
				}
				n++
				acked.Add(int64(len(batch)))
				if _, err := s.Revision(ctx); err != nil && ctx.Err() == nil {
					failures.Add(1)
				}
			}
		})
	}
	grow := func(by int64) {
		t.Helper()
		goal, deadline := acked.Load()+by, time.Now().Add(20*time.Second)
		for acked.Load() < goal {
			if time.Now().After(deadline) {
				t.Fatal("it does not go on")
			}
			time.Sleep(time.Millisecond)
		}
	}
	for _, mode := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		grow(200)
		server.Stop(mode)
		before := failures.Load()
		for deadline := time.Now().Add(10 * time.Second); failures.Load() == before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("nobody notices that the server is down")
			}
		}
		server.Start()
		grow(200)
	}
	stop()
	wait.Wait()

	if took := time.Duration(slowest.Load()); took > 4*time.Second {
		t.Errorf("an operation took %s", took)
	}
	rows := int64(len(entriesOf(t, s, ledger.Filter{})))
	if rows != acked.Load() {
		t.Errorf("%d rows, %d acknowledged", rows, acked.Load())
	}
	t.Logf("%d rows, %d failures, slowest %s", rows, failures.Load(), time.Duration(slowest.Load()))
}

// A gateway may start before its database.
func TestServerThatComesLate(t *testing.T) {
	server := pgtest.Start(t)
	server.Stop(pgtest.Fast)
	s := opened(t, Options{URL: secret.New(server.URL)})()
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a stopped server answers")
	}
	if err := s.Migrate(t.Context()); err == nil {
		t.Error("migrated nothing")
	}
	server.Start()
	if err := s.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Revision(t.Context()); err != nil {
		t.Error(err)
	}
}
