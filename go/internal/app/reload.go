package app

import (
	"fmt"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

// Reload swaps what may change while calls are in flight: providers, routes,
// aliases, policy, limits and hosts. Calls go on with what they began with.
func (a *App) Reload(cfg *config.Config) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	ups, err := NewUpstreams(cfg, Codecs(a.sealer))
	if err != nil {
		return fmt.Errorf("the old configuration stays: %w", err)
	}
	old := a.upstreams.Swap(ups)
	a.router.Replace(routing(cfg, ups, a.catalog))
	a.proxy.SetPolicy(policy(cfg))
	a.door.SetLimits(limits(cfg))
	a.server.SetAccess(access(cfg))
	a.tellProblems()
	return old.Close()
}
