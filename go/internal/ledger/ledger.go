package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger/journal"
)

// Durability says what a settled row survives.
type Durability string

// The durabilities.
const (
	Normal Durability = "normal" // the death of the process at once, that of the machine 10 ms later
	Sync   Durability = "sync"   // both at once
)

// Options say where a ledger keeps its rows. Dir and Store are required.
type Options struct {
	Dir        string // of the journals of all processes
	Store      Store
	Pricer     Pricer        // nil: every cost is unknown
	Durability Durability    // default Normal
	MaxBytes   int64         // of the journal, default 1 GiB
	Sweep      time.Duration // between looks for journals of dead processes, default 30 s

	Log *slog.Logger     // default: none
	Now func() time.Time // default: time.Now

	fs    journal.FS // tests put faults in
	delay time.Duration
}

// Ledger records calls: into its journal at once, from there into the store.
type Ledger struct {
	Reader
	opts   Options
	pricer atomic.Pointer[Pricer]
	slips  sync.Pool

	journal  atomic.Pointer[journal.Journal] // nil: not running
	own      *feed
	appended atomic.Int64 // rows of the own chain in the journal
	damage   atomic.Int64 // records lost, in all journals
	adopting atomic.Int64 // journals of others at hand

	// Nested in the journal's lock: it may be taken while that is held, and
	// the journal must not be called while it is held.
	mu             sync.Mutex
	chain          chain
	scratch        []byte
	oldest, newest *Record // the open ones, by the number of their openings
	opens          int

	progress progress

	poke    chan struct{} // the applier: do not wait for more rows
	sweep   chan chan struct{}
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// New returns a ledger that takes nothing until Start.
func New(o Options) *Ledger {
	o.Durability = cmp.Or(o.Durability, Normal)
	o.Sweep = cmp.Or(o.Sweep, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Ledger{
		Reader: Reader{Dir: o.Dir, Store: o.Store}, opts: o,
		poke: make(chan struct{}, 1), sweep: make(chan chan struct{}),
	}
	l.progress.init()
	if o.Pricer != nil {
		l.SetPricer(o.Pricer)
	}
	return l
}

// SetPricer replaces the prices for the rows that come.
func (l *Ledger) SetPricer(p Pricer) { l.pricer.Store(&p) }

// Start makes the journal and begins to move rows into the store, those of
// dead processes too. It does not need the store to be there.
func (l *Ledger) Start(ctx context.Context) error {
	if l.cancel != nil {
		return errors.New("the ledger has been started before")
	}
	j, err := journal.Create(l.opts.Dir, journal.Options{
		MaxBytes: l.opts.MaxBytes, FS: l.opts.fs, Delay: l.opts.delay, Now: l.opts.Now,
		Fault: func(err error) { l.opts.Log.Error("the journal could not be written; trying elsewhere", "error", err) },
	})
	if err != nil {
		return fmt.Errorf("starting the ledger: %w", err)
	}
	l.chain = newChain(j.Folder().Chain())
	l.own = l.newFeed(j.Folder())
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.journal.Store(j)
	l.running.Go(func() { l.adoptAll(ctx) })
	l.running.Go(func() { l.applyOwn(ctx, j) })
	return nil
}

// Stop ends the recording. It moves the remaining rows into the store until
// ctx ends; what is left then stays in the journal and is found by the next
// process that starts.
func (l *Ledger) Stop(ctx context.Context) error {
	j := l.journal.Load()
	if j == nil {
		return nil
	}
	l.journal.Store(nil)
	err := l.drain(ctx)
	l.cancel()
	l.running.Wait()
	err = errors.Join(err, l.own.cursor.Close(), j.Close())
	if l.drained(j) {
		return errors.Join(err, j.Folder().Remove(l.own.isDamaged))
	}
	l.opts.Log.Warn("rows stay in the journal for the next start", "journal", j.Folder().Chain(),
		"rows", l.appended.Load()-l.progress.rows(), "calls_in_flight", l.inFlight())
	return errors.Join(err, j.Folder().Release())
}

// drained reports whether nothing is left in the journal that matters.
func (l *Ledger) drained(j *journal.Journal) bool {
	return l.appended.Load() == l.progress.rows() && l.inFlight() == 0 && j.Usage().Failed == nil
}

func (l *Ledger) inFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.opens
}

// Flush returns when the rows that are in journals now, those of dead
// processes included, are in the store.
func (l *Ledger) Flush(ctx context.Context) error {
	if l.journal.Load() == nil {
		return errors.New("the ledger is not running")
	}
	swept := make(chan struct{})
	select {
	case l.sweep <- swept:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := l.drain(ctx); err != nil {
		return err
	}
	select {
	case <-swept:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain waits until the own rows are in the store.
func (l *Ledger) drain(ctx context.Context) error {
	target := l.appended.Load()
	for {
		rows, change := l.progress.watch()
		if rows >= target {
			return nil
		}
		select {
		case l.poke <- struct{}{}:
		default:
		}
		select {
		case <-change:
		case <-ctx.Done():
			return fmt.Errorf("%d rows are not in the database yet: %w", target-rows, ctx.Err())
		}
	}
}

// nearlyFull is the share of the journal above which Ready complains.
const nearlyFull = 0.8

// Ready returns why the ledger will soon refuse calls or does so already.
func (l *Ledger) Ready() error {
	j := l.journal.Load()
	if j == nil {
		return errors.New("the ledger is not running")
	}
	u := j.Usage()
	if u.Failed != nil {
		return fmt.Errorf("the journal can not be written: %w", u.Failed)
	}
	if full := float64(u.Bytes+u.Reserved) / float64(u.Max); full >= nearlyFull {
		return fmt.Errorf("the journal is %.0f %% full: %d rows wait for the database", 100*full, l.appended.Load()-l.progress.rows())
	}
	return nil
}

// Stats are figures for metrics.
type Stats struct {
	Pending    int64         // own rows that are not in the store yet
	InFlight   int           // calls that are open
	Bytes, Max int64         // of the journal, and of what it may hold
	Lag        time.Duration // since when rows wait for the store, 0: they do not
	Adopting   int64         // journals of dead processes at hand
	Lost       int64         // journal records that could not be read
}

// Stats returns the figures of now.
func (l *Ledger) Stats() Stats {
	s := Stats{
		Pending: l.appended.Load() - l.progress.rows(), InFlight: l.inFlight(),
		Adopting: l.adopting.Load(), Lost: l.damage.Load(),
	}
	if since := l.progress.waiting(); !since.IsZero() {
		s.Lag = max(0, l.opts.Now().Sub(since))
	}
	if j := l.journal.Load(); j != nil {
		u := j.Usage()
		s.Bytes, s.Max = u.Bytes+u.Reserved, u.Max
	}
	return s
}
