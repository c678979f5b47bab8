package catalog

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

func load(t testing.TB) *Catalog {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(s string) time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return at
}

func tokens(in, out int64) *llm.Usage {
	return &llm.Usage{Input: llm.Known(in), Output: llm.Known(out)}
}

func TestVersionIsTheDateAndAHash(t *testing.T) {
	v := load(t).Version()
	if len(v) != len("2026-01-02.01234567") || v[10] != '.' {
		t.Fatalf("version %q", v)
	}
	if _, err := time.Parse(time.DateOnly, v[:10]); err != nil {
		t.Error(err)
	}
}

func TestKnownCosts(t *testing.T) {
	c := load(t)
	today := day("2026-08-21")
	for _, tt := range []struct {
		name, provider, model, tier string
		usage                       *llm.Usage
		at                          time.Time
		want                        int64 // nano-USD, -1 unknown
	}{
		{"input and output", "openai", "gpt-4o", "", tokens(1_000_000, 1_000_000), today, 12_500_000_000},
		{"one token", "openai", "gpt-4o-mini", "default", tokens(1, 0), today, 150},
		{"half a nano-dollar rounds up", "deepseek", "deepseek-v4-pro", "", &llm.Usage{CacheRead: llm.Known(172)}, today, 624}, // 623.5
		{"a snapshot with a price of its own", "openai", "gpt-4o-2024-05-13", "", tokens(1_000_000, 0), today, 5_000_000_000},
		{"a snapshot the table does not name", "openai", "gpt-4o-2031-01-01", "", tokens(1_000_000, 0), today, 2_500_000_000},
		{"a fine-tune", "openai", "ft:gpt-4o-2024-08-06:org::abc", "", tokens(1_000_000, 0), today, 3_750_000_000},
		{"a name with its path", "gemini", "models/gemini-2.5-flash", "", tokens(1_000_000, 0), today, 300_000_000},
		{"a vendor's model elsewhere", "openrouter", "anthropic/claude-opus-4.5", "", tokens(1_000_000, 0), today, 5_000_000_000},
		{"a region's price", "bedrock", "us.anthropic.claude-opus-4-6-v1", "", tokens(1_000_000, 0), today, 5_500_000_000},
		{
			"every class of Claude", "anthropic", "claude-opus-4-8", "standard", &llm.Usage{
				Input: llm.Known(1000), CacheRead: llm.Known(2000), CacheWrite5m: llm.Known(300), CacheWrite1h: llm.Known(40),
				Output: llm.Known(500), Reasoning: llm.Known(60),
			},
			today, 5_000_000 + 1_000_000 + 1_875_000 + 400_000 + 12_500_000 + 1_500_000,
		},
		{"fast mode", "anthropic", "claude-opus-5", "fast", tokens(1_000_000, 0), today, 10_000_000_000},
		{"flex", "openai", "gpt-5", "flex", tokens(1_000_000, 0), today, 625_000_000},
		{"priority", "openai", "gpt-5", "priority", tokens(1_000_000, 0), today, 2_500_000_000},
		{"batch", "openai", "gpt-4o", "batch", tokens(1_000_000, 0), today, 1_250_000_000},
		{"up to the step", "gemini", "gemini-2.5-pro", "", tokens(200_000, 0), today, 250_000_000},
		{"above the step, all of it", "gemini", "gemini-2.5-pro", "", tokens(200_001, 10), today, 500_002_500 + 150_000},
		{"the step counts what is cached", "gemini", "gemini-2.5-pro", "", &llm.Usage{Input: llm.Known(1), CacheRead: llm.Known(200_000)}, today, 50_002_500},
		{"a tier that ends at the step", "openai", "gpt-5.6-sol", "priority", tokens(300_000, 0), today, -1},
		{"before a price changes", "anthropic", "claude-sonnet-5", "", tokens(1_000_000, 0), day("2026-08-31"), 2_000_000_000},
		{"after a price has changed", "anthropic", "claude-sonnet-5", "", tokens(1_000_000, 0), day("2026-09-01"), 3_000_000_000},
		{"an hour's cache after the change", "anthropic", "claude-sonnet-5", "", &llm.Usage{CacheWrite1h: llm.Known(1_000_000)}, day("2026-09-01"), 6_000_000_000},
		{"a step that is gone", "anthropic", "claude-opus-4-6", "", tokens(300_000, 0), today, 1_500_000_000},
		{"a step that was", "anthropic", "claude-opus-4-6", "", tokens(300_000, 0), day("2026-03-01"), 3_000_000_000},
		{"embeddings", "openai", "text-embedding-3-small", "", &llm.Usage{Input: llm.Known(1_000_000)}, today, 20_000_000},
		{"images in a prompt", "gemini", "gemini-2.5-flash", "", &llm.Usage{ImageIn: llm.Known(1_000_000)}, today, 300_000_000},
		{"audio in a prompt", "gemini", "gemini-2.5-flash", "", &llm.Usage{AudioIn: llm.Known(1_000_000)}, today, 1_000_000_000},
		{"loopback is free", "loopback", "loopback:status=429", "", tokens(1000, 1000), today, 0},
		{"free by its provider", "openrouter", "openai/gpt-oss-20b:free", "", tokens(1000, 1000), today, 0},
		{"what the provider says", "openrouter", "nobody/nothing", "", &llm.Usage{Input: llm.Known(5), ProviderCost: llm.Known(77)}, today, 77},
		{"the provider says nothing was charged", "openai", "gpt-4o", "", &llm.Usage{Input: llm.Known(5), ProviderCost: llm.Known(0)}, today, 0},
		{"no tokens", "openai", "gpt-4o", "", tokens(0, 0), today, 0},
		{"nothing reported", "openai", "gpt-4o", "", &llm.Usage{}, today, -1},
		{"no such model", "openai", "gpt-99", "", tokens(0, 0), today, -1},
		{"no such provider", "nobody", "gpt-4o", "", tokens(1, 1), today, -1},
		{"a family without a price", "anthropic", "claude-opus-9", "", tokens(1, 1), today, -1},
		{"a successor is not its predecessor", "anthropic", "claude-opus-4-10", "", tokens(1, 1), today, -1},
		{"a class without a price", "openai", "gpt-4o", "", &llm.Usage{Input: llm.Known(1), AudioOut: llm.Known(1)}, today, -1},
		{"a class without a price, unused", "openai", "gpt-4o", "", &llm.Usage{Input: llm.Known(1), AudioOut: llm.Known(0)}, today, 2500},
		{"sources differ", "openai", "gpt-realtime-2", "", tokens(0, 1), today, -1},
		{"sources differ on another class", "openai", "gpt-realtime-2", "", tokens(1_000_000, 0), today, 4_000_000_000},
		{"a tier nobody knows", "openai", "gpt-4o", "scale", tokens(1, 1), today, -1},
		{"charged by request", "perplexity", "sonar-pro", "", tokens(1, 1), today, -1},
		{"a negative count", "openai", "gpt-4o", "", tokens(-1, 1), today, -1},
		{"a count out of reason", "openai", "gpt-4o", "", tokens(math.MaxInt64, 1), today, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cost, version := c.Cost(tt.provider, tt.model, tt.tier, tt.usage, tt.at)
			if tt.want < 0 {
				if cost != (llm.Count{}) || version != "" {
					t.Fatalf("got %+v and version %q, want neither", cost, version)
				}
				return
			}
			if cost != llm.Known(tt.want) {
				t.Errorf("cost %+v, want %d", cost, tt.want)
			}
			want := c.Version()
			if tt.usage.ProviderCost.Known {
				want = ByProvider
			}
			if version != want {
				t.Errorf("version %q, want %q", version, want)
			}
		})
	}
}

// TestCostIsExact compares with arithmetic without bounds.
func TestCostIsExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var s step
		var u llm.Usage
		counts := []*llm.Count{
			&u.Input, &u.CacheRead, &u.CacheWrite5m, &u.CacheWrite1h, &u.Output, &u.Reasoning, &u.AudioIn, &u.AudioOut, &u.ImageIn, &u.ImageOut,
		}
		sum := new(big.Int)
		for c := range counts {
			nano, n := rnd.Int64N(maxUSD*1e9), rnd.Int64N(maxTokens)>>rnd.IntN(40)
			if rnd.IntN(3) == 0 {
				nano >>= rnd.IntN(50)
			}
			s.rates[c] = pack(nano, Agreed)
			*counts[c] = llm.Known(n)
			sum.Add(sum, new(big.Int).Mul(big.NewInt(nano), big.NewInt(n)))
		}
		p := &Price{periods: []period{{steps: []step{s}}}}
		got := p.cost(standard, &u, time.Time{})
		want := sum.Add(sum, big.NewInt(500_000)).Div(sum, big.NewInt(1_000_000))
		if !want.IsInt64() {
			if got.Known {
				t.Fatalf("%v is out of range, got %+v", want, got)
			}
			continue
		}
		if got != llm.Known(want.Int64()) {
			t.Fatalf("got %+v, want %v", got, want)
		}
	}
}

// TestEveryPriceOfTheTable asks for the cost of a prompt that just reaches
// each step, and of one token more of each class.
func TestEveryPriceOfTheTable(t *testing.T) {
	c := load(t)
	asked := 0
	for provider := range c.providers {
		for m := range c.All(provider) {
			if m.Price == nil {
				continue
			}
			for _, p := range m.Price.periods {
				for i := range p.steps {
					everyClass(t, c, &m, p.from, &p.steps[i])
					asked++
				}
			}
		}
	}
	if asked < 3000 {
		t.Errorf("only %d steps were asked for", asked)
	}
}

func everyClass(t *testing.T, c *Catalog, m *Model, from int64, s *step) {
	t.Helper()
	for class := range classes {
		u := &llm.Usage{Input: llm.Known(s.above + 1)}
		n := usageClass(u, class)
		*n = llm.Known(n.N + 1)
		cost, _ := c.Cost(m.Provider, m.ID, tierWord(s.tier), u, time.Unix(from, 0))
		in, rate := s.rates[input], s.rates[class]
		var want llm.Count
		if in.known() && rate.known() {
			want = llm.Known((in.nano()*(s.above+1) + rate.nano() + 500_000) / 1_000_000)
		}
		if cost != want {
			t.Fatalf("%s %s, %s above %d, class %d: %+v, want %+v", m.Provider, m.ID, tierWord(s.tier), s.above, class, cost, want)
		}
	}
}

func usageClass(u *llm.Usage, c class) *llm.Count {
	return []*llm.Count{
		&u.Input, &u.CacheRead, &u.CacheWrite5m, &u.CacheWrite1h, &u.Output, &u.Reasoning, &u.AudioIn, &u.AudioOut, &u.ImageIn, &u.ImageOut,
	}[c]
}

func tierWord(t tier) string { return []string{"standard", "batch", "flex", "priority", "fast"}[t] }

func TestAbilities(t *testing.T) {
	c := load(t)
	yes, no := true, false
	for _, tt := range []struct {
		provider, model string
		want            string
		vision, schemas *bool
	}{
		{"anthropic", "claude-opus-5", "claude large adaptive reasoning midway", &yes, &yes},
		{"anthropic", "claude-sonnet-5-20270101", "claude large adaptive reasoning midway", &yes, &yes},
		{"bedrock", "us.anthropic.claude-opus-5", "claude large adaptive reasoning", &yes, &yes},
		{"vertex", "claude-opus-5@default", "claude large adaptive reasoning", &yes, &yes},
		{"anthropic", "claude-opus-4-7", "claude large adaptive reasoning", &yes, &yes},
		{"anthropic", "claude-sonnet-4-6", "claude large adaptive", &yes, &yes},
		{"anthropic", "claude-sonnet-4-5-20250929", "claude large budget prefill", &yes, &yes},
		{"anthropic", "claude-haiku-4-5", "claude small budget prefill", &yes, &yes},
		{"anthropic", "claude-sonnet-4-20250514", "claude large budget prefill", &yes, &no},
		{"anthropic", "claude-3-haiku-20240307", "claude small none prefill", &yes, &no},
		{"anthropic", "claude-haiku-9", "claude small", &yes, nil}, // the table does not name it
		{"anthropic", "claude-opus-4-10", "claude large", &yes, nil},
		{"openai", "gpt-5.6-sol", "gpt-5 large adaptive reasoning", &yes, &yes},
		{"openai", "gpt-5-mini", "gpt-5 small adaptive reasoning", &yes, &yes},
		{"openai", "gpt-5-chat-latest", "gpt-5-chat large none", &yes, &yes},
		{"openai", "o3", "o3 large adaptive reasoning", &yes, &yes},
		{"openai", "gpt-4o", "gpt-4 large none", &yes, &yes},
		{"openai", "gpt-4o-mini", "gpt-4 small none", &yes, &yes},
		{"openai", "ft:gpt-4o-2024-08-06:org::abc", "gpt-4 large none", &yes, &yes},
		{"gemini", "gemini-2.5-pro", "gemini large budget always", &yes, &yes},
		{"gemini", "gemini-2.5-flash", "gemini small budget", &yes, &yes},
		{"openrouter", "google/gemini-2.5-pro", "gemini large budget always", &yes, &yes},
		{"gemini", "models/gemini-3.5-flash", "gemini small adaptive", &yes, &yes},
		{"gemini", "models/gemini-4-ultra", "gemini large", &yes, &yes},
		{"gemini", "gemini-flash-latest", "gemini small", &yes, &yes},
		{"gemini", "gemma-9", "", nil, nil},
		{"loopback", "loopback", "loopback large adaptive prefill midway", &yes, &yes},
	} {
		m, ok := c.Find(tt.provider, tt.model)
		words := []string{m.Family, m.Size, m.Thinking}
		for _, f := range []struct {
			name string
			set  bool
		}{{"always", m.LeastThought > 0}, {"reasoning", m.Reasoning}, {"prefill", m.Prefill}, {"midway", m.SystemMidway}} {
			if f.set {
				words = append(words, f.name)
			}
		}
		if got := strings.Join(strings.Fields(strings.Join(words, " ")), " "); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s %s: %q (%v), want %q", tt.provider, tt.model, got, ok, tt.want)
		}
		if show(m.Vision) != show(tt.vision) || show(m.Schemas) != show(tt.schemas) {
			t.Errorf("%s %s: vision %s schemas %s, want %s %s", tt.provider, tt.model,
				show(m.Vision), show(m.Schemas), show(tt.vision), show(tt.schemas))
		}
		if ok && m.ID == "" || ok && m.Provider != tt.provider {
			t.Errorf("%s %s: id %q provider %q", tt.provider, tt.model, m.ID, m.Provider)
		}
	}
}

func show(b *bool) string {
	if b == nil {
		return "unknown"
	}
	return fmt.Sprint(*b)
}

func TestSizes(t *testing.T) {
	c := load(t)
	for _, tt := range []struct {
		provider, model          string
		window, maxIn, maxOutput int
	}{
		{"anthropic", "claude-opus-4-6", 1_000_000, 0, 128_000},
		{"anthropic", "claude-haiku-4-5", 200_000, 0, 64_000},
		{"openai", "gpt-5", 400_000, 272_000, 128_000},
		{"openai", "gpt-4o", 128_000, 0, 16_384},
	} {
		m, _ := c.Find(tt.provider, tt.model)
		if m.ContextWindow != tt.window || m.MaxInput != tt.maxIn || m.MaxOutput != tt.maxOutput {
			t.Errorf("%s: window %d input %d output %d, want %d %d %d", tt.model,
				m.ContextWindow, m.MaxInput, m.MaxOutput, tt.window, tt.maxIn, tt.maxOutput)
		}
	}
}

func TestRatesSayOnWhoseWordTheyStand(t *testing.T) {
	c := load(t)
	m, _ := c.Find("openai", "gpt-realtime-2")
	r, ok := m.Price.Rates("", 0, day("2026-08-21"))
	if !ok || r.Input.Basis != Agreed || r.Output.Basis != Disputed || r.Output.Known() || r.ImageOut.Basis != Unpriced {
		t.Errorf("rates %+v %v", r, ok)
	}
	m, _ = c.Find("anthropic", "claude-opus-4-8")
	if r, _ = m.Price.Rates("", 0, day("2026-08-21")); r.CacheWrite1h != (Rate{10e9, Single}) || r.Reasoning != r.Output {
		t.Errorf("rates %+v", r)
	}
	if _, ok = m.Price.Rates("flex", 0, day("2026-08-21")); ok {
		t.Error("there is no flex tier, yet it has rates")
	}
	m, _ = c.Find("gemini", "gemini-2.5-pro")
	if steps := m.Price.Steps(day("2026-08-21")); len(steps) != 1 || steps[0] != 200_000 {
		t.Errorf("steps %v", steps)
	}
	var unpriced *Price
	if _, ok = unpriced.Rates("", 0, time.Time{}); ok {
		t.Error("no price has rates")
	}
}

func TestDamagedTables(t *testing.T) {
	for name, text := range map[string]string{
		"empty":       "",
		"other name":  "prices 1 2026-01-01 00000000\n",
		"other form":  "tokligence-prices 2 2026-01-01 00000000\n",
		"other hash":  "tokligence-prices 1 2026-01-01 00000000\n@openai\t\t\n",
		"no provider": sealed("gpt-4o\t\t\n"),
		"two fields":  sealed("@openai\t\t\ngpt-4o\t\n"),
		"ability":     sealed("@openai\t\t\ngpt-4o\tsings=yes\t\n"),
		"number":      sealed("@openai\t\t\ngpt-4o\tcontext=many\t\n"),
		"class":       sealed("@openai\t\t\ngpt-4o\t\tstandard ink=1\n"),
		"tier":        sealed("@openai\t\t\ngpt-4o\t\tgold in=1\n"),
		"step":        sealed("@openai\t\t\ngpt-4o\t\tstandard>x in=1\n"),
		"price":       sealed("@openai\t\t\ngpt-4o\t\tstandard in=1e3\n"),
		"day":         sealed("@openai\t\t\ngpt-4o\t\t2026-13-01 standard in=1\n"),
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "a", true},
		{"a", "", false},
		{"*", "", true},
		{"*", "abc", true},
		{"a*c", "abbc", true},
		{"a*c", "abcd", false},
		{"*b*", "abc", true},
		{"-####", "-2024", true},
		{"-####", "-20a4", false},
		{"a**b", "ab", true},
		{"*a*b*c", "xaxbxbc", true},
		{"#", "", false},
	} {
		p := pattern{globs: globs(tt.pattern)}
		if got := match(tt.pattern, tt.text); got != tt.want || p.matches(tt.text) != got {
			t.Errorf("match(%q, %q) = %v", tt.pattern, tt.text, got)
		}
	}
}
