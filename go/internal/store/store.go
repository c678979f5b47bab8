// Package store keeps users, keys and the ledger in SQLite or PostgreSQL: one
// schema, one code path. It knows the rooms whose interfaces it implements; it
// must not know requests, protocols or providers, and nothing outside it sees
// a row, a query or which database it is.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

var (
	_ identity.Store  = (*Store)(nil)
	_ identity.Source = (*Store)(nil)
	_ ledger.Store    = (*Store)(nil)
)

// Options say where the database is and how long to wait for it.
type Options struct {
	// URL is "" for a SQLite file in DataDir, sqlite:PATH for another, or the
	// postgres:// URL of a server. It is secret for the password in it.
	URL     secret.Secret
	DataDir string

	Timeout  time.Duration // for one operation; default 3 s on a server, 10 s on a file
	Report   time.Duration // for one reading of many rows; default 2 min
	MaxConns int           // to a server; default 10, at least 2
}

const (
	defaultReport   = 2 * time.Minute
	defaultMaxConns = 10
)

// Store is an open database. It is safe for use by many goroutines.
type Store struct {
	dialect dialect
	write   *gorm.DB
	read    *gorm.DB // the same as write on a server
	entries *bulk[entryRow]
	timeout time.Duration
	report  time.Duration
}

// Open opens the database. A file is created if there is none; a server may be
// down and is found again when it is back. The schema is Migrate's business.
func Open(ctx context.Context, o Options) (*Store, error) {
	d, err := choose(o)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dialect: d,
		timeout: cmp.Or(o.Timeout, d.patience()),
		report:  cmp.Or(o.Report, defaultReport),
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.write, s.read, err = d.open(ctx); err != nil {
		return nil, fmt.Errorf("open %s: %w", d, err)
	}
	lite := d.kind() == kindLite
	if s.entries, err = newBulk[entryRow](s.write, !lite, lite, "request_id", "attempt"); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the database. On SQLite this also folds the write-ahead log
// into the file.
func (s *Store) Close() error {
	var errs []error
	if s.entries != nil {
		s.entries.close()
	}
	if s.read != s.write {
		errs = append(errs, closePool(s.read)) // first: the last to close folds
	}
	return errors.Join(append(errs, closePool(s.write))...)
}

func closePool(db *gorm.DB) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	return pool.Close()
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.read.WithContext(ctx).Exec("SELECT 1").Error; err != nil {
		return fmt.Errorf("%s does not answer: %w", s, err)
	}
	return nil
}

// Kind returns "sqlite" or "postgres".
func (s *Store) Kind() string { return s.dialect.kind() }

// String says in words for people where the database is, without a secret.
func (s *Store) String() string { return s.dialect.String() }

// bounded ends an operation on a database that does not answer. The bound is
// ours and not the server's: it also holds when the network is what hangs, and
// needs no session state, which a connection pooler would mix up.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

func (s *Store) longer(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.report)
}

// micros is how the database keeps a time.
func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// optMicros keeps the zero time as NULL.
func optMicros(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	us := micros(t)
	return &us
}

func fromOptMicros(us *int64) time.Time {
	if us == nil {
		return time.Time{}
	}
	return fromMicros(*us)
}
