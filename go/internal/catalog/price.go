package catalog

import "time"

// class is a kind of token with a price of its own.
type class uint8

const (
	input class = iota
	cacheRead
	cacheWrite5m
	cacheWrite1h
	output
	reasoning
	audioIn
	audioOut
	imageIn
	imageOut
	classes
)

// tier is a level of service with prices of its own.
type tier uint8

const (
	standard tier = iota
	batch
	flex
	priority
	fast
	tiers
	unknownTier
)

// tierOf reads the word of an upstream for the tier it used.
func tierOf(word string) tier {
	switch word {
	case "", "standard", "default", "auto", "on_demand":
		return standard
	case "batch":
		return batch
	case "flex":
		return flex
	case "priority":
		return priority
	case "fast":
		return fast
	}
	return unknownTier
}

// Basis says on whose word a price stands.
type Basis uint8

// The bases.
const (
	Unpriced Basis = iota // no source names a price
	Disputed              // sources differ, and no rule explains it: no price
	Agreed                // two sources at least
	Single                // one source
	Derived               // by a rule that the vendor publishes
	Yours                 // from the override file
)

func (b Basis) String() string {
	return [...]string{"unpriced", "disputed", "agreed", "single source", "vendor rule", "override"}[b]
}

// Rate is the price of one class of token.
type Rate struct {
	Nano  int64 // nano-USD per million tokens, 0 without a price
	Basis Basis
}

// Known reports whether there is a price.
func (r Rate) Known() bool { return r.Basis > Disputed }

// Rates are the prices of one call.
type Rates struct {
	Input, CacheRead, CacheWrite5m, CacheWrite1h Rate
	Output, Reasoning, AudioIn, AudioOut         Rate
	ImageIn, ImageOut                            Rate
}

// Price is what a model costs, by day, service tier and size of prompt. Every
// token of a call is charged by the step that its prompt reaches.
type Price struct {
	periods []period // earliest first
}

type period struct {
	from  int64 // Unix seconds; the first holds before it too
	steps []step
}

// step is the price list of a tier for prompts above a size.
type step struct {
	tier  tier
	above int64 // tokens
	rates [classes]packed
}

// packed is a Rate in eight bytes: the price and, in the last three bits, on
// what it stands.
type packed int64

func pack(nano int64, b Basis) packed { return packed(nano<<3 | int64(b)) }

func (p packed) nano() int64  { return int64(p >> 3) }
func (p packed) basis() Basis { return Basis(p & 7) }
func (p packed) rate() Rate   { return Rate{p.nano(), p.basis()} }
func (p packed) known() bool  { return p.basis() > Disputed }

// Rates returns the prices of a call: its service tier in the upstream's
// word, the size of its prompt in tokens and when it was made. It returns
// false if there are none for such a call.
func (p *Price) Rates(tier string, prompt int64, at time.Time) (Rates, bool) {
	if p == nil {
		return Rates{}, false
	}
	s := p.step(tierOf(tier), prompt, at)
	if s == nil {
		return Rates{}, false
	}
	return Rates{
		s.rates[input].rate(), s.rates[cacheRead].rate(), s.rates[cacheWrite5m].rate(), s.rates[cacheWrite1h].rate(),
		s.rates[output].rate(), s.rates[reasoning].rate(), s.rates[audioIn].rate(), s.rates[audioOut].rate(),
		s.rates[imageIn].rate(), s.rates[imageOut].rate(),
	}, true
}

// Steps lists the sizes of prompt, in tokens, above which other prices hold
// on a day.
func (p *Price) Steps(at time.Time) []int64 {
	var sizes []int64
	for _, s := range p.period(at).steps {
		if s.tier == standard && s.above > 0 {
			sizes = append(sizes, s.above)
		}
	}
	return sizes
}

func (p *Price) period(at time.Time) *period {
	now := at.Unix()
	i := len(p.periods) - 1
	for i > 0 && p.periods[i].from > now {
		i--
	}
	return &p.periods[i]
}

// step returns the highest step of a tier that the prompt reaches. Steps of
// a tier stand in order.
func (p *Price) step(t tier, prompt int64, at time.Time) *step {
	var found *step
	steps := p.period(at).steps
	for i := range steps {
		if s := &steps[i]; s.tier == t && (s.above == 0 || prompt > s.above) {
			found = s
		}
	}
	return found
}

// finish fills in the one price that always follows from another: where a
// model's thinking has no price of its own, it is charged as output.
func (p *Price) finish() {
	for i := range p.periods {
		for j := range p.periods[i].steps {
			r := &p.periods[i].steps[j].rates
			if r[reasoning].basis() == Unpriced {
				r[reasoning] = r[output]
			}
		}
	}
}

// freePrice is the price of what costs nothing.
func freePrice(b Basis) *Price {
	p := &Price{periods: []period{{steps: make([]step, tiers)}}}
	for t := range tiers {
		s := &p.periods[0].steps[t]
		s.tier = t
		for c := range s.rates {
			s.rates[c] = pack(0, b)
		}
	}
	return p
}
