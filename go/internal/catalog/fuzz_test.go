package catalog

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// sealed gives a table the head that its content needs.
func sealed(body string) string {
	sum := sha256.Sum256([]byte(body))
	return fmt.Sprintf("tokligence-prices 1 2026-01-02 %x\n%s", sum[:4], body)
}

func FuzzOverrides(f *testing.F) {
	f.Add(example)
	f.Add(`{"models": [{"provider": "x", "model": "*", "prices": [{"input": 0.25, "above": 1}]}]}`)
	base := load(f)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := base.WithOverrides(strings.NewReader(text))
		if err != nil {
			return
		}
		for provider := range c.providers {
			cost, _ := c.Cost(provider, "gpt-4o", "", &llm.Usage{Input: llm.Known(1000), Output: llm.Known(1)}, time.Unix(0, 0))
			if cost.N < 0 {
				t.Fatalf("a cost of %d", cost.N)
			}
		}
	})
}

func FuzzTable(f *testing.F) {
	f.Add("@openai\t-####\tmodels/\ngpt-4o\tcontext=1 vision=yes\tstandard in=2.5 out=?; batch>5 in=1~ | 2026-01-01 standard in=1^\n~gpt-*\tsize=large\tfree\n")
	f.Fuzz(func(t *testing.T, body string) {
		c, err := parse(sealed(body))
		if err != nil {
			return
		}
		for provider := range c.providers {
			for m := range c.All(provider) {
				if _, ok := c.Find(provider, m.ID); !ok {
					t.Fatalf("%s %q cannot be found", provider, m.ID)
				}
				c.Cost(provider, m.ID, "batch", &llm.Usage{Input: llm.Known(10)}, time.Unix(0, 0))
			}
		}
	})
}

func FuzzPrice(f *testing.F) {
	f.Add("0.003625")
	f.Add("1000000.000000000")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := nanoUSD(text)
		if err != nil {
			return
		}
		if n < 0 || n > maxUSD*1e9 {
			t.Fatalf("%q is %d", text, n)
		}
		if again, err := nanoUSD(fmt.Sprintf("%d.%09d", n/1e9, n%1e9)); err != nil || again != n {
			t.Fatalf("%q: %d, then %d (%v)", text, n, again, err)
		}
	})
}
