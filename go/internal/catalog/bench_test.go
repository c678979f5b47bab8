package catalog

import (
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(); err != nil {
			b.Fatal(err)
		}
	}
}

var names = []struct{ name, provider, model string }{
	{"named", "anthropic", "claude-sonnet-4-5-20250929"},
	{"snapshot", "openai", "gpt-5.6-sol-2026-12-24"},
	{"prefixed", "gemini", "models/gemini-3.1-pro-preview"},
	{"path", "openrouter", "anthropic/claude-opus-4.5"},
}

func BenchmarkFind(b *testing.B) {
	c := load(b)
	for _, n := range names {
		b.Run(n.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := c.Find(n.provider, n.model); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
	b.Run("family", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Find("anthropic", "claude-opus-9-20290101")
		}
	})
}

func BenchmarkCost(b *testing.B) {
	c := load(b)
	at := time.Now()
	u := &llm.Usage{Input: llm.Known(1200), CacheRead: llm.Known(40_000), Output: llm.Known(800), Reasoning: llm.Known(100)}
	for _, n := range names {
		b.Run(n.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if cost, _ := c.Cost(n.provider, n.model, "standard", u, at); !cost.Known {
					b.Fatal("unknown")
				}
			}
		})
	}
}

func TestAskingDoesNotAllocate(t *testing.T) {
	c := load(t)
	at := time.Now()
	u := &llm.Usage{Input: llm.Known(1200), Output: llm.Known(800)}
	for _, n := range names {
		if got := testing.AllocsPerRun(100, func() {
			c.Find(n.provider, n.model)
			c.Cost(n.provider, n.model, "", u, at)
		}); got != 0 {
			t.Errorf("%s: %v allocations", n.name, got)
		}
	}
}
