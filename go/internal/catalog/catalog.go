// Package catalog knows what models can do and what their tokens cost, from
// one table that is built in. It knows providers and models by name only; it
// must not know how they are reached, who asks, or what a request says.
package catalog

import (
	"errors"
	"iter"

	_ "embed"
)

// Model is what is known of a model. Zero fields and nil are not known; sizes
// are in tokens.
type Model struct {
	Provider, ID string
	Vendor       string // who made it
	Family       string // models of one family understand each other's state

	ContextWindow, MaxInput, MaxOutput int

	Thinking     string // none, budget, adaptive
	LeastThought int    // tokens it thinks with at least; 0: it can be told not to think, or not known
	Reasoning    bool   // refuses sampling parameters
	Prefill      bool   // continues a trailing assistant turn
	SystemMidway bool   // takes instructions in mid-conversation

	Vision, Tools, Schemas *bool

	Size  string // large, small
	Price *Price // nil: none
}

// Catalog is the table, ready to be asked. It does not change once made and
// may be used by any number of goroutines.
type Catalog struct {
	version   string
	providers map[string]*shelf
}

//go:embed table.txt
var table string

// Load reads the built-in table.
func Load() (*Catalog, error) {
	c, err := parse(table)
	if err != nil {
		return nil, errors.Join(errors.New("the built-in price table is damaged"), err)
	}
	return c, nil
}

// Version names the table: its date, a hash of its content and, after a +, one
// of what was laid over it.
func (c *Catalog) Version() string { return c.version }

// Find returns what is known of a model under the name that its provider, or
// the client, uses for it. A model that is not in the table may still belong to a
// family whose abilities are known; then it has no price.
func (c *Catalog) Find(provider, model string) (Model, bool) {
	m, price := c.lookup(provider, model)
	if m == nil && price == nil {
		return Model{}, false
	}
	var found Model
	if m != nil {
		found = *m
	}
	found.Provider, found.Price = provider, price
	if found.ID == "" {
		found.ID = model
	}
	return found, true
}

// All yields the models of a provider that the table names, in no order.
func (c *Catalog) All(provider string) iter.Seq[Model] {
	return func(yield func(Model) bool) {
		s := c.providers[provider]
		if s == nil {
			return
		}
		for _, m := range s.models {
			if !yield(*m) {
				return
			}
		}
	}
}

// lookup finds a model and its price without allocating.
func (c *Catalog) lookup(provider, model string) (*Model, *Price) {
	s := c.providers[provider]
	if s == nil {
		return nil, nil
	}
	if m := s.named(model); m != nil {
		return m, m.Price
	}
	return s.matching(model)
}
