package app

import (
	"context"
	"errors"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/store"
)

const (
	firstPatience = 5 * time.Second // for a database at the start
	retryPause    = time.Second
)

// prepare migrates the database and reads what the installation keeps there.
// A server that does not answer is tried again in the background.
func (a *App) prepare(ctx context.Context) error {
	first, cancel := context.WithTimeout(ctx, firstPatience)
	defer cancel()
	err := a.tryPrepare(first)
	if err == nil {
		return nil
	}
	if a.data.Store.Kind() == "sqlite" || errors.Is(err, store.ErrNewerSchema) {
		return err
	}
	a.log.Error("the database is not ready; trying on", "database", a.data.Store.String(), "error", err.Error())
	a.running.Go(func() { a.prepareLater(ctx, err.Error()) })
	return nil
}

// prepareLater tries until it succeeds, telling of each trouble once.
func (a *App) prepareLater(ctx context.Context, told string) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryPause):
		}
		err := a.tryPrepare(ctx)
		switch {
		case err == nil:
			a.log.Info("the database is ready", "database", a.data.Store.String())
			return
		case errors.Is(err, store.ErrNewerSchema):
			a.log.Error("the database stays out of use", "database", a.data.Store.String(), "error", err.Error())
			return
		case err.Error() != told && ctx.Err() == nil:
			told = err.Error()
			a.log.Error("the database is still not ready; trying on", "database", a.data.Store.String(), "error", told)
		}
	}
}

func (a *App) tryPrepare(ctx context.Context) error {
	if err := a.data.Store.Migrate(ctx); err != nil {
		return err
	}
	key, err := a.data.Store.SealKey(ctx)
	if err != nil {
		return err
	}
	a.sealer.SetKey([]byte(key.Reveal()))
	if cfg := a.opts.Config; cfg.Mode == config.ModeTeam && !cfg.Auth.Disabled {
		token, made, err := a.data.Registry.Bootstrap(ctx)
		if err != nil {
			return err
		}
		if made {
			a.opts.Announce(token)
		}
	}
	a.prepared.Store(true)
	return nil
}
