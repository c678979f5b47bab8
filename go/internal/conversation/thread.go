package conversation

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Thread is a conversation that a client has made and that answers are added
// to.
type Thread struct {
	ID       string
	Owner    string // only who it is finds it
	Metadata []byte // JSON object
	Size     int64  // of its items, in bytes
	Created  time.Time
	Expires  time.Time
}

// Change is what becomes of a thread. What is not said stays.
type Change struct {
	Metadata []byte // nil: stays
	Add      []Item
	Most     int64  // bytes that the thread may hold after Add; more are ErrFull. 0: any
	Strict   bool   // an item whose id is there already is ErrTaken; otherwise it gets another id
	Remove   string // id of an item; ErrNoItem if it is not there
	Expires  time.Time
}

// ErrTaken says that an item with that id is there already.
var ErrTaken = errors.New("the item is there already")

// ErrFull says that a thread would be larger than it may be.
var ErrFull = errors.New("the conversation is full")

// Threads is where threads lie. What has expired is not found.
type Threads interface {
	SaveThread(ctx context.Context, t Thread, first []Item) error
	FindThread(ctx context.Context, owner, id string, now time.Time) (Thread, error)
	ThreadItems(ctx context.Context, id string) ([]Item, error)
	ChangeThread(ctx context.Context, owner, id string, c Change) error
	DeleteThread(ctx context.Context, owner, id string) error
}

// Begin makes a thread with its first items, given as a list.
func (r *Room) Begin(ctx context.Context, owner, base string, metadata, first []byte) (Thread, error) {
	now := time.Now()
	t := Thread{ID: "conv_" + base, Owner: owner, Metadata: metadata, Created: now, Expires: now.Add(r.opts.TTL)}
	add := items(first, base)
	if err := r.fits(t, add, "items"); err != nil {
		return t, err
	}
	return t, r.opts.Threads.SaveThread(ctx, t, add)
}

// Thread returns a thread to its owner.
func (r *Room) Thread(ctx context.Context, owner, id string) (Thread, error) {
	return r.opts.Threads.FindThread(ctx, owner, id, time.Now())
}

// Label gives a thread of its owner other metadata.
func (r *Room) Label(ctx context.Context, owner, id string, metadata []byte) error {
	return r.change(ctx, owner, id, Change{Metadata: metadata})
}

// End removes a thread of its owner.
func (r *Room) End(ctx context.Context, owner, id string) error {
	return r.opts.Threads.DeleteThread(ctx, owner, id)
}

// Items returns what a thread of its owner holds, oldest first.
func (r *Room) Items(ctx context.Context, owner, id string) ([]Item, error) {
	if _, err := r.Thread(ctx, owner, id); err != nil {
		return nil, err
	}
	return r.opts.Threads.ThreadItems(ctx, id)
}

// Add puts items at the end of a thread and returns them as they are kept.
func (r *Room) Add(ctx context.Context, owner, id, base string, more []byte) ([]Item, error) {
	t, err := r.Thread(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	add := items(more, base)
	if err := r.fits(t, add, "items"); err != nil {
		return nil, err
	}
	err = r.change(ctx, owner, id, Change{Add: add, Most: r.opts.MaxBytes, Strict: true})
	if errors.Is(err, ErrFull) { // others have added meanwhile
		err = r.full(id, "items")
	}
	return add, err
}

// Remove takes an item out of a thread.
func (r *Room) Remove(ctx context.Context, owner, id, item string) error {
	return r.change(ctx, owner, id, Change{Remove: item})
}

func (r *Room) change(ctx context.Context, owner, id string, c Change) error {
	c.Expires = time.Now().Add(r.opts.TTL)
	return r.opts.Threads.ChangeThread(ctx, owner, id, c)
}

// fits refuses what would make a thread larger than is continued.
func (r *Room) fits(t Thread, add []Item, field string) error {
	if t.Size+sizeOf(add) > r.opts.MaxBytes {
		return r.full(t.ID, field)
	}
	return nil
}

func (r *Room) full(id, field string) error {
	return llm.InvalidField(field, "The conversation '%s' would be larger than the %d bytes that this gateway keeps of one (responses.max_bytes).",
		id, r.opts.MaxBytes)
}

// Exchange is a request that goes on with a thread, and its answer.
type Exchange struct {
	Body []byte // the request with the items of the thread before its own

	room      *Room
	owner, id string
	base      string // of ids that are missing
	asked     []byte
}

// Resume begins an exchange with a thread of its owner.
func (r *Room) Resume(ctx context.Context, owner, id, base string, body []byte) (*Exchange, error) {
	t, err := r.Thread(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	x := &Exchange{room: r, owner: owner, id: id, base: base, asked: body}
	if err := r.fits(t, x.input(), "conversation"); err != nil {
		return nil, err
	}
	all, err := r.opts.Threads.ThreadItems(ctx, id)
	if err != nil {
		return nil, err
	}
	history := list(all)
	x.Body, err = after(slices.Clip(history[:len(history)-1]), body, "conversation")
	return x, err
}

// input is what the request brought itself.
func (x *Exchange) input() []Item {
	return items(asList(jsonscan.Get(x.asked, "input")), x.base+"_in")
}

// Close adds the request's own items and those of its answer to the thread.
// End is a whole body or the last frames of a stream. It waits for the
// database: who goes on with the thread must find them, at whatever instance.
func (x *Exchange) Close(end []byte) {
	answer := lastAnswer(end)
	if _, ok := finished(answer); !ok {
		return
	}
	add := append(x.input(), items(jsonscan.Get(answer, "output"), x.base+"_out")...)
	ctx, cancel := context.WithTimeout(context.Background(), shelfTime)
	defer cancel()
	// The exchange that goes over the bound is there as well: the next request
	// is refused then, where otherwise it would go on without this one.
	most := x.room.opts.MaxBytes + sizeOf(add)
	if err := x.room.change(ctx, x.owner, x.id, Change{Add: add, Most: most}); err != nil {
		x.room.opts.Log.Error("an answer is not added to its conversation", "conversation", x.id, "error", err.Error())
	}
}
