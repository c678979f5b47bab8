package proxy

import (
	"net/http"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// turns says whose turn it is: one candidate after the other, then once more
// those that may have changed their minds.
type turns struct {
	plan  []route.Candidate
	at    int // the next place of the plan
	round int
	said  []said // by place; nil while nobody has failed
	last  int    // place of the latest failure
}

// said is how a candidate failed.
type said struct {
	err   *llm.Error
	until time.Time // it wants to be left alone before; zero: it did not say
}

// failed notes the failure of a candidate.
func (t *turns) failed(i int, err *llm.Error) {
	if t.said == nil {
		t.said = make([]said, len(t.plan))
	}
	t.said[i], t.last = said{err: err}, i
	if err.RetryAfter > 0 {
		t.said[i].until = time.Now().Add(err.RetryAfter)
	}
}

// next returns the place of the candidate to try and how long to wait before,
// or -1 when there is none.
func (t *turns) next(planner Planner, policy *Policy) (place int, pause time.Duration) {
	for {
		if t.at == len(t.plan) {
			if t.round++; t.round >= planner.Attempts() {
				return -1, 0
			}
			t.at = 0
			wait, ok := t.soonest(policy.MaxRetryAfter)
			if !ok {
				return -1, 0
			}
			pause = max(wait, planner.Backoff(t.round))
		}
		i := t.at
		t.at++
		if t.willing(i, time.Now().Add(pause)) {
			return i, pause
		}
	}
}

// willing reports whether a candidate may be asked at the time.
func (t *turns) willing(i int, at time.Time) bool {
	if t.said == nil || t.said[i].err == nil {
		return true
	}
	return !settledMind(t.said[i].err) && !at.Before(t.said[i].until)
}

// soonest returns how long it takes until a candidate may be asked again. It
// is not ok if none may, or only later than the client should wait here.
func (t *turns) soonest(longest time.Duration) (wait time.Duration, ok bool) {
	now := time.Now()
	for i := range t.said {
		s := &t.said[i]
		if s.err == nil || settledMind(s.err) || s.err.RetryAfter > longest {
			continue
		}
		if d := max(0, s.until.Sub(now)); !ok || d < wait {
			wait, ok = d, true
		}
	}
	return wait, ok
}

// settledMind reports whether asking again gives the same answer: a key that
// is refused stays refused.
func settledMind(e *llm.Error) bool {
	if e.Kind != llm.BadUpstream || e.Upstream == nil {
		return false
	}
	switch status := e.Upstream.Status; status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= 400 && status < 500
	}
}

// verdict is the failure to tell the client: the latest, unless another
// candidate has said when it may be asked again.
func (t *turns) verdict() error {
	if t.said == nil {
		return llm.Errorf(llm.Internal, "no upstream was planned for the call")
	}
	err := t.said[t.last].err
	for i := range t.said {
		e := t.said[i].err
		if e == nil || e.RetryAfter == 0 {
			continue
		}
		if err.RetryAfter == 0 || e.RetryAfter < err.RetryAfter {
			err = e
		}
	}
	return err
}
