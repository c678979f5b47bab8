package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/store"
)

// Data is what works on the database without a daemon.
type Data struct {
	Config   *config.Config
	Store    *store.Store
	Registry *identity.Registry
}

// OpenData opens the database and brings its schema up to date.
func OpenData(ctx context.Context, cfg *config.Config) (*Data, error) {
	d, err := OpenUnmigrated(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := d.Store.Migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing the database: %w", err), d.Close())
	}
	return d, nil
}

// OpenUnmigrated opens the database as it is.
func OpenUnmigrated(ctx context.Context, cfg *config.Config) (*Data, error) {
	db, err := store.Open(ctx, store.Options{URL: cfg.Database.URL, DataDir: cfg.DataDir})
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return &Data{Config: cfg, Store: db, Registry: identity.NewRegistry(db)}, nil
}

// Reader reads the ledger, the rows included that are still in a journal.
func (d *Data) Reader() *ledger.Reader {
	return &ledger.Reader{Dir: JournalDir(d.Config), Store: d.Store}
}

// Close closes the database.
func (d *Data) Close() error { return d.Store.Close() }
