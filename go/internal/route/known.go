package route

import (
	"cmp"
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// ModelRef is a model id that the configuration names.
type ModelRef struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`     // KindAlias and so on
	Provider string `json:"provider"` // pool that answers first
}

// Kinds of ModelRef.
const (
	KindAlias    = "alias"
	KindRoute    = "route"
	KindModel    = "model"
	KindDefault  = "default"
	KindLoopback = "loopback"
)

// Known returns the ids that can be called and that no provider need report:
// aliases, models named by routes and providers, loopback, and the defaults of
// providers that have not reported. Patterns are no ids. Sorted, each once.
func (r *Router) Known() []ModelRef {
	s, learned := r.snap.Load(), *r.learned.Load()
	var out []ModelRef
	seen := make(map[string]bool)
	add := func(id, kind string) {
		if id == "" || seen[id] || isPattern(id) {
			return
		}
		p := s.answers(id, learned)
		if p == nil {
			return
		}
		seen[id] = true
		out = append(out, ModelRef{ID: id, Kind: kind, Provider: p.name})
	}
	add(loopbackName, KindLoopback)
	for name := range s.exact {
		add(name, KindAlias)
	}
	for i := range s.rules {
		add(s.rules[i].match, KindRoute)
		for j := range s.rules[i].targets {
			add(s.rules[i].targets[j].model, KindRoute)
		}
	}
	for id, holders := range s.explicit {
		for _, p := range holders {
			add(s.nameFor(p, id, learned), KindModel)
		}
	}
	for _, p := range s.order {
		if len(p.ready) > 0 && !reports(p, learned) { // else it has said itself which of them it has
			add(s.nameFor(p, p.info.Defaults.Large, learned), KindDefault)
			add(s.nameFor(p, p.info.Defaults.Small, learned), KindDefault)
		}
	}
	slices.SortFunc(out, func(a, b ModelRef) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// NameFor is the name by which a client calls a model of a provider: its id,
// or provider/id where the id alone leads elsewhere, or "" where no route
// leads to it.
func (r *Router) NameFor(providerName, model string) string {
	s := r.snap.Load()
	p, _, ok := s.named(providerName)
	if !ok {
		return ""
	}
	return s.nameFor(p, model, *r.learned.Load())
}

// Embeds reports whether a model of a provider is known to make embeddings and
// nothing else.
func (r *Router) Embeds(providerName, model string) bool {
	s := r.snap.Load()
	p, _, ok := s.named(providerName)
	if !ok || s.catalog == nil {
		return false
	}
	m, ok := s.catalog.Find(p.prices(), model)
	return ok && m.Family == "embedding"
}

func (s *snapshot) nameFor(p *pool, model string, learned map[string][]string) string {
	if model == "" || len(p.ready) == 0 {
		return ""
	}
	for _, name := range [...]string{model, p.name + "/" + model} {
		if s.leads(name, p, model, learned) {
			return name
		}
	}
	return ""
}

// leads reports whether name is answered by this model of p first.
func (s *snapshot) leads(name string, p *pool, model string, learned map[string][]string) bool {
	t, asked := s.first(name, learned)
	return t != nil && t.pool == p && t.ask(p.members[0], asked) == model
}

// answers is the pool that is asked first for a name, nil if none can be.
func (s *snapshot) answers(name string, learned map[string][]string) *pool {
	if t, _ := s.first(name, learned); t != nil {
		return t.pool
	}
	return nil
}

// first is the first target of a name that is ready, and the name after
// aliases.
func (s *snapshot) first(name string, learned map[string][]string) (t *target, asked string) {
	found, err := s.choose(&Query{Model: name, Operation: llm.Generate}, learned, nil)
	if err != nil {
		return nil, ""
	}
	for i := range found.targets {
		if t := &found.targets[i]; t.ready() {
			return t, found.model
		}
	}
	return nil, ""
}
