package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parser reads the table. Its strings are parts of the table's own text.
type parser struct {
	catalog *Catalog
	shelf   *shelf
	name    string // of the provider
	prices  map[string]*Price
	store   []Model
	flags   [2]bool // no and yes
}

// parse reads a table: a line that names it, then lines of three fields. The
// line of a provider begins with @ and lists the endings of snapshots and the
// prefixes of ids; that of a family begins with ~ and lists patterns; every
// other line is a model with its abilities and its price.
func parse(text string) (*Catalog, error) {
	first, rest, _ := strings.Cut(text, "\n")
	head := strings.Fields(first)
	if len(head) != 4 || head[0] != "tokligence-prices" || head[1] != "1" {
		return nil, fmt.Errorf("%q names no price table", first)
	}
	if sum := sha256.Sum256([]byte(rest)); hex.EncodeToString(sum[:4]) != head[3] {
		return nil, fmt.Errorf("the content does not have the hash %s that it names", head[3])
	}
	c := &Catalog{version: head[2] + "." + head[3], providers: map[string]*shelf{}}
	p := &parser{catalog: c, prices: map[string]*Price{}, flags: [2]bool{false, true}}
	p.store = make([]Model, 0, strings.Count(rest, "\n"))
	n := 1
	for line := range strings.Lines(rest) {
		n++
		if err := p.line(strings.TrimSuffix(line, "\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return c, nil
}

func (p *parser) line(line string) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	name, rest, _ := strings.Cut(line, "\t")
	second, third, ok := strings.Cut(rest, "\t")
	if !ok || name == "" {
		return fmt.Errorf("three fields are expected in %q", line)
	}
	if name[0] == '@' {
		p.name = name[1:]
		p.shelf = &shelf{models: map[string]*Model{}, revisions: strings.Fields(second), prefixes: strings.Fields(third)}
		p.catalog.providers[p.name] = p.shelf
		return nil
	}
	if p.shelf == nil {
		return fmt.Errorf("a model stands before the first provider")
	}
	p.store = append(p.store, Model{Provider: p.name})
	m := &p.store[len(p.store)-1]
	if err := p.abilities(m, second); err != nil {
		return err
	}
	var err error
	if m.Price, err = p.price(third); err != nil {
		return err
	}
	if name[0] == '~' {
		p.shelf.patterns = append(p.shelf.patterns, pattern{globs: globs(strings.Fields(name[1:])...), model: m, price: m.Price})
		return nil
	}
	m.ID = name
	p.shelf.models[name] = m
	return nil
}

// abilities reads name=value pairs.
func (p *parser) abilities(m *Model, text string) error {
	for pair := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(pair, "=")
		var err error
		switch name {
		case "context":
			m.ContextWindow, err = strconv.Atoi(value)
		case "input":
			m.MaxInput, err = strconv.Atoi(value)
		case "output":
			m.MaxOutput, err = strconv.Atoi(value)
		case "vision":
			m.Vision = p.flag(value)
		case "tools":
			m.Tools = p.flag(value)
		case "schemas":
			m.Schemas = p.flag(value)
		case "vendor":
			m.Vendor = value
		case "family":
			m.Family = value
		case "size":
			m.Size = value
		case "thinking":
			m.Thinking = value
		case "least":
			m.LeastThought, err = strconv.Atoi(value)
		case "reasoning":
			m.Reasoning = value == "yes"
		case "prefill":
			m.Prefill = value == "yes"
		case "midway":
			m.SystemMidway = value == "yes"
		default:
			err = fmt.Errorf("%q is no ability", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) flag(value string) *bool {
	if value == "yes" {
		return &p.flags[1]
	}
	return &p.flags[0]
}

// price reads the lists of a price. Models with the same share one.
func (p *parser) price(text string) (*Price, error) {
	if text == "" {
		return nil, nil
	}
	if known := p.prices[text]; known != nil {
		return known, nil
	}
	price := new(Price)
	if text == "free" {
		price = freePrice(Agreed)
	} else {
		for list := range strings.SplitSeq(text, " | ") {
			parsed, err := parsePeriod(list)
			if err != nil {
				return nil, err
			}
			price.periods = append(price.periods, parsed)
		}
		price.finish()
	}
	p.prices[text] = price
	return price, nil
}

// parsePeriod reads a list: the day from which it holds, if any, and steps.
func parsePeriod(text string) (period, error) {
	var p period
	if text == "" {
		return p, errors.New("a price without a tier")
	}
	if text[0] >= '0' && text[0] <= '9' {
		day, rest, _ := strings.Cut(text, " ")
		from, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return p, err
		}
		p.from, text = from.Unix(), rest
	}
	for part := range strings.SplitSeq(text, "; ") {
		s, err := parseStep(part)
		if err != nil {
			return p, err
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

// parseStep reads tier>size class=price class=price.
func parseStep(text string) (step, error) {
	var s step
	head, rest, _ := strings.Cut(text, " ")
	word, above, stepped := strings.Cut(head, ">")
	if s.tier = tierOf(word); s.tier == unknownTier {
		return s, fmt.Errorf("%q is no tier", word)
	}
	if stepped {
		var err error
		if s.above, err = strconv.ParseInt(above, 10, 64); err != nil {
			return s, err
		}
	}
	for pair := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(pair, "=")
		c, ok := classOf(name)
		if !ok {
			return s, fmt.Errorf("%q is no class of token", name)
		}
		rate, err := parseRate(value)
		if err != nil {
			return s, err
		}
		s.rates[c] = rate
	}
	return s, nil
}

func parseRate(text string) (packed, error) {
	basis := Agreed
	if n := len(text) - 1; n >= 0 {
		switch text[n] {
		case '?':
			return pack(0, Disputed), nil
		case '~':
			basis, text = Single, text[:n]
		case '^':
			basis, text = Derived, text[:n]
		}
	}
	nano, err := nanoUSD(text)
	return pack(nano, basis), err
}

func classOf(name string) (class, bool) {
	switch name {
	case "in":
		return input, true
	case "read":
		return cacheRead, true
	case "write":
		return cacheWrite5m, true
	case "write1h":
		return cacheWrite1h, true
	case "out":
		return output, true
	case "think":
		return reasoning, true
	case "audioin":
		return audioIn, true
	case "audioout":
		return audioOut, true
	case "imagein":
		return imageIn, true
	case "imageout":
		return imageOut, true
	}
	return 0, false
}

// maxUSD is the largest price, in USD per million tokens.
const maxUSD = 1_000_000

// nanoUSD reads a decimal number of USD as nano-USD. More than nine places,
// a sign or an exponent are refused: no price is rounded.
func nanoUSD(text string) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" || len(whole) > 7 || len(fraction) > 9 {
		return 0, fmt.Errorf("%q is no price: a number of USD up to %d with at most nine places", text, maxUSD)
	}
	var n int64
	for i := range len(whole) + 9 {
		digit := byte('0')
		if i < len(whole) {
			digit = whole[i]
		} else if i-len(whole) < len(fraction) {
			digit = fraction[i-len(whole)]
		}
		if digit < '0' || digit > '9' {
			return 0, fmt.Errorf("%q is no price: a number of USD with a point", text)
		}
		n = n*10 + int64(digit-'0')
	}
	if n > maxUSD*1e9 {
		return 0, fmt.Errorf("%q is no price: it is above %d USD", text, maxUSD)
	}
	return n, nil
}
