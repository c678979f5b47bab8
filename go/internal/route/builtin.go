package route

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// chooseBuiltin applies when no routes are configured: a provider named in the
// model, a provider known to have it, the vendor of its family and, where only
// one provider can be asked, that one.
func (s *snapshot) chooseBuiltin(
	q *Query, found choice, learned map[string][]string, buf []target,
) (choice, error) {
	model := found.model
	to := func(p *pool, model, via, why string) (choice, error) {
		found.via, found.why = via, why
		found.targets = append(buf, target{pool: p, model: model, fixed: true})
		return found, nil
	}
	if p, rest, ok := s.prefixed(model, learned); ok {
		return to(p, rest, model, "the model names the provider")
	}
	owner, fam := s.familyOf(model)
	if p := s.holder(model, owner, learned); p != nil {
		return to(p, model, model, "the provider has this model")
	}
	if owner != nil && len(owner.ready) > 0 {
		return to(owner, model, fam.pattern, "the vendor of the family")
	}
	if s.sole != nil {
		standIn := s.sole.info.Defaults.of(fam.size)
		switch {
		case owner == nil || standIn == "":
			return to(s.sole, model, "*", "the only provider configured")
		case q.Operation == llm.Generate || q.Operation == llm.CountTokens || q.Operation == llm.Compact:
			return to(s.sole, standIn, fam.pattern, "the only provider with a key; its default model stands in")
		}
	}
	if owner != nil {
		return found, notReady(owner, fmt.Sprintf("The model %q belongs to %s", q.Model, owner.name))
	}
	if left, _, slash := strings.Cut(model, "/"); slash {
		if p := s.pools[left]; p != nil {
			return found, notReady(p, fmt.Sprintf("The model %q names %s", q.Model, p.name))
		}
	}
	return found, s.notFound(q, learned)
}

// prefixed reads provider/model as a client writes it. A provider may have
// models whose own ids begin with its name; those stay whole.
func (s *snapshot) prefixed(model string, learned map[string][]string) (*pool, string, bool) {
	left, rest, slash := strings.Cut(model, "/")
	if !slash || rest == "" {
		return nil, "", false
	}
	p := s.pools[left]
	if p == nil || len(p.ready) == 0 {
		return nil, "", false
	}
	if s.has(p, model, learned) && !s.has(p, rest, learned) {
		rest = model
	}
	return p, rest, true
}

// has reports whether a provider is known to serve a model.
func (s *snapshot) has(p *pool, model string, learned map[string][]string) bool {
	if slices.Contains(s.explicit[model], p) || slices.Contains(learned[model], p.name) {
		return true
	}
	if s.catalog == nil {
		return false
	}
	_, ok := s.catalog.Find(p.prices(), model)
	return ok
}

// holder returns the provider that is known to have exactly this model. The
// vendor of its family comes before others, and before all reports as long as
// it has not reported itself.
func (s *snapshot) holder(model string, owner *pool, learned map[string][]string) *pool {
	explicit, reported := s.explicit[model], learned[model]
	if len(explicit) == 0 && len(reported) == 0 {
		return nil
	}
	if owner != nil && len(owner.ready) > 0 {
		if slices.Contains(explicit, owner) || slices.Contains(reported, owner.name) {
			return nil // by its family
		}
	}
	for _, p := range explicit {
		if len(p.ready) > 0 {
			return p
		}
	}
	if owner != nil && len(owner.ready) > 0 && !reports(owner, learned) {
		return nil
	}
	for _, p := range s.order {
		if len(p.ready) > 0 && p != s.loopback && slices.Contains(reported, p.name) {
			return p
		}
	}
	return nil
}

// reports tells whether the models of a provider are known at all.
func reports(p *pool, learned map[string][]string) bool {
	for _, names := range learned {
		if slices.Contains(names, p.name) {
			return true
		}
	}
	return false
}

// familyOf finds the vendor of a model: the first provider that can be asked
// and claims it, else the first that claims it. The family is its most
// literal pattern that says a size, else its first.
func (s *snapshot) familyOf(model string) (*pool, family) {
	var owner *pool
	var best family
	for i := range s.families {
		f := &s.families[i]
		if owner != nil && f.pool != owner && (len(owner.ready) > 0 || len(f.pool.ready) == 0) {
			continue
		}
		if !match(f.pattern, model) {
			continue
		}
		if f.pool != owner {
			owner, best = f.pool, *f
		} else if literals(f.pattern) > literals(best.pattern) {
			best = *f
		}
	}
	return owner, best
}

// prices is the name under which the catalog knows a provider's models.
func (p *pool) prices() string {
	if p.info.Preset != "" {
		return p.info.Preset
	}
	return p.name
}
