// Package proxy carries a call to an upstream and its answer back: plan,
// record, attempt, settle. It passes bytes when both sides speak one protocol
// and translates otherwise. It knows no vendor, no path and no database.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

type (
	// Planner says which upstreams may answer, best first, how often and how
	// soon each may be tried, and learns how they did.
	Planner interface {
		Plan(ctx context.Context, q route.Query) ([]route.Candidate, error)
		Report(c route.Candidate, o route.Outcome)
		Attempts() int
		Backoff(attempt int) time.Duration
	}

	// Recorder keeps the record of a call. Open refuses a call whose record
	// could not be kept.
	Recorder interface {
		Open(ctx context.Context, o ledger.Opening) (*ledger.Record, error)
	}

	// Observer counts what happens. Its methods must not block.
	Observer interface {
		Attempted(c route.Candidate, op llm.Operation, a ledger.Attempt)
		Found(findings []llm.Finding)
		Streams(delta int)
		Looped(action guard.Action)
	}
)

// Proxy serves calls. Make one with New, and Close it.
type Proxy struct {
	codecs   map[llm.Protocol]protocol.Codec
	planner  Planner
	recorder Recorder
	observer Observer
	log      *slog.Logger
	policy   atomic.Pointer[Policy]
	keeper   *keeper
	drains   atomic.Int64
}

// Options are what a Proxy is made of. All are required.
type Options struct {
	Codecs   map[llm.Protocol]protocol.Codec
	Planner  Planner
	Recorder Recorder
	Observer Observer
	Log      *slog.Logger
	Policy   Policy
}

// New returns a running proxy.
func New(o Options) *Proxy {
	p := &Proxy{
		codecs: o.Codecs, planner: o.Planner, recorder: o.Recorder, observer: o.Observer, log: o.Log,
		keeper: newKeeper(),
	}
	p.SetPolicy(o.Policy)
	return p
}

// SetPolicy replaces the policy for the calls that come.
func (p *Proxy) SetPolicy(policy Policy) {
	policy.fill()
	p.policy.Store(&policy)
}

// Close stops what the proxy runs by itself. Calls in flight go on without
// keep-alives.
func (p *Proxy) Close() { p.keeper.close() }

// Serve answers c on w. An error it returns has not been written to the
// client, and nothing else has.
func (p *Proxy) Serve(ctx context.Context, w http.ResponseWriter, c *Call) error {
	policy := p.policy.Load()
	plan, err := p.planner.Plan(ctx, c.query(policy))
	if err != nil {
		return err
	}
	run, err := p.look(c, policy, plan)
	if err != nil {
		return err
	}
	rec, err := p.recorder.Open(ctx, ledger.Opening{
		RequestID: c.ID, Principal: c.Principal, Operation: c.Head.Operation, Protocol: c.Codec.Name(),
		Model: c.Head.Model, BytesIn: int64(len(c.Body)), Estimate: c.Head.EstimatedInput, Started: c.Started,
	})
	if err != nil {
		return err
	}
	defer rec.Close()
	ans := newAnswer(w, c, policy)
	if run.Action == guard.Stop {
		return p.endTurn(ans, c, rec, run)
	}
	if c.Head.Stream {
		p.observer.Streams(1)
		defer p.observer.Streams(-1)
		defer p.keeper.watch(ans)()
	}
	err = p.tryAll(ctx, ans, c, rec, plan)
	if ans.cut {
		panic(http.ErrAbortHandler) // bytes without an end of their own: only the connection can tell
	}
	return err
}

// tryAll works down the plan, round after round, until one candidate has
// answered, the client has seen content, or trying again makes no sense.
func (p *Proxy) tryAll(ctx context.Context, ans *answer, c *Call, rec *ledger.Record, plan []route.Candidate) error {
	var failure *llm.Error
	turns := turns{plan: plan}
	for {
		i, pause := turns.next(p.planner, ans.policy)
		if i < 0 || pause > 0 && !sleep(ctx, pause) {
			break
		}
		cand := &plan[i]
		t := &try{
			proxy: p, call: c, cand: *cand, ans: ans, record: rec, started: time.Now(), debt: c.Debt,
			row: ledger.Attempt{
				N: c.tried, Provider: cand.Provider.Name(), Prices: cand.Prices, Protocol: cand.Protocol, Model: cand.Target.Model,
			},
		}
		c.tried++
		failure = t.run(ctx)
		if failure == nil || !ans.abandon() {
			return nil
		}
		if !failure.Retryable() || ctx.Err() != nil {
			return failure
		}
		turns.failed(i, failure)
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return llm.AsError(context.Canceled)
	}
	return turns.verdict()
}
