//go:build unix

package cli

import (
	"context"
	"os"
	"time"
)

// parentEnd returns when another process has become the parent of this one.
func parentEnd(ctx context.Context) error {
	parent := os.Getppid()
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
}
