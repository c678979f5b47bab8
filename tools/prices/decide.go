package main

import (
	"cmp"
	"maps"
	"slices"
)

// mark says on whose word a price stands.
type mark string

const (
	agreed   mark = ""  // two sources at least
	single   mark = "~" // one source
	derived  mark = "^" // by a rule of the vendor
	disputed mark = "?" // sources differ: no price
	none     mark = "-" // no source names one; never in the table
)

// verdict is the price of one slot.
type verdict struct {
	price nano
	mark  mark
}

// list is a price list that was decided on.
type list struct {
	from   string
	prices map[slot]verdict
}

// model is one line of the table.
type model struct {
	provider, id string
	free         bool
	lists        []list
	family       *family

	context, maxInput, maxOutput int
	vision, tools, schemas       *bool
}

// difference is one line of the report.
type difference struct {
	provider, id string
	slot         slot
	says         [sourceCount]nano
	taken        verdict
	why          string
}

// result is everything that was decided.
type result struct {
	plan        *plan
	models      []*model
	differences []difference
	fees        []string // provider and id of models that charge by request
	unclear     []string // what is said to cost nothing, by the hour, or twice
}

func decide(p *plan, shelves map[string]*shelf) *result {
	r := &result{plan: p}
	for _, provider := range slices.Sorted(maps.Keys(shelves)) {
		shelf := shelves[provider]
		for _, id := range slices.Sorted(maps.Keys(shelf.models)) {
			r.models = append(r.models, r.model(provider, id, shelf))
		}
	}
	slices.SortFunc(r.differences, func(a, b difference) int {
		return cmp.Or(cmp.Compare(a.provider, b.provider), cmp.Compare(a.id, b.id), compareSlots(a.slot, b.slot))
	})
	return r
}

func compareSlots(a, b slot) int {
	return cmp.Or(
		cmp.Compare(slices.Index(tiers, a.tier), slices.Index(tiers, b.tier)),
		cmp.Compare(a.above, b.above),
		cmp.Compare(slices.Index(classes, a.class), slices.Index(classes, b.class)))
}

func (r *result) model(provider, id string, s *shelf) *model {
	offers := s.models[id]
	rules := r.plan.Providers[provider]
	m := &model{provider: provider, id: id, family: r.plan.familyOf(provider, id), free: anyMatch(rules.Free, id)}
	m.abilities(offers)
	if m.free {
		return m
	}
	for _, o := range offers {
		switch {
		case o == nil:
		case o.fees:
			r.fees = append(r.fees, provider+" `"+id+"`")
			return m
		case o.zero || o.hourly || o.twice:
			r.unclear = append(r.unclear, provider+" `"+id+"`")
		}
	}
	d := decision{result: r, model: m, shelf: s, offers: offers, chosen: r.plan.settled(provider, id)}
	m.lists = d.lists()
	for i := range m.lists {
		r.derive(m, &m.lists[i], rules.Derive)
		m.lists[i].close()
	}
	return m
}

func (p *plan) settled(provider, id string) *settlement {
	for i := range p.Settled {
		if s := &p.Settled[i]; s.Provider == provider && anyMatch(s.Match, id) {
			return s
		}
	}
	return nil
}

// abilities takes sizes and flags. Sources rarely differ, and money does not
// hang on it: the largest window is taken, and what the first says of the rest.
func (m *model) abilities(offers *[sourceCount]*offer) {
	for _, o := range offers {
		if o == nil {
			continue
		}
		m.context = max(m.context, o.context, o.maxInput)
		m.maxInput = cmp.Or(m.maxInput, o.maxInput)
		m.maxOutput = cmp.Or(m.maxOutput, o.maxOutput)
		m.tools = cmp.Or(m.tools, o.tools)
		m.schemas = cmp.Or(m.schemas, o.schemas)
		m.vision = cmp.Or(m.vision, o.vision)
	}
	if m.maxInput >= m.context {
		m.maxInput = 0 // the window is the limit
	}
	if f := m.family; f != nil {
		m.vision, m.tools, m.schemas = cmp.Or(f.Vision, m.vision), cmp.Or(f.Tools, m.tools), cmp.Or(f.Schemas, m.schemas)
	}
}

// derive fills in what the vendor publishes as a multiple. It outweighs a
// single source.
func (r *result) derive(m *model, l *list, rules []derive) {
	for s, v := range maps.Clone(l.prices) {
		for _, d := range rules {
			to := slot{s.tier, s.above, d.Class}
			_, needed := l.prices[slot{s.tier, s.above, d.Needs}]
			if s.class != d.From || v.mark == disputed || d.Needs != "" && !needed || len(d.Match) > 0 && !anyMatch(d.Match, m.id) {
				continue
			}
			price := v.price * nano(d.Times)
			have, ok := l.prices[to]
			if ok && (have.mark == agreed || have.price == price) {
				continue
			}
			l.prices[to] = verdict{price, derived}
			if ok && have.mark == single {
				diff := difference{provider: m.provider, id: m.id, slot: to, taken: l.prices[to], why: d.Why}
				diff.says[litellm] = have.price // the only source of what is derived
				r.differences = append(r.differences, diff)
			}
		}
	}
}

// close makes unknown what a tier does not say of a size of prompt at which
// the standard prices change.
func (l *list) close() {
	said, tier := map[slot]bool{}, map[string]bool{}
	for s := range l.prices {
		said[slot{s.tier, s.above, ""}] = true
		tier[s.tier] = true
	}
	for s := range said {
		if s.tier != standard || s.above == 0 {
			continue
		}
		for _, t := range tiers {
			if tier[t] && !said[slot{t, s.above, ""}] {
				l.prices[slot{t, s.above, input}] = verdict{mark: disputed}
			}
		}
	}
}
