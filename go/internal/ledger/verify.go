package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
)

// FaultKind says what is wrong with a chain.
type FaultKind string

// The kinds of fault.
const (
	Missing FaultKind = "missing" // rows that must have been there are not
	Changed FaultKind = "changed" // a row is not what it was when it was written
	Foreign FaultKind = "foreign" // a row stands where another is already
	Kept    FaultKind = "kept"    // a part of a journal could not be read and lies aside
)

// Fault is something wrong with the ledger, and where.
type Fault struct {
	Kind      FaultKind `json:"kind"`
	Chain     string    `json:"chain,omitempty"`
	Seq       int64     `json:"seq,omitempty"`        // of the first row concerned
	Until     int64     `json:"until,omitempty"`      // Missing: of the last one
	RequestID string    `json:"request_id,omitempty"` // Changed, Foreign: of the row
	Attempt   int       `json:"attempt,omitempty"`
	File      string    `json:"file,omitempty"` // Kept: its name
}

func (f Fault) String() string {
	switch f.Kind {
	case Missing:
		return fmt.Sprintf("chain %s: rows %d to %d are missing", f.Chain, f.Seq, f.Until)
	case Foreign:
		return fmt.Sprintf("chain %s: row %d (request %s, attempt %d) is there beside another", f.Chain, f.Seq, f.RequestID, f.Attempt)
	case Changed:
		return fmt.Sprintf("chain %s: row %d (request %s, attempt %d) has been changed", f.Chain, f.Seq, f.RequestID, f.Attempt)
	default:
		return fmt.Sprintf("the journal file %s could not be read and was kept aside", f.File)
	}
}

// Verification is what Verify has found.
type Verification struct {
	Rows   int64   `json:"rows"`
	Chains int     `json:"chains"`
	Faults []Fault `json:"faults"` // the first thousand
	More   int64   `json:"more"`   // faults beyond these
}

const maxFaults = 1000

func (v *Verification) fault(f Fault) {
	if len(v.Faults) >= maxFaults {
		v.More++
		return
	}
	v.Faults = append(v.Faults, f)
}

// Verify walks all chains, in the database and in the journals, and names the
// rows that are missing or changed. It can not tell when whole chains are
// gone, or the end of one whose process is no more.
func (r *Reader) Verify(ctx context.Context) (Verification, error) {
	v := Verification{Faults: []Fault{}}
	kept, err := journal.Corrupt(r.Dir)
	if err != nil {
		return v, err
	}
	for _, name := range kept {
		v.fault(Fault{Kind: Kept, File: name})
	}
	// The journals first: what leaves them meanwhile is found in the database.
	pending := map[string][]Entry{}
	for e, err := range ReadPending(r.Dir) {
		if err != nil {
			return v, err
		}
		pending[e.Chain] = append(pending[e.Chain], e)
	}
	ends := r.ends()
	heads, err := r.Store.Heads(ctx)
	if err != nil {
		return v, err
	}
	names := make(map[string]bool, len(heads))
	for _, h := range heads {
		names[h.Chain] = true
	}
	for name := range pending {
		names[name] = true
	}
	for name := range ends {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := r.verifyChain(ctx, &v, name, pending[name], ends[name]); err != nil {
			return v, err
		}
	}
	return v, nil
}

// ends returns how many rows of each living chain are in the database, as its
// journal knows.
func (r *Reader) ends() map[string]int64 {
	ends := map[string]int64{}
	names, _ := journal.Chains(r.Dir) // read a moment ago
	for _, name := range names {
		if mark, ok := journal.MarkOf(r.Dir, name); ok && mark.Seq > 0 {
			ends[name] = mark.Seq
		}
	}
	return ends
}

// verifyChain checks one chain: first what is in the database, then what the
// journal has beyond. end is how many rows there must be at least.
func (r *Reader) verifyChain(ctx context.Context, v *Verification, name string, pending []Entry, end int64) error {
	v.Chains++
	w := walk{v: v, name: name, at: newChain(name)}
	for e, err := range r.Store.Entries(ctx, Filter{Chain: name}) {
		if err != nil {
			return err
		}
		w.step(&e)
	}
	for i := range pending {
		if pending[i].Seq > w.at.seq {
			w.step(&pending[i])
		}
	}
	if w.at.seq < end {
		v.fault(Fault{Kind: Missing, Chain: name, Seq: w.at.seq + 1, Until: end})
	}
	return nil
}

// walk goes along a chain.
type walk struct {
	v       *Verification
	name    string
	at      chain
	row     []byte
	scratch []byte
}

func (w *walk) step(e *Entry) {
	w.v.Rows++
	switch {
	case e.Seq <= w.at.seq:
		w.v.fault(Fault{Kind: Foreign, Chain: w.name, Seq: e.Seq, RequestID: e.RequestID, Attempt: e.Attempt})
		return
	case e.Seq > w.at.seq+1:
		w.v.fault(Fault{Kind: Missing, Chain: w.name, Seq: w.at.seq + 1, Until: e.Seq - 1})
	default:
		line := writing(w.row[:0])
		line.row(e)
		w.row = line.b
		var next chain
		next, w.scratch = w.at.next(w.row, w.scratch)
		if next.hash != e.Hash {
			w.v.fault(Fault{Kind: Changed, Chain: w.name, Seq: e.Seq, RequestID: e.RequestID, Attempt: e.Attempt})
		}
	}
	w.at = chain{seq: e.Seq, hash: e.Hash} // what follows is judged by itself
}
