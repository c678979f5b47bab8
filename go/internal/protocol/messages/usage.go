package messages

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// readUsage takes the totals of a usage object into u; a later one replaces
// what an earlier one said. The output count of message_start is a stub and
// is left out.
func readUsage(u *llm.Usage, v []byte, start bool) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	var output, thinking, written llm.Count
	split := false
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "input_tokens":
			setCount(&u.Input, it.Value())
		case "cache_read_input_tokens":
			setCount(&u.CacheRead, it.Value())
		case "cache_creation_input_tokens":
			setCount(&written, it.Value())
		case "cache_creation":
			split = readWritten(u, it.Value()) || split
		case "output_tokens":
			setCount(&output, it.Value())
		case "output_tokens_details":
			setCount(&thinking, jsonscan.Get(it.Value(), "thinking_tokens"))
		}
	}
	if written.Known && !split {
		u.CacheWrite5m = written.Sub(u.CacheWrite1h) // a total: the split was told before
	}
	if !start && output.Known {
		u.Output = output.Sub(thinking)
		u.Reasoning = thinking
	}
	u.Source = llm.Reported
}

// readWritten reads the cache writes by lifetime.
func readWritten(u *llm.Usage, v []byte) bool {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return false
	}
	setCount(&u.CacheWrite5m, jsonscan.Get(v, "ephemeral_5m_input_tokens"))
	setCount(&u.CacheWrite1h, jsonscan.Get(v, "ephemeral_1h_input_tokens"))
	return u.CacheWrite5m.Known && u.CacheWrite1h.Known
}

func setCount(c *llm.Count, v []byte) {
	if n, ok := jsonscan.Int(v); ok && n >= 0 {
		*c = llm.Known(n)
	}
}

// appendUsage writes the usage of a finished answer. Clients read the cache
// fields without a check, so they are always there.
func appendUsage(dst []byte, u *llm.Usage) []byte {
	dst = append(dst, `{"input_tokens":`...)
	dst = strconv.AppendInt(dst, u.Input.N+u.AudioIn.N+u.ImageIn.N, 10)
	dst = append(dst, `,"cache_creation_input_tokens":`...)
	dst = strconv.AppendInt(dst, u.CacheWrite5m.N+u.CacheWrite1h.N, 10)
	dst = append(dst, `,"cache_read_input_tokens":`...)
	dst = strconv.AppendInt(dst, u.CacheRead.N, 10)
	if u.CacheWrite1h.Known {
		dst = append(dst, `,"cache_creation":{"ephemeral_5m_input_tokens":`...)
		dst = strconv.AppendInt(dst, u.CacheWrite5m.N, 10)
		dst = append(dst, `,"ephemeral_1h_input_tokens":`...)
		dst = strconv.AppendInt(dst, u.CacheWrite1h.N, 10)
		dst = append(dst, '}')
	}
	dst = append(dst, `,"output_tokens":`...)
	dst = strconv.AppendInt(dst, u.OutputTotal(), 10)
	if u.Reasoning.Known {
		dst = append(dst, `,"output_tokens_details":{"thinking_tokens":`...)
		dst = strconv.AppendInt(dst, u.Reasoning.N, 10)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
