// Package conversation keeps answers of the Responses protocol, so that a
// client may go on from one, read it again or delete it. It knows the wire
// form of requests and answers; it must not know upstreams or HTTP.
package conversation

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound says that there is no such answer, or none that its asker owns.
var ErrNotFound = errors.New("no such response")

// Record is one answer that is kept, here or by a provider.
type Record struct {
	ID       string
	Owner    string // only who it is finds it
	Provider string // that keeps it, and then all but its owner is there; "" kept here
	Previous string // id of the answer it goes on from, "" none
	Input    []byte // JSON array of the items of its own request
	Answer   []byte // JSON object as the client has seen it
	Expires  time.Time
	Owed     bool // a provider keeps it, and what it used is not booked yet

	// Of an answer that is made in the background:
	Lease     time.Time // until when who makes it is alive; zero: it has ended
	Streamed  bool      // its events are kept
	Cancelled bool      // it is to be stopped
}

// Shelf is where records lie. What has expired is not found. A sweep removes
// it, and the oldest beyond the bounds.
type Shelf interface {
	SaveResponse(ctx context.Context, r Record) error
	FindResponse(ctx context.Context, owner, id string, now time.Time) (Record, error)
	DeleteResponse(ctx context.Context, owner, id string) error
	SweepResponses(ctx context.Context, now time.Time, b Bounds) (Swept, error)
}

// Bounds are what a sweep leaves, answers and conversations together.
type Bounds struct {
	OwnerCount int   // of one owner
	OwnerBytes int64 // of one owner
	Bytes      int64 // of all
}

// Swept is how many a sweep has removed.
type Swept struct {
	Expired int64
	Evicted int64 // the oldest beyond the bounds
}

// Memory is a budget of memory, in bytes. Take takes all or nothing.
type Memory interface {
	Take(bytes int64) bool
	Give(bytes int64)
}
