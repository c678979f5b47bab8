package app

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

// gate lets clients in. A directory knows who they are; it is made anew when
// the key of a personal gateway changes.
type gate struct {
	source    identity.Source
	log       *slog.Logger
	directory atomic.Pointer[identity.Directory]
}

func newGate(source identity.Source, cfg *config.Config, log *slog.Logger) *gate {
	g := &gate{source: source, log: log}
	g.directory.Store(g.make(cfg))
	return g
}

func (g *gate) make(cfg *config.Config) *identity.Directory {
	return identity.NewDirectory(g.source, identity.Options{
		Personal: cfg.Mode == config.ModePersonal, AuthDisabled: cfg.Auth.Disabled, LocalKey: cfg.APIKey, Log: g.log,
	})
}

// replace lets clients in by another configuration.
func (g *gate) replace(ctx context.Context, cfg *config.Config) {
	next := g.make(cfg)
	next.Start(ctx)
	g.directory.Swap(next).Stop()
}

// Authenticate implements api.Authenticator.
func (g *gate) Authenticate(credential string) (identity.Principal, error) {
	return g.directory.Load().Authenticate(credential)
}

func (g *gate) start(ctx context.Context) { g.directory.Load().Start(ctx) }
func (g *gate) stop()                     { g.directory.Load().Stop() }
func (g *gate) ready() error              { return g.directory.Load().Ready() }
