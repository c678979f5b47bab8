package route

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// blame says what an outcome speaks against.
type blame uint8

const (
	blameNone   blame = iota // nothing: the failure is ours or the client's
	praise                   // the upstream is there and answers
	blameTarget              // the model at this provider
	blameLimit               // the model with this key, for a time
	blameKey                 // the key: refused, or without money
)

func blameFor(e *llm.Error) blame {
	if e == nil {
		return praise
	}
	status := 0
	if e.Upstream != nil {
		status = e.Upstream.Status
	}
	switch e.Kind {
	case llm.QuotaExceeded, llm.Unauthenticated:
		return blameKey
	case llm.RateLimited:
		return blameLimit
	case llm.BadUpstream:
		if status == http.StatusUnauthorized || status == http.StatusPaymentRequired {
			return blameKey
		}
		return blameTarget
	case llm.Overloaded, llm.Timeout:
		return blameTarget
	case llm.Canceled:
		return blameNone
	default:
		switch {
		case status >= http.StatusInternalServerError:
			return blameTarget
		case status != 0:
			return praise // it refused the request, so it lives
		}
		return blameNone
	}
}

// at returns what ails a place, a new entry if nothing did.
func (h *health) at(p place, now time.Time) *ailment {
	a := h.bad[p]
	if a == nil {
		h.shrink(now)
		a = &ailment{}
		h.bad[p] = a
	}
	return a
}

// fail counts a failure. It is not fresh when the attempt began before the
// last cool-down did: many calls that fail together are one failure.
func (h *health) fail(p place, e *llm.Error, began, now time.Time) (a *ailment, fresh bool) {
	a = h.at(p, now)
	if began.Before(a.opened) {
		return a, false
	}
	a.fails++
	a.reason = e.Kind.String()
	return a, true
}

// heal forgets what ailed a place, unless the answer is older than the
// trouble or the upstream named a time that is not over.
func (h *health) heal(p place, began, now time.Time) {
	a := h.bad[p]
	if a == nil || began.Before(a.opened) || a.state(now) == waiting {
		return
	}
	if now.Before(a.limit) {
		*a = ailment{limit: a.limit, reason: a.reason}
		return
	}
	delete(h.bad, p)
}

// release lets another call probe.
func (h *health) release(p place) {
	if a := h.bad[p]; a != nil {
		a.probe = time.Time{}
	}
}

// rest opens a cool-down: as long as the upstream says, else growing.
func (a *ailment) rest(e *llm.Error, fresh bool, now time.Time, p *Retry) {
	if e.RetryAfter > 0 {
		until := later(a.until, now.Add(min(e.RetryAfter, p.RetryAfterMax)))
		if fresh {
			a.opens++
			a.opened = now
		}
		a.until, a.hard, a.probe = until, true, time.Time{}
		return
	}
	if fresh {
		a.open(now, jitter(grow(p.CooldownBase, p.CooldownMax, a.opens+1), p.CooldownMax))
	}
}

func (a *ailment) open(now time.Time, d time.Duration) {
	if now.Before(a.until) && a.hard {
		return // it said itself how long
	}
	a.opens++
	a.opened, a.until, a.hard, a.probe = now, now.Add(d), false, time.Time{}
}

// shrink makes room for one more entry: what is over goes first.
func (h *health) shrink(now time.Time) {
	if len(h.bad) < maxPlaces {
		return
	}
	for p, a := range h.bad {
		if !now.Before(a.until) && !now.Before(a.limit) {
			delete(h.bad, p)
		}
	}
	for p := range h.bad {
		if len(h.bad) < maxPlaces {
			return
		}
		delete(h.bad, p)
	}
}

// measure averages over about the last ten answers.
func (h *health) measure(p place, o Outcome) {
	v := h.speeds[p]
	if v == nil {
		if len(h.speeds) >= maxPlaces {
			for old := range h.speeds {
				delete(h.speeds, old)
				break
			}
		}
		v = &speed{}
		h.speeds[p] = v
	}
	v.n++
	weight := time.Duration(min(v.n, 10))
	v.total += (o.Total - v.total) / weight
	if o.FirstToken > 0 {
		v.firsts++
		v.first += (o.FirstToken - v.first) / time.Duration(min(v.firsts, 10))
	}
}

// keep forgets the providers that stay does not name.
func (h *health) keep(stay func(provider string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.bad {
		if !stay(p.provider) {
			delete(h.bad, p)
		}
	}
	for p := range h.speeds {
		if !stay(p.provider) {
			delete(h.speeds, p)
		}
	}
	h.ill.Store(int64(len(h.bad)))
}

// grow doubles base with every try from the first, up to limit.
func grow(base, limit time.Duration, try int) time.Duration {
	d := base
	for ; try > 1 && d < limit; try-- {
		d *= 2
	}
	return min(d, limit)
}

// jitter spreads d by a quarter either way, up to limit, so that many do not
// come back at once.
func jitter(d, limit time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return min(d-d/4+rand.N(d/2+1), limit) //nolint:gosec // spreading, not secrecy
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
