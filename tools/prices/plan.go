package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// plan is what is kept by hand: which provider is which in the sources, what
// its vendor publishes as a rule, and what models can do.
type plan struct {
	Date      string                    `yaml:"date"` // of the newest source
	Providers map[string]*providerRules `yaml:"providers"`
	Settled   []settlement              `yaml:"settled"`
	Families  []family                  `yaml:"-"`
}

// providerRules say how one provider is found in the sources.
type providerRules struct {
	LiteLLM   []string `yaml:"litellm"`   // values of litellm_provider
	Strip     []string `yaml:"strip"`     // in front of LiteLLM's keys, no part of the id
	Slashes   bool     `yaml:"slashes"`   // ids may hold slashes
	Genai     string   `yaml:"genai"`     // provider id in genai-prices
	Catwalk   []string `yaml:"catwalk"`   // provider keys in catwalk
	Revisions []string `yaml:"revisions"` // endings of a snapshot that costs what its model costs
	Prefixes  []string `yaml:"prefixes"`  // may stand in front of an id
	Free      []string `yaml:"free"`      // ids that cost nothing
	Tuned     []string `yaml:"tuned"`     // base ids whose own fine-tunes, id:…, cost the same
	Derive    []derive `yaml:"derive"`
}

// derive is a price that the vendor publishes as a multiple of another.
type derive struct {
	Match []string `yaml:"match"` // ids; none means all
	Class class    `yaml:"class"`
	From  class    `yaml:"from"`
	Times int64    `yaml:"times"`
	Needs class    `yaml:"needs"` // only beside a price of this class
	Why   string   `yaml:"why"`
}

// settlement is a difference that was looked into by hand.
type settlement struct {
	Provider string   `yaml:"provider"`
	Match    []string `yaml:"match"`
	Take     string   `yaml:"take"` // litellm, genai-prices, catwalk
	Why      string   `yaml:"why"`
}

// family is what models of one kind can do. Absent is not known.
type family struct {
	At    []string `yaml:"at"` // providers; none means all
	Match []string `yaml:"match"`

	Vendor    string `yaml:"vendor"`
	Family    string `yaml:"family"`
	Size      string `yaml:"size"`
	Thinking  string `yaml:"thinking"`
	Least     int    `yaml:"least"`
	Reasoning bool   `yaml:"reasoning"`
	Prefill   bool   `yaml:"prefill"`
	Midway    bool   `yaml:"midway"`
	Vision    *bool  `yaml:"vision"`
	Tools     *bool  `yaml:"tools"`
	Schemas   *bool  `yaml:"schemas"`
}

func readPlan(folder string) (*plan, error) {
	p := new(plan)
	if err := strict(filepath.Join(folder, "providers.yaml"), p); err != nil {
		return nil, err
	}
	var abilities struct {
		Families []family  `yaml:"families"`
		Shared   yaml.Node `yaml:"shared"` // anchors only
	}
	if err := strict(filepath.Join(folder, "abilities.yaml"), &abilities); err != nil {
		return nil, err
	}
	p.Families = abilities.Families
	for name, r := range p.Providers {
		for i := range r.Derive {
			if d := &r.Derive[i]; !slices.Contains(classes, d.Class) || !slices.Contains(classes, d.From) || d.Times < 1 {
				return nil, fmt.Errorf("providers.yaml: %s: a derived price is not complete", name)
			}
		}
	}
	return p, nil
}

func strict(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// familyOf returns the first family that an id belongs to.
func (p *plan) familyOf(provider, id string) *family {
	for i := range p.Families {
		f := &p.Families[i]
		if f.of(provider) && anyMatch(f.Match, id) {
			return f
		}
	}
	return nil
}

func (f *family) of(provider string) bool { return len(f.At) == 0 || slices.Contains(f.At, provider) }

func anyMatch(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, text) })
}

// match compares text with a pattern: * stands for any text, # for a digit,
// and $ at the end for the end or for anything that does not go on with a
// letter or a digit. It takes time in the product of both lengths at most.
func match(pattern, text string) bool {
	pattern, open := strings.CutSuffix(pattern, "$")
	star, retry := -1, 0
	p, t := 0, 0
	for t < len(text) {
		switch {
		case open && p == len(pattern) && !wordByte(text[t]):
			return true
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, t
			p++
		case p < len(pattern) && (pattern[p] == text[t] || pattern[p] == '#' && text[t] >= '0' && text[t] <= '9'):
			p++
			t++
		case star >= 0:
			retry++
			p, t = star+1, retry
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
