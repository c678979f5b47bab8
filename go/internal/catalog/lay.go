package catalog

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

func (s *shelf) clone() *shelf {
	if s == nil {
		return &shelf{models: map[string]*Model{}}
	}
	c := *s
	c.models, c.patterns = maps.Clone(s.models), slices.Clone(s.patterns)
	return &c
}

// lay changes a shelf: the models of the table that are meant and, for a
// pattern, those it does not name.
func (o *override) lay(s *shelf, price *Price) {
	if !strings.ContainsAny(o.Model, "*#") {
		var m Model
		if known := s.named(o.Model); known != nil {
			m = *known
		} else {
			family, familyPrice := s.matching(o.Model)
			if family != nil {
				m = *family
			}
			m.Price = familyPrice
		}
		m.Provider, m.ID = o.Provider, o.Model
		o.change(&m, price)
		s.models[o.Model] = &m
		return
	}
	for id, known := range s.models {
		if match(o.Model, id) {
			m := *known
			o.change(&m, price)
			s.models[id] = &m
		}
	}
	p := pattern{globs: globs(o.Model), price: price}
	if o.abilities() {
		var m Model
		if known, _ := s.matching(o.Model); known != nil {
			m = *known
		}
		o.change(&m, price)
		p.model = &m
	}
	s.patterns = slices.Insert(s.patterns, 0, p)
}

// abilities reports whether anything besides the price is said.
func (o *override) abilities() bool {
	said := override{Provider: o.Provider, Model: o.Model, Free: o.Free, Prices: o.Prices}
	return !reflect.DeepEqual(&said, o)
}

func (o *override) change(m *Model, price *Price) {
	set(&m.Vendor, o.Vendor)
	set(&m.Family, o.Family)
	set(&m.Size, o.Size)
	set(&m.Thinking, o.Thinking)
	set(&m.ContextWindow, o.ContextWindow)
	set(&m.MaxInput, o.MaxInput)
	set(&m.MaxOutput, o.MaxOutput)
	set(&m.LeastThought, o.LeastThought)
	set(&m.Reasoning, o.Reasoning)
	set(&m.Prefill, o.Prefill)
	set(&m.SystemMidway, o.SystemMidway)
	for _, flag := range [...]struct{ to, from **bool }{
		{&m.Vision, &o.Vision}, {&m.Tools, &o.Tools}, {&m.Schemas, &o.Schemas},
	} {
		if *flag.from != nil {
			*flag.to = *flag.from
		}
	}
	if price != nil {
		m.Price = price
	}
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}
