package identity

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// Options say whom a Directory lets in and how it follows the store.
type Options struct {
	Personal     bool          // one owner, any credential or none, unless LocalKey is set
	AuthDisabled bool          // everybody is the local owner
	LocalKey     secret.Secret // personal mode: this key, or one of the store, is required

	Poll  time.Duration // between looks at the store; default 1 s
	Fresh time.Duration // an older snapshot refuses no unknown key; default 5 s
	Stale time.Duration // an older snapshot admits no known key; default 15 min
	Flush time.Duration // between reports of times of use; default 1 min

	Log *slog.Logger     // default: none
	Now func() time.Time // default: time.Now
}

const storeTimeout = 3 * time.Second // for one look at the store

// Directory answers who a credential belongs to, from memory. It follows the
// store from a goroutine of its own and goes on with what it knows while the
// store is away.
type Directory struct {
	source  Source
	opts    Options
	open    bool // every credential is the local owner
	local   Digest
	owner   Principal
	current atomic.Pointer[state]

	refreshing sync.Mutex // one look at the store at a time
	flushed    time.Time  // guarded by refreshing
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// state is what is known, and how well.
type state struct {
	*snapshot           // nil until the store has answered once
	checked   time.Time // when the store last confirmed the snapshot
	failed    error     // of the last look
}

// NewDirectory returns a directory that knows nobody until Start or Refresh.
func NewDirectory(source Source, o Options) *Directory {
	o.Poll = cmp.Or(o.Poll, time.Second)
	o.Fresh = cmp.Or(o.Fresh, 5*time.Second)
	o.Stale = cmp.Or(o.Stale, 15*time.Minute)
	o.Flush = cmp.Or(o.Flush, time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Directory{
		source: source, opts: o, owner: LocalOwner(), local: DigestOf(o.LocalKey.Reveal()), flushed: o.Now(),
		open: o.AuthDisabled || o.Personal && o.LocalKey.Empty(),
	}
	d.current.Store(&state{})
	return d
}

// Start looks at the store once, whatever comes of it, and then follows it
// until Stop. A directory that lets everybody in has nothing to follow.
func (d *Directory) Start(ctx context.Context) {
	if d.open || d.stop != nil {
		return
	}
	_ = d.Refresh(ctx) // kept in the state, told to whoever asks
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	d.done.Go(func() { d.follow(ctx) })
}

// Stop ends the following and reports the last uses.
func (d *Directory) Stop() {
	if d.stop == nil {
		return
	}
	d.stop()
	d.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	d.refreshing.Lock()
	defer d.refreshing.Unlock()
	d.flush(ctx, d.current.Load())
}

func (d *Directory) follow(ctx context.Context) {
	tick := time.NewTicker(d.opts.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = d.Refresh(ctx)
		}
	}
}

// Refresh looks at the store now. Whoever changes users or keys in this
// process calls it to have the change work at once.
func (d *Directory) Refresh(ctx context.Context) error {
	d.refreshing.Lock()
	defer d.refreshing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()

	last, began := d.current.Load(), d.opts.Now()
	next, err := d.look(ctx, last.snapshot)
	switch {
	case errors.Is(err, context.Canceled):
		return err // says nothing of the store
	case err != nil:
		d.current.Store(&state{snapshot: last.snapshot, checked: last.checked, failed: err})
		if last.failed == nil {
			d.opts.Log.Warn("users and keys cannot be read; known keys go on working",
				"for", d.opts.Stale, "error", err)
		}
		return err
	}
	// The time before the look: the snapshot is at least that new.
	now := &state{snapshot: next, checked: began}
	d.current.Store(now)
	if last.failed != nil {
		d.opts.Log.Info("users and keys can be read again", "keys", len(next.keys))
	}
	if began.Sub(d.flushed) >= d.opts.Flush {
		d.flush(ctx, now)
	}
	return nil
}

// look returns the snapshot to go on with: the last one if nothing changed.
func (d *Directory) look(ctx context.Context, last *snapshot) (*snapshot, error) {
	revision, err := d.source.Revision(ctx)
	if err != nil {
		return nil, err
	}
	if last != nil && last.revision == revision {
		return last, nil
	}
	return take(ctx, d.source, revision, last)
}

// flush reports times of use. What cannot be written is tried next time.
func (d *Directory) flush(ctx context.Context, s *state) {
	d.flushed = d.opts.Now()
	if s.snapshot == nil {
		return
	}
	uses, holders := s.uses()
	if len(uses) == 0 {
		return
	}
	if err := d.source.Touch(ctx, uses); err != nil {
		d.opts.Log.Warn("times of use could not be written", "keys", len(uses), "error", err)
		return
	}
	for i, h := range holders {
		h.reported = uses[i].At.Unix() / 60
	}
}

// Authenticate returns who a credential belongs to. It touches no database.
// The error is an *llm.Error: Unauthenticated if the credential is known not
// to be good, Unavailable if that cannot be told.
func (d *Directory) Authenticate(credential string) (Principal, error) {
	if d.open {
		return d.owner, nil
	}
	if credential == "" {
		return Principal{}, unauthenticated("No API key was sent. Send one in the header Authorization: Bearer or x-api-key.")
	}
	digest := DigestOf(credential)
	if d.opts.Personal && subtle.ConstantTimeCompare(digest[:], d.local[:]) == 1 {
		return d.owner, nil
	}
	s, now := d.current.Load(), d.opts.Now()
	age := now.Sub(s.checked)
	if s.snapshot != nil {
		if h := s.find(digest); h != nil {
			if age > d.opts.Stale {
				return Principal{}, unavailable("Users and keys could not be read for too long. Try again soon.", s.failed)
			}
			return h.admit(now)
		}
	}
	if s.snapshot == nil || s.failed != nil || age > d.opts.Fresh {
		return Principal{}, unavailable("This API key cannot be checked: the database does not answer. Try again soon.", s.failed)
	}
	return Principal{}, unauthenticated("This API key is not valid.")
}

// Ready returns nil if keys can be checked, else why not.
func (d *Directory) Ready() error {
	if d.open {
		return nil
	}
	s := d.current.Load()
	switch age := d.opts.Now().Sub(s.checked); {
	case s.snapshot == nil:
		return unavailable("users and keys were never read", s.failed)
	case age > d.opts.Stale:
		return llm.Errorf(llm.Unavailable, "users and keys were last read %s ago", age.Round(time.Second))
	}
	return nil
}
