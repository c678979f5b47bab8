package llm

// Usage holds disjoint classes of tokens that sum to the provider's total; an
// absent class was not reported. The last report wins; reports are never
// added. An unsplit cache write counts as CacheWrite5m. Input excludes cache
// reads and writes, Output excludes reasoning.
type Usage struct {
	Input, CacheRead, CacheWrite5m, CacheWrite1h Count
	Output, Reasoning, AudioIn, AudioOut         Count
	ImageIn, ImageOut                            Count
	Source                                       UsageSource
	ProviderCost                                 Count // nano-USD, where the provider states it
}

// Count is an optional number of tokens, by value.
type Count struct {
	N     int64
	Known bool
}

// Known returns a count that was said, zero included.
func Known(n int64) Count { return Count{N: n, Known: true} }

// Sub returns the class c without the part that is counted elsewhere. It is
// never negative; an absent part takes nothing.
func (c Count) Sub(part Count) Count {
	if !c.Known || !part.Known {
		return c
	}
	return Known(max(0, c.N-part.N))
}

// UsageSource says how the numbers came about, worst first.
type UsageSource uint8

// The sources of usage.
const (
	Estimated UsageSource = iota
	Counted               // by our tokenizer
	Partial               // reported, stream cut before the end
	Drained               // reported after the client had left
	Reported
)

var usageSources = [...]string{"estimated", "counted", "partial", "drained", "reported"}

func (s UsageSource) String() string {
	if int(s) < len(usageSources) {
		return usageSources[s]
	}
	return "estimated"
}

// InputTotal is the whole prompt in tokens: fresh, cached and media.
func (u *Usage) InputTotal() int64 {
	return u.Input.N + u.CacheRead.N + u.CacheWrite5m.N + u.CacheWrite1h.N + u.AudioIn.N + u.ImageIn.N
}

// OutputTotal is the whole answer in tokens, reasoning included.
func (u *Usage) OutputTotal() int64 {
	return u.Output.N + u.Reasoning.N + u.AudioOut.N + u.ImageOut.N
}

// Merge lets the classes that next knows replace those of u.
func (u *Usage) Merge(next *Usage) {
	for _, p := range [...]struct{ dst, src *Count }{
		{&u.Input, &next.Input},
		{&u.CacheRead, &next.CacheRead},
		{&u.CacheWrite5m, &next.CacheWrite5m},
		{&u.CacheWrite1h, &next.CacheWrite1h},
		{&u.Output, &next.Output},
		{&u.Reasoning, &next.Reasoning},
		{&u.AudioIn, &next.AudioIn},
		{&u.AudioOut, &next.AudioOut},
		{&u.ImageIn, &next.ImageIn},
		{&u.ImageOut, &next.ImageOut},
		{&u.ProviderCost, &next.ProviderCost},
	} {
		if p.src.Known {
			*p.dst = *p.src
		}
	}
	u.Source = max(u.Source, next.Source)
}

// Empty reports whether no class is known.
func (u *Usage) Empty() bool {
	return !u.Input.Known && !u.Output.Known && !u.CacheRead.Known && !u.Reasoning.Known
}
