package conversation

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Options are what a Room is made of. Shelf, Threads, Runs, Log, Memory
// and Swept are required.
type Options struct {
	Shelf    Shelf
	Threads  Threads
	Log      *slog.Logger
	TTL      time.Duration // how long an answer is kept; 0 keeps none
	MaxBytes int64         // of one answer with its input, and of one history
	Bounds   Bounds        // of what is kept; the oldest beyond them go at the next sweep
	Memory   Memory        // that what waits for the shelf, or is being made, is taken from
	Swept    func(s Swept) // is told what has been removed
	Runs     Runs

	MaxRuns       int // answers that are made in the background
	MaxRunsPerKey int // of them, of one owner
}

const (
	maxWaiting   = 4096             // records on their way to the shelf
	maxHeavy     = 64               // those of them that hold an answer
	maxID        = 256              // bytes of an id that a provider gives
	sweepPause   = 10 * time.Minute // between two removals of what has expired
	shelfTime    = 10 * time.Second // for one change of the shelf
	maxHistory   = 1000             // answers in one line
	closingTries = 5 * time.Second  // for what still waits at the end
	claimTime    = 2 * time.Second  // to learn who books what an answer used
	claimPause   = 5 * time.Millisecond
)

// Room keeps answers. Saving never waits for the shelf: what is on its way is
// found here.
type Room struct {
	opts Options

	mu      sync.Mutex
	waiting map[string]Record
	heavy   int // of those that wait
	queue   chan string

	runs     map[string]*Run
	making   sync.WaitGroup // of runs
	stopping bool
}

// New returns a room. It saves once Run runs.
func New(o Options) *Room {
	return &Room{opts: o, waiting: make(map[string]Record), queue: make(chan string, maxWaiting), runs: make(map[string]*Run)}
}

// Keeps reports whether the room keeps answers at all.
func (r *Room) Keeps() bool { return r.opts.TTL > 0 }

// Note keeps whose an answer is that a provider keeps. Owed says that it is
// still to be made, and what it uses to be booked. It is false if it is lost.
func (r *Room) Note(owner, provider, id string, owed bool) (Record, bool) {
	rec := Record{ID: id, Owner: owner, Provider: provider, Owed: owed}
	return rec, len(id) <= maxID && r.keep(rec)
}

// Claim is true for one of all who are to book what an answer has used that a
// provider keeps. It is lost if the claimant dies before it has booked. Gone
// is what it is if the answer has been deleted.
func (r *Room) Claim(ctx context.Context, rec Record, gone bool) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	for r.waits(rec.ID) {
		select {
		case <-time.After(claimPause):
		case <-ctx.Done():
			return false
		}
	}
	mine, err := r.opts.Runs.OweResponse(ctx, rec.Owner, rec.ID, false)
	if errors.Is(err, ErrNotFound) {
		return gone
	}
	if err != nil {
		r.opts.Log.Warn("what a response has used is not booked yet", "id", rec.ID, "error", err.Error())
	}
	return mine
}

// Return gives a claim back by which nothing was booked.
func (r *Room) Return(ctx context.Context, rec Record) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	if _, err := r.opts.Runs.OweResponse(ctx, rec.Owner, rec.ID, true); err != nil && !errors.Is(err, ErrNotFound) {
		r.opts.Log.Error("what a response has used is not booked", "id", rec.ID, "error", err.Error())
	}
}

// waits reports whether a record is still on its way to the shelf.
func (r *Room) waits(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, waits := r.waiting[id]
	return waits
}

// keep puts a record on its way. One that finds no place is lost, which is
// logged: the answer itself must not wait.
func (r *Room) keep(rec Record) bool {
	rec.Expires = time.Now().Add(r.opts.TTL)
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.waiting[rec.ID]; taken {
		return false
	}
	if (rec.Provider != "" || r.heavy < maxHeavy) && r.opts.Memory.Take(rec.weight()) {
		select {
		case r.queue <- rec.ID:
			r.waiting[rec.ID] = rec
			if rec.Provider == "" {
				r.heavy++
			}
			return true
		default:
			r.opts.Memory.Give(rec.weight())
		}
	}
	r.opts.Log.Error("a response is not kept: the database is behind", "id", rec.ID)
	return false
}

// gone takes a record off those that wait; the room is locked.
func (r *Room) gone(id string) (was bool) {
	rec, was := r.waiting[id]
	if was && rec.Provider == "" {
		r.heavy--
	}
	if was {
		r.opts.Memory.Give(rec.weight())
	}
	delete(r.waiting, id)
	return was
}

// weight is what a record takes in memory, in bytes.
func (rec *Record) weight() int64 { return int64(len(rec.Input) + len(rec.Answer)) }

// Find returns an answer to its owner.
func (r *Room) Find(ctx context.Context, owner, id string) (Record, error) {
	r.mu.Lock()
	rec, ok := r.waiting[id]
	r.mu.Unlock()
	if ok {
		if rec.Owner != owner {
			return Record{}, ErrNotFound
		}
		return rec, nil
	}
	if run := r.running(owner, id); run != nil {
		return run.Now(), nil
	}
	now := time.Now()
	rec, err := r.opts.Shelf.FindResponse(ctx, owner, id, now)
	return rec.told(now), err
}

// Delete removes an answer of its owner.
func (r *Room) Delete(ctx context.Context, owner, id string) error {
	r.mu.Lock()
	rec, waits := r.waiting[id]
	if waits && rec.Owner == owner {
		r.gone(id)
	}
	r.mu.Unlock()
	run := r.running(owner, id)
	if run != nil {
		run.Cancel()
	}
	err := r.opts.Shelf.DeleteResponse(ctx, owner, id)
	if run != nil && (err == nil || errors.Is(err, ErrNotFound)) {
		r.hide(run)
	}
	if waits && rec.Owner == owner {
		return nil
	}
	return err
}

// Run saves what is kept and removes what has expired, until ctx ends; then it
// saves what still waits.
func (r *Room) Run(ctx context.Context) {
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	for {
		select {
		case id := <-r.queue:
			r.save(ctx, id)
		case <-tick.C:
			r.sweep(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closingTries)
			defer cancel()
			r.rest(last)
			return
		}
	}
}

// rest saves what still waits.
func (r *Room) rest(ctx context.Context) {
	for {
		select {
		case id := <-r.queue:
			r.save(ctx, id)
		default:
			return
		}
	}
}

// save moves a record to the shelf. It stays findable until it lies there,
// and one deleted in the meantime does not stay.
func (r *Room) save(ctx context.Context, id string) {
	r.mu.Lock()
	rec, ok := r.waiting[id]
	r.mu.Unlock()
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shelfTime)
	defer cancel()
	err := r.opts.Shelf.SaveResponse(ctx, rec)
	if err != nil {
		r.opts.Log.Error("a response is not kept", "id", id, "error", err.Error())
	}
	r.mu.Lock()
	still := r.gone(id)
	r.mu.Unlock()
	if err == nil && !still {
		if err := r.opts.Shelf.DeleteResponse(ctx, rec.Owner, id); err != nil {
			r.opts.Log.Error("a deleted response stays until it expires", "id", id, "error", err.Error())
		}
	}
}

func (r *Room) sweep(ctx context.Context) {
	swept, err := r.opts.Shelf.SweepResponses(ctx, time.Now(), r.opts.Bounds)
	r.opts.Swept(swept)
	if err != nil {
		r.opts.Log.Warn("old responses are not removed yet", "error", err.Error())
	}
}
