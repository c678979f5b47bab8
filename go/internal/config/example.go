package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const exampleHead = `# yaml-language-server: $schema=%s
#
# Configuration of Tokligence Gateway. Everything is optional; what stands
# behind a # without a space is the default, or an example where there is none.
# Environment variables (TOKLIGENCE_...) override this file, flags override
# both. A secret may be written env:NAME or file:PATH. Changes are taken up
# while the gateway runs, but for those marked (restart).
# Check with: gateway config validate
`

const lineWidth = 78

// WriteExample writes a file in which every setting is explained and none is
// set.
func WriteExample(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, exampleHead, schemaID)
	section := ""
	for _, e := range table() {
		writeExampleKey(&b, &e.Key, 0, &section)
		if e.Name == "aliases" {
			b.WriteString("\n# Upstream accounts by name. A name that is a preset needs nothing but a key,\n" +
				"# and that can be set without this file: TOKLIGENCE_OPENAI_API_KEY.\n#providers:\n#  openai:\n")
			below := ""
			for _, p := range providerTable() {
				writeExampleKey(&b, &p.Key, 2, &below)
			}
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// writeExampleKey writes a key at a level; section is the one that is open.
func writeExampleKey(b *bytes.Buffer, k *Key, level int, section *string) {
	last := k.Name
	if head, rest, below := strings.Cut(k.Name, "."); below {
		if head != *section {
			if level == 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(b, "#%s%s:\n", strings.Repeat("  ", level), head)
			*section = head
		}
		last, level = rest, level+1
	} else {
		if *section = ""; level == 0 {
			b.WriteByte('\n')
		}
	}
	indent := strings.Repeat("  ", level)
	doc := strings.ReplaceAll(k.Doc, "`", "")
	if len(k.Values) > 0 && !strings.Contains(k.Doc, "`"+k.Values[0]+"`") {
		doc += " One of: " + strings.Join(k.Values, ", ") + "."
	}
	if k.Restart {
		doc += " (restart)"
	}
	for _, line := range wrap(doc, lineWidth-len(indent)) {
		fmt.Fprintf(b, "%s# %s\n", indent, line)
	}
	value := k.Default
	if value == "" {
		value = k.example
	}
	if value != "" && value[0] != '\n' {
		value = " " + value
	}
	fmt.Fprintf(b, "#%s%s:%s\n", indent, last, strings.ReplaceAll(value, "\n", "\n#"+indent))
}

// wrap breaks text into lines of at most width bytes where it can.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
