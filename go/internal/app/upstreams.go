package app

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/provider/loopback"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens"
)

// loopbackPreset is the provider that needs no configuration.
const loopbackPreset = loopback.Name

// Upstreams are the providers of one configuration.
type Upstreams struct {
	Infos []route.ProviderInfo       // in order of preference, those without a key too
	Lists map[string]provider.Lister // those that can list their models, by pool

	codecs    []llm.Protocol
	mentioned map[string]bool     // in the configuration
	origins   map[string]string   // scheme, host and port
	proxies   map[string]*url.URL // on the way to a provider; missing: none
	open      []*provider.HTTP
}

// PresetNames lists what a provider may be.
func PresetNames() []string {
	all := provider.Presets()
	names := make([]string, len(all), len(all)+1)
	for i := range all {
		names[i] = all[i].Name
	}
	return append(names, loopbackPreset)
}

// NewUpstreams builds the providers that are configured. Those that are not
// are listed too, so that a model that belongs to one can say what to set.
func NewUpstreams(cfg *config.Config, codecs map[llm.Protocol]protocol.Codec) (*Upstreams, error) {
	u := &Upstreams{
		Lists: make(map[string]provider.Lister), mentioned: make(map[string]bool), origins: make(map[string]string),
		proxies: make(map[string]*url.URL),
	}
	for name := range codecs {
		u.codecs = append(u.codecs, name)
	}
	withLoopback := true
	for i := range cfg.Providers {
		p := &cfg.Providers[i]
		u.mentioned[p.Name] = true
		if p.Preset == loopbackPreset {
			withLoopback = withLoopback && !p.Disabled
			continue
		}
		if p.Disabled {
			continue
		}
		if err := u.add(cfg, p); err != nil {
			return nil, errors.Join(err, u.Close())
		}
	}
	for _, preset := range provider.Presets() {
		if !u.mentioned[preset.Name] && !preset.Generic {
			u.Infos = append(u.Infos, describe(preset.Name, &preset))
		}
	}
	if withLoopback {
		u.addLoopback(codecs)
	}
	return u, nil
}

// add builds a provider, once for each of its keys.
func (u *Upstreams) add(cfg *config.Config, p *config.Provider) error {
	keys := p.Keys
	if len(keys) == 0 {
		keys = []secret.Secret{{}}
	}
	for n, key := range keys {
		s := provider.Settings{
			Name: p.Name, Preset: p.Preset, BaseURL: p.BaseURL, Key: key, Protocols: p.Protocols, Models: p.Models,
			Headers: p.Headers, Quirks: p.Quirks,
			Timeouts: provider.Timeouts{Header: p.Timeout, Stall: p.IdleTimeout},
		}
		if n > 0 {
			s.Name = fmt.Sprintf("%s#%d", p.Name, n+1)
		}
		if err := u.setProxy(&s, cfg, p); err != nil {
			return err
		}
		up, err := provider.New(s)
		if err != nil {
			return err
		}
		u.open = append(u.open, up)
		u.describe(up, s, p)
	}
	return nil
}

// setProxy finds the proxy on the way to a provider.
func (u *Upstreams) setProxy(s *provider.Settings, cfg *config.Config, p *config.Provider) error {
	base := s.BaseURL
	if preset, ok := provider.FindPreset(s.Preset); ok && base == "" {
		base = preset.Base
	}
	to, err := url.Parse(base)
	if err != nil || base == "" {
		return nil // New says what is wrong with it
	}
	by, err := cfg.ProxyFor(p, to)
	if err != nil {
		return fmt.Errorf("provider %s: the proxy cannot be read: %w", p.Name, err)
	}
	if by != nil {
		s.Proxy = secret.New(by.String())
		u.proxies[s.Name] = by
	}
	return nil
}

// describe tells the router of a provider.
func (u *Upstreams) describe(up *provider.HTTP, s provider.Settings, p *config.Provider) {
	preset := up.Preset()
	info := describe(s.Name, &preset)
	info.Provider, info.Ready = up, up.Ready() == nil
	info.Quirks, info.Models = up.Quirks(), slices.Clone(p.Models)
	if p.Defaults.Large != "" {
		info.Defaults.Large = p.Defaults.Large
	}
	if p.Defaults.Small != "" {
		info.Defaults.Small = p.Defaults.Small
	}
	if preset.Generic || p.Name != preset.Name {
		info.KeyVar = config.KeyVariable(p.Name)
	}
	sum := sha256.Sum256([]byte(s.Key.Reveal() + "\x00" + s.BaseURL + "\x00" + s.Preset))
	info.Fingerprint = hex.EncodeToString(sum[:8])
	u.Infos = append(u.Infos, info)
	u.origins[s.Name] = up.Origin()
	if info.Ready && len(up.Speaks(llm.ListModels)) > 0 && u.Lists[p.Name] == nil {
		u.Lists[p.Name] = up
	}
}

// describe is what a preset says to the router.
func describe(name string, preset *provider.Preset) route.ProviderInfo {
	info := route.ProviderInfo{
		Name: name, Preset: preset.Name, KeyVar: preset.NeedVar(), Local: preset.Local, Native: preset.Native, Quirks: preset.Quirks,
		Defaults: route.Defaults{Large: preset.Defaults.Large, Small: preset.Defaults.Small},
	}
	for _, f := range preset.Families {
		info.Families = append(info.Families, route.Family{Pattern: f.Pattern, Size: f.Size})
	}
	return info
}

func (u *Upstreams) addLoopback(codecs map[llm.Protocol]protocol.Codec) {
	p := loopback.New(codecs, loopback.Options{Count: tokens.EstimateRequest})
	u.Infos = append(u.Infos, route.ProviderInfo{
		Name: loopbackPreset, Provider: p, Preset: loopbackPreset, Ready: true, Local: true, Quirks: protocol.Quirks{Stateless: true},
	})
}

// Close lets go of connections. Calls in flight go on.
func (u *Upstreams) Close() error {
	var errs []error
	for _, p := range u.open {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
