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

var (
	errAsked    = errors.New("told to stop")
	errInputEnd = errors.New("standard input has ended")
)

// ending is how a daemon learns that it is to end.
type ending struct {
	cut     context.Context // ends when the calls in flight are to be cut
	release func(error)     // told how the daemon ends
}

// untilTold returns a context that ends when the daemon is to end. A nil boss
// is nobody.
func untilTold(parent context.Context, b *boss) (context.Context, *ending, error) {
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
	if b != nil {
		go b.obey(cut, stop, cutNow) // ends with cut, or with the process if it reads
	}
	return ctx, &ending{cut: cut, release: func(err error) {
		done(err)
		cutNow()
		stop(nil)
	}}, nil
}

// obey stops the daemon when the boss says so, and cuts its calls when the boss
// is gone.
func (b *boss) obey(cut context.Context, stop func(why error), cutNow func()) {
	every := parentPoll
	if b.input != nil {
		drain(b.input)
		stop(errInputEnd)
		every = partingPoll
	}
	if b.parent.end(cut, every) != nil {
		return
	}
	stop(errParentGone)
	select {
	case <-cut.Done():
	case <-time.After(orphanPatience):
		cutNow()
	}
}
