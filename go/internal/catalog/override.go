package catalog

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxOverrides bounds the override file, in bytes.
const maxOverrides = 4 << 20

// overrides is a file of one's own prices and abilities, in YAML or JSON.
// Prices are USD per million tokens, sizes are tokens:
//
//	models:
//	  - provider: ollama       # as in the configuration, or its preset
//	    model: "*"             # an id; * is any text, # a digit
//	    free: true             # costs nothing
//	  - provider: openai
//	    model: gpt-5.6-luna
//	    prices:
//	      - {input: 1, cache_read: 0.1, output: 6}
//	      - {above: 272000, input: 2, cache_read: 0.2, output: 9}
//	      - {tier: batch, input: 0.5, output: 3}
//	      - {from: 2027-01-01, input: 0.8, cache_read: 0.08, output: 5}
//	    context_window: 1050000
//	    max_output: 128000
//	    vision: true
//
// Prices that are given replace all the table has for the model; abilities
// replace one by one.
type overrides struct {
	Models []override `yaml:"models"`
}

type override struct {
	Provider string `yaml:"provider"`
	Model    string `yaml:"model"`

	Free   bool         `yaml:"free"`
	Prices []priceEntry `yaml:"prices"`

	Vendor        *string `yaml:"vendor"`
	Family        *string `yaml:"family"`
	Size          *string `yaml:"size"`
	Thinking      *string `yaml:"thinking"`
	ContextWindow *int    `yaml:"context_window"`
	MaxInput      *int    `yaml:"max_input"`
	MaxOutput     *int    `yaml:"max_output"`
	LeastThought  *int    `yaml:"least_thinking"`
	Reasoning     *bool   `yaml:"reasoning"`
	Prefill       *bool   `yaml:"prefill"`
	SystemMidway  *bool   `yaml:"system_midway"`
	Vision        *bool   `yaml:"vision"`
	Tools         *bool   `yaml:"tools"`
	Schemas       *bool   `yaml:"schemas"`
}

type priceEntry struct {
	From  string `yaml:"from"`
	Tier  string `yaml:"tier"`
	Above int64  `yaml:"above"`

	Input        *usd `yaml:"input"`
	CacheRead    *usd `yaml:"cache_read"`
	CacheWrite   *usd `yaml:"cache_write"`
	CacheWrite1h *usd `yaml:"cache_write_1h"`
	Output       *usd `yaml:"output"`
	Reasoning    *usd `yaml:"reasoning"`
	AudioIn      *usd `yaml:"audio_in"`
	AudioOut     *usd `yaml:"audio_out"`
	ImageIn      *usd `yaml:"image_in"`
	ImageOut     *usd `yaml:"image_out"`
}

// usd is a price in nano-USD, read from decimal USD without rounding.
type usd int64

// UnmarshalYAML reads the number as it is written.
func (u *usd) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: a price is a number of USD", node.Line)
	}
	nano, err := nanoUSD(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	*u = usd(nano)
	return nil
}

// WithOverrides returns the catalog with an override file laid over it. The
// catalog itself stays as it is. An unknown key is an error.
func (c *Catalog) WithOverrides(r io.Reader) (*Catalog, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxOverrides+1))
	if err != nil {
		return nil, fmt.Errorf("read the price overrides: %w", err)
	}
	if len(text) > maxOverrides {
		return nil, fmt.Errorf("the price overrides are larger than %d bytes", maxOverrides)
	}
	var file overrides
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("price overrides: %w", err)
	}
	sum := sha256.Sum256(text)
	out := &Catalog{version: fmt.Sprintf("%s+%x", c.version, sum[:4]), providers: maps.Clone(c.providers)}
	copied := map[string]bool{}
	for i := range file.Models {
		o := &file.Models[i]
		price, err := o.price()
		if err != nil {
			return nil, fmt.Errorf("price overrides: %s %s: %w", o.Provider, o.Model, err)
		}
		if !copied[o.Provider] {
			out.providers[o.Provider] = out.providers[o.Provider].clone()
			copied[o.Provider] = true
		}
		o.lay(out.providers[o.Provider], price)
	}
	return out, nil
}

// price turns the entries into a price; nil if there are none.
func (o *override) price() (*Price, error) {
	switch {
	case o.Provider == "" || o.Model == "":
		return nil, errors.New("provider and model are required")
	case o.Free && len(o.Prices) > 0:
		return nil, errors.New("free and prices exclude each other")
	case o.Free:
		return freePrice(Yours), nil
	case len(o.Prices) == 0:
		return nil, o.check()
	}
	p := new(Price)
	for i := range o.Prices {
		if err := o.Prices[i].addTo(p); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.periods, func(a, b period) int { return int(a.from/86400 - b.from/86400) })
	for i := range p.periods {
		slices.SortFunc(p.periods[i].steps, func(a, b step) int {
			if a.tier != b.tier {
				return int(a.tier) - int(b.tier)
			}
			return int(min(max(a.above-b.above, -1), 1))
		})
	}
	p.finish()
	return p, o.check()
}

// check refuses words and sizes that mean nothing.
func (o *override) check() error {
	for _, word := range []struct {
		name  string
		value *string
		words []string
	}{
		{"size", o.Size, []string{"large", "small"}},
		{"thinking", o.Thinking, []string{"none", "budget", "adaptive"}},
	} {
		if word.value != nil && !slices.Contains(word.words, *word.value) {
			return fmt.Errorf("%s is one of %s", word.name, strings.Join(word.words, ", "))
		}
	}
	for _, size := range []*int{o.ContextWindow, o.MaxInput, o.MaxOutput} {
		if size != nil && *size < 0 {
			return errors.New("a size in tokens is not negative")
		}
	}
	return nil
}

func (e *priceEntry) addTo(p *Price) error {
	t := tierOf(e.Tier)
	if t == unknownTier {
		return fmt.Errorf("tier %q is none of standard, batch, flex, priority, fast", e.Tier)
	}
	if e.Above < 0 {
		return errors.New("above is a size in tokens, not negative")
	}
	var from int64
	if e.From != "" {
		day, err := time.Parse(time.DateOnly, e.From)
		if err != nil {
			return fmt.Errorf("from %q is no day such as 2026-12-31", e.From)
		}
		from = day.Unix()
	}
	i := slices.IndexFunc(p.periods, func(p period) bool { return p.from == from })
	if i < 0 {
		i = len(p.periods)
		p.periods = append(p.periods, period{from: from})
	}
	if slices.ContainsFunc(p.periods[i].steps, func(s step) bool { return s.tier == t && s.above == e.Above }) {
		return errors.New("two entries are for the same day, tier and size of prompt")
	}
	s := step{tier: t, above: e.Above}
	for c, price := range [classes]*usd{
		input: e.Input, cacheRead: e.CacheRead, cacheWrite5m: e.CacheWrite, cacheWrite1h: e.CacheWrite1h,
		output: e.Output, reasoning: e.Reasoning, audioIn: e.AudioIn, audioOut: e.AudioOut,
		imageIn: e.ImageIn, imageOut: e.ImageOut,
	} {
		if price != nil {
			s.rates[c] = pack(int64(*price), Yours)
		}
	}
	p.periods[i].steps = append(p.periods[i].steps, s)
	return nil
}
