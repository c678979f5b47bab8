package proxy

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// clientWatch decides what becomes of the upstream when the client leaves:
// before the upstream has answered it is cancelled; after that it is read on
// for a while, since it bills the whole answer and says at the end how much.
type clientWatch struct {
	try    *try
	cancel context.CancelFunc
	unhook func() bool

	mu       sync.Mutex
	answered bool
	timer    *time.Timer
	draining bool
	over     bool
	read     atomic.Int64
}

func (t *try) watchClient(ctx context.Context, cancel context.CancelFunc) *clientWatch {
	w := &clientWatch{try: t, cancel: cancel}
	w.unhook = context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), context.Canceled) {
			w.clientLeft()
			return
		}
		// The client is still there: whoever serves it gives up.
		t.closing.Store(true)
		cancel()
	})
	return w
}

// answering notes that the upstream has begun to answer.
func (w *clientWatch) answering() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answered = true
}

// clientLeft is called when the client's connection is gone, once or twice.
func (w *clientWatch) clientLeft() {
	w.try.ans.leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || w.draining {
		return
	}
	policy, drains := w.try.ans.policy, &w.try.proxy.drains
	if !w.answered || policy.Abort {
		w.cancel()
		return
	}
	if drains.Add(1) > policy.MaxDrains {
		drains.Add(-1)
		w.cancel()
		return
	}
	w.draining = true
	w.timer = time.AfterFunc(policy.DrainTime, w.cancel)
}

// drained counts what is read for nobody.
func (w *clientWatch) drained(n int64) {
	if w.read.Add(n) > w.try.ans.policy.DrainBytes {
		w.cancel()
	}
}

// stop ends the watch.
func (w *clientWatch) stop() {
	w.unhook()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.draining {
		w.draining = false
		w.timer.Stop()
		w.try.proxy.drains.Add(-1)
	}
}
