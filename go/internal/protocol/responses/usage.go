package responses

import (
	"math"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// readUsage reads the usage object, if v is one. On the wire the input holds
// what was read from and written to the cache, the output the reasoning.
func readUsage(v []byte) (llm.Usage, bool) {
	var u llm.Usage
	if jsonscan.KindOf(v) != jsonscan.Object {
		return u, false
	}
	var in, out llm.Count
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "input_tokens":
			in = count(it.Value())
		case "output_tokens":
			out = count(it.Value())
		case "input_tokens_details":
			u.CacheRead = count(jsonscan.Get(it.Value(), "cached_tokens"))
			u.CacheWrite5m = count(jsonscan.Get(it.Value(), "cache_write_tokens"))
		case "output_tokens_details":
			u.Reasoning = count(jsonscan.Get(it.Value(), "reasoning_tokens"))
		case "cost":
			if usd, ok := jsonscan.Float(it.Value()); ok && usd >= 0 && usd < 1e9 {
				u.ProviderCost = llm.Known(int64(math.Round(usd * 1e9)))
			}
		}
	}
	u.Input = in.Sub(u.CacheRead).Sub(u.CacheWrite5m)
	u.Output = out.Sub(u.Reasoning)
	u.Source = llm.Reported
	return u, in.Known || out.Known
}

func count(v []byte) llm.Count {
	n, ok := jsonscan.Int(v)
	if !ok || n < 0 {
		return llm.Count{}
	}
	return llm.Known(n)
}

// appendUsage writes usage. Clients need whole numbers everywhere.
func appendUsage(dst []byte, u *llm.Usage) []byte {
	in, out := u.InputTotal(), u.OutputTotal()
	dst = append(dst, `{"input_tokens":`...)
	dst = strconv.AppendInt(dst, in, 10)
	dst = append(dst, `,"input_tokens_details":{"cached_tokens":`...)
	dst = strconv.AppendInt(dst, u.CacheRead.N, 10)
	dst = append(dst, `,"cache_write_tokens":`...)
	dst = strconv.AppendInt(dst, u.CacheWrite5m.N+u.CacheWrite1h.N, 10)
	dst = append(dst, `},"output_tokens":`...)
	dst = strconv.AppendInt(dst, out, 10)
	dst = append(dst, `,"output_tokens_details":{"reasoning_tokens":`...)
	dst = strconv.AppendInt(dst, u.Reasoning.N, 10)
	dst = append(dst, `},"total_tokens":`...)
	dst = strconv.AppendInt(dst, in+out, 10)
	return append(dst, '}')
}
