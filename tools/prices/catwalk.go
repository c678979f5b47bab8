package main

import (
	"encoding/json"
	"fmt"
	"slices"
)

// readCatwalk reads catwalk's table. Prices are USD per million tokens.
func readCatwalk(text []byte, p *plan, shelves map[string]*shelf) error {
	type model struct {
		ID      string      `json:"id"`
		In      json.Number `json:"cost_per_1m_in"`
		Out     json.Number `json:"cost_per_1m_out"`
		CacheA  json.Number `json:"cost_per_1m_in_cached"`
		CacheB  json.Number `json:"cost_per_1m_out_cached"`
		Context int         `json:"context_window"`
		Images  *bool       `json:"supports_attachments"`
	}
	var table map[string]struct {
		Models []model `json:"models"`
	}
	if err := json.Unmarshal(text, &table); err != nil {
		return err
	}
	for name, rules := range p.Providers {
		for provider, entry := range table {
			if !slices.Contains(rules.Catwalk, provider) {
				continue
			}
			for _, m := range entry.Models {
				q, err := catwalkQuote(m.In, m.Out, m.CacheA, m.CacheB)
				if err != nil {
					return fmt.Errorf("%s: %w", m.ID, err)
				}
				o := &offer{own: true, entry: m.ID, context: m.Context, vision: m.Images}
				if len(q) > 0 {
					o.periods = []period{{quote: q}}
				}
				shelves[name].put(catwalk, m.ID, o)
			}
		}
	}
	return nil
}

// catwalkQuote reads the four prices. The two for the cache are found in
// either order; a read costs less than fresh input and a write does not.
func catwalkQuote(in, out, a, b json.Number) (quote, error) {
	q := quote{}
	var prices [4]nano
	for i, n := range []json.Number{in, out, a, b} {
		if n == "" {
			continue
		}
		price, err := usdPerMillion(n.String())
		if err != nil {
			return nil, err
		}
		prices[i] = price
	}
	q[slot{standard, 0, input}] = prices[0]
	q[slot{standard, 0, output}] = prices[1]
	for _, cache := range prices[2:] {
		c := cacheRead
		if cache >= prices[0] {
			c = cacheWrite5m
		}
		if cache != 0 {
			q[slot{standard, 0, c}] = cache
		}
	}
	dropZeros(q)
	return q, nil
}
