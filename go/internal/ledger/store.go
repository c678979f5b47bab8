package ledger

import (
	"context"
	"iter"
	"time"
)

// Store keeps the rows of all journals in a database.
type Store interface {
	// Apply adds the entries that are not there yet, in one transaction, and
	// returns how many were new. The key of an entry is RequestID and
	// Attempt; one that is there already is left as it is.
	Apply(ctx context.Context, batch []Entry) (added int, err error)

	// Entries yields the rows that match, oldest first. The error, if any,
	// comes last. It holds no transaction open between steps and may be
	// abandoned at any time.
	Entries(ctx context.Context, f Filter) iter.Seq2[Entry, error]

	// Sums adds up the rows that match, by the given dimensions.
	Sums(ctx context.Context, f Filter, by []Dimension) ([]Sum, error)

	// Has tells which of the keys are in the database.
	Has(ctx context.Context, keys []EntryKey) (map[EntryKey]bool, error)

	// Heads returns the last row of every chain, for verification.
	Heads(ctx context.Context) ([]Head, error)
}

// EntryKey names an entry.
type EntryKey struct {
	RequestID string
	Attempt   int
}

// Head is the last row of a chain.
type Head struct {
	Chain string
	Seq   int64
	Hash  [32]byte
	Rows  int64 // in the database; less than Seq means rows are missing
}

// Filter narrows down rows. Zero fields match everything.
type Filter struct {
	From, Until time.Time // Started in [From, Until)
	RequestID   string
	Chain       string // then ordered by Seq
	OrgID       string
	UserID      string
	KeyID       string
	Provider    string
	Model       string // requested or served
	Outcome     Outcome
	Limit       int // 0: no limit
}

// Dimension is what sums are grouped by.
type Dimension string

// The dimensions.
const (
	ByDay      Dimension = "day" // UTC, 2006-01-02
	ByUser     Dimension = "user"
	ByKey      Dimension = "key"
	ByTeam     Dimension = "team"
	ByProvider Dimension = "provider"
	ByModel    Dimension = "model" // served, else sent
	ByOutcome  Dimension = "outcome"
)

// Sum is a group of rows. Counts are tokens, Cost is nano-USD.
type Sum struct {
	Group map[Dimension]string

	Attempts, Requests, Failures int64 // Failures: failed, cut by the upstream or by our crash
	Input, CacheRead, CacheWrite int64
	Output, Reasoning, Media     int64 // Media: audio and image tokens, both ways
	Cost                         int64 // of the rows whose cost is known
	Unpriced                     int64 // rows whose cost is unknown, with tokens or of an operation not told in them
	Estimated                    int64 // rows with tokens that are not the provider's own word
	First, Last                  time.Time
}
