package cli

import (
	"context"
	"time"

	"golang.org/x/sys/windows"
)

// parent is the process that began this one, 0 if that is gone. Its id never
// changes here, and may be another's before long, so the process itself is held
// as long as this one runs.
type parent windows.Handle

func holdParent(pid int) parent {
	held, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return 0
	}
	return parent(held)
}

// end returns when the parent has ended, or with an error when the context
// ends.
func (p parent) end(ctx context.Context, every time.Duration) error {
	for p != 0 && ctx.Err() == nil {
		got, err := windows.WaitForSingleObject(windows.Handle(p), uint32(every/time.Millisecond))
		if err != nil || got == windows.WAIT_OBJECT_0 {
			return nil
		}
	}
	return ctx.Err()
}
