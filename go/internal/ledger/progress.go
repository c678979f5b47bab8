package ledger

import (
	"sync"
	"time"
)

// progress is how far the rows of the own journal have got into the store.
type progress struct {
	mu     sync.Mutex
	done   int64         // rows
	since  time.Time     // when the rows at hand were read
	change chan struct{} // closed and replaced at each step
}

func (p *progress) init() { p.change = make(chan struct{}) }

// rows returns how many rows are in the store.
func (p *progress) rows() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// watch also returns what is closed when there are more.
func (p *progress) watch() (rows int64, change <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done, p.change
}

// waiting returns since when rows wait, the zero time if none do.
func (p *progress) waiting() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since
}

// begin notes that rows have been read.
func (p *progress) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = now
	}
}

// reach notes that the first rows of the chain are in the store.
func (p *progress) reach(rows int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Time{}
	if rows > p.done {
		p.done = rows
		close(p.change)
		p.change = make(chan struct{})
	}
}
