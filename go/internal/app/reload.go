package app

import (
	"context"
	"fmt"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

// Reload swaps what may change while calls are in flight: providers, routes,
// aliases, prices, policy, limits, hosts and the key of a personal gateway.
// Calls go on with what they began with. An error changes nothing.
func (a *App) Reload(ctx context.Context, cfg *config.Config) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	known, err := LoadCatalog(cfg)
	if err != nil {
		return fmt.Errorf("the old configuration stays: %w", err)
	}
	ups, err := NewUpstreams(cfg, Codecs(a.sealer))
	if err != nil {
		return fmt.Errorf("the old configuration stays: %w", err)
	}
	before := a.config.Swap(cfg)
	old := a.upstreams.Swap(ups)
	a.router.Replace(routing(cfg, ups, known))
	a.ledger.SetPricer(known)
	a.proxy.SetPolicy(policy(cfg))
	a.door.SetLimits(limits(cfg))
	a.door.ForgetModels()
	a.server.SetAccess(access(cfg))
	if cfg.APIKey.Reveal() != before.APIKey.Reveal() {
		a.gate.replace(ctx, cfg)
	}
	a.tellProblems()
	return old.Close()
}
