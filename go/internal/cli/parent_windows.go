package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// parentEnd returns when the parent has ended. Its id never changes here, and
// may be another's before long, so the process itself is held.
func parentEnd(ctx context.Context) error {
	parent, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(os.Getppid()))
	if err != nil {
		return fmt.Errorf("%w: %w", errParentGone, err)
	}
	defer func() { _ = windows.CloseHandle(parent) }()
	for ctx.Err() == nil {
		got, err := windows.WaitForSingleObject(parent, uint32(parentPoll/time.Millisecond))
		if err != nil || got == windows.WAIT_OBJECT_0 {
			return errParentGone
		}
	}
	return ctx.Err()
}
