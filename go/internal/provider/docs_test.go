package provider

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/docstest"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

var update = flag.Bool("update", false, "write the table of the documentation anew")

// TestDocumentation holds the table in docs/providers.md to the presets.
func TestDocumentation(t *testing.T) {
	docstest.Table(t, "../../../docs/providers.md", "<!-- presets -->\n", "<!-- /presets -->\n", presetTable(), *update)
}

func presetTable() string {
	var b strings.Builder
	b.WriteString("| Provider | Set | Base URL | Protocols | Large, small |\n|---|---|---|---|---|\n")
	for _, p := range Presets() {
		set, base := p.NeedVar(), "of yours"
		if !p.Generic {
			base = "`" + p.Base + p.Paths[p.Speaks[llm.Generate][0]][0] + "`"
		}
		var speaks []string
		for _, protocol := range p.Speaks[llm.Generate] {
			speaks = append(speaks, map[llm.Protocol]string{
				llm.Chat: "Chat", llm.Responses: "Responses", llm.Messages: "Messages", llm.Gemini: "Gemini",
			}[protocol])
		}
		if len(p.Speaks[llm.Embed]) > 0 {
			speaks = append(speaks, "Embeddings")
		}
		defaults := "–"
		if p.Defaults.Large != "" {
			defaults = fmt.Sprintf("`%s`, `%s`", p.Defaults.Large, p.Defaults.Small)
		}
		fmt.Fprintf(&b, "| %s (`%s`) | `%s` | %s | %s | %s |\n",
			p.Title, p.Name, set, base, strings.Join(speaks, ", "), defaults)
	}
	return b.String()
}
