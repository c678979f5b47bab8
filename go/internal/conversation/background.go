package conversation

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Runs is where answers in the making are written down, so that other
// instances know of them and none is forgotten when its own one dies, or
// booked twice.
type Runs interface {
	// BeatResponse says that who makes an answer is alive until lease, and
	// what there is of it. It reports whether anybody still wants it.
	BeatResponse(ctx context.Context, id string, lease time.Time, answer []byte) (wanted bool, err error)
	EndResponse(ctx context.Context, id string, answer, events []byte) error
	CancelResponse(ctx context.Context, owner, id string) error
	ResponseEvents(ctx context.Context, owner, id string) ([]byte, error)

	// OweResponse says whether what an answer has used is still to be booked.
	// It is true for the first who says so. ErrNotFound: there is no such answer.
	OweResponse(ctx context.Context, owner, id string, owed bool) (first bool, err error)
}

const (
	beatPause   = 5 * time.Second  // between two signs of life
	leaseTime   = 30 * time.Second // after the last of which an answer is given up
	lookPause   = time.Second      // between two looks at another instance's answer
	endPatience = 5 * time.Minute  // to write an end down
	endPause    = 2 * time.Second  // between two tries
	logFactor   = 4                // a stream is so many times larger than its answer
	partingTime = 5 * time.Second  // for answers to end when the gateway stops
)

// errStopping is why answers end when the gateway does. It is no cancellation:
// nobody has asked for it.
var errStopping = errors.New("the gateway is shutting down")

// Work makes an answer: it writes the stream to w and returns when all of it
// is written. It must end soon after ctx.
type Work func(ctx context.Context, w io.Writer)

// Order is an answer to be made in the background.
type Order struct {
	Owner    string
	Previous string // id of the answer it goes on from, "" none
	Body     []byte // the client's own
	Begun    []byte // the first events of the stream
	Streamed bool   // its events are kept
	Work     Work

	// Ended is given the last event of an answer that has ended well, before
	// anybody sees that it has. Nil is told nothing.
	Ended func(end []byte)
}

// Start makes an answer in the background. The record is as it was at first.
func (r *Room) Start(ctx context.Context, o Order) (Record, error) {
	answer := bytes.Clone(lastAnswer(o.Begun))
	id, _ := idOf(answer)
	rec := Record{
		ID: id, Owner: o.Owner, Previous: o.Previous, Input: list(asked(o.Body, id)), Answer: answer,
		Streamed: o.Streamed, Lease: time.Now().Add(leaseTime), Expires: time.Now().Add(r.opts.TTL),
	}
	if int64(len(rec.Input)) > r.opts.MaxBytes {
		return rec, llm.InvalidField("input", "The input is larger than the %d bytes that this gateway keeps (responses.max_bytes).", r.opts.MaxBytes)
	}
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	run := newRun(rec, logFactor*r.opts.MaxBytes, r.opts.Memory, cancel)
	run.first = o.Ended
	rec.Answer = run.Now().Answer
	if err := r.enter(run); err != nil {
		cancel(err)
		return rec, err
	}
	if err := r.opts.Shelf.SaveResponse(ctx, rec); err != nil {
		cancel(err)
		r.leave(run)
		return rec, err
	}
	go r.tend(life, run, o.Work)
	return rec, nil
}

// enter gives an answer a place among those in the making. Those of its owner
// that have ended, and whose provider is only listened to for the bill, leave
// room for others.
func (r *Room) enter(run *Run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	own := 0
	for _, other := range r.runs {
		if other.record.Owner == run.record.Owner && !other.over() {
			own++
		}
	}
	switch {
	case r.stopping:
		return llm.Errorf(llm.Unavailable, "The gateway is shutting down; try again.")
	case own >= r.opts.MaxRunsPerKey:
		e := llm.Errorf(llm.RateLimited, "This API key has %d background responses under way, which is as many as it may have (responses.background_per_key).", own)
		e.RetryAfter = beatPause
		return e
	case len(r.runs) >= r.opts.MaxRuns:
		e := llm.Errorf(llm.Overloaded, "The gateway has as many background responses under way as it may have (responses.background); try again later.")
		e.RetryAfter = beatPause
		return e
	}
	r.runs[run.record.ID] = run
	r.making.Add(1)
	return nil
}

func (r *Room) leave(run *Run) {
	run.release()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, run.record.ID)
	r.making.Done()
}

// tend sees to one answer until its end is written down.
func (r *Room) tend(ctx context.Context, run *Run, work Work) {
	defer r.leave(run)
	done := make(chan struct{})
	go func() {
		defer close(done)
		work(ctx, run)
	}()
	beat := time.NewTicker(beatPause)
	defer beat.Stop()
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-beat.C:
			r.beat(ctx, run)
		}
	}
	if run.holds() {
		r.beat(ctx, run) // it may have been cancelled elsewhere
		run.settle()
	}
	run.mu.Lock()
	run.end(statusFailed, errorWords("server_error", "The response ended before its end."))
	run.mu.Unlock()
	run.cancel(nil)
	r.finish(run)
}

// beat tells the others that an answer is alive, and stops one that nobody
// wants any more.
func (r *Room) beat(ctx context.Context, run *Run) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatPause)
	defer cancel()
	wanted, err := r.opts.Runs.BeatResponse(ctx, run.record.ID, time.Now().Add(leaseTime), run.Now().Answer)
	switch {
	case err != nil:
		r.opts.Log.Warn("a background response cannot say that it is alive", "id", run.record.ID, "error", err.Error())
	case !wanted:
		run.Cancel()
	}
}

// finish writes an end down. One that cannot be is told as failed when its
// lease is over.
func (r *Room) finish(run *Run) {
	answer, events := run.Now().Answer, run.events()
	for last := time.Now().Add(endPatience); ; time.Sleep(endPause) {
		ctx, cancel := context.WithTimeout(context.Background(), shelfTime)
		err := r.opts.Runs.EndResponse(ctx, run.record.ID, answer, events)
		cancel()
		if err == nil || errors.Is(err, ErrNotFound) { // deleted meanwhile
			return
		}
		if r.closing() || time.Now().After(last) {
			r.opts.Log.Error("a background response is not kept", "id", run.record.ID, "error", err.Error())
			return
		}
	}
}

func (r *Room) closing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopping
}

// running returns an answer that is being made here.
func (r *Room) running(owner, id string) *Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run := r.runs[id]; run != nil && run.record.Owner == owner && !run.hidden {
		return run
	}
	return nil
}

// hide lets nobody find an answer that is being made. It keeps its place
// until whoever makes it has stopped.
func (r *Room) hide(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run.hidden = true
}

// Running is how many answers are being made here.
func (r *Room) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.runs)
}

// Cancel stops an answer of its owner that is being made, here or elsewhere,
// and returns it as it is then.
func (r *Room) Cancel(ctx context.Context, rec Record) (Record, error) {
	if run := r.running(rec.Owner, rec.ID); run != nil {
		run.Cancel()
		return run.Now(), nil
	}
	if rec.Lease.IsZero() {
		return rec, nil
	}
	err := r.opts.Runs.CancelResponse(ctx, rec.Owner, rec.ID)
	if errors.Is(err, ErrNotFound) { // it has ended since rec was read, or is deleted
		return r.Find(ctx, rec.Owner, rec.ID)
	}
	if err != nil {
		return rec, err
	}
	rec.Cancelled = true
	return rec.told(time.Now()), nil
}

// Events returns what follows in the stream of an answer from a sequence
// number on, and waits for it for a while. Over says that no more will come.
func (r *Room) Events(ctx context.Context, owner, id string, from int, patience time.Duration) (frames [][]byte, over bool, err error) {
	if run := r.running(owner, id); run != nil {
		frames, over = run.next(ctx, from, patience)
		return frames, over, nil
	}
	rec, err := r.opts.Shelf.FindResponse(ctx, owner, id, time.Now())
	if err != nil {
		return nil, true, err
	}
	if told := rec.told(time.Now()); !rec.Lease.IsZero() {
		if told.Lease.IsZero() {
			return [][]byte{frameOf(kindFailed, from, told.Answer)}, true, nil
		}
		select { // another instance makes it
		case <-time.After(lookPause):
		case <-ctx.Done():
		}
		return nil, ctx.Err() != nil, nil
	}
	all, err := r.opts.Runs.ResponseEvents(ctx, owner, id)
	if err != nil {
		return nil, true, err
	}
	frames = bytes.SplitAfter(all, frameEnd)
	frames = frames[:max(len(frames)-1, 0)] // what follows the last end is nothing
	return frames[min(from, len(frames)):], true, nil
}

// Drain waits for the answers that are being made. Those that have not ended
// with ctx are failed. No new ones begin.
func (r *Room) Drain(ctx context.Context) {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	all := make(chan struct{})
	go func() {
		r.making.Wait()
		close(all)
	}()
	select {
	case <-all:
		return
	case <-ctx.Done():
	}
	r.mu.Lock()
	for _, run := range r.runs {
		run.cancel(errStopping)
	}
	r.mu.Unlock()
	select {
	case <-all:
	case <-time.After(partingTime):
	}
}

// told is a record as it is to be told at a time: of an answer in the making
// it depends on whether anybody still makes it.
func (rec Record) told(now time.Time) Record {
	switch {
	case rec.Cancelled: // whatever has become of it since
		rec.Answer = ended(rec.Answer, statusCancelled, nil)
	case rec.Lease.IsZero():
		return rec
	case !rec.Lease.After(now):
		rec.Answer = ended(rec.Answer, statusFailed, errorWords("server_error", "The gateway stopped before this response had ended."))
	default:
		return rec
	}
	rec.Lease = time.Time{}
	return rec
}

// frameOf is the event of a kind that carries a response object.
func frameOf(kind string, seq int, answer []byte) []byte {
	out := append(append([]byte("event: "), kind...), "\ndata: {\"type\":\""...)
	out = append(append(out, kind...), "\",\"sequence_number\":"...)
	out = append(strconv.AppendInt(out, int64(seq), 10), ",\"response\":"...)
	return append(append(out, answer...), "}\n\n"...)
}
