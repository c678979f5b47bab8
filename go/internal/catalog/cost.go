package catalog

import (
	"math"
	"math/bits"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// ByProvider is given as the version where the provider itself stated what the
// call cost.
const ByProvider = "provider"

// maxTokens of one class bounds what is believed of a usage report, so that
// no sum leaves 128 bits.
const maxTokens = 1e12

// Cost returns what a call cost in nano-USD, rounded to the nearest, and the
// version of the table; both are unknown if any class of token used has no
// price. What the provider itself stated is believed first. The tier is the
// word of the upstream for it.
func (c *Catalog) Cost(provider, model, tier string, u *llm.Usage, at time.Time) (cost llm.Count, version string) {
	if u.ProviderCost.Known && u.ProviderCost.N >= 0 {
		return u.ProviderCost, ByProvider
	}
	_, price := c.lookup(provider, model)
	if price == nil {
		return llm.Count{}, ""
	}
	if cost = price.cost(tierOf(tier), u, at); !cost.Known {
		return cost, ""
	}
	return cost, c.version
}

func (p *Price) cost(t tier, u *llm.Usage, at time.Time) llm.Count {
	counts := [classes]*llm.Count{
		input: &u.Input, cacheRead: &u.CacheRead, cacheWrite5m: &u.CacheWrite5m, cacheWrite1h: &u.CacheWrite1h,
		output: &u.Output, reasoning: &u.Reasoning, audioIn: &u.AudioIn, audioOut: &u.AudioOut,
		imageIn: &u.ImageIn, imageOut: &u.ImageOut,
	}
	var tokens int64
	said := false
	for _, n := range counts {
		if n.N < 0 || n.N > maxTokens {
			return llm.Count{}
		}
		said = said || n.Known
		if n.Known {
			tokens += n.N
		}
	}
	if tokens == 0 {
		return llm.Count{Known: said}
	}
	s := p.step(t, u.InputTotal(), at)
	if s == nil {
		return llm.Count{}
	}
	var sum wide
	for class, n := range counts {
		if !n.Known || n.N == 0 {
			continue
		}
		rate := s.rates[class]
		if !rate.known() {
			return llm.Count{}
		}
		sum.add(uint64(n.N), uint64(rate.nano()))
	}
	return sum.perMillion()
}

// wide is a sum of 128 bits.
type wide struct{ hi, lo uint64 }

func (w *wide) add(a, b uint64) {
	hi, lo := bits.Mul64(a, b)
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, lo, 0)
	w.hi, _ = bits.Add64(w.hi, hi, carry)
}

// perMillion is a millionth of the sum, rounded half up; unknown if it does
// not fit.
func (w wide) perMillion() llm.Count {
	lo, carry := bits.Add64(w.lo, 500_000, 0)
	hi := w.hi + carry
	if hi >= 1_000_000 {
		return llm.Count{}
	}
	n, _ := bits.Div64(hi, lo, 1_000_000)
	if n > math.MaxInt64 {
		return llm.Count{}
	}
	return llm.Known(int64(n))
}
