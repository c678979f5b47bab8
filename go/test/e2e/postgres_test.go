package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// team makes a daemon ask for keys of the database and nothing else.
var team = []string{"TOKLIGENCE_API_KEY=", "TOKLIGENCE_MODE=team"}

// newKey creates a user with a key.
func newKey(t *testing.T, d *daemon.Daemon, user string, more ...string) string {
	t.Helper()
	d.CLI(t, "users", "create", user)
	var made struct{ Key string }
	out := d.CLI(t, append([]string{"keys", "create", "--user", user, "--json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &made); err != nil || !strings.HasPrefix(made.Key, "tok_") {
		t.Fatalf("keys create: %v in %s", err, out)
	}
	return made.Key
}

// steady sends calls until ctx ends; every one must be answered well.
type steady struct {
	answered
	failed atomic.Int64
	first  atomic.Pointer[string]
}

func (s *steady) load(ctx context.Context, url, key string) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		req, err := http.NewRequest(http.MethodPost, url+paths["chat"], strings.NewReader(chat("loopback")))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := client.Do(req)
		if err != nil {
			s.fail(err.Error())
			continue
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			s.fail(resp.Status + " " + string(body))
			continue
		}
		s.mu.Lock()
		s.ids[resp.Header.Get("X-Request-Id")] = true
		s.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *steady) fail(why string) {
	s.failed.Add(1)
	s.first.CompareAndSwap(nil, &why)
}

// checkRows wants each answer in the ledger once, and the ledger in order.
func checkRows(t *testing.T, d *daemon.Daemon, ids map[string]bool) {
	t.Helper()
	rows := map[string]int{}
	for _, row := range d.Ledger(t) {
		rows[row.RequestID]++
	}
	lost, doubled := 0, 0
	for id := range ids {
		switch rows[id] {
		case 0:
			lost++
		case 1:
		default:
			doubled++
		}
	}
	if lost+doubled > 0 {
		t.Errorf("of %d answers %d are not in the ledger and %d more than once", len(ids), lost, doubled)
	}
	if said := d.Exec(t, "gateway", "ledger", "verify"); said.Code != 0 {
		t.Errorf("ledger verify: %s%s", said.Out, said.Err)
	}
}

// TestPostgresRestarts stops the database under load, in order and as a
// crash: nothing fails, nothing is lost, and what cannot be checked meanwhile
// is not called wrong.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, pgtest.Durable())
	d := daemon.Start(t, append(team, "TOKLIGENCE_DATABASE_URL="+server.URL)...)
	key := newKey(t, d, "alice")
	eventually(t, 5*time.Second, "the new key works", func() bool { return as(t, d, key, "loopback").status == http.StatusOK })
	seen := &steady{answered: answered{ids: map[string]bool{}}}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() { seen.load(ctx, d.URL, key) })
	}
	for _, mode := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		time.Sleep(300 * time.Millisecond)
		server.Stop(mode)
		eventually(t, 10*time.Second, "an unknown key is answered with 503", func() bool {
			return as(t, d, "tok_unknown", "loopback").status == http.StatusServiceUnavailable
		})
		as(t, d, "tok_unknown", "loopback").golden(t, "people/cannot-be-checked")
		if code := status(t, d, "/readyz"); code != http.StatusOK {
			t.Errorf("a database that is away for a while makes /readyz say %d", code)
		}
		server.Start()
		eventually(t, 10*time.Second, "an unknown key is answered with 401", func() bool {
			return as(t, d, "tok_unknown", "loopback").status == http.StatusUnauthorized
		})
	}
	stop()
	load.Wait()
	if n := seen.failed.Load(); n > 0 {
		t.Errorf("%d calls failed, first: %s", n, *seen.first.Load())
	}
	if len(seen.ids) < 100 {
		t.Errorf("only %d answers: too little load to prove anything", len(seen.ids))
	}
	checkRows(t, d, seen.ids)
	t.Logf("%d answers while the database was restarted twice", len(seen.ids))
}

// TestStartWithoutDatabase starts before the database does.
func TestStartWithoutDatabase(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	server.Stop(pgtest.Fast)
	d := daemon.Start(t, append(team, "TOKLIGENCE_DATABASE_URL="+server.URL)...)
	if code := status(t, d, "/livez"); code != http.StatusOK {
		t.Errorf("/livez: %d", code)
	}
	if code := status(t, d, "/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("/readyz without a database: %d", code)
	}
	if s := as(t, d, "tok_any", "loopback"); s.status != http.StatusServiceUnavailable {
		t.Errorf("a key that cannot be checked: %d %s", s.status, s.body)
	}
	server.Start()
	eventually(t, 15*time.Second, "ready by itself", func() bool { return status(t, d, "/readyz") == http.StatusOK })
	eventually(t, 5*time.Second, "the first key is shown", func() bool { return rootKey(d.Logs()) != "" })
	eventually(t, 5*time.Second, "the first key works", func() bool {
		return as(t, d, rootKey(d.Logs()), "loopback").status == http.StatusOK
	})
}

// TestJournalIsPartOfTheLedger shows rows that no database has yet: it was
// away until the daemon had been killed.
func TestJournalIsPartOfTheLedger(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	d := daemon.Start(t, "TOKLIGENCE_DATABASE_URL="+server.URL)
	server.Stop(pgtest.Fast)
	ids := map[string]bool{}
	for range 5 {
		s := post(t, d, paths["chat"], chat("loopback"))
		if s.status != http.StatusOK {
			t.Fatalf("%d %s", s.status, s.body)
		}
		ids[s.header.Get("X-Request-Id")] = true
	}
	d.Kill()
	server.Start()
	checkRows(t, d, ids)
	var sums []struct{ Requests, Attempts int }
	if err := json.Unmarshal([]byte(d.CLI(t, "usage", "--json")), &sums); err != nil || len(sums) != 1 || sums[0].Requests != 5 {
		t.Errorf("usage: %v, %+v", err, sums)
	}
	d.Run(t) // and it takes them over
	eventually(t, 10*time.Second, "the journal of the dead daemon is gone", func() bool { return journals(t, d) == 1 })
	checkRows(t, d, ids)
}
