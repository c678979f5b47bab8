package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// roomPerCall is reserved in the journal for each call in flight: enough for
// an opening and a row with the longest texts, so for several usual rows.
const roomPerCall = 6 << 10

// ErrClosed is why a row is never written. One that is refused for another
// reason may still be, when the disk recovers.
var ErrClosed = journal.ErrClosed

// Record is one call on its way into the ledger.
type Record struct {
	ledger  *Ledger
	journal *journal.Journal
	call    Entry // what is known of every row of the call

	// Guarded by the ledger.
	number     uint64 // of its opening in the journal, 0: closed
	attempts   int    // rows so far, the number of the next one
	prev, next *Record
}

// Open notes that a call is about to go upstream. The note is in the journal a
// few milliseconds later, with the next row if one comes before: a call that
// is cut shorter than that has hardly begun. An error means that what it
// uses could not be recorded: the call must not be made. Close must be called
// when no attempt will follow.
func (l *Ledger) Open(_ context.Context, o Opening) (*Record, error) {
	j := l.journal.Load()
	if j == nil {
		return nil, unavailable("ledger_not_running", "The gateway is starting or shutting down; try again.", nil)
	}
	if err := j.Reserve(roomPerCall); err != nil {
		return nil, l.refusal(err)
	}
	var guess llm.Usage
	if o.Operation.Textual() || o.Estimate > 0 {
		guess.Input = llm.Known(o.Estimate)
	}
	r := &Record{ledger: l, journal: j, call: Entry{
		RequestID: o.RequestID, OrgID: o.Principal.OrgID, TeamID: o.Principal.TeamID, UserID: o.Principal.UserID,
		KeyID: o.Principal.KeyID, KeyName: o.Principal.KeyName,
		Operation: o.Operation, ClientProtocol: o.Protocol, ModelRequested: o.Model,
		Usage: guess, Outcome: Crashed,
		Started: o.Started, BytesIn: o.BytesIn,
	}}
	if r.call.Started.IsZero() {
		r.call.Started = l.opts.Now()
	}
	r.call.tidy()
	if err := r.announce(0); err != nil {
		r.Close()
		return nil, l.refusal(err)
	}
	return r, nil
}

// announce writes the opening into the journal, again if it was there before:
// until the call is closed it must be found.
func (r *Record) announce(from uint64) error {
	s := r.ledger.slip()
	defer r.ledger.put(s)
	w := writing(s.row)
	w.row(&r.call)
	s.kind, s.record, s.row, s.from = opening, r, w.b, from
	return r.journal.Note(s)
}

// Settle writes the row of an attempt. When it returns nil the row is as
// durable as configured. It does its work even if ctx has ended: who has left
// has still used something. Rows that are refused for a failing disk are
// written when it recovers, if the process lives so long.
func (r *Record) Settle(_ context.Context, a Attempt) error {
	l := r.ledger
	if l == nil {
		return errors.New("settling a record that was never opened")
	}
	s := l.slip()
	defer l.put(s)
	if err := l.number(r, a.N); err != nil {
		return err
	}
	s.entry = r.call
	s.entry.fill(&a)
	l.price(&s.entry, a.Prices)
	s.entry.tidy()
	w := writing(s.row)
	w.row(&s.entry)
	s.kind, s.record, s.row, s.last = entry, r, w.b, lastOf(a.Outcome)
	if err := r.journal.Append(s, l.opts.Durability == Sync); err != nil {
		return unavailable("ledger_write_failed", "What this call used could not be recorded.", err)
	}
	return nil
}

// number checks and counts the attempts of a call, so that no row comes twice.
func (l *Ledger) number(r *Record, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < r.attempts {
		return fmt.Errorf("attempt %d of %s is settled already", n, r.call.RequestID)
	}
	r.attempts = n + 1
	return nil
}

// lastOf tells whether an outcome ends a call. After a failure another
// provider may be tried.
func lastOf(o Outcome) bool { return o != Failed && o != Cancelled }

// fill adds what is known of an attempt.
func (e *Entry) fill(a *Attempt) {
	e.Attempt = a.N
	e.Provider, e.UpstreamProtocol = a.Provider, a.Protocol
	e.ModelSent, e.ModelServed, e.Tier, e.UpstreamID = a.Model, a.Served, a.Tier, a.UpstreamID
	e.Usage, e.Stop, e.Outcome, e.Status = a.Usage, a.Stop.Reason, a.Outcome, a.Status
	if a.Err != nil {
		e.ErrorKind = a.Err.Kind.String()
	}
	if !a.Started.IsZero() {
		e.Started = a.Started
	}
	e.FirstToken, e.Duration, e.BytesOut, e.Findings = a.FirstToken, a.Total, a.BytesOut, a.Findings
}

// price sets what the row costs, by the model that answered.
func (l *Ledger) price(e *Entry, prices string) {
	pricer := l.pricer.Load()
	if pricer == nil {
		return
	}
	model := e.ModelServed
	if model == "" {
		model = e.ModelSent
	}
	e.Cost, e.PriceVersion = (*pricer).Cost(prices, model, e.Tier, &e.Usage, e.Started)
}

// Close ends the record of a call. It is needed when the last attempt failed
// or none was made, and does no harm otherwise. A record that is not closed
// becomes a row with outcome gateway_crash when the process ends.
func (r *Record) Close() {
	if r.ledger == nil || r.ledger.closed(r) {
		return
	}
	s := r.ledger.slip()
	defer r.ledger.put(s)
	s.kind, s.record = closing, r
	_ = r.journal.Append(s, false) // at worst the call is taken for one that crashed
}

func (l *Ledger) closed(r *Record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return r.number == 0
}

// refusal says to a client why its call is not made.
func (l *Ledger) refusal(err error) error {
	switch {
	case errors.Is(err, journal.ErrClosed):
		return unavailable("ledger_not_running", "The gateway is shutting down; try again.", err)
	case errors.Is(err, journal.ErrFull):
		return unavailable("ledger_backpressure", "The usage journal is full until the database has taken more of its rows; try again.", err)
	}
	return unavailable("ledger_backpressure", "Usage can not be recorded at present: the journal can not be written; try again.", err)
}

func unavailable(code, message string, cause error) *llm.Error {
	return &llm.Error{Kind: llm.Unavailable, Code: code, Message: message, RetryAfter: 5 * time.Second, Err: cause}
}
