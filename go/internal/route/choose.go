package route

import (
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// choice is where a model leads, whatever the health of what is there.
type choice struct {
	model   string // after aliases
	alias   string // the alias that was followed, "" none
	via     string // how it was found, the left part of the route's text
	why     string
	targets []target
	drill   bool // loopback by its own name: faults are played as asked, health is no matter
}

// maxModel bounds a model id, in bytes.
const maxModel = 512

// choose resolves the model of q: loopback, aliases, routes, built-in routes.
// Targets are appended to buf if they are not those of a rule.
func (s *snapshot) choose(q *Query, learned map[string][]string, buf []target) (choice, error) {
	if q.Provider != "" {
		return s.chooseNamed(q, buf)
	}
	if err := checkModel(q.Model); err != nil {
		return choice{}, err
	}
	found := choice{model: q.Model}
	if isLoopback(q.Model) {
		return s.chooseLoopback(q, found, buf)
	}
	direct := s.follow(&found)
	if !allowed(q.Principal.Models, q.Model, found.model) {
		return found, s.forbidden(q)
	}
	return s.settle(q, found, direct, learned, buf)
}

// settle finds the targets of a model whose alias has been followed. Direct
// are those that the alias names itself.
func (s *snapshot) settle(
	q *Query, found choice, direct []target, learned map[string][]string, buf []target,
) (choice, error) {
	if direct != nil {
		found.via, found.targets, found.why = q.Model, direct, "the alias names the provider"
		return found, nil
	}
	if isLoopback(found.model) {
		return s.chooseLoopback(q, found, buf)
	}
	for i := range s.rules {
		if r := &s.rules[i]; match(r.match, found.model) {
			found.via, found.targets, found.why = r.match, r.targets, "the first route that matches"
			return found, nil
		}
	}
	if s.builtin {
		return s.chooseBuiltin(q, found, learned, buf)
	}
	return found, s.notFound(q, learned)
}

// chooseNamed leads to a provider that the client names.
func (s *snapshot) chooseNamed(q *Query, buf []target) (choice, error) {
	p, key, ok := s.named(q.Provider)
	if !ok {
		err := llm.Errorf(llm.Invalid, "There is no provider %q. Those that can do it: %s.",
			q.Provider, orNone(s.holders(q.Operation)))
		err.Code = CodeNoProvider
		return choice{}, err
	}
	if key == nil && len(p.ready) > 0 {
		key = p.ready[0] // keys may be of several accounts, and what is there is one account's
	}
	return choice{
		model: q.Model, via: p.name, why: "the request names the provider",
		targets: append(buf, target{pool: p, key: key, model: q.Model, fixed: true}),
	}, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// holders are the providers that can be asked for an operation, by name.
func (s *snapshot) holders(op llm.Operation) []string {
	var names []string
	for _, p := range s.order {
		if p != s.loopback && len(p.ready) > 0 && len(p.ready[0].protocols(op)) > 0 {
			names = append(names, p.name)
		}
	}
	return names
}

func checkModel(model string) error {
	if model == "" {
		return &llm.Error{Kind: llm.Invalid, Field: "model", Message: "The request names no model."}
	}
	if len(model) > maxModel {
		return llm.InvalidField("model", "The model id is longer than %d bytes.", maxModel)
	}
	for i := range len(model) {
		if model[i] < ' ' || model[i] == 0x7f {
			return llm.InvalidField("model", "The model id holds a control character.")
		}
	}
	return nil
}

func (s *snapshot) chooseLoopback(q *Query, found choice, buf []target) (choice, error) {
	if !allowed(q.Principal.Models, q.Model, found.model) {
		return found, s.forbidden(q)
	}
	if s.loopback == nil {
		err := llm.Errorf(llm.ModelNotFound,
			"The model %q does not exist here: the loopback provider is switched off.", q.Model)
		err.Field, err.Code = "model", CodeModelNotFound
		return found, err
	}
	found.via, found.why, found.drill = loopbackName, "built in", true
	found.targets = append(buf, target{pool: s.loopback, model: found.model, fixed: true})
	return found, nil
}

// follow replaces the model by what an alias stands for, once. It returns the
// targets of an alias that names its provider.
func (s *snapshot) follow(found *choice) []target {
	a, ok := s.exact[found.model]
	if !ok {
		for i := range s.globs {
			if match(s.globs[i].from, found.model) {
				a, ok = s.globs[i], true
				break
			}
		}
	}
	if !ok {
		return nil
	}
	found.alias, found.model = a.from, a.to
	return a.targets
}

func (s *snapshot) forbidden(q *Query) error {
	key := "This API key"
	if q.Principal.KeyName != "" {
		key = fmt.Sprintf("The API key %q", q.Principal.KeyName)
	}
	may := "It may use no model."
	if len(q.Principal.Models) > 0 {
		may = "It may use: " + strings.Join(q.Principal.Models[:min(len(q.Principal.Models), 20)], ", ") + "."
	}
	err := llm.Errorf(llm.Forbidden, "%s may not use the model %q. %s", key, q.Model, may)
	err.Field, err.Code = "model", CodeForbidden
	return err
}

// notReady is the error for a model whose provider cannot be asked. What leads
// to the provider is told in lead.
func notReady(p *pool, lead string) error {
	var err *llm.Error
	what, mend := "has no key", "the provider's API key"
	if p.info.Local {
		what, mend = "is not configured", "the address of the server"
	}
	if p.info.KeyVar == "" {
		err = llm.Errorf(llm.Invalid, "%s, and the provider %s %s. Configure %s.", lead, p.name, what, mend)
	} else {
		err = llm.Errorf(llm.Invalid, "%s, and the provider %s %s. Set %s to %s.", lead, p.name, what, p.info.KeyVar, mend)
	}
	err.Field, err.Code = "model", CodeNotConfigured
	return err
}
