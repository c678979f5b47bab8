package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

func TestStatusChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := open()
		for range 2 {
			got, err := s.Status(t.Context())
			if err != nil || got.Current != 0 || got.Pending == 0 || got.Latest == 0 {
				t.Fatalf("Status() = %+v, %v", got, err)
			}
		}
		if s.write.Migrator().HasTable(versionTable) {
			t.Error("asking made a table")
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		got, err := s.Status(t.Context())
		if err != nil || got.Current != got.Latest || got.Pending != 0 {
			t.Errorf("after Migrate, Status() = %+v, %v", got, err)
		}
	})
}

func TestMigrateRaced(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		const instances = 8
		var wait sync.WaitGroup
		start := make(chan struct{})
		for range instances {
			wait.Go(func() {
				<-start
				s := open()
				if err := s.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := s.Revision(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		wait.Wait()
		var runs int64
		if err := open().read.Table(versionTable).Where("version_id = 1").Count(&runs).Error; err != nil || runs != 1 {
			t.Errorf("the first migration ran %d times, %v", runs, err)
		}
	})
}

// Those who wait must not use up the connections that the migration needs.
func TestMigrateRacedWithFewConnections(t *testing.T) {
	s := opened(t, Options{URL: secret.New(pgtest.Database(t)), MaxConns: 1})()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

const instanceURL = "STORE_TEST_INSTANCE_URL"

// TestInstance is one process of TestMigrateRacedByProcesses.
func TestInstance(t *testing.T) {
	address := os.Getenv(instanceURL)
	if address == "" {
		t.Skip("runs as a process of another test")
	}
	s := migrated(t, opened(t, Options{URL: secret.New(address)}))
	added, err := s.Apply(t.Context(), []ledger.Entry{{RequestID: fmt.Sprint(os.Getpid())}, {RequestID: "shared"}})
	if err != nil || added == 0 {
		t.Fatalf("Apply() = %d, %v", added, err)
	}
}

func TestMigrateRacedByProcesses(t *testing.T) {
	for kind, address := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + t.TempDir() + "/gw.db" },
		"postgres": func() string { return pgtest.Database(t) },
	} {
		t.Run(kind, func(t *testing.T) {
			address := address()
			const instances = 6
			var wait sync.WaitGroup
			for range instances {
				wait.Go(func() {
					cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestInstance$")
					cmd.Env = append(os.Environ(), instanceURL+"="+address)
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
			wait.Wait()
			s := opened(t, Options{URL: secret.New(address)})()
			rows := 0
			for _, err := range s.Entries(t.Context(), ledger.Filter{}) {
				if err != nil {
					t.Fatal(err)
				}
				rows++
			}
			if rows != instances+1 {
				t.Errorf("%d rows, want %d", rows, instances+1)
			}
		})
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		err := s.write.Exec("INSERT INTO " + versionTable + " (version_id, is_applied) VALUES (99, true)").Error
		if err != nil {
			t.Fatal(err)
		}
		err = open().Migrate(t.Context())
		if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "schema 99") {
			t.Errorf("error %v", err)
		}
		if got, err := s.Status(t.Context()); err != nil || got.Current != 99 || got.Pending != 0 {
			t.Errorf("Status() = %+v, %v", got, err)
		}
	})
}

// A migration that fails half way leaves the schema as it was.
func TestMigrationIsWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := open()
		if err := s.write.Exec("CREATE TABLE ledger_entries (x BIGINT)").Error; err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err == nil {
			t.Fatal("migrated over a table that was there")
		}
		if s.write.Migrator().HasTable("users") {
			t.Error("half of the migration stayed")
		}
		if err := s.write.Exec("DROP TABLE ledger_entries").Error; err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("mended, but %v", err)
		}
	})
}

func TestLedgerIsAppendOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		if _, err := s.Apply(t.Context(), []ledger.Entry{{RequestID: "a"}}); err != nil {
			t.Fatal(err)
		}
		statements := []string{
			"UPDATE ledger_entries SET cost_nusd = 0",
			"DELETE FROM ledger_entries",
			"INSERT INTO ledger_entries SELECT * FROM ledger_entries WHERE true " +
				"ON CONFLICT (request_id, attempt) DO UPDATE SET cost_nusd = 0",
		}
		if s.Kind() == "postgres" {
			statements = append(statements, "TRUNCATE ledger_entries")
		}
		for _, statement := range statements {
			if err := s.write.Exec(statement).Error; err == nil || !strings.Contains(err.Error(), "append only") {
				t.Errorf("%s: error %v", statement, err)
			}
		}
		if has, err := s.Has(t.Context(), []ledger.EntryKey{{RequestID: "a"}}); err != nil || len(has) != 1 {
			t.Errorf("Has() = %v, %v", has, err)
		}
	})
}
