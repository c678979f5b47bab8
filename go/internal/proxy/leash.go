package proxy

import (
	"context"
	"sync"
	"time"
)

// leash is the context of an attempt: it has the values of the client's
// context but an end of its own, since an upstream is read on when the client
// has left. It makes a channel only for those who ask, and tells others by
// AfterFunc: context.WithCancel costs a call six objects more.
type leash struct {
	values context.Context //nolint:containedctx // it is a context

	mu    sync.Mutex
	done  chan struct{} // nil: nobody has asked
	ended bool
	hooks *hook
}

// hook is one who wants to be told of the end.
type hook struct {
	leash *leash
	tell  func()
	next  *hook
}

func newLeash(ctx context.Context) *leash { return &leash{values: context.WithoutCancel(ctx)} }

// Deadline implements context.Context. There is none.
func (*leash) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Value implements context.Context.
func (l *leash) Value(key any) any { return l.values.Value(key) }

// Done implements context.Context.
func (l *leash) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
		if l.ended {
			close(l.done)
		}
	}
	return l.done
}

// Err implements context.Context.
func (l *leash) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return context.Canceled
	}
	return nil
}

// AfterFunc runs tell in a goroutine of its own when the leash ends, unless
// stop is called before, which then returns true. The context package knows it
// by its name, and so does h1.
func (l *leash) AfterFunc(tell func()) (stop func() bool) {
	h := &hook{leash: l, tell: tell}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		go tell()
	} else {
		h.next, l.hooks = l.hooks, h
	}
	return h.stop
}

// stop takes the hook away. It is false if that is too late.
func (h *hook) stop() bool {
	l := h.leash
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := &l.hooks; *at != nil; at = &(*at).next {
		if *at == h {
			*at = h.next
			return true
		}
	}
	return false
}

// cancel ends the leash.
func (l *leash) cancel() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	if l.done != nil {
		close(l.done)
	}
	for h := l.hooks; h != nil; h = h.next {
		go h.tell()
	}
	l.hooks = nil
}
