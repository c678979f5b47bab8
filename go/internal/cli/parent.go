package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// parentPoll is how often the parent's id is looked at.
const parentPoll = 500 * time.Millisecond

var errParentGone = errors.New("the parent process is gone")

// watchParent returns a function that returns when the parent is gone or its
// context ends. It is nil for the empty mode.
func watchParent(mode string, stdin io.Reader) (func(context.Context) error, error) {
	switch mode {
	case "":
		return nil, nil
	case "stdin":
		return func(context.Context) error {
			_, _ = io.Copy(io.Discard, stdin) // any end of it is the end
			return errParentGone
		}, nil
	case "pid":
		parent := os.Getppid()
		return func(ctx context.Context) error {
			tick := time.NewTicker(parentPoll)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-tick.C:
					if os.Getppid() != parent {
						return errParentGone
					}
				}
			}
		}, nil
	}
	return nil, fmt.Errorf("--parent-watch %q: it is stdin or pid", mode)
}
