package route

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Problem is something about the configuration that cannot work, or will not
// do what was meant.
type Problem struct {
	Where   string `json:"where"` // routes[2], aliases[gpt-4o], providers.name
	Warning bool   `json:"warning"`
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

func (p Problem) String() string { return p.Where + ": " + p.Message + " " + p.Fix }

// Problems tells what is wrong with the routes and aliases as configured.
func (r *Router) Problems() []Problem { return slices.Clone(r.snap.Load().problems) }

func (s *snapshot) problem(warning bool, where, message, fix string) {
	s.problems = append(s.problems, Problem{Where: where, Warning: warning, Message: message, Fix: fix})
}

func rulePlace(at int, match string) string { return fmt.Sprintf("routes[%d] (%s)", at, match) }

func aliasPlace(a alias) string { return "aliases[" + a.from + "]" }

// inspectRule checks one route while it is read; r holds the targets that
// could be understood.
func (s *snapshot) inspectRule(at int, from Rule, r *rule) {
	where := rulePlace(at, from.Match)
	if r.match == "" {
		s.problem(false, where, "The pattern is empty.", "Write it as pattern=>provider.")
		return
	}
	if len(from.Targets) == 0 {
		s.problem(false, where, "The route has no target.", "Write it as pattern=>provider.")
		return
	}
	for _, text := range from.Targets {
		s.inspectTarget(where, text)
	}
	if len(r.targets) == 0 {
		return
	}
	if !slices.ContainsFunc(r.targets, func(t target) bool { return t.usable() }) {
		s.problem(false, where, "The route leads nowhere: none of its targets can be asked.",
			"See the targets' own problems.")
	}
	if isLoopback(r.match) {
		s.problem(true, where, "Models of the name loopback always go to the built-in provider.", "Remove the route.")
	}
	for i := range s.rules {
		if early := &s.rules[i]; early.at != at && covers(early.match, r.match) {
			s.problem(true, where,
				fmt.Sprintf("The route is never reached: %s before it takes every model it matches.", early.match),
				"Put the narrower pattern first.")
			break
		}
	}
}

func (s *snapshot) inspectTarget(where, text string) {
	t, ok := s.parseTarget(text)
	if !ok {
		s.unknownTarget(where, strings.TrimSpace(text))
		return
	}
	switch m := t.members()[0]; {
	case !t.ready():
		s.problem(true, where, fmt.Sprintf("The target %s cannot be asked: %s.", text, noKey(m)),
			"Until then it is passed over.")
	case !t.usable():
		s.problem(false, where, fmt.Sprintf("The target %s speaks no protocol that the gateway can translate to.", text),
			"Use another provider for this route.")
	case s.mode == ModePassthrough:
		s.inspectPairs(where, text, &t)
	}
}

// inspectPairs names the clients that a target cannot serve without
// translation, which the mode forbids.
func (s *snapshot) inspectPairs(where, text string, t *target) {
	var refused []string
	for _, client := range t.members()[0].codecs {
		if !slices.ContainsFunc(t.members(), func(m *member) bool {
			return m.info.Ready && slices.Contains(m.protocols(llm.Generate), client)
		}) {
			refused = append(refused, string(client))
		}
	}
	if len(refused) > 0 {
		s.problem(true, where, fmt.Sprintf("The mode is passthrough and %s does not speak %s: such clients are refused.",
			text, strings.Join(refused, ", ")), "Use the mode auto, or a target that speaks it.")
	}
}

// unknownTarget explains a target that is none.
func (s *snapshot) unknownTarget(where, text string) {
	left, model, slash := strings.Cut(text, "/")
	if _, _, ok := s.named(left); ok && slash {
		message := fmt.Sprintf("The target %s names no model after the slash.", text)
		if isPattern(model) {
			message = fmt.Sprintf("The target %s asks for a pattern, which is no model.", text)
		}
		s.problem(false, where, message, "Write provider, or provider/model.")
		return
	}
	fix := "Configure it, or write provider or provider/model."
	limit, best := max(2, len(left)/3), ""
	for _, p := range s.order {
		if d := distance(left, p.name, limit); d <= limit {
			limit, best = d, p.name
		}
	}
	if best != "" {
		fix = fmt.Sprintf("Did you mean %s?", best)
	}
	s.problem(false, where, fmt.Sprintf("The target %s names no provider: %q is not one.", text, left), fix)
}

// ready reports whether any key of the target can be asked.
func (t *target) ready() bool {
	return slices.ContainsFunc(t.members(), func(m *member) bool { return m.info.Ready })
}

// usable reports whether a ready key speaks any protocol for any operation.
func (t *target) usable() bool {
	return slices.ContainsFunc(t.members(), func(m *member) bool {
		return m.info.Ready && (len(m.protocols(llm.Generate)) > 0 || len(m.protocols(llm.Embed)) > 0)
	})
}

// inspect checks what can only be seen when everything is read.
func (s *snapshot) inspect() {
	for _, name := range slices.Sorted(maps.Keys(s.exact)) {
		s.inspectAlias(s.exact[name])
		for i := range s.rules {
			if s.rules[i].match == name {
				s.problem(true, rulePlace(s.rules[i].at, name),
					"The route is never reached: an alias of that name comes first.", "Remove the alias or the route.")
			}
		}
	}
	for i, a := range s.globs {
		s.inspectAlias(a)
		for _, early := range s.globs[:i] {
			if covers(early.from, a.from) {
				s.problem(true, aliasPlace(a),
					fmt.Sprintf("The alias is never reached: %s before it takes every model it matches.", early.from),
					"Put the narrower pattern first.")
				break
			}
		}
	}
}

func (s *snapshot) inspectAlias(a alias) {
	where := aliasPlace(a)
	switch cycle := s.cycle(a); {
	case isLoopback(a.from):
		s.problem(true, where, "Models of the name loopback always go to the built-in provider.", "Remove the alias.")
		return
	case a.to == a.from:
		s.problem(true, where, "The alias stands for itself.", "Remove it.")
		return
	case cycle != "":
		s.problem(false, where, "The aliases go round in a circle: "+cycle+".", "Let one of them name a real model.")
		return
	}
	if next, ok := s.exact[a.to]; ok && a.targets == nil {
		s.problem(true, where, fmt.Sprintf("%s is itself an alias, and an alias is followed once only.", a.to),
			"Let it stand for "+next.to+".")
	}
	q := Query{Model: a.to, Operation: llm.Generate}
	found, err := s.settle(&q, choice{model: a.to, alias: a.from}, a.targets, nil, nil)
	var nowhere *llm.Error
	switch {
	case errors.As(err, &nowhere):
		// What a provider reports later may still be the model meant.
		later := s.builtin && nowhere.Kind == llm.ModelNotFound && !s.idle()
		s.problem(later, where, "The alias leads nowhere. "+nowhere.Message, "Name a model that a route leads to.")
	case !slices.ContainsFunc(found.targets, func(t target) bool { return t.usable() }):
		m := found.targets[0].members()[0]
		s.problem(false, where, fmt.Sprintf("The alias leads to %s, which cannot be asked: %s.", m.pool.name, noKey(m)),
			"Name a model that a route leads to.")
	}
}

// cycle spells out the circle that an alias is part of, "" if it is in none.
func (s *snapshot) cycle(a alias) string {
	path := a.from
	for at, steps := a, 0; steps <= len(s.exact); steps++ {
		path += " => " + at.to
		if at.to == a.from {
			return path
		}
		next, ok := s.exact[at.to]
		if !ok {
			return ""
		}
		at = next
	}
	return ""
}
