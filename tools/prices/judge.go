package main

import (
	"maps"
	"slices"
	"strings"
)

// decision is the work on one model.
type decision struct {
	*result
	*model
	shelf  *shelf
	offers *[sourceCount]*offer
	chosen *settlement
}

// lists decides on the price list of each period. The one of today is decided
// by all sources; only genai-prices knows others.
func (d *decision) lists() []list {
	current := d.current()
	var lists []list
	if g := d.offers[genai]; g != nil && len(g.periods) > 1 {
		for i, p := range g.periods {
			l := list{from: p.from, prices: map[slot]verdict{}}
			last := i+1 == len(g.periods) || g.periods[i+1].from > d.plan.Date
			if p.from <= d.plan.Date && last {
				l.prices = current
			} else {
				for s, price := range p.quote {
					l.prices[s] = verdict{price, single}
				}
			}
			lists = append(lists, l)
		}
		return lists
	}
	if len(current) == 0 {
		return nil
	}
	return []list{{prices: current}}
}

// current decides on the prices of today, those of fresh input and output
// first: where they are not known, no single source is believed on the rest,
// and a source that is overruled on them is not heard on the rest at all.
func (d *decision) current() map[slot]verdict {
	var quotes [sourceCount]quote
	for from, o := range d.offers {
		if o != nil {
			quotes[from] = maps.Clone(o.at(d.plan.Date))
		}
	}
	prices := map[slot]verdict{}
	known := true
	for _, c := range []class{input, output} {
		s := slot{standard, 0, c}
		v, why := d.judge(s, quotes)
		if v.mark == none {
			continue
		}
		prices[s] = v
		d.note(s, quotes, v, why)
		known = known && v.mark != disputed
	}
	for from, q := range quotes {
		for s, v := range prices {
			if price, ok := q[s]; ok && v.mark != disputed && price != v.price && !same(price, v.price) {
				quotes[from] = nil
			}
		}
	}
	crossed := differentSteps(quotes[litellm], quotes[genai])
	for _, s := range said(quotes) {
		if _, done := prices[s]; done {
			continue
		}
		v, why := d.judge(s, quotes)
		switch {
		case crossed && s.above > 0:
			v, why = verdict{mark: disputed}, "prices change at different sizes of prompt"
		case !known && v.mark == single:
			v, why = verdict{mark: disputed}, "the standard price is not known"
		}
		prices[s] = v
		d.note(s, quotes, v, why)
	}
	return prices
}

// said lists what any source has a price for.
func said(quotes [sourceCount]quote) []slot {
	all := map[slot]bool{}
	for _, q := range quotes {
		for s := range q {
			all[s] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), compareSlots)
}

// note puts a difference on the list.
func (d *decision) note(s slot, quotes [sourceCount]quote, v verdict, why string) {
	if why == "" {
		return
	}
	diff := difference{provider: d.provider, id: d.id, slot: s, taken: v, why: why}
	for from, q := range quotes {
		diff.says[from] = q[s]
	}
	d.differences = append(d.differences, diff)
}

func differentSteps(a, b quote) bool {
	x, y := a.steps(standard), b.steps(standard)
	return len(x) > 1 && len(y) > 1 && !slices.Equal(x, y)
}

// judge decides on one price. It says why where sources differ.
func (d *decision) judge(s slot, quotes [sourceCount]quote) (verdict, string) {
	var prices []nano
	count := map[nano]int{}
	for _, q := range quotes {
		if price, ok := q[s]; ok {
			prices = append(prices, price)
			count[price]++
		}
	}
	switch {
	case len(prices) == 0:
		return verdict{mark: none}, ""
	case len(count) == 1 && len(prices) > 1:
		return verdict{prices[0], agreed}, ""
	case len(prices) == 1:
		return verdict{prices[0], single}, ""
	}
	if d.chosen != nil {
		for from, q := range quotes {
			if price, ok := q[s]; ok && source(from).String() == d.chosen.Take {
				return verdict{price, single}, "settled by hand: " + d.chosen.Why
			}
		}
	}
	for price, n := range count {
		if n == 2 {
			return verdict{price, agreed}, "two sources agree"
		}
	}
	if len(prices) == 2 {
		if long, ok := rounded(prices[0], prices[1]); ok {
			return verdict{long, agreed}, "the same but for rounding"
		}
	}
	if d.finer(s, quotes) {
		return verdict{quotes[litellm][s], single}, "LiteLLM tells this snapshot apart, genai-prices does not"
	}
	if s.class == output && quotes[litellm][slot{s.tier, s.above, imageOut}] == quotes[genai][s] && quotes[genai][s] != 0 {
		return verdict{quotes[litellm][s], single}, "genai-prices names the price of images for all output"
	}
	return verdict{mark: disputed}, "not known"
}

// finer reports whether LiteLLM prices a snapshot by itself which genai-prices
// lumps together with others, while both agree on one of those.
func (d *decision) finer(s slot, quotes [sourceCount]quote) bool {
	fine, coarse := d.offers[litellm], d.offers[genai]
	if fine == nil || coarse == nil || coarse.own || quotes[catwalk][s] != 0 {
		return false
	}
	for _, other := range d.shelf.models {
		if other[litellm] == nil || other[genai] == nil || other[genai].entry != coarse.entry {
			continue
		}
		price := other[litellm].at(d.plan.Date)[s]
		if price != 0 && price == other[genai].at(d.plan.Date)[s] && price != quotes[litellm][s] {
			return true
		}
	}
	return false
}

// same reports whether two prices differ by rounding at most.
func same(a, b nano) bool {
	_, ok := rounded(a, b)
	return a == b || ok
}

// rounded reports whether one price is the other, rounded to two digits or
// more, and returns the exact one.
func rounded(a, b nano) (nano, bool) {
	x, y := digits(a), digits(b)
	if len(x) > len(y) {
		a, b, x = b, a, y
	}
	if len(x) < 2 {
		return 0, false
	}
	unit := nano(1)
	for a%(unit*10) == 0 {
		unit *= 10
	}
	return b, (b+unit/2)/unit*unit == a
}

// digits are the significant digits of a price.
func digits(n nano) string {
	return strings.Trim(strings.ReplaceAll(n.String(), ".", ""), "0")
}

func (s source) String() string {
	return [...]string{"litellm", "genai-prices", "catwalk"}[s]
}
