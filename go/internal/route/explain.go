package route

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Explanation is a plan in words: what was decided, and why every other target
// lost.
type Explanation struct {
	Model      string     `json:"model"`
	Protocol   string     `json:"protocol"`
	Operation  string     `json:"operation"`
	Mode       string     `json:"mode"`
	Alias      string     `json:"alias,omitempty"`    // the alias that was followed
	Resolved   string     `json:"resolved,omitempty"` // the model after it
	Via        string     `json:"via,omitempty"`      // pattern or name that matched
	Decision   string     `json:"decision,omitempty"` // why this way
	Candidates []Chosen   `json:"candidates"`
	Lost       []Lost     `json:"lost"`
	Error      *Explained `json:"error,omitempty"` // what a client would get instead
}

// Chosen is a candidate, best first.
type Chosen struct {
	Provider  string `json:"provider"`
	Model     string `json:"model"`
	Protocol  string `json:"protocol"`
	Translate bool   `json:"translate"`
	Route     string `json:"route"`
	Why       string `json:"why"`
}

// Lost is a target, route or provider that will not be asked.
type Lost struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Explained is an error of Plan.
type Explained struct {
	Kind    string `json:"kind"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
}

// Explain says what Plan would decide now. It counts nothing as tried.
func (r *Router) Explain(q Query) Explanation {
	s := r.snap.Load()
	e := Explanation{
		Model: q.Model, Protocol: string(q.Protocol), Operation: string(q.Operation),
		Mode:       cmp.Or(s.modeOf(&q), ModeAuto),
		Candidates: []Chosen{}, Lost: []Lost{},
	}
	found, err := s.choose(&q, *r.learned.Load(), nil)
	e.Alias, e.Resolved = found.alias, found.model
	if err == nil {
		e.Via, e.Decision = found.via, found.why
		err = r.explainLine(s, &q, &found, &e)
	}
	if err != nil {
		known := llm.AsError(err)
		e.Error = &Explained{Kind: known.Kind.String(), Code: known.Code, Message: known.Message}
	}
	e.others(s, &found)
	return e
}

func (r *Router) explainLine(s *snapshot, q *Query, found *choice, e *Explanation) error {
	plan, err := r.line(s, q, found, func(m *member, t *target, why string) {
		e.Lost = append(e.Lost, Lost{What: m.name + "/" + t.ask(m, found.model), Why: why})
	}, false)
	for i := range plan {
		c := &plan[i]
		e.Candidates = append(e.Candidates, Chosen{
			Provider: c.Target.Provider, Model: c.Target.Model, Protocol: string(c.Protocol),
			Translate: c.Translate || c.Protocol != q.Protocol, Route: c.Route, Why: c.Why,
		})
	}
	return err
}

// others says why the remaining routes and providers were not considered.
func (e *Explanation) others(s *snapshot, found *choice) {
	reached := true
	for i := range s.rules {
		rule := &s.rules[i]
		what := "route " + strconv.Itoa(rule.at+1) + " (" + rule.match + ")"
		switch {
		case !reached || isLoopback(found.model):
			e.Lost = append(e.Lost, Lost{what, "not reached: " + found.via + " comes first"})
		case match(rule.match, found.model):
			reached = false
		default:
			e.Lost = append(e.Lost, Lost{what, "the pattern does not match"})
		}
	}
	for _, p := range s.order {
		if slices.ContainsFunc(found.targets, func(t target) bool { return t.pool == p }) {
			continue
		}
		e.Lost = append(e.Lost, Lost{p.name, s.whyNot(p, found)})
	}
}

func (s *snapshot) whyNot(p *pool, found *choice) string {
	claims := slices.ContainsFunc(s.families, func(f family) bool { return f.pool == p && match(f.pattern, found.model) })
	switch {
	case p == s.loopback:
		return "answers only to its own name, or where a route names it"
	case len(p.ready) == 0:
		return noKey(p.members[0])
	case !s.builtin:
		return "no target of the route"
	case claims:
		return "claims the family too, but " + found.via + " comes first"
	}
	return "the model is not of its families"
}

// Condition is the health of one target or, where Model is "", of a key.
type Condition struct {
	Provider   string        `json:"provider"`
	Model      string        `json:"model,omitempty"`
	Operation  string        `json:"operation,omitempty"` // "" is generation
	State      string        `json:"state"`               // well, probing, cooling, waiting
	Reason     string        `json:"reason,omitempty"`
	Failures   int           `json:"failures"` // in a row
	Until      time.Time     `json:"until,omitzero"`
	FirstToken time.Duration `json:"first_token_ns"` // moving averages
	Total      time.Duration `json:"total_ns"`
}

var stateNames = [...]string{"well", "probing", "cooling", "waiting"}

// Health returns what is known of every target that was used, sorted.
func (r *Router) Health() []Condition {
	h, now := r.health, r.snap.Load().now()
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make(map[place]Condition, len(h.bad)+len(h.speeds))
	for p, v := range h.speeds {
		all[p] = Condition{State: stateNames[well], FirstToken: v.first, Total: v.total}
	}
	for p, a := range h.bad {
		c := all[p]
		c.State = stateNames[a.state(now)]
		c.Reason, c.Failures, c.Until = a.reason, a.fails, later(a.until, a.limit)
		all[p] = c
	}
	out := make([]Condition, 0, len(all))
	for p, c := range all {
		c.Provider, c.Model, c.Operation = p.provider, p.model, string(p.op)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Condition) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model),
			cmp.Compare(a.Operation, b.Operation))
	})
	return out
}
