package store

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// model is a ledger in memory, written to be obviously right.
type model map[ledger.EntryKey]ledger.Entry

func (m model) apply(batch []ledger.Entry) (added int) {
	for _, e := range batch {
		key := ledger.EntryKey{RequestID: e.RequestID, Attempt: e.Attempt}
		if _, there := m[key]; !there {
			m[key] = e
			added++
		}
	}
	return added
}

func (m model) entries(f ledger.Filter) []ledger.Entry {
	var out []ledger.Entry
	for _, e := range m {
		if matches(&e, f) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b ledger.Entry) int {
		byPlace := a.Started.Compare(b.Started)
		if f.Chain != "" {
			byPlace = cmp.Compare(a.Seq, b.Seq)
		}
		return cmp.Or(byPlace, cmp.Compare(a.RequestID, b.RequestID), cmp.Compare(a.Attempt, b.Attempt))
	})
	if f.Limit > 0 {
		out = out[:min(f.Limit, len(out))]
	}
	return out
}

func matches(e *ledger.Entry, f ledger.Filter) bool {
	for _, pair := range [][2]string{
		{f.RequestID, e.RequestID},
		{f.Chain, e.Chain},
		{f.OrgID, e.OrgID},
		{f.UserID, e.UserID},
		{f.KeyID, e.KeyID},
		{f.Provider, e.Provider},
		{string(f.Outcome), string(e.Outcome)},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return (f.Model == "" || f.Model == e.ModelRequested || f.Model == e.ModelServed) &&
		(f.From.IsZero() || !e.Started.Before(f.From)) &&
		(f.Until.IsZero() || e.Started.Before(f.Until))
}

func (m model) sums(f ledger.Filter, by []ledger.Dimension) []ledger.Sum {
	groups := map[string]*ledger.Sum{}
	requests := map[string]map[string]bool{}
	f.Limit = 0
	for _, e := range m.entries(f) {
		values := map[ledger.Dimension]string{}
		var name strings.Builder
		for _, d := range by {
			values[d] = valueOf(&e, d)
			name.WriteString(values[d] + "\x00")
		}
		sum := groups[name.String()]
		if sum == nil {
			sum = &ledger.Sum{Group: values, First: e.Started, Last: e.Started}
			groups[name.String()], requests[name.String()] = sum, map[string]bool{}
		}
		requests[name.String()][e.RequestID] = true
		sum.Requests = int64(len(requests[name.String()]))
		add(sum, &e)
	}
	var out []ledger.Sum
	for _, sum := range groups {
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b ledger.Sum) int {
		for _, d := range by {
			if order := cmp.Compare(a.Group[d], b.Group[d]); order != 0 {
				return order
			}
		}
		return 0
	})
	return out
}

func valueOf(e *ledger.Entry, d ledger.Dimension) string {
	switch d {
	case ledger.ByDay:
		return e.Started.Format(time.DateOnly)
	case ledger.ByUser:
		return e.UserID
	case ledger.ByKey:
		return e.KeyID
	case ledger.ByTeam:
		return e.TeamID
	case ledger.ByProvider:
		return e.Provider
	case ledger.ByModel:
		return cmp.Or(e.ModelServed, e.ModelSent)
	case ledger.ByOutcome:
		return string(e.Outcome)
	}
	return ""
}

func add(sum *ledger.Sum, e *ledger.Entry) {
	u := &e.Usage
	sum.Attempts++
	if slices.Contains([]ledger.Outcome{ledger.Failed, ledger.CutByUpstream, ledger.Crashed}, e.Outcome) {
		sum.Failures++
	}
	sum.Input += u.Input.N
	sum.CacheRead += u.CacheRead.N
	sum.CacheWrite += u.CacheWrite5m.N + u.CacheWrite1h.N
	sum.Output += u.Output.N
	sum.Reasoning += u.Reasoning.N
	sum.Media += u.AudioIn.N + u.AudioOut.N + u.ImageIn.N + u.ImageOut.N
	sum.Cost += e.Cost.N
	used := u.InputTotal()+u.OutputTotal() > 0
	if !e.Cost.Known && (used || e.Outcome == ledger.Complete && slices.Contains(llm.Untold(), e.Operation)) {
		sum.Unpriced++
	}
	if used {
		if u.Source == llm.Estimated || u.Source == llm.Counted {
			sum.Estimated++
		}
	}
	if e.Started.Before(sum.First) {
		sum.First = e.Started
	}
	if e.Started.After(sum.Last) {
		sum.Last = e.Started
	}
}

// random makes entries of few users and models, and some keys more than once.
func random(r *rand.Rand, n int) []ledger.Entry {
	one := func(values ...string) string { return values[r.IntN(len(values))] }
	count := func() llm.Count {
		switch r.IntN(3) {
		case 0:
			return llm.Count{}
		case 1:
			return llm.Known(0)
		}
		return llm.Known(r.Int64N(1 << 40))
	}
	out := make([]ledger.Entry, n)
	for i := range out {
		chain := one("chain-a", "chain-b", "chain-c")
		e := ledger.Entry{
			RequestID: uuid.Must(uuid.NewV7()).String(), Attempt: r.IntN(3), Chain: chain, Seq: int64(i + 1),
			OrgID: one("default", "acme"), TeamID: one("", "red"), UserID: one("u1", "u2", "u3"),
			KeyID: one("k1", "k2"), KeyName: one("laptop ü", "日本"),
			Operation: llm.Generate, ClientProtocol: llm.Chat, UpstreamProtocol: llm.Messages,
			Provider: one("openai", "anthropic"), ModelRequested: one("gpt-x", "claude-x"), ModelSent: one("gpt-x", "claude-y"),
			ModelServed: one("", "", "gpt-x", "Claude-Z"), UpstreamID: one("", "req_1"), Tier: one("", "priority"),
			Usage: llm.Usage{
				Input: count(), CacheRead: count(), CacheWrite5m: count(), CacheWrite1h: count(), Output: count(),
				Reasoning: count(), AudioIn: count(), AudioOut: count(), ImageIn: count(), ImageOut: count(),
				Source: llm.UsageSource(r.IntN(5)), ProviderCost: count(),
			},
			Cost: count(), PriceVersion: one("", "2026-11-01"),
			Outcome: ledger.Outcome(one("complete", "cut_by_client", "cut_by_upstream", "failed", "cancelled_by_router", "gateway_crash")),
			Status:  r.IntN(600), ErrorKind: one("", "overloaded"), Stop: llm.StopReason(one("", "end", "tools")),
			Started:    at(r.IntN(3 * 24 * 3600)).Add(time.Duration(r.IntN(4)) * time.Microsecond),
			FirstToken: time.Duration(r.Int64N(1e10)), Duration: time.Duration(r.Int64N(1e12)),
			BytesIn: r.Int64N(1 << 40), BytesOut: r.Int64N(1 << 40), Findings: r.IntN(9),
		}
		for j := range e.Hash {
			e.Hash[j] = byte(r.Uint32())
		}
		if i > 0 && r.IntN(3) == 0 { // another attempt of a call, or the same row again
			e.RequestID = out[r.IntN(i)].RequestID
		}
		if r.IntN(20) == 0 && i > 0 {
			e.Started = out[r.IntN(i)].Started
		}
		out[i] = e
	}
	return out
}
