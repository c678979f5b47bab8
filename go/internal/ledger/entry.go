// Package ledger keeps the one durable record of what was used: a journal on
// disk first, the database after it. It knows principals, usage and prices by
// name; it must not know how a request is carried, what it says, or which
// database holds its rows.
package ledger

import (
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Outcome says how an attempt ended.
type Outcome string

// The outcomes.
const (
	Complete      Outcome = "complete"
	CutByClient   Outcome = "cut_by_client"
	CutByUpstream Outcome = "cut_by_upstream"
	Failed        Outcome = "failed"
	Cancelled     Outcome = "cancelled_by_router"
	LoopEnded     Outcome = "ended_by_loop_breaker" // no upstream was asked
	Crashed       Outcome = "gateway_crash"         // the gateway died with the call in flight
)

// Opening is a call before it goes upstream.
type Opening struct {
	RequestID string // ours, UUIDv7
	Principal identity.Principal
	Operation llm.Operation
	Protocol  llm.Protocol // the client's
	Model     string       // as the client wrote it
	BytesIn   int64
	Estimate  int64 // of the prompt, tokens
	Started   time.Time
}

// Attempt is one try at one upstream. Every try is recorded.
type Attempt struct {
	N                 int // from 0
	Provider          string
	Prices            string       // name under which the catalog knows the provider's prices
	Protocol          llm.Protocol // spoken with the upstream
	Model             string       // asked for
	Served            string       // the model that answered, in the upstream's words
	Tier              string       // service tier used, "" not said
	Usage             llm.Usage
	Stop              llm.Stop
	Outcome           Outcome
	Status            int // of the upstream's answer, 0: none
	Err               *llm.Error
	UpstreamID        string
	Started           time.Time
	FirstToken, Total time.Duration
	BytesOut          int64 // sent to the client
	Findings          int
}

// Entry is one row of the ledger: an Attempt, whose it was and what it cost.
type Entry struct {
	RequestID string
	Attempt   int

	// Chain names the journal that wrote the row, Seq counts its rows from 1,
	// and Hash is the SHA-256 over the row and the hash of the row before, so
	// that a changed or missing row shows.
	Chain string
	Seq   int64
	Hash  [32]byte

	OrgID, TeamID, UserID, KeyID, KeyName string

	Operation        llm.Operation
	ClientProtocol   llm.Protocol
	UpstreamProtocol llm.Protocol
	Provider         string
	ModelRequested   string // by the client
	ModelSent        string // to the upstream
	ModelServed      string // "" not said
	UpstreamID       string
	Tier             string

	Usage        llm.Usage
	Cost         llm.Count // nano-USD; unknown when there is no price
	PriceVersion string    // "" when there is no price

	Outcome              Outcome
	Status               int
	ErrorKind            string // "" no error
	Stop                 llm.StopReason
	Started              time.Time
	FirstToken, Duration time.Duration
	BytesIn, BytesOut    int64
	Findings             int
}

// Pricer knows what tokens cost. A *catalog.Catalog is one.
type Pricer interface {
	// Cost returns nano-USD, unknown if any class used has no price, and the
	// version of the table.
	Cost(provider, model, tier string, u *llm.Usage, at time.Time) (cost llm.Count, version string)
}
