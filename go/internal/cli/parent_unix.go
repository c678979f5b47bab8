//go:build unix

package cli

import (
	"context"
	"os"
	"time"
)

// parent is the id of the process that began this one.
type parent int

func holdParent(pid int) parent { return parent(pid) }

// end returns when another process is the parent of this one, or with an error
// when the context ends.
func (p parent) end(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for os.Getppid() == int(p) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
