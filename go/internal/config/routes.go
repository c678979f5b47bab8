package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const arrow = "=>"

// setRoutes reads routes: a list of pattern=>target|target or of mappings with
// match and targets, or one text with commas.
func setRoutes(to *[]Route, g given) error {
	parts, err := g.list()
	if err != nil {
		return err
	}
	*to = nil
	for _, part := range parts {
		r, err := readRoute(part)
		if err != nil {
			return atLine(part, err)
		}
		*to = append(*to, r)
	}
	return nil
}

func readRoute(g given) (Route, error) {
	if g.node == nil || g.node.Kind == yaml.ScalarNode {
		text, err := g.scalar()
		if err != nil {
			return Route{}, err
		}
		return parseRoute(text)
	}
	parts, err := g.pairs()
	if err != nil {
		return Route{}, err
	}
	var r Route
	for _, part := range parts {
		switch part.name {
		case "match":
			r.Match, err = part.value.scalar()
		case "targets":
			err = setList(&r.Targets, &Key{}, part.value)
		default:
			err = flaw(fmt.Sprintf("A route has no %q.", part.name), "Write match and targets.")
		}
		if err != nil {
			return Route{}, err
		}
	}
	r.Match = strings.TrimSpace(r.Match)
	return r, r.check()
}

// parseRoute reads pattern=>target|target.
func parseRoute(text string) (Route, error) {
	match, targets, ok := strings.Cut(text, arrow)
	if !ok {
		return Route{}, flaw(fmt.Sprintf("%q is no route.", text), "Write pattern=>provider.")
	}
	r := Route{Match: strings.TrimSpace(match), Targets: splitList(targets, "|")}
	return r, r.check()
}

// check tells what is wrong with the form of a route. Whether it leads
// anywhere is for the router to say.
func (r *Route) check() error {
	if err := checkName("pattern", r.Match); err != nil {
		return err
	}
	if len(r.Targets) == 0 {
		return flaw(fmt.Sprintf("The route %q has no target.", r.Match), "Write pattern=>provider.")
	}
	for _, t := range r.Targets {
		if err := checkName("target", t); err != nil {
			return err
		}
		if strings.Contains(t, "*") {
			return flaw(fmt.Sprintf("The target %q is a pattern.", t), "Write provider, or provider/model.")
		}
	}
	return nil
}

// checkName refuses what no model or provider is called and no route can be
// written with.
func checkName(what, name string) error {
	if name == "" {
		return flaw("The "+what+" is empty.", "Write pattern=>provider.")
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f || r == ',' || r == '|' || r == '\ufffd' {
			return flaw(fmt.Sprintf("The %s %q holds the character %q.", what, name, r), "Leave it out.")
		}
	}
	if strings.Contains(name, arrow) {
		return flaw(fmt.Sprintf("The %s %q holds a second =>.", what, name), "Put a comma between two of them.")
	}
	return nil
}

func (r Route) String() string { return r.Match + arrow + strings.Join(r.Targets, "|") }

// setAliases reads aliases: a mapping from name to model, a list of
// name=>model, or one text with commas.
func setAliases(to *[]Alias, g given) error {
	parts, err := aliasParts(g)
	if err != nil {
		return err
	}
	*to = nil
	for _, part := range parts {
		model, err := part.value.scalar()
		a := Alias{strings.TrimSpace(part.name), strings.TrimSpace(model)}
		if err == nil {
			err = a.check()
		}
		if err == nil && slices.ContainsFunc(*to, func(other Alias) bool { return other.From == a.From }) {
			err = flaw(fmt.Sprintf("The alias %q is given twice.", a.From), "Remove one.")
		}
		if err != nil {
			return atLine(part.value, err)
		}
		*to = append(*to, a)
	}
	return nil
}

// aliasParts takes aliases apart without reading them.
func aliasParts(g given) ([]pair, error) {
	if g.node != nil && g.node.Kind == yaml.MappingNode {
		return g.pairs()
	}
	parts, err := g.list()
	if err != nil {
		return nil, err
	}
	out := make([]pair, 0, len(parts))
	for _, part := range parts {
		text, err := part.scalar()
		from, model, ok := strings.Cut(text, arrow)
		if err == nil && !ok {
			err = flaw(fmt.Sprintf("%q is no alias.", text), "Write name=>model.")
		}
		if err != nil {
			return nil, atLine(part, err)
		}
		out = append(out, pair{from, given{source: part.source, text: model}})
	}
	return out, nil
}

func (a *Alias) check() error {
	if err := checkName("alias", a.From); err != nil {
		return err
	}
	if err := checkName("model of alias "+a.From, a.To); err != nil {
		return err
	}
	if strings.Contains(a.To, "*") {
		return flaw(fmt.Sprintf("The alias %q stands for a pattern.", a.From), "Let it stand for one model.")
	}
	return nil
}

func (a Alias) String() string { return a.From + arrow + a.To }

// atLine adds where in a longer value the flaw is.
func atLine(g given, err error) error {
	if g.source.Layer != FromFile {
		return err
	}
	var f *flawError
	if errors.As(err, &f) && !strings.HasPrefix(f.message, "Line ") {
		return flaw(fmt.Sprintf("Line %d: %s", g.source.Line, f.message), f.fix)
	}
	return err
}
