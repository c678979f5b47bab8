package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/service"
)

// orphanPatience is how long calls in flight go on when the parent is gone:
// most belong to it, and nobody is left to look after the daemon.
const orphanPatience = time.Second

var errAsked = errors.New("told to stop")

// ending is how a daemon learns that it is to end.
type ending struct {
	cut     context.Context // ends when the calls in flight are to be cut
	release func()
}

// untilTold returns a context that ends when the daemon is to end.
func (c *command) untilTold(parent context.Context, f serveFlags) (context.Context, *ending, error) {
	watch, err := watchParent(f.parentWatch, c.in)
	if err != nil {
		return nil, nil, usageError{err}
	}
	ctx, stop := context.WithCancelCause(parent)
	cut, cutNow := context.WithCancel(context.Background())
	done, err := service.Obey(func() {
		if ctx.Err() != nil {
			cutNow()
		}
		stop(errAsked)
	})
	if err != nil {
		stop(nil)
		cutNow()
		return nil, nil, fmt.Errorf("listening for the order to stop: %w", err)
	}
	if watch != nil {
		go func() { stop(watch(ctx)) }() // ends with ctx, or with the process if it reads
	}
	return ctx, &ending{cut: cut, release: func() {
		done()
		cutNow()
		stop(nil)
	}}, nil
}

// patience is how long the calls in flight may go on.
func (*ending) patience(ctx context.Context, usual time.Duration) time.Duration {
	if errors.Is(context.Cause(ctx), errParentGone) {
		return min(usual, orphanPatience)
	}
	return usual
}
