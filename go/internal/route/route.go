// Package route decides which upstreams may answer a call, best first, and
// remembers how they did. It knows models, patterns and the health of
// upstreams; it must not know how a request is written, signed or sent, nor
// what becomes of the answer.
package route

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// Query is what a plan depends on.
type Query struct {
	Principal identity.Principal
	Protocol  llm.Protocol // spoken by the client
	Operation llm.Operation
	Model     string // as the client wrote it
	Mode      string // ModeAuto ("" too), ModePassthrough, ModeTranslation
	Pin       string // provider that holds this conversation's state; "" none
	Provider  string // asked for by name, for operations without a model; "" by the model
	SessionID string // conversation, for stickiness; "" unknown
}

// Work modes.
const (
	ModeAuto        = "auto"        // pass bytes where both sides speak one protocol
	ModePassthrough = "passthrough" // never translate
	ModeTranslation = "translation" // always translate
)

// Codes of the errors of Plan.
const (
	CodeModelNotFound = "model_not_found"
	CodeNotConfigured = "provider_not_configured" // no key, or no base URL
	CodeUnsupported   = "unsupported_operation"   // no upstream of the route can do it
	CodeForbidden     = "model_not_allowed"
	CodeNoProvider    = "provider_not_found"
)

// Candidate is one upstream that may answer.
type Candidate struct {
	Provider  provider.Provider
	Protocol  llm.Protocol  // to be spoken with it
	Operation llm.Operation // planned for; health is kept per operation, as vendors' limits are
	Translate bool          // take the event path even where both sides speak one protocol
	Target    protocol.Target
	Route     string // for x-tokligence-route, such as claude*=>anthropic/claude-sonnet-4-5; printable ASCII
	Why       string // why it stands at this place of the plan
	Prices    string // name under which the catalog knows its models and prices
}

// Outcome is how an attempt went. Cancelled attempts need not be reported.
type Outcome struct {
	Err               *llm.Error // nil: answered
	FirstToken, Total time.Duration
}

// Router plans calls. Its configuration is an immutable snapshot that Replace
// swaps; what it learned of upstreams stays. All methods may be called at any
// time from any goroutine.
type Router struct {
	snap   atomic.Pointer[snapshot]
	health *health

	learning sync.Mutex
	reported map[string][]string // by pool: model ids
	learned  atomic.Pointer[map[string][]string]
}

// New returns a router. What is wrong with the options is told by Problems;
// everything else of them works.
func New(o Options) *Router {
	r := &Router{health: newHealth(), reported: make(map[string][]string)}
	r.learned.Store(&map[string][]string{})
	r.snap.Store(build(o))
	return r
}

// Replace swaps the configuration. The health of providers that keep their
// name and credential survives.
func (r *Router) Replace(o Options) {
	old, next := r.snap.Load(), build(o)
	r.health.keep(func(name string) bool {
		was, is := old.members[name], next.members[name]
		return was != nil && is != nil && was.info.Fingerprint == is.info.Fingerprint
	})
	r.snap.Store(next)
}

// Plan returns the upstreams that may answer, best first; never none without
// an error. Errors are *llm.Error: ModelNotFound lists near names, Forbidden
// says that the key may not use the model, Invalid says what is to be
// configured or cannot be done, RateLimited when every upstream asked to be
// left alone for a time.
func (r *Router) Plan(_ context.Context, q Query) ([]Candidate, error) {
	s := r.snap.Load()
	var single [1]target
	found, err := s.choose(&q, *r.learned.Load(), single[:0])
	if err != nil {
		return nil, err
	}
	plan, err := r.line(s, &q, &found, nil, true)
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// Answerer is the provider that would be asked first if all were well. It
// changes nothing. Errors are those of Plan, of which none is for a time.
func (r *Router) Answerer(q Query) (string, error) {
	s := r.snap.Load()
	found, err := s.choose(&q, *r.learned.Load(), nil)
	if err != nil {
		return "", err
	}
	slots, missed := s.gather(&q, &found, nil, nil)
	if len(slots) == 0 {
		return "", s.nobody(&q, &found, missed)
	}
	return slots[0].m.pool.name, nil
}

// Holders are the providers that can be asked for an operation which names no
// model, as configured.
func (r *Router) Holders(op llm.Operation) []string { return r.snap.Load().holders(op) }

// Attempts is how often one target may be tried for one call.
func (r *Router) Attempts() int { return r.snap.Load().retry.Attempts }

// Backoff is the pause before the attempt'th try of the same target, from 1.
// A request of which an upstream may have begun to answer is never sent
// again; that is for the caller to know.
func (r *Router) Backoff(attempt int) time.Duration {
	p := &r.snap.Load().retry
	return jitter(grow(p.BackoffBase, p.BackoffMax, attempt), p.BackoffMax)
}

// maxReported bounds the ids kept of one provider.
const maxReported = 5000

// Learn tells which models a provider reports. Built-in routes lead an id that
// no pattern knows to the provider that reports it.
func (r *Router) Learn(providerName string, models []string) {
	r.learning.Lock()
	defer r.learning.Unlock()
	name := poolName(providerName)
	r.reported[name] = append([]string(nil), models[:min(len(models), maxReported)]...)
	maps.DeleteFunc(r.reported, func(name string, _ []string) bool {
		return r.snap.Load().pools[name] == nil
	})
	inverse := make(map[string][]string)
	for name, ids := range r.reported {
		for _, id := range ids {
			inverse[id] = append(inverse[id], name)
		}
	}
	r.learned.Store(&inverse)
}
