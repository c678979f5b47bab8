package route

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/catalog"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// slot is a place in a plan before it is filled in.
type slot struct {
	m         *member
	t         *target
	protocol  llm.Protocol
	translate bool
	state     state
	until     time.Time // end of the cool-down
	reason    string    // kind of the error that led to it
	limited   bool      // its key was told to slow down
}

// line puts the targets of a choice in order: as written, keys rotated, what
// is in a cool-down last and what asked to be left alone not at all. With live
// false nothing is counted as tried. Tell, if set, learns of each target that
// was left out.
func (r *Router) line(
	s *snapshot, q *Query, found *choice, tell func(*member, *target, string), live bool,
) ([]Candidate, error) {
	var buf [8]slot
	slots, missed := s.gather(q, found, buf[:0], tell)
	if len(slots) == 0 {
		return nil, s.nobody(q, found, missed)
	}
	now := s.now()
	if !found.drill {
		r.health.judge(slots, found.model, q.Operation, now)
	}
	s.rotate(slots, q.SessionID, live)

	var soonest time.Time
	reason := ""
	plan := make([]Candidate, 0, len(slots))
	var last *target
	for _, resting := range [...]bool{false, true} {
		for i := range slots {
			sl := &slots[i]
			if sl.state == waiting {
				if soonest.IsZero() || sl.until.Before(soonest) {
					soonest, reason = sl.until, sl.reason
				}
				if tell != nil && !resting {
					tell(sl.m, sl.t, "it asked to be left alone until "+sl.until.UTC().Format(time.RFC3339))
				}
				continue
			}
			if resting == (sl.state == cooling) {
				var c Candidate
				if sl.t == last {
					c = plan[len(plan)-1] // another key of the same pool: the model is the same
				} else {
					s.describe(q, found, sl, &c)
					last = sl.t
				}
				sl.sign(&c, found, len(plan) > 0)
				plan = append(plan, c)
			}
		}
	}
	if len(plan) == 0 {
		return nil, tooSoon(q, reason, soonest.Sub(now))
	}
	if live {
		r.health.probe(&plan[0], now, s.retry.ProbeTime)
	}
	return plan, nil
}

// miss is why a target was left out.
type miss struct {
	m   *member
	why string
}

// gather lists the keys that can be asked, in the order of the targets.
func (s *snapshot) gather(
	q *Query, found *choice, slots []slot, tell func(*member, *target, string),
) (_ []slot, first miss) {
	mode := s.modeOf(q)
	for i := range found.targets {
		t := &found.targets[i]
		for _, m := range t.members() {
			p, translate, why := m.speak(q, mode)
			switch {
			case !m.info.Ready:
				why = noKey(m)
			case q.Pin != "" && q.Pin != m.name && q.Pin != m.pool.name:
				why = "the conversation's state is at " + q.Pin
			case why == "" && listed(slots, m, t, found.model):
				why = "it stands in the route already"
			}
			if why == "" {
				slots = append(slots, slot{m: m, t: t, protocol: p, translate: translate})
				continue
			}
			if first.m == nil || !first.m.info.Ready && m.info.Ready {
				first = miss{m, why}
			}
			if tell != nil {
				tell(m, t, why)
			}
		}
	}
	return slots, first
}

func listed(slots []slot, m *member, t *target, model string) bool {
	for i := range slots {
		if slots[i].m == m && slots[i].t.ask(m, model) == t.ask(m, model) {
			return true
		}
	}
	return false
}

// ask is the model id that the upstream is asked for. A provider in front of
// the id is not part of it when it is the one that is asked.
func (t *target) ask(m *member, model string) string {
	if t.fixed {
		return t.model
	}
	if left, rest, slash := strings.Cut(model, "/"); slash && rest != "" && (left == m.pool.name || left == m.name) {
		return rest
	}
	return model
}

func noKey(m *member) string {
	what := "it has no key"
	if m.info.Local {
		what = "it is not configured"
	}
	if m.info.KeyVar != "" {
		what += ": set " + m.info.KeyVar
	}
	return what
}

// describe fills in what all keys of a target share.
func (s *snapshot) describe(q *Query, found *choice, sl *slot, c *Candidate) {
	model := sl.t.ask(sl.m, found.model)
	c.Operation, c.Target.Model, c.Prices = q.Operation, model, sl.m.pool.prices()
	lead := found.via
	if found.alias != "" && lead != q.Model {
		lead = q.Model + "=>" + lead
	}
	c.Route = printable(lead + "=>" + sl.m.pool.name + "/" + model)
	s.know(&c.Target, c.Prices)
}

// sign fills in what belongs to one key, and why it stands where it does.
func (sl *slot) sign(c *Candidate, found *choice, next bool) {
	info := sl.m.info
	c.Provider, c.Protocol, c.Translate = info.Provider, sl.protocol, sl.translate
	c.Target.Provider, c.Target.Native, c.Target.Quirks = sl.m.name, info.Native, info.Quirks
	switch {
	case sl.state == cooling:
		c.Why = "in a cool-down, a last resort"
	case sl.state == probing:
		c.Why = "its cool-down is over, a probe"
	case !next:
		c.Why = found.why
	case sl.t == &found.targets[0]:
		c.Why = "another key of the provider"
	default:
		c.Why = "the next target of the route"
	}
}

// Target says what an encoder must know of a model at a provider, whether or
// not the provider can be called now. It reports false for an unknown name.
func (r *Router) Target(providerName, model string) (protocol.Target, bool) {
	s := r.snap.Load()
	m := s.members[providerName]
	if m == nil {
		return protocol.Target{}, false
	}
	t := protocol.Target{Provider: m.name, Model: model, Native: m.info.Native, Quirks: m.info.Quirks}
	s.know(&t, m.pool.prices())
	return t, true
}

// know fills in what the catalog says of the model. What it does not say
// stays unknown.
func (s *snapshot) know(t *protocol.Target, prices string) {
	family := t.Model
	if s.catalog != nil {
		if m, ok := s.catalog.Find(prices, t.Model); ok {
			abilities(t, &m)
			if m.Family != "" {
				family = m.Family
			}
		}
	}
	t.Origin = prices + "/" + family
}

func abilities(t *protocol.Target, m *catalog.Model) {
	t.MaxOutput = m.MaxOutput
	t.Thinking, t.LeastThought = m.Thinking, m.LeastThought
	t.Reasoning, t.Prefill, t.Midway = m.Reasoning, m.Prefill, m.SystemMidway
	t.Vision = m.Vision
	t.Schemas = m.Schemas
}

// nobody is the error when no target can be asked.
func (s *snapshot) nobody(q *Query, found *choice, first miss) error {
	if first.m == nil {
		return llm.Errorf(llm.Internal, "the route %s has no target", found.via)
	}
	if !first.m.info.Ready {
		return notReady(first.m.pool, fmt.Sprintf("The model %q is routed to %s (%s)", q.Model, first.m.pool.name, found.via))
	}
	if q.Provider != "" {
		err := llm.Errorf(llm.Invalid, "The provider %s cannot answer this call: %s. Those that can: %s.",
			q.Provider, first.why, orNone(s.holders(q.Operation)))
		err.Code = CodeUnsupported
		return err
	}
	err := llm.Errorf(llm.Invalid, "The model %q is routed to %s, which cannot answer this call: %s.",
		q.Model, first.m.pool.name, first.why)
	err.Field, err.Code = "model", CodeUnsupported
	return err
}

// tooSoon is the error when every target named a time before which it is not
// to be asked. Reason is the kind of error of the one that comes back first.
func tooSoon(q *Query, reason string, wait time.Duration) error {
	wait = max(wait, time.Millisecond)
	kind, code := llm.RateLimited, "rate_limit_exceeded"
	if reason != llm.RateLimited.String() {
		kind, code = llm.Overloaded, "server_is_overloaded"
	}
	err := llm.Errorf(kind, "Every upstream for the model %q asked to be left alone. Please try again in %d s.",
		q.Model, int64((wait+time.Second-1)/time.Second))
	err.Code, err.RetryAfter = code, wait
	return err
}
