package route

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// snapshot is a configuration, ready for use. Nothing of it changes but the
// counters that rotate keys.
type snapshot struct {
	builtin bool
	mode    string
	rules   []rule
	exact   map[string]alias // aliases that are no patterns
	globs   []alias
	pools   map[string]*pool
	order   []*pool // as configured
	members map[string]*member
	// explicit are the models that providers are configured to have.
	explicit map[string][]*pool
	families []family

	loopback *pool // nil: switched off
	sole     *pool // the only one with a key; see findSole
	retry    Retry
	catalog  Abilities
	now      func() time.Time
	problems []Problem
}

// pool is all keys of one provider.
type pool struct {
	name    string
	info    *ProviderInfo // of the first key
	members []*member
	ready   []*member
	next    atomic.Uint32
}

// member is one key of a pool, a pool of its own where nothing is pooled.
type member struct {
	name   string
	pool   *pool
	info   *ProviderInfo
	speaks [4][]llm.Protocol // see opIndex
	codecs []llm.Protocol
	keys   []*member // just itself
}

type rule struct {
	match   string
	targets []target
	at      int // in Options.Routes
}

type alias struct {
	from, to string
	at       int
	targets  []target // set where to names a provider
}

type family struct {
	pattern string
	size    string
	pool    *pool
}

// target is where a route leads: a pool or one key, and the model to ask for.
type target struct {
	pool  *pool
	key   *member // nil: any key of the pool
	model string
	fixed bool   // the route names the model; else the client does
	text  string // how the route was written, the target's part
}

func (t *target) members() []*member {
	if t.key != nil {
		return t.key.keys
	}
	return t.pool.members
}

func build(o Options) *snapshot {
	s := &snapshot{
		builtin: o.Builtin, mode: o.Mode, retry: o.Retry, catalog: o.Catalog, now: o.Now,
		pools: make(map[string]*pool), members: make(map[string]*member),
		exact: make(map[string]alias), explicit: make(map[string][]*pool),
	}
	s.retry.fill()
	if s.now == nil {
		s.now = time.Now
	}
	s.addProviders(o.Providers, o.Codecs)
	s.findSole()
	s.addRules(o.Routes)
	s.addAliases(o.Aliases)
	s.inspect()
	return s
}

func (s *snapshot) addProviders(infos []ProviderInfo, codecs []llm.Protocol) {
	for i := range infos {
		info := infos[i]
		if info.Name == "" && info.Provider != nil {
			info.Name = info.Provider.Name()
		}
		if info.Name == "" {
			info.Name = info.Preset
		}
		if s.members[info.Name] != nil {
			s.problem(false, "providers."+info.Name, "The name is given to two providers; the first one counts.",
				"Rename one of them.")
			continue
		}
		if info.Provider == nil {
			info.Ready = false
		}
		s.addMember(&info, codecs)
	}
	for _, p := range s.order {
		for _, f := range p.info.Families {
			s.families = append(s.families, family{pattern: f.Pattern, size: f.Size, pool: p})
		}
		for _, id := range p.info.Models {
			if !slices.Contains(s.explicit[id], p) {
				s.explicit[id] = append(s.explicit[id], p)
			}
		}
	}
}

func (s *snapshot) addMember(info *ProviderInfo, codecs []llm.Protocol) {
	name := poolName(info.Name)
	p := s.pools[name]
	if p == nil {
		p = &pool{name: name, info: info}
		s.pools[name] = p
		s.order = append(s.order, p)
	}
	m := &member{name: info.Name, pool: p, info: info, codecs: codecs}
	m.keys = []*member{m}
	for i, op := range operations {
		m.speaks[i] = m.ask(op)
	}
	p.members = append(p.members, m)
	if info.Ready {
		p.ready = append(p.ready, m)
	}
	s.members[info.Name] = m
	if p.info.Preset == loopbackName && len(p.ready) > 0 && s.loopback == nil {
		s.loopback = p
	}
}

// findSole finds the provider that serves what would otherwise go nowhere: the
// only one with a key or, where none has one, the only local one.
func (s *snapshot) findSole() {
	var keyed, local []*pool
	for _, p := range s.order {
		switch {
		case p.info.Preset == loopbackName || len(p.ready) == 0:
		case p.info.Local:
			local = append(local, p)
		default:
			keyed = append(keyed, p)
		}
	}
	switch {
	case len(keyed) == 1:
		s.sole = keyed[0]
	case len(keyed) == 0 && len(local) == 1:
		s.sole = local[0]
	}
}

func (s *snapshot) addRules(rules []Rule) {
	for i, from := range rules {
		r := rule{match: strings.TrimSpace(from.Match), at: i}
		for _, text := range from.Targets {
			if t, ok := s.parseTarget(text); ok {
				r.targets = append(r.targets, t)
			}
		}
		if r.match != "" && len(r.targets) > 0 {
			s.rules = append(s.rules, r)
		}
		s.inspectRule(i, from, &r)
	}
}

func (s *snapshot) addAliases(aliases []Alias) {
	for i, from := range aliases {
		a := alias{from: strings.TrimSpace(from.From), to: strings.TrimSpace(from.To), at: i}
		if a.from == "" || a.to == "" || isPattern(a.to) {
			s.problem(false, aliasPlace(a), "An alias needs a name and one model it stands for; a pattern is no model.",
				"Write it as name=>model.")
			continue
		}
		if t, ok := s.parseTarget(a.to); ok && t.fixed {
			a.targets = []target{t}
		}
		if isPattern(a.from) {
			s.globs = append(s.globs, a)
		} else if _, double := s.exact[a.from]; double {
			s.problem(true, aliasPlace(a), "The alias is given twice; the first one counts.", "Remove one.")
		} else {
			s.exact[a.from] = a
		}
	}
}

// parseTarget reads "provider", "provider/model" or a loopback model. Model
// ids may hold slashes and colons, so only a left part that is a provider is
// one.
func (s *snapshot) parseTarget(text string) (target, bool) {
	text = strings.TrimSpace(text)
	if p, key, ok := s.named(text); ok {
		return target{pool: p, key: key, text: text}, true
	}
	if isLoopback(text) && s.loopback != nil && !isPattern(text) {
		return target{pool: s.loopback, model: text, fixed: true, text: text}, true
	}
	left, model, slash := strings.Cut(text, "/")
	p, key, ok := s.named(left)
	if !slash || !ok || model == "" || isPattern(model) {
		return target{}, false
	}
	return target{pool: p, key: key, model: model, fixed: true, text: text}, true
}

// named finds a pool, or one key of a pool.
func (s *snapshot) named(name string) (*pool, *member, bool) {
	if p := s.pools[name]; p != nil {
		return p, nil, true
	}
	if m := s.members[name]; m != nil {
		return m.pool, m, true
	}
	return nil, nil, false
}
