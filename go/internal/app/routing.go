package app

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/catalog"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// LoadCatalog returns the bundled prices and abilities, with those of the
// owner's file over them.
func LoadCatalog(cfg *config.Config) (*catalog.Catalog, error) {
	c, err := catalog.Load()
	if err != nil || cfg.Prices.File == "" {
		return c, err
	}
	f, err := os.Open(cfg.Prices.File)
	if err != nil {
		return nil, fmt.Errorf("prices.file: %w", err)
	}
	defer f.Close()
	if c, err = c.WithOverrides(f); err != nil {
		return nil, fmt.Errorf("prices.file %s: %w", cfg.Prices.File, err)
	}
	return c, nil
}

// PriceVersion is the version of the bundled price table.
func PriceVersion() (string, error) {
	c, err := catalog.Load()
	if err != nil {
		return "", err
	}
	return c.Version(), nil
}

// Routing is what answers questions about models without a daemon.
type Routing struct {
	Router    *route.Router
	Upstreams *Upstreams
}

// NewRouting builds providers and routes; nothing is asked of any provider.
func NewRouting(cfg *config.Config) (*Routing, error) {
	known, err := LoadCatalog(cfg)
	if err != nil {
		return nil, err
	}
	ups, err := NewUpstreams(cfg, Codecs(protocol.NewSealer(randomKey())))
	if err != nil {
		return nil, err
	}
	return &Routing{Router: route.New(routing(cfg, ups, known)), Upstreams: ups}, nil
}

// Close lets go of the providers' connections.
func (r *Routing) Close() error { return r.Upstreams.Close() }

// Models lists the models that can be called: those the configuration names
// and, if the providers are to be asked, those they report. Failures say in
// words which of them did not answer.
func (r *Routing) Models(ctx context.Context, ask bool) (cards []protocol.ModelCard, failures []string) {
	lists := r.Upstreams.Lists
	if !ask {
		lists = nil
	}
	var mu sync.Mutex
	list := api.NewModelList(r.Router, func() map[string]provider.Lister { return lists }, func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		failures = append(failures, fmt.Sprintf("%s does not list its models: %s", name, err))
	})
	cards = list.Callable(ctx, identity.LocalOwner(), time.Hour) // longer than this command lives
	return cards, failures
}
