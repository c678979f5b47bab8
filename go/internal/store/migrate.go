package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	versionTable   = "schema_versions"
	migrateTimeout = 5 * time.Minute // waiting for other instances included
)

// ErrNewerSchema says that a newer program has changed the database.
var ErrNewerSchema = errors.New("the database was made by a newer version of this program")

// Status says how far the schema of a database is.
type Status struct {
	Current int64 // version of the database; 0: empty
	Latest  int64 // version that this program knows
	Pending int   // migrations to run
}

// Migrate brings the schema up to date. Of several instances that start at
// once one does it and the others wait. A schema that is newer than the
// program is left alone: the error is ErrNewerSchema.
func (s *Store) Migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	if done, err := s.migrated(ctx); done || err != nil {
		return err
	}
	pool, err := s.write.DB()
	if err != nil {
		return err
	}
	unlock, err := s.dialect.lock(ctx, pool)
	if err != nil {
		return fmt.Errorf("wait for other migrations of the %s: %w", s, err)
	}
	return errors.Join(s.migrate(ctx, pool), unlock())
}

// migrate runs what is still pending; the caller holds the lock.
func (s *Store) migrate(ctx context.Context, pool *sql.DB) error {
	if done, err := s.migrated(ctx); done || err != nil {
		return err
	}
	provider, err := s.provider(pool)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the %s: %w", s, err)
	}
	return nil
}

// migrated reports whether the schema is up to date.
func (s *Store) migrated(ctx context.Context) (bool, error) {
	status, err := s.Status(ctx)
	if err != nil {
		return false, err
	}
	if status.Current > status.Latest {
		return false, fmt.Errorf("%w: it has schema %d, this program knows schemas up to %d; install the newer version",
			ErrNewerSchema, status.Current, status.Latest)
	}
	return status.Pending == 0, nil
}

// Status looks at the schema and changes nothing.
func (s *Store) Status(ctx context.Context) (Status, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	pool, err := s.write.DB()
	if err != nil {
		return Status{}, err
	}
	provider, err := s.provider(pool)
	if err != nil {
		return Status{}, err
	}
	var out Status
	if out.Current, err = s.version(ctx); err != nil {
		return Status{}, fmt.Errorf("read the schema version of the %s: %w", s, err)
	}
	for _, source := range provider.ListSources() {
		out.Latest = max(out.Latest, source.Version)
		if source.Version > out.Current {
			out.Pending++
		}
	}
	return out, nil
}

// version returns the version of the schema. Asking goose would make its table.
func (s *Store) version(ctx context.Context) (int64, error) {
	db := s.read.WithContext(ctx)
	if err := db.Exec("SELECT 1").Error; err != nil {
		return 0, err // HasTable takes every failure for a no
	}
	if !db.Migrator().HasTable(versionTable) {
		return 0, nil
	}
	var version int64
	err := db.Raw("SELECT COALESCE(MAX(version_id), 0) FROM " + versionTable).Scan(&version).Error
	return version, err
}

func (s *Store) provider(pool *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(s.dialect.goose(), pool, files,
		goose.WithTableName(versionTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(
			goose.NewGoMigration(2, &goose.GoFunc{RunTx: s.guardLedger}, nil),
		),
	)
}

// guardLedger makes the ledger append only, which each database says in its
// own words.
func (s *Store) guardLedger(ctx context.Context, tx *sql.Tx) error {
	for _, statement := range s.dialect.appendOnly(entryRow{}.TableName()) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
