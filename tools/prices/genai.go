package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// clause is a matching rule of genai-prices.
type clause struct {
	Equals     string   `json:"equals"`
	StartsWith string   `json:"starts_with"`
	EndsWith   string   `json:"ends_with"`
	Contains   string   `json:"contains"`
	Regex      string   `json:"regex"`
	Or         []clause `json:"or"`
	And        []clause `json:"and"`
}

func (c *clause) matches(id string) bool {
	switch {
	case c.Equals != "":
		return id == c.Equals
	case c.StartsWith != "":
		return strings.HasPrefix(id, c.StartsWith)
	case c.EndsWith != "":
		return strings.HasSuffix(id, c.EndsWith)
	case c.Contains != "":
		return strings.Contains(id, c.Contains)
	case c.Regex != "":
		ok, err := regexp.MatchString(c.Regex, id)
		return ok && err == nil
	case len(c.Or) > 0:
		return slices.ContainsFunc(c.Or, func(c clause) bool { return c.matches(id) })
	case len(c.And) > 0:
		return !slices.ContainsFunc(c.And, func(c clause) bool { return !c.matches(id) })
	}
	return false
}

// names lists the ids that the rule spells out and those it says others begin
// with.
func (c *clause) names() (whole, begins []string) {
	if c.Equals != "" {
		whole = append(whole, c.Equals)
	}
	if c.StartsWith != "" {
		begins = append(begins, c.StartsWith)
	}
	for i := range c.Or {
		w, b := c.Or[i].names()
		whole, begins = append(whole, w...), append(begins, b...)
	}
	return whole, begins
}

type genaiModel struct {
	ID      string          `json:"id"`
	Match   clause          `json:"match"`
	Context int             `json:"context_window"`
	Prices  json.RawMessage `json:"prices"`
}

type genaiPeriod struct {
	Constraint *struct {
		StartDate string `json:"start_date"`
		StartTime string `json:"start_time"`
	} `json:"constraint"`
	Prices map[string]json.RawMessage `json:"prices"`
}

var genaiClass = map[string]class{
	"input_mtok":        input,
	"cache_read_mtok":   cacheRead,
	"cache_write_mtok":  cacheWrite5m,
	"output_mtok":       output,
	"input_audio_mtok":  audioIn,
	"output_audio_mtok": audioOut,
	"input_image_mtok":  imageIn,
	"output_image_mtok": imageOut,
}

// readGenai reads genai-prices' table, in USD per million tokens. Its rules
// are tried on every id that any source names.
func readGenai(text []byte, p *plan, shelves map[string]*shelf) error {
	var table []struct {
		ID     string       `json:"id"`
		Models []genaiModel `json:"models"`
	}
	if err := json.Unmarshal(text, &table); err != nil {
		return err
	}
	for name, rules := range p.Providers {
		shelf := shelves[name]
		for _, provider := range table {
			if provider.ID != rules.Genai {
				continue
			}
			if err := shelf.addGenai(rules, provider.Models); err != nil {
				return fmt.Errorf("%s: %w", provider.ID, err)
			}
		}
	}
	return nil
}

func (s *shelf) addGenai(rules *providerRules, models []genaiModel) error {
	for id := range s.genaiIDs(rules, models) {
		i := slices.IndexFunc(models, func(m genaiModel) bool { return m.Match.matches(id) })
		if i < 0 {
			continue
		}
		o, err := models[i].offer(id)
		if err != nil {
			return fmt.Errorf("%s: %w", models[i].ID, err)
		}
		s.put(genai, id, o)
	}
	return nil
}

// genaiIDs lists all ids known so far and those that genai-prices spells out.
// The beginning of ids is an id itself only if those that are known and begin
// with it are its snapshots.
func (s *shelf) genaiIDs(rules *providerRules, models []genaiModel) map[string]bool {
	ids := map[string]bool{}
	for id := range s.models {
		ids[id] = true
	}
	var starts []string
	for i := range models {
		whole, begins := models[i].Match.names()
		starts = append(starts, begins...)
		for _, id := range append(whole, models[i].ID) {
			ids[id] = true
		}
	}
	for _, start := range starts {
		broken := strings.ContainsAny(start[len(start)-1:], "-.:/@")
		for id := range ids {
			rest, more := strings.CutPrefix(id, start)
			broken = broken || more && rest != "" && !anyMatch(rules.Revisions, rest)
		}
		if !broken {
			ids[start] = true
		}
	}
	return ids
}

func (m *genaiModel) offer(id string) (*offer, error) {
	o := &offer{own: m.ID == id, entry: m.ID, context: m.Context}
	var list []genaiPeriod
	if m.Prices[0] != '[' {
		list = make([]genaiPeriod, 1)
		if err := json.Unmarshal(m.Prices, &list[0].Prices); err != nil {
			return nil, err
		}
	} else if err := json.Unmarshal(m.Prices, &list); err != nil {
		return nil, err
	}
	for _, g := range list {
		var from string
		if g.Constraint != nil {
			from = g.Constraint.StartDate
			o.hourly = o.hourly || g.Constraint.StartTime != ""
		}
		if g.Prices["requests_kcount"] != nil {
			o.fees = true
		}
		q, err := genaiQuote(g.Prices)
		if err != nil {
			return nil, err
		}
		o.zero = o.zero || free(q)
		dropZeros(q)
		o.periods = append(o.periods, period{from, q})
	}
	if o.zero || o.hourly {
		o.periods = nil
	}
	return o, nil
}

type genaiSteps struct {
	Base  json.Number `json:"base"`
	Tiers []struct {
		Start int64       `json:"start"`
		Price json.Number `json:"price"`
	} `json:"tiers"`
}

// genaiQuote reads a price list. A class without steps costs the same at
// every size of prompt.
func genaiQuote(prices map[string]json.RawMessage) (quote, error) {
	q := quote{}
	for key, raw := range prices {
		c, ok := genaiClass[key]
		if !ok {
			continue
		}
		var stepped genaiSteps
		if raw[0] != '{' {
			stepped.Base = json.Number(raw)
		} else if err := json.Unmarshal(raw, &stepped); err != nil {
			return nil, err
		}
		price, err := usdPerMillion(stepped.Base.String())
		if err != nil {
			return nil, err
		}
		q[slot{standard, 0, c}] = price
		for _, t := range stepped.Tiers {
			if price, err = usdPerMillion(t.Price.String()); err != nil {
				return nil, err
			}
			q[slot{standard, t.Start, c}] = price
		}
	}
	for _, above := range q.steps(standard) {
		for _, c := range classes {
			if price, ok := q[slot{standard, 0, c}]; ok && q[slot{standard, above, c}] == 0 {
				q[slot{standard, above, c}] = price
			}
		}
	}
	return q, nil
}
