package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/tokligence/tokligence-gateway/go/internal/catalog"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
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
	reported := map[string][]provider.ModelInfo{}
	if ask {
		reported, failures = r.ask(ctx)
	}
	seen := make(map[string]bool)
	add := func(card protocol.ModelCard) {
		q := route.Query{Principal: identity.LocalOwner(), Protocol: llm.Chat, Operation: llm.Generate, Model: card.ID}
		embeds := q
		embeds.Operation = llm.Embed
		if card.ID == "" || seen[card.ID] || strings.ContainsAny(card.ID, "*?") ||
			!r.Router.Callable(q) && !r.Router.Callable(embeds) {
			return
		}
		seen[card.ID] = true
		cards = append(cards, card)
	}
	for _, ref := range r.Router.Known() {
		add(protocol.ModelCard{ID: ref.ID, OwnedBy: ref.Provider})
	}
	for name, models := range reported {
		for _, m := range models {
			add(protocol.ModelCard{
				ID: r.Router.NameFor(name, m.ID), OwnedBy: name, DisplayName: m.DisplayName, Created: m.Created,
				MaxInput: m.MaxInput, MaxOutput: m.MaxOutput,
			})
		}
	}
	return protocol.SortCards(cards), failures
}

// ask asks all providers for their models, side by side.
func (r *Routing) ask(ctx context.Context) (reported map[string][]provider.ModelInfo, failures []string) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	reported = make(map[string][]provider.ModelInfo)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, lister := range r.Upstreams.Lists {
		wg.Go(func() {
			models, err := lister.Models(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, fmt.Sprintf("%s does not list its models: %s", name, err))
				return
			}
			reported[name] = models
			ids := make([]string, len(models))
			for i := range models {
				ids[i] = models[i].ID
			}
			r.Router.Learn(name, ids)
		})
	}
	wg.Wait()
	return reported, failures
}
