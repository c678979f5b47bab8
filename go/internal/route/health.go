package route

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// state is how a target may be used now.
type state uint8

const (
	well    state = iota
	probing       // its cool-down is over; one call may try it
	cooling       // used when nothing else is left
	waiting       // it said when to come back; not used before
)

// place is a target, or a key as a whole where model is "". Vendors limit
// counting and embedding apart from generation, so they are places apart.
type place struct {
	provider, model string
	op              llm.Operation // "" is generation
}

func placeOf(provider, model string, op llm.Operation) place {
	if op == llm.Generate {
		op = ""
	}
	return place{provider, model, op}
}

// ailment is what went wrong at a place. There is none where all is well.
type ailment struct {
	fails  int       // in a row
	opens  int       // cool-downs in a row
	opened time.Time // start of the last one
	until  time.Time // its end; zero while fewer than the allowed failures
	hard   bool      // the upstream named the end
	probe  time.Time // until when a probe keeps others away
	limit  time.Time // of a key: until when its like come first
	reason string
}

// speed is a moving average, for the owner to see and for policies to use.
type speed struct {
	first, total time.Duration
	n, firsts    int64
}

// maxPlaces bounds each map of health. Model ids come from clients.
const maxPlaces = 4096

// health is what is remembered of upstreams, by provider name, over reloads.
type health struct {
	ill    atomic.Int64 // len(bad), read without the lock
	mu     sync.Mutex
	bad    map[place]*ailment
	speeds map[place]*speed
}

func newHealth() *health {
	return &health{bad: make(map[place]*ailment), speeds: make(map[place]*speed)}
}

// judge fills in the state of each slot.
func (h *health) judge(slots []slot, model string, op llm.Operation, now time.Time) {
	if h.ill.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range slots {
		sl := &slots[i]
		if a := h.bad[placeOf(sl.m.name, sl.t.ask(sl.m, model), op)]; a != nil {
			sl.state, sl.until, sl.reason = a.state(now), a.until, a.reason
		}
		key := h.bad[place{provider: sl.m.name}]
		if key == nil {
			continue
		}
		sl.limited = now.Before(key.limit)
		if s := key.state(now); s > sl.state {
			sl.state, sl.until, sl.reason = s, key.until, key.reason
		}
	}
}

func (a *ailment) state(now time.Time) state {
	switch {
	case a.until.IsZero():
		return well
	case now.Before(a.until) && a.hard:
		return waiting
	case now.Before(a.until), now.Before(a.probe):
		return cooling
	}
	return probing
}

// probe keeps others away from a place whose cool-down is over while the call
// that was planned tries it.
func (h *health) probe(c *Candidate, now time.Time, lease time.Duration) {
	if h.ill.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, at := range [...]place{c.place(), {provider: c.Target.Provider}} {
		if a := h.bad[at]; a != nil && a.state(now) == probing {
			a.probe = now.Add(lease)
		}
	}
}

func (c *Candidate) place() place { return placeOf(c.Target.Provider, c.Target.Model, c.Operation) }

// Report says how an attempt at a candidate went. Health is kept per target
// and per key, whichever way the candidate was chosen.
func (r *Router) Report(c Candidate, o Outcome) {
	s := r.snap.Load()
	h, now := r.health, s.now()
	if s.members[c.Target.Provider] == nil {
		return // gone with a reload
	}
	blame := blameFor(o.Err)
	if blame == blameNone && h.ill.Load() == 0 && o.Err != nil {
		return
	}
	target, key := c.place(), place{provider: c.Target.Provider}
	began := now.Add(-o.Total)

	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.ill.Store(int64(len(h.bad))) }()
	h.release(target)
	h.release(key)
	switch blame {
	case blameNone:
	case praise:
		h.heal(target, began, now)
		h.heal(key, began, now)
		if o.Err == nil {
			h.measure(target, o)
		}
	case blameKey:
		if a, fresh := h.fail(key, o.Err, began, now); fresh {
			a.open(now, jitter(s.retry.KeyCooldown, s.retry.KeyCooldown))
		}
	case blameLimit:
		a, fresh := h.fail(target, o.Err, began, now)
		a.rest(o.Err, fresh, now, &s.retry)
		k := h.at(key, now)
		k.limit = later(k.limit, a.until)
	case blameTarget:
		a, fresh := h.fail(target, o.Err, began, now)
		if a.fails >= s.retry.Failures || o.Err.RetryAfter > 0 {
			a.rest(o.Err, fresh, now, &s.retry)
		}
	}
}
