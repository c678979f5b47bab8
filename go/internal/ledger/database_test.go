package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
	"github.com/tokligence/tokligence-gateway/go/internal/store"
)

// TestRowsKeepTheirHashInADatabase writes to real databases: what comes back
// must be what was hashed, whatever a client or an upstream has said.
func TestRowsKeepTheirHashInADatabase(t *testing.T) {
	for name, options := range map[string]func(t *testing.T) store.Options{
		"sqlite":   func(t *testing.T) store.Options { return store.Options{DataDir: t.TempDir()} },
		"postgres": func(t *testing.T) store.Options { return store.Options{URL: secret.New(pgtest.Database(t))} },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), options(t))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			abandon(t, dir, 3, 2)
			l := start(t, ledger.Options{Dir: dir, Store: db, Pricer: price{}})
			r := rand.New(rand.NewPCG(5, 5))
			random(t, l, r, "plain-", 200)
			for i, text := range []string{"a\x00b", "\xff\xfe\xfd", "日本 é", "'; --", "\u2028\t\r\n", "�"} {
				o := openingOf(fmt.Sprint("odd-", i))
				o.Model, o.Principal.KeyName = text, text
				rec, err := l.Open(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				a := attemptOf(0, ledger.Complete)
				a.UpstreamID, a.Served, a.Tier, a.Stop = text, text, text, llm.Stop{Reason: llm.StopReason(text)}
				a.Usage.Source = llm.UsageSource(200)
				if err := rec.Settle(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			flush(t, l)
			v, err := l.Verify(t.Context())
			if err != nil || len(v.Faults) > 0 || v.Rows < 211 || v.Chains != 2 {
				t.Errorf("%+v, %v", v, err)
			}
			got, want := list(t, &l.Reader, ledger.Filter{}), int(v.Rows)
			if len(got) != want {
				t.Errorf("%d rows of %d", len(got), want)
			}
		})
	}
}
