package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommittedFilesAreUpToDate makes both files again.
func TestCommittedFilesAreUpToDate(t *testing.T) {
	dir := t.TempDir()
	table, report := filepath.Join(dir, "table"), filepath.Join(dir, "report")
	if err := run("sources", ".", table, report); err != nil {
		t.Fatal(err)
	}
	for made, committed := range map[string]string{
		table: "../../go/internal/catalog/table.txt", report: "../../docs/prices-differences.md",
	} {
		got, err := os.ReadFile(made)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(committed)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is out of date: run make generate", committed)
		}
	}
}

func TestPricesLoseNothing(t *testing.T) {
	for _, tt := range []struct {
		perToken, perMillion, want string
	}{
		{"2.5e-06", "2.5", "2.5"},
		{"3.625e-9", "0.003625", "0.003625"},
		{"1e-15", "0.000000001", "0.000000001"},
		{"0.00015", "150", "150"},
		{"0", "0.0", "0"},
		{"3.0000000000000004e-07", "0.30000000000000004", "0.3"}, // noise of binary fractions
		{"6.999999999999999e-07", "0.6999999999999999", "0.7"},
	} {
		a, err := usdPerToken(tt.perToken)
		if err != nil {
			t.Fatal(err)
		}
		b, err := usdPerMillion(tt.perMillion)
		if err != nil {
			t.Fatal(err)
		}
		if a != b || a.String() != tt.want {
			t.Errorf("%s a token is %s, %s a million is %s, want %s", tt.perToken, a, tt.perMillion, b, tt.want)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1e30"} {
		if _, err := usdPerMillion(bad); err == nil {
			t.Errorf("%q is taken for a price", bad)
		}
	}
}

func TestNamesOfPrices(t *testing.T) {
	for key, want := range map[string]slot{
		"input_cost_per_token":                                        {standard, 0, input},
		"output_cost_per_token_above_200k_tokens":                     {standard, 200_000, output},
		"cache_creation_input_token_cost_above_1hr":                   {standard, 0, cacheWrite1h},
		"cache_creation_input_token_cost_above_1hr_above_200k_tokens": {standard, 200_000, cacheWrite1h},
		"cache_read_input_token_cost_above_272k_tokens_priority":      {"priority", 272_000, cacheRead},
		"input_cost_per_token_flex":                                   {"flex", 0, input},
		"output_cost_per_token_batches":                               {"batch", 0, output},
		"output_cost_per_reasoning_token":                             {standard, 0, reasoning},
		"input_cost_per_image":                                        {},
		"input_cost_per_token_cache_hit":                              {},
		"input_cost_per_character":                                    {},
		"output_cost_per_token_above_1hr":                             {},
		"cache_creation_input_audio_token_cost":                       {},
		"input_cost_per_video_per_second_above_15s_interval":          {},
	} {
		if got, ok := litellmSlot(key); got != want && ok || ok != (want != slot{}) {
			t.Errorf("%s: %+v (%v), want %+v", key, got, ok, want)
		}
	}
}

func TestCachePricesInEitherOrder(t *testing.T) {
	for _, tt := range []struct{ in, a, b, read, write json.Number }{
		{"5", "6.25", "0.5", "0.5", "6.25"},
		{"0.3", "0.06", "0.375", "0.06", "0.375"},
		{"0.14", "0.0028", "0", "0.0028", ""},
		{"2", "0", "0.3", "0.3", ""},
		{"1", "", "", "", ""},
	} {
		q, err := catwalkQuote(tt.in, "9", tt.a, tt.b)
		if err != nil {
			t.Fatal(err)
		}
		for c, want := range map[class]json.Number{cacheRead: tt.read, cacheWrite5m: tt.write} {
			got := json.Number("")
			if price, ok := q[slot{standard, 0, c}]; ok {
				got = json.Number(price.String())
			}
			if got != want {
				t.Errorf("%v: %s is %q, want %q", tt, c, got, want)
			}
		}
	}
}

func TestRounded(t *testing.T) {
	for _, tt := range []struct {
		a, b, want string // "" not the same
	}{
		{"0.119", "0.12", "0.119"},
		{"0.12", "0.119", "0.119"},
		{"0.2857", "0.29", "0.2857"},
		{"0.28", "0.3", ""}, // one digit says too little
		{"0.28", "0.27", ""},
		{"2.5", "2.4", ""},
		{"0.124", "0.13", ""},
	} {
		a, _ := usdPerMillion(tt.a)
		b, _ := usdPerMillion(tt.b)
		got := ""
		if long, ok := rounded(a, b); ok {
			got = long.String()
		}
		if got != tt.want {
			t.Errorf("%s and %s: %q, want %q", tt.a, tt.b, got, tt.want)
		}
	}
}

// prices writes a list such as "in=1 out=2 in>200000=3".
func prices(t *testing.T, text string) quote {
	t.Helper()
	q := quote{}
	for pair := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(pair, "=")
		s := slot{tier: standard}
		if tier, rest, ok := strings.Cut(name, ":"); ok {
			s.tier, name = tier, rest
		}
		if rest, ok := strings.CutSuffix(name, ">200000"); ok {
			s.above, name = 200_000, rest
		} else if rest, ok := strings.CutSuffix(name, ">128000"); ok {
			s.above, name = 128_000, rest
		}
		s.class = class(name)
		price, err := usdPerMillion(value)
		if err != nil {
			t.Fatal(err)
		}
		q[s] = price
	}
	return q
}

func TestDecisions(t *testing.T) {
	for _, tt := range []struct {
		name, litellm, genai, catwalk string
		want                          string
		why                           string
	}{
		{"two agree", "in=1 out=2", "in=1 out=2", "", "standard in=1 out=2", ""},
		{"one alone", "", "in=1 out=2", "", "standard in=1~ out=2~", ""},
		{"two against one", "in=1 out=2", "in=1 out=2", "in=1 out=3", "standard in=1 out=2", "two sources agree"},
		{"two differ", "in=1 out=2", "in=1 out=3", "", "standard in=1 out=?", "not known"},
		{"all differ", "in=1 out=2", "in=1 out=3", "in=1 out=4", "standard in=1 out=?", "not known"},
		{"rounding", "in=0.119 out=1", "in=0.12 out=1", "", "standard in=0.119 out=1", "the same but for rounding"},
		{"overruled, so not heard", "in=9 out=2 batch:in=4 read=0.5", "in=1 out=2 read=0.1", "in=1 out=2", "standard in=1 read=0.1~ out=2", "two sources agree"},
		{"disputed, so no single source", "in=9 out=2 batch:in=4 read=0.5", "in=1 out=2", "", "standard in=? read=? out=2; batch in=?", "not known"},
		{"disputed, but two agree on the cache", "in=9 out=2 read=0.5", "in=1 out=2 read=0.5", "", "standard in=? read=0.5 out=2", "not known"},
		{"steps of one", "in=1 out=2 in>200000=2 out>200000=3", "in=1 out=2", "", "standard in=1 out=2; standard>200000 in=2~ out=3~", ""},
		{"steps at different sizes", "in=1 out=2 in>200000=2", "in=1 out=2 in>128000=2", "", "standard in=1 out=2; standard>128000 in=?; standard>200000 in=?", "prices change at different sizes of prompt"},
		{"a tier that ends at a step", "in=1 out=2 in>200000=2 flex:in=0.5", "in=1 out=2", "", "standard in=1 out=2; standard>200000 in=2~; flex in=0.5~; flex>200000 in=?", ""},
		{"images for all output", "in=1 out=2 imageout=30", "in=1 out=30", "", "standard in=1 out=2~ imageout=30~", "genai-prices names the price of images for all output"},
		{"nothing", "", "", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var offers [sourceCount]*offer
			for from, text := range []string{tt.litellm, tt.genai, tt.catwalk} {
				if text != "" {
					offers[from] = &offer{own: true, periods: []period{{quote: prices(t, text)}}}
				}
			}
			got, why := one(&plan{Date: "2026-01-01"}, &offers)
			if got != tt.want || why != tt.why {
				t.Errorf("got  %s (%s)\nwant %s (%s)", got, why, tt.want, tt.why)
			}
		})
	}
}

// one decides on a single model and returns its price and the first reason.
func one(p *plan, offers *[sourceCount]*offer) (price, why string) {
	p.Providers = map[string]*providerRules{"x": {}}
	r := decide(p, map[string]*shelf{"x": {models: map[string]*[sourceCount]*offer{"m": offers}}})
	if len(r.differences) > 0 {
		why = r.differences[0].why
	}
	return r.models[0].price(), why
}

func TestPeriods(t *testing.T) {
	var offers [sourceCount]*offer
	offers[litellm] = &offer{own: true, periods: []period{{quote: prices(t, "in=2 out=4 flex:in=1")}}}
	offers[genai] = &offer{own: true, periods: []period{
		{quote: prices(t, "in=1 out=2")}, {from: "2025-06-01", quote: prices(t, "in=2 out=4")}, {from: "2027-01-01", quote: prices(t, "in=3 out=6")},
	}}
	got, _ := one(&plan{Date: "2026-01-01"}, &offers)
	want := "standard in=1~ out=2~ | 2025-06-01 standard in=2 out=4; flex in=1~ | 2027-01-01 standard in=3~ out=6~"
	if got != want {
		t.Errorf("%s\n%s", got, want)
	}
}

func TestSnapshotsToldApart(t *testing.T) {
	q := func(s string) []period { return []period{{quote: prices(t, s)}} }
	group := func() *offer { return &offer{entry: "m", periods: q("in=1 out=2")} }
	s := &shelf{models: map[string]*[sourceCount]*offer{
		"m":     {litellm: {own: true, periods: q("in=1 out=2")}, genai: {own: true, entry: "m", periods: q("in=1 out=2")}},
		"m-old": {litellm: {own: true, periods: q("in=5 out=9")}, genai: group()},
	}}
	p := &plan{Date: "2026-01-01", Providers: map[string]*providerRules{"x": {}}}
	r := decide(p, map[string]*shelf{"x": s})
	if got := r.models[1].price(); got != "standard in=5~ out=9~" {
		t.Errorf("the snapshot costs %s", got)
	}
	s.models["m"][litellm].periods = q("in=7 out=7") // now they agree nowhere
	if got := decide(p, map[string]*shelf{"x": s}).models[1].price(); got != "standard in=? out=?" {
		t.Errorf("the snapshot costs %s", got)
	}
}

func TestRulesOfTheVendor(t *testing.T) {
	l := list{prices: map[slot]verdict{
		{standard, 0, input}: {price: 2e9}, {standard, 0, cacheWrite5m}: {price: 3e9}, {standard, 0, cacheWrite1h}: {9e9, single},
		{standard, 200_000, input}: {price: 4e9},
	}}
	r := &result{}
	r.derive(&model{id: "m"}, &l, []derive{{Class: cacheWrite1h, From: input, Times: 2, Needs: cacheWrite5m, Why: "twice"}})
	want := map[slot]verdict{
		{standard, 0, input}: {price: 2e9}, {standard, 0, cacheWrite5m}: {price: 3e9}, {standard, 0, cacheWrite1h}: {4e9, derived},
		{standard, 200_000, input}: {price: 4e9},
	}
	if !maps.Equal(l.prices, want) {
		t.Errorf("%v", l.prices)
	}
	if len(r.differences) != 1 || r.differences[0].why != "twice" {
		t.Errorf("the single source's price was dropped without a word: %+v", r.differences)
	}
}

func TestSettledByHand(t *testing.T) {
	var offers [sourceCount]*offer
	offers[litellm] = &offer{periods: []period{{quote: prices(t, "in=1 out=2")}}}
	offers[genai] = &offer{periods: []period{{quote: prices(t, "in=3 out=4")}}}
	p := &plan{Date: "2026-01-01", Settled: []settlement{{Provider: "x", Match: []string{"m"}, Take: "genai-prices", Why: "seen"}}}
	if got, why := one(p, &offers); got != "standard in=3~ out=4~" || why != "settled by hand: seen" {
		t.Errorf("%s (%s)", got, why)
	}
}

func TestFeesAndZeros(t *testing.T) {
	var offers [sourceCount]*offer
	offers[litellm] = &offer{fees: true, periods: []period{{quote: prices(t, "in=1 out=2")}}}
	if got, _ := one(&plan{}, &offers); got != "" {
		t.Errorf("a model charged by request costs %s", got)
	}
	if q := prices(t, "in=0 out=0"); !free(q) || free(prices(t, "in=0 out=1")) || free(quote{}) {
		t.Error("free is not what it says")
	}
}

func TestClauses(t *testing.T) {
	var c clause
	text := `{"or":[{"equals":"a"},{"starts_with":"b-"},{"and":[{"contains":"x"},{"ends_with":"z"}]},{"regex":"^c\\d$"}]}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"a": true, "ab": false, "b-1": true, "yxz": true, "xy": false, "c1": true, "c11": false, "": false} {
		if c.matches(id) != want {
			t.Errorf("%q matches: %v", id, !want)
		}
	}
}

func TestPlanIsStrict(t *testing.T) {
	for name, files := range map[string][2]string{
		"unknown key":        {"providerz: {}", "families: []"},
		"unknown ability":    {"providers: {}", "families: [{sings: true}]"},
		"unknown class":      {"providers: {x: {derive: [{class: gold, from: in, times: 2}]}}", "families: []"},
		"multiple of naught": {"providers: {x: {derive: [{class: out, from: in}]}}", "families: []"},
	} {
		dir := t.TempDir()
		for i, file := range []string{"providers.yaml", "abilities.yaml"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(files[i]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := readPlan(dir); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
