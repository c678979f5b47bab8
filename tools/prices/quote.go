package main

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
)

// nano is a price in nano-dollars per million tokens. It holds every price of
// the sources without loss.
type nano int64

// usdPerMillion turns a decimal text in USD per million tokens into a price.
// Sources that multiply binary fractions leave noise in the last places of a
// float64; it is rounded away.
func usdPerMillion(text string) (nano, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return scaled(r, 1e9)
}

// usdPerToken is usdPerMillion for USD per token.
func usdPerToken(text string) (nano, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return scaled(r, 1e15)
}

func scaled(r *big.Rat, by int64) (nano, error) {
	r.Mul(r, new(big.Rat).SetInt64(by))
	doubled := new(big.Int).Add(new(big.Int).Lsh(r.Num(), 1), r.Denom()) // half up
	whole := doubled.Div(doubled, new(big.Int).Lsh(r.Denom(), 1))
	if !whole.IsInt64() || whole.Sign() < 0 || whole.Int64() > 1e15 {
		return 0, fmt.Errorf("a price of %s nano-dollars per million tokens is out of range", whole)
	}
	return nano(whole.Int64()), nil
}

// String writes the price in USD per million tokens, exactly.
func (n nano) String() string {
	s := fmt.Sprintf("%d.%09d", n/1e9, n%1e9)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// class is a kind of token with a price of its own, as written in the table.
type class string

const (
	input        class = "in"
	cacheRead    class = "read"
	cacheWrite5m class = "write"
	cacheWrite1h class = "write1h"
	output       class = "out"
	reasoning    class = "think"
	audioIn      class = "audioin"
	audioOut     class = "audioout"
	imageIn      class = "imagein"
	imageOut     class = "imageout"
)

var classes = []class{input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning, audioIn, audioOut, imageIn, imageOut}

// slot is one place in a price list: the service tier, the prompt size above
// which it applies, in tokens, and the class of token.
type slot struct {
	tier  string
	above int64
	class class
}

const standard = "standard"

var tiers = []string{standard, "batch", "flex", "priority", "fast"}

func (s slot) String() string {
	text := string(s.class)
	if s.tier != standard {
		text = s.tier + " " + text
	}
	if s.above > 0 {
		text += fmt.Sprintf(" above %d", s.above)
	}
	return text
}

// quote is a price list.
type quote map[slot]nano

// steps are the prompt sizes at which the prices of a tier change.
func (q quote) steps(tier string) []int64 {
	var at []int64
	for s := range q {
		if s.tier == tier && !slices.Contains(at, s.above) {
			at = append(at, s.above)
		}
	}
	slices.Sort(at)
	return at
}

// period is a price list and the day from which it holds, "" always.
type period struct {
	from  string
	quote quote
}

// offer is what one source says of one model.
type offer struct {
	own     bool // by an entry of its own, not by a rule for several
	entry   string
	periods []period // earliest first
	hourly  bool     // prices change by the hour; periods are not complete
	fees    bool     // each request costs something besides its tokens

	context, maxInput, maxOutput int
	vision, tools, schemas       *bool
	zero                         bool // said to cost nothing
	twice                        bool // named twice, with different prices
}

// at returns the price list that holds on a day, nil if there is none.
func (o *offer) at(day string) quote {
	var q quote
	for _, p := range o.periods {
		if p.from <= day {
			q = p.quote
		}
	}
	return q
}

// source names one of the tables.
type source int

const (
	litellm source = iota
	genai
	catwalk
	sourceCount
)

// shelf holds the models of one provider, by id.
type shelf struct {
	models map[string]*[sourceCount]*offer
}

func newShelf() *shelf { return &shelf{models: map[string]*[sourceCount]*offer{}} }

func (s *shelf) put(from source, id string, o *offer) {
	m := s.models[id]
	if m == nil {
		m = new([sourceCount]*offer)
		s.models[id] = m
	}
	switch have := m[from]; {
	case have == nil || len(have.periods) == 0:
		m[from] = o
	case from == litellm && len(o.periods) > 0:
		have.merge(o.periods[0].quote)
	}
}

// merge adds what a source says of the same model a second time. Where it
// contradicts itself it says nothing.
func (o *offer) merge(again quote) {
	q := o.periods[0].quote
	for s, price := range again {
		have, ok := q[s]
		switch {
		case !ok:
			q[s] = price
		case have != price:
			delete(q, s)
			o.twice = true
		}
	}
}

func unzip(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return text, nil
}
