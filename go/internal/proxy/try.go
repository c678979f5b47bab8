package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// maxErrorBody bounds what is read of an upstream's refusal.
const maxErrorBody = 1 << 20

// try is one attempt at one upstream.
type try struct {
	proxy  *Proxy
	call   *Call
	cand   route.Candidate
	ans    *answer
	record *ledger.Record

	started  time.Time
	row      ledger.Attempt
	findings []llm.Finding
	settled  bool
	content  int64 // bytes of content seen, for an estimate
	inputs   int   // to embed
	drained  bool
	noted    bool
	owed     bool        // what the answer uses is still to be booked, by whoever sees its end
	debt     *Debt       // who of them does it
	claimed  bool        // the debt, so that it is booked here
	closing  atomic.Bool // the gateway is shutting down and waits no longer

	requestID string // of the upstream's own
}

// run makes the attempt and writes its row, whatever happens.
func (t *try) run(ctx context.Context) *llm.Error {
	up := newLeash(ctx)
	defer up.cancel()
	watch := t.watchClient(ctx, up.cancel)
	defer t.crashed()
	defer watch.stop()
	err := t.exchange(up, watch)
	if err == nil && !t.settled {
		err = llm.Errorf(llm.Internal, "the answer ended without a record")
	}
	_ = t.settleAs(outcomeOf(t, err), err, 0) // logged there
	t.report(err)
	return err
}

// crashed writes the row of an attempt that ended in a panic.
func (t *try) crashed() {
	if !t.settled {
		_ = t.settleAs(ledger.Crashed, llm.Errorf(llm.Internal, "internal error"), 0) // logged there
	}
}

// over returns the error for an answer that nobody waits for any more, nil if
// somebody does.
func (t *try) over() *llm.Error {
	switch {
	case t.closing.Load():
		e := llm.Errorf(llm.Unavailable, "The gateway is shutting down; try again.")
		e.RetryAfter = time.Second
		return e
	case t.ans.left():
		return llm.AsError(context.Canceled)
	}
	return nil
}

func outcomeOf(t *try, err *llm.Error) ledger.Outcome {
	switch {
	case err == nil:
		return ledger.Complete
	case t.closing.Load():
		return ledger.Crashed
	case err.Kind == llm.Canceled || t.ans.left():
		return ledger.CutByClient
	case t.ans.committed():
		return ledger.CutByUpstream
	}
	return ledger.Failed
}

// exchange sends the request and carries the answer back.
func (t *try) exchange(ctx context.Context, watch *clientWatch) *llm.Error {
	translate := t.call.Translate || t.cand.Translate || t.cand.Protocol != t.call.Codec.Name()
	var (
		req   *provider.Request
		names *protocol.NameMap
		err   error
	)
	if translate {
		req, names, err = t.encode()
	} else {
		req, err = t.patch()
	}
	if err != nil {
		return llm.AsError(err)
	}
	resp, err := t.cand.Provider.Do(ctx, req)
	if err != nil {
		if over := t.over(); over != nil {
			return over
		}
		return llm.AsError(err)
	}
	defer resp.Body.Close()
	watch.answering()
	t.row.Status = resp.StatusCode
	t.requestID = upstreamID(resp.Header)
	t.row.UpstreamID = t.requestID
	if resp.StatusCode/100 != 2 {
		return t.refused(resp, !translate)
	}
	body := &flushBefore{src: resp.Body, ans: t.ans, try: t, watch: watch}
	streamed := isStream(resp.Header)
	if !streamed || !t.call.Head.Stream {
		body.limit = t.ans.policy.MaxAnswer // it is held in memory, as a whole
	}
	if translate && t.call.Head.Operation == llm.CountTokens {
		return t.relayCount(body, resp.Header)
	}
	if translate && t.call.Head.Operation == llm.Embed {
		return t.relayVectors(body, resp.Header)
	}
	if t.call.Head.Verbatim && !translate {
		if t.call.Head.Unread && !streamed {
			body.limit = 0
		}
		return t.passVerbatim(body, resp.Header, streamed)
	}
	if !translate && streamed == t.call.Head.Stream {
		if streamed {
			return t.passStream(body, resp.Header)
		}
		return t.passBody(body, resp.Header)
	}
	return t.relayEvents(body, resp.Header, streamed, names)
}

// patch prepares the client's own bytes.
func (t *try) patch() (*provider.Request, error) {
	body, err := t.call.Codec.Patch(t.call.Body, t.call.Head, t.cand.Target)
	return t.request(body), err
}

// encode prepares the translated request.
func (t *try) encode() (*provider.Request, *protocol.NameMap, error) {
	if t.call.Head.Operation == llm.Embed {
		req, err := t.encodeEmbed()
		return req, nil, err
	}
	req, err := t.call.Request()
	if err != nil {
		return nil, nil, err
	}
	names, err := t.call.names()
	if err != nil {
		return nil, nil, err
	}
	if s, ok := t.call.Codec.(protocol.Summarizer); ok && t.sumsUp() {
		req = s.AskSummary(req)
	}
	body, findings, err := t.encodeFor(req)
	if err != nil {
		return nil, nil, err
	}
	if err := t.found(findings); err != nil {
		return nil, nil, err
	}
	return t.request(net.Buffers{body}), names, nil
}

// found takes over what a translation found, or refuses what it would lose.
func (t *try) found(findings []llm.Finding) error {
	t.findings = findings
	t.row.Findings = len(findings)
	if t.ans.policy.Strict {
		return Strictly(findings, t.cand.Protocol)
	}
	return nil
}

// sumsUp reports whether the model is asked for a summary in words. One that
// speaks the client's protocol knows the wish, if its answer has the form.
func (t *try) sumsUp() bool {
	switch t.call.Head.Compaction {
	case protocol.CompactionObject:
		return true
	case protocol.CompactionItem:
		return t.cand.Protocol != t.call.Codec.Name()
	case protocol.NoCompaction:
	}
	return false
}

// Strictly refuses what a translation would lose.
func Strictly(findings []llm.Finding, to llm.Protocol) error {
	for _, f := range findings {
		if f.Class == llm.Lost {
			return llm.InvalidField(f.Field, "%s cannot be carried to %s (%s), and translation.strict is on.", f.Field, to, f.Reason)
		}
	}
	return nil
}

func (t *try) request(body net.Buffers) *provider.Request {
	return &provider.Request{
		Operation: t.call.Head.Operation, Protocol: t.cand.Protocol, Model: t.cand.Target.Model,
		Stream: t.call.Head.Stream, Batch: t.call.Head.Batch, Header: t.call.Header, Query: t.call.Query, Body: body,
		Method: t.call.Method, Path: t.call.Path, MIME: t.call.MIME,
	}
}

// refused turns a status that is no success into an error. On the way back to
// a client of the same protocol the upstream's own words are kept.
func (t *try) refused(resp *http.Response, same bool) *llm.Error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if err != nil {
		t.proxy.log.Debug("reading an upstream's refusal", "provider", t.row.Provider, "error", err)
	}
	failure := t.proxy.codecs[t.cand.Protocol].DecodeError(resp.StatusCode, resp.Header, body)
	if failure.Upstream == nil {
		failure.Upstream = &llm.Upstream{Status: resp.StatusCode, Body: body}
	}
	failure.Upstream.Provider = t.row.Provider
	failure.Upstream.RequestID = t.requestID
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		if failure.Kind == llm.BadUpstream {
			failure.Message = fmt.Sprintf("The provider %s refused the gateway's own key or account (status %d). "+
				"Whoever runs the gateway must mend it; 'gateway doctor' tells more.", t.row.Provider, resp.StatusCode)
		}
	}
	if !same {
		failure.Upstream.Body = nil
	}
	return failure
}

// settle writes the row of a complete answer whose last bytes, so many, are
// still to be sent: who has seen the end must find the record.
func (t *try) settle(last int) *llm.Error {
	outcome := ledger.Complete
	if t.ans.left() {
		outcome = ledger.CutByClient
		if t.row.Usage.Source == llm.Reported {
			t.row.Usage.Source = llm.Drained
		}
	}
	return t.settleAs(outcome, nil, last)
}

// settleAs writes the row. Last is the number of bytes the client still gets.
func (t *try) settleAs(outcome ledger.Outcome, failure *llm.Error, last int) *llm.Error {
	if t.settled {
		return nil
	}
	t.settled = true
	t.row.Outcome, t.row.Err = outcome, failure
	t.row.Started, t.row.Total = t.started, time.Since(t.started)
	t.row.BytesOut = t.ans.size(last)
	t.estimate(outcome)
	if err := t.record.Settle(context.Background(), t.row); err != nil {
		t.proxy.log.Error("the record of a call could not be written",
			"request_id", t.call.ID, "attempt", t.row.N, "error", err)
		if t.claimed && errors.Is(err, ledger.ErrClosed) { // else the row may still be written
			t.debt.Return()
		}
		return llm.AsError(err)
	}
	return nil
}

// estimate fills in usage that the upstream did not report. An upstream that
// refused has used nothing.
func (t *try) estimate(outcome ledger.Outcome) {
	u := &t.row.Usage
	if t.call.Head.Operation == llm.CountTokens {
		*u = llm.Usage{} // a count is the answer, nothing was used
		return
	}
	if t.owed || outcome == ledger.Failed || t.row.Status/100 != 2 {
		return
	}
	if outcome != ledger.Complete && u.Source == llm.Reported {
		u.Source = llm.Partial
		if t.drained {
			u.Source = llm.Drained
		}
	}
	if !t.call.Head.Operation.Textual() {
		return // only a report tells
	}
	if !u.Input.Known && !u.CacheRead.Known {
		u.Input = llm.Known(t.call.Head.EstimatedInput)
		u.Source = llm.Estimated
	}
	if !u.Output.Known && !u.Reasoning.Known && t.call.Head.Operation != llm.Embed {
		u.Output = llm.Known((t.content + 3) / 4)
		u.Source = llm.Estimated
	}
}

// report tells the planner and the metrics.
func (t *try) report(err *llm.Error) {
	if err != nil && t.over() != nil {
		t.proxy.observer.Attempted(t.cand, t.call.Head.Operation, t.row)
		return // says nothing about the upstream
	}
	t.proxy.planner.Report(t.cand, route.Outcome{Err: err, FirstToken: t.row.FirstToken, Total: t.row.Total})
	t.proxy.observer.Attempted(t.cand, t.call.Head.Operation, t.row)
	if err != nil {
		t.proxy.log.Warn("attempt failed", "request_id", t.call.ID, "attempt", t.row.N, "provider", t.row.Provider,
			"model", t.row.Model, "status", t.row.Status, "kind", err.Kind.String(), "error", err.Error())
	}
}

// first notes the time to the first content.
func (t *try) first() {
	if t.row.FirstToken == 0 {
		t.row.FirstToken = time.Since(t.started)
	}
}

// flushBefore reads the upstream. Whatever has been written to the client is
// flushed before a read that may block.
type flushBefore struct {
	src   io.Reader
	ans   *answer
	try   *try
	watch *clientWatch
	limit int64 // bytes; 0: none
	read  int64
}

func (f *flushBefore) Read(b []byte) (int, error) {
	f.ans.flush()
	if f.ans.left() && !f.try.drained {
		f.try.drained = true
		f.watch.clientLeft()
	}
	n, err := f.src.Read(b)
	if f.try.drained {
		f.watch.drained(int64(n))
	}
	if f.read += int64(n); f.limit > 0 && f.read > f.limit {
		return 0, llm.Errorf(llm.BadUpstream, "The answer of %s exceeds %d bytes (limits.answer_bytes).", f.try.row.Provider, f.limit)
	}
	return n, err
}

// broken puts an error of the upstream's connection into words.
func (t *try) broken(err error) *llm.Error {
	if over := t.over(); over != nil {
		return over
	}
	var known *llm.Error
	if errors.As(err, &known) {
		return known
	}
	e := llm.Errorf(llm.BadUpstream, "The upstream %s cut the answer short.", t.row.Provider)
	ne := net.Error(nil)
	switch {
	case errors.Is(err, sse.ErrFrameTooLong):
		e = llm.Errorf(llm.BadUpstream, "The upstream %s sent an event without an end (limits.frame_bytes).", t.row.Provider)
	case errors.As(err, &ne) && ne.Timeout():
		e = llm.Errorf(llm.Timeout, "The upstream %s stopped sending in the middle of the answer.", t.row.Provider)
	}
	e.Err = err
	e.Upstream = &llm.Upstream{Provider: t.row.Provider, Status: t.row.Status}
	return e
}
