package store

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// opener opens another store on the database of a test.
type opener func() *Store

// onBoth runs a test on a fresh database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, opened(t, Options{DataDir: t.TempDir()})) })
	t.Run("postgres", func(t *testing.T) {
		test(t, opened(t, Options{URL: secret.New(pgtest.Database(t))}))
	})
}

func opened(t testing.TB, o Options) opener {
	return func() *Store {
		t.Helper()
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
}

// migrated opens a store with tables.
func migrated(t testing.TB, open opener) *Store {
	t.Helper()
	s := open()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// at is a time with all the digits that are kept.
func at(seconds int) time.Time {
	return time.Date(2026, 3, 1, 23, 59, 0, 123456000, time.UTC).Add(time.Duration(seconds) * time.Second)
}

func TestPing(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := open()
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimPrefix(t.Name(), "TestPing/")
		if s.Kind() != kind {
			t.Errorf("Kind() = %q, want %q", s.Kind(), kind)
		}
	})
}

func TestWhatTheURLMeans(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name, url string
		data      string
		want      string // of String
		refused   string // part of the error
	}{
		{name: "file in the data folder", data: dir, want: "SQLite file " + filepath.Join(dir, fileName)},
		{name: "file elsewhere", url: "sqlite:" + dir + "/x.db", want: "SQLite file " + dir + "/x.db"},
		{name: "file with slashes", url: "sqlite://" + dir + "/x.db", want: "SQLite file " + dir + "/x.db"},
		{
			name: "server", url: "postgres://me:canary@db.example:5433/gw",
			want: "PostgreSQL database gw at db.example:5433",
		},
		{name: "server, other spelling", url: "postgresql://db.example/gw", want: "PostgreSQL database gw at db.example:5432"},
		{name: "nothing", refused: "neither a database URL nor a data folder"},
		{name: "in memory", url: "sqlite::memory:", refused: "path of a file"},
		{name: "no path", url: "sqlite:", refused: "path of a file"},
		{name: "unknown", url: "mysql://me:canary@db.example/gw", refused: "neither postgres://"},
		{name: "only a password", url: "canary", refused: "neither postgres://"},
		{name: "broken", url: "postgres://me:canary@db.example:port/gw", refused: "cannot be used"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := choose(Options{URL: secret.New(tt.url), DataDir: tt.data})
			switch {
			case tt.refused != "":
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("error %v, want one with %q", err, tt.refused)
				}
				if err != nil && strings.Contains(err.Error(), "canary") {
					t.Errorf("the error shows the password: %v", err)
				}
			case err != nil:
				t.Fatal(err)
			case d.String() != tt.want:
				t.Errorf("String() = %q, want %q", d, tt.want)
			}
		})
	}
}

func TestFileIsPrivateWhateverItsName(t *testing.T) {
	for _, name := range []string{"plain.db", "odd ?#%41&=+ÿ.db"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new", "folder")
			s := migrated(t, opened(t, Options{URL: secret.New("sqlite:" + filepath.Join(dir, name))}))
			if _, err := s.Installation(t.Context()); err != nil {
				t.Fatal(err)
			}
			mode := func(path string) fs.FileMode {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				return info.Mode().Perm()
			}
			if got := mode(dir); got != 0o700 {
				t.Errorf("folder has mode %o", got)
			}
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, f := range files {
				names = append(names, f.Name())
				if got := mode(filepath.Join(dir, f.Name())); got != 0o600 {
					t.Errorf("%s has mode %o", f.Name(), got)
				}
			}
			if !slices.Contains(names, name) || !slices.Contains(names, name+"-wal") {
				t.Errorf("files are %q", names)
			}
		})
	}
}

func TestFileThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ path, says string }{
		"garbage":              {garbage, "not a database"},
		"a folder":             {dir, "is a directory"},
		"below what is no one": {filepath.Join(garbage, "x.db"), "not a directory"},
	} {
		s, err := Open(t.Context(), Options{URL: secret.New("sqlite:" + tt.path)})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: error %v, want %q", name, err, tt.says)
		}
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListUsers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, fileName+"-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// The driver and the settings that the promises of the ledger stand on.
func TestSettingsOfTheFile(t *testing.T) {
	s := opened(t, Options{DataDir: t.TempDir()})()
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000",
	} {
		var got string
		if err := s.write.Raw("PRAGMA " + pragma).Scan(&got).Error; err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", pragma, got, err, want)
		}
	}
	if err := s.read.Exec("CREATE TABLE t (x)").Error; err == nil {
		t.Error("the reading side writes")
	}
}

func TestServerThatIsDownFailsFast(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for name, address := range map[string]string{"refusing": "127.0.0.1:1", "silent": silent.Addr().String()} {
		s := opened(t, Options{URL: secret.New("postgres://me:canary@" + address + "/gw"), Timeout: 300 * time.Millisecond})()
		for what, do := range map[string]func() error{
			"Everyone": func() error { _, _, err := s.Everyone(t.Context()); return err },
			"Ping":     func() error { return s.Ping(t.Context()) },
			"Migrate":  func() error { return s.Migrate(t.Context()) },
		} {
			began := time.Now()
			err := do()
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s, %s: error %v", name, what, err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s, %s: %s until %v", name, what, took, err)
			}
		}
	}
}

// Somebody else holds what a change needs: it gives up in time, and the next
// one finds a working connection.
func TestChangeDoesNotWaitForEver(t *testing.T) {
	for kind, o := range map[string]Options{
		"sqlite":   {DataDir: t.TempDir()},
		"postgres": {URL: secret.New(pgtest.Database(t))},
	} {
		t.Run(kind, func(t *testing.T) {
			holder := migrated(t, opened(t, o))
			o.Timeout = 300 * time.Millisecond
			s := opened(t, o)()
			held := holder.write.Begin()
			if err := held.Exec("UPDATE revisions SET value = value").Error; err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if err := s.CreateUser(t.Context(), user("1", "ann")); err == nil {
				t.Error("changed what somebody holds")
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("gave up after %s", took)
			}
			if _, err := s.Revision(t.Context()); err != nil {
				t.Errorf("a reader waits for a writer: %v", err)
			}
			if err := held.Rollback().Error; err != nil {
				t.Fatal(err)
			}
			if err := s.CreateUser(t.Context(), user("1", "ann")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCancelledCallerIsToldSo(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.ListUsers(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}
