package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// report writes what the sources do not agree on.
func (r *result) report() []byte {
	var b bytes.Buffer
	var unknown, settled []difference
	for _, d := range r.differences {
		if d.taken.mark == disputed {
			unknown = append(unknown, d)
		} else {
			settled = append(settled, d)
		}
	}
	fmt.Fprintf(&b, `# Prices on which the sources differ

Made by `+"`make generate`"+` from the tables of %s in [tools/prices](../tools/prices/README.md); how it is decided is in
[ADR 0008](adr/0008-prices.md). In USD per million tokens.

`, r.plan.Date)
	r.counts(&b, len(unknown), len(settled))
	b.WriteString("\n## Not known\n\nThe cost of a call that uses one of these is shown as unknown until you set the price in `prices.file`.\n\n")
	differences(&b, unknown)
	b.WriteString("\n## Explained\n\nA rule explains these differences; the price taken is in the last column but one.\n\n")
	differences(&b, settled)
	b.WriteString("\n## Charged by request\n\nThese cost something besides their tokens, so their tokens have no price here.\n\n")
	names(&b, r.fees)
	b.WriteString("\n## Said to cost nothing, priced by the hour, or named twice\n\nNot taken: in the sources zero often means that nothing is known, a price by the hour is not carried, and a source that names two prices knows none.\n\n")
	names(&b, r.unclear)
	return b.Bytes()
}

func (r *result) counts(b *bytes.Buffer, unknown, settled int) {
	byMark := map[mark]int{}
	priced := 0
	for _, m := range r.models {
		known := m.free
		for _, l := range m.lists {
			for _, v := range l.prices {
				byMark[v.mark]++
				known = known || v.mark != disputed
			}
		}
		if known {
			priced++
		}
	}
	fmt.Fprintf(b, "%d models, %d of them with a price. Prices on which two sources agree: %d; named by one source only: %d; "+
		"by a rule of the vendor: %d. Differences not resolved: %d; explained: %d.\n",
		len(r.models), priced, byMark[agreed], byMark[single], byMark[derived], unknown, settled)
}

func differences(b *bytes.Buffer, all []difference) {
	b.WriteString("| Provider | Model | Price | LiteLLM | genai-prices | catwalk | Taken | Why |\n|---|---|---|---|---|---|---|---|\n")
	for _, d := range all {
		taken := "–"
		if d.taken.mark != disputed {
			taken = d.taken.price.String()
		}
		fmt.Fprintf(b, "| %s | `%s` | %s | %s | %s | %s | %s | %s |\n", d.provider, d.id, d.slot,
			shown(d.says[litellm]), shown(d.says[genai]), shown(d.says[catwalk]), taken, d.why)
	}
}

func shown(n nano) string {
	if n == 0 {
		return ""
	}
	return n.String()
}

func names(b *bytes.Buffer, all []string) {
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 0 {
		b.WriteString("None.\n")
		return
	}
	b.WriteString(strings.Join(all, ", ") + ".\n")
}
