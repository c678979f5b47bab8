package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// table writes the table as go/internal/catalog reads it.
func (r *result) table() []byte {
	var b bytes.Buffer
	b.WriteString(`# Prices in USD per million tokens, and what models can do.
# Behind a price: nothing, two sources agree; ~ one source; ^ a rule of the vendor; ? sources differ, not known.
`)
	provider := ""
	for _, m := range r.models {
		if m.provider != provider {
			r.endProvider(&b, provider)
			provider = m.provider
			rules := r.plan.Providers[provider]
			fmt.Fprintf(&b, "@%s\t%s\t%s\n", provider, strings.Join(rules.Revisions, " "), strings.Join(rules.Prefixes, " "))
		}
		line(&b, m.id, m)
		if slices.Contains(r.plan.Providers[provider].Tuned, m.id) {
			line(&b, "~"+m.id+":*", m)
		}
	}
	r.endProvider(&b, provider)
	for _, name := range slices.Sorted(maps.Keys(r.plan.Providers)) {
		if !slices.ContainsFunc(r.models, func(m *model) bool { return m.provider == name }) {
			fmt.Fprintf(&b, "@%s\t\t\n", name)
			r.endProvider(&b, name)
		}
	}
	sum := sha256.Sum256(b.Bytes())
	return fmt.Appendf(nil, "tokligence-prices 1 %s %x\n%s", r.plan.Date, sum[:4], b.Bytes())
}

// endProvider writes the families, for ids that are not in the table.
func (r *result) endProvider(b *bytes.Buffer, provider string) {
	if provider == "" {
		return
	}
	for i := range r.plan.Families {
		f := &r.plan.Families[i]
		if !f.of(provider) {
			continue
		}
		m := &model{family: f, vision: f.Vision, tools: f.Tools, schemas: f.Schemas}
		m.free = slices.Equal(r.plan.Providers[provider].Free, f.Match)
		line(b, "~"+strings.Join(f.Match, " "), m)
	}
}

func line(b *bytes.Buffer, id string, m *model) {
	fmt.Fprintf(b, "%s\t%s\t%s\n", id, m.attributes(), m.price())
}

func (m *model) attributes() string {
	var a []string
	add := func(name, value string) {
		if value != "" && value != "0" {
			a = append(a, name+"="+value)
		}
	}
	add("context", strconv.Itoa(m.context))
	add("input", strconv.Itoa(m.maxInput))
	add("output", strconv.Itoa(m.maxOutput))
	for _, flag := range []struct {
		name  string
		value *bool
	}{{"vision", m.vision}, {"tools", m.tools}, {"schemas", m.schemas}} {
		if flag.value != nil {
			a = append(a, flag.name+"="+map[bool]string{true: "yes", false: "no"}[*flag.value])
		}
	}
	if f := m.family; f != nil {
		add("vendor", f.Vendor)
		add("family", f.Family)
		add("size", f.Size)
		add("thinking", f.Thinking)
		add("least", strconv.Itoa(f.Least))
		for _, flag := range []struct {
			name string
			set  bool
		}{{"reasoning", f.Reasoning}, {"prefill", f.Prefill}, {"midway", f.Midway}} {
			if flag.set {
				a = append(a, flag.name+"=yes")
			}
		}
	}
	return strings.Join(a, " ")
}

// price writes the lists: day, then tier above class=price …; …, one behind the other.
func (m *model) price() string {
	if m.free {
		return "free"
	}
	var lists []string
	for _, l := range m.lists {
		var steps []string
		var prices []string
		var at slot
		flush := func() {
			if len(prices) > 0 {
				steps = append(steps, strings.Join(append([]string{head(at)}, prices...), " "))
			}
			prices = nil
		}
		for _, s := range slices.SortedFunc(maps.Keys(l.prices), compareSlots) {
			if s.tier != at.tier || s.above != at.above {
				flush()
				at = s
			}
			v := l.prices[s]
			price := v.price.String()
			if v.mark == disputed {
				price = ""
			}
			prices = append(prices, string(s.class)+"="+price+string(v.mark))
		}
		flush()
		text := strings.Join(steps, "; ")
		if l.from != "" {
			text = l.from + " " + text
		}
		lists = append(lists, text)
	}
	return strings.Join(lists, " | ")
}

func head(s slot) string {
	if s.above == 0 {
		return s.tier
	}
	return fmt.Sprintf("%s>%d", s.tier, s.above)
}
