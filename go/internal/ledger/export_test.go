package ledger

import (
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
)

// WithFS puts a file system under the journals, with faults in it.
func (o Options) WithFS(fs journal.FS) Options {
	o.fs = fs
	return o
}

// WithDelay sets how long a write may wait for its sync.
func (o Options) WithDelay(d time.Duration) Options {
	o.delay = d
	return o
}

// Chain returns the name of the own chain.
func (l *Ledger) Chain() string { return l.journal.Load().Folder().Chain() }
