package chat

import (
	"math"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// nanoUSD is how many of a ledger's units make a dollar.
const nanoUSD = 1e9

// tally is a usage object as its numbers stand on the wire: the parts are
// contained in the sums.
type tally struct {
	prompt, completion, total              llm.Count
	cached, written, audioIn, imageIn      llm.Count
	reasoning, audioOut, imageOut          llm.Count
	cacheHit, cacheRead, cost, costInTicks llm.Count
}

// readUsage reads a usage object. It reports false for anything else.
func readUsage(v []byte) (llm.Usage, bool) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return llm.Usage{}, false
	}
	var t tally
	it := jsonscan.Members(v)
	for it.Next() {
		t.member(string(it.Key()), it.Value())
	}
	u := t.classes()
	return u, !u.Empty() || u.ProviderCost.Known
}

func (t *tally) member(name string, v []byte) {
	switch name {
	case "prompt_tokens":
		count(&t.prompt, v)
	case "completion_tokens":
		count(&t.completion, v)
	case "total_tokens":
		count(&t.total, v)
	case "prompt_tokens_details":
		t.details(v, &t.cached, &t.audioIn, &t.imageIn)
	case "completion_tokens_details":
		t.details(v, nil, &t.audioOut, &t.imageOut)
	case "prompt_cache_hit_tokens": // DeepSeek
		count(&t.cacheHit, v)
	case "cached_tokens": // Kimi
		count(&t.cacheRead, v)
	case "cost": // OpenRouter, in dollars
		if f, ok := jsonscan.Float(v); ok && f >= 0 && f < 1e9 {
			t.cost = llm.Known(int64(math.Round(f * nanoUSD)))
		}
	case "cost_in_usd_ticks": // xAI, 10^10 to the dollar
		count(&t.costInTicks, v)
	}
}

func (t *tally) details(v []byte, cached, audio, image *llm.Count) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "cached_tokens":
			if cached != nil {
				count(cached, it.Value())
			}
		case "cache_write_tokens":
			count(&t.written, it.Value())
		case "audio_tokens":
			count(audio, it.Value())
		case "image_tokens":
			count(image, it.Value())
		case "reasoning_tokens":
			count(&t.reasoning, it.Value())
		}
	}
}

func count(dst *llm.Count, v []byte) {
	if n, ok := jsonscan.Int(v); ok && n >= 0 {
		*dst = llm.Known(n)
	}
}

// classes turns the sums into classes that exclude each other.
func (t *tally) classes() llm.Usage {
	cached := firstKnown(t.cached, t.cacheHit, t.cacheRead)
	u := llm.Usage{
		Input:     t.prompt.Sub(cached).Sub(t.written).Sub(t.audioIn).Sub(t.imageIn),
		CacheRead: cached, CacheWrite5m: t.written, AudioIn: t.audioIn, ImageIn: t.imageIn,
		Output:    t.completion.Sub(t.audioOut).Sub(t.imageOut),
		Reasoning: t.reasoning, AudioOut: t.audioOut, ImageOut: t.imageOut,
		Source: llm.Reported, ProviderCost: t.cost,
	}
	if t.costInTicks.Known {
		u.ProviderCost = llm.Known(t.costInTicks.N / 10)
	}
	// Some servers leave reasoning out of completion_tokens; the total tells.
	beyond := t.total.N - t.prompt.N - t.completion.N
	apart := t.total.Known && t.prompt.Known && t.completion.Known && beyond > 0
	switch {
	case apart && !t.reasoning.Known:
		u.Reasoning = llm.Known(beyond)
	case apart && beyond == t.reasoning.N:
	default:
		u.Output = u.Output.Sub(t.reasoning)
	}
	return u
}

func firstKnown(counts ...llm.Count) llm.Count {
	for _, c := range counts {
		if c.Known {
			return c
		}
	}
	return llm.Count{}
}

// usageIn returns the usage that a chunk or a body holds, at the top or where
// Groq puts it.
func usageIn(usage, groq []byte) (llm.Usage, bool) {
	if u, ok := readUsage(usage); ok {
		return u, true
	}
	if jsonscan.KindOf(groq) == jsonscan.Object {
		return readUsage(jsonscan.Get(groq, "usage"))
	}
	return llm.Usage{}, false
}

// appendUsage appends a usage object. The sums are ours, whatever the upstream
// called them.
func appendUsage(b []byte, u *llm.Usage) []byte {
	written := u.CacheWrite5m.N + u.CacheWrite1h.N
	prompt := u.Input.N + u.CacheRead.N + written + u.AudioIn.N + u.ImageIn.N
	completion := u.Output.N + u.Reasoning.N + u.AudioOut.N + u.ImageOut.N
	b = append(b, '{')
	b = number(b, "prompt_tokens", prompt)
	b = number(b, "completion_tokens", completion)
	b = number(b, "total_tokens", prompt+completion)
	b = append(key(b, "prompt_tokens_details"), '{')
	b = number(b, "cached_tokens", u.CacheRead.N)
	b = number(b, "cache_write_tokens", written)
	b = known(b, "audio_tokens", u.AudioIn)
	b = known(b, "image_tokens", u.ImageIn)
	b = append(b, '}')
	b = append(key(b, "completion_tokens_details"), '{')
	b = number(b, "reasoning_tokens", u.Reasoning.N)
	b = known(b, "audio_tokens", u.AudioOut)
	b = known(b, "image_tokens", u.ImageOut)
	return append(b, '}', '}')
}

func known(b []byte, name string, c llm.Count) []byte {
	if !c.Known {
		return b
	}
	return number(b, name, c.N)
}
