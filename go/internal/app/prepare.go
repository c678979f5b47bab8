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
	a.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryPause):
			}
			if err := a.tryPrepare(ctx); err == nil {
				a.log.Info("the database is ready", "database", a.data.Store.String())
				return
			}
		}
	})
	return nil
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
