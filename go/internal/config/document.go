package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	_ "embed"
)

//go:embed reference.md
var referenceHead string

// WriteReference writes the page that explains every setting, in Markdown.
func WriteReference(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	section := "-"
	for _, k := range Keys() {
		if head := sectionOf(k.Name); head != section {
			section = head
			fmt.Fprintf(&b, "\n### %s\n\n| Setting | Variable | Default | |\n|---|---|---|---|\n", title(section))
		}
		b.WriteString(k.row())
	}
	_, err := w.Write(b.Bytes())
	return err
}

func sectionOf(name string) string {
	if strings.HasPrefix(name, "providers.") {
		return "providers"
	}
	if head, _, below := strings.Cut(name, "."); below && head != "auth" && head != "database" {
		return head
	} else if name == "routes" || name == "aliases" {
		return name
	}
	return ""
}

func title(section string) string {
	switch section {
	case "":
		return "The installation"
	case "providers":
		return "`providers`: upstream accounts by name"
	default:
		return "`" + section + "`"
	}
}

// row is a line of the table.
func (k *Key) row() string {
	name := "`" + k.Name + "`"
	if k.Flag != "" {
		name += "<br>`--" + k.Flag + "`"
	}
	env := "–"
	if !k.Kind.nested() {
		env = "`" + k.Env + "`"
		for _, other := range k.AltEnv {
			if other == strings.ToUpper(other) {
				env += ", else `" + other + "`"
			}
		}
	}
	def := "–"
	if k.Default != "" {
		def = "`" + k.Default + "`"
	}
	doc := k.Doc
	if len(k.Values) > 0 && !strings.Contains(k.Doc, "`"+k.Values[0]+"`") {
		doc += " One of: `" + strings.Join(k.Values, "`, `") + "`."
	}
	if bounds := k.bounds(); bounds != "" {
		doc += " " + bounds
	}
	if k.Restart {
		doc += " *Restart.*"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |\n", name, env, def, strings.ReplaceAll(doc, "|", "\\|"))
}

// bounds says the kind of a value and between what it must be.
func (k *Key) bounds() string {
	at := func(n int64) string { return fmt.Sprint(n) }
	switch k.Kind {
	case Count:
	case Bytes:
		at = func(n int64) string { return Size(n).String() }
	case Duration:
		at = formatNanos
	case Bool, Text, HiddenURL, Free, RouteList, AliasList:
		return ""
	default:
		return "(" + string(k.Kind) + ")"
	}
	return fmt.Sprintf("(%s, %s to %s)", k.Kind, at(k.Min), at(k.Max))
}
