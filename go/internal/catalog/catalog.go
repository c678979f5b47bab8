// Package catalog knows models, abilities and prices.
package catalog

type Price struct{}
type Model struct {
	Provider, ID, Vendor, Family      string
	ContextWindow, MaxInput, MaxOutput int
	Thinking                          string
	Reasoning, Prefill, SystemMidway  bool
	Vision, Tools, Schemas            *bool
	Size                              string
	Price                             *Price
}
type Catalog struct{}

func (c *Catalog) Find(provider, model string) (Model, bool) { return Model{}, false }
