package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/windows"
)

// apart gives a process no console, and keeps Ctrl-C of its parent's from it.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// bell is the event by which a daemon is told to end: there are no signals.
func bell(pid int) (*uint16, error) {
	return windows.UTF16PtrFromString(fmt.Sprintf(`Local\tokligence-gatewayd-%d`, pid))
}

// ask tells a daemon to end; asked twice, it cuts its calls.
func ask(p *os.Process) error {
	name, err := bell(p.Pid)
	if err != nil {
		return err
	}
	event, err := windows.OpenEvent(windows.EVENT_MODIFY_STATE, false, name)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return nil // it is on its way out, or will be killed
	}
	if err != nil {
		return fmt.Errorf("reaching its bell: %w", err)
	}
	defer func() { _ = windows.CloseHandle(event) }()
	return windows.SetEvent(event)
}

// obeyBell calls end each time the bell of this daemon rings, until done is
// called.
func obeyBell(end func()) (done func(), err error) {
	name, err := bell(os.Getpid())
	if err != nil {
		return nil, err
	}
	event, err := windows.CreateEvent(nil, 0, 0, name)
	if err != nil {
		return nil, fmt.Errorf("making a bell: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			got, err := windows.WaitForSingleObject(event, windows.INFINITE)
			if ctx.Err() != nil || err != nil || got != windows.WAIT_OBJECT_0 {
				return
			}
			end()
		}
	})
	return func() {
		cancel()
		_ = windows.SetEvent(event)
		running.Wait()
		_ = windows.CloseHandle(event)
	}, nil
}

// loosen points standard error at f, or rather at a handle of its own on it.
func loosen(f *os.File) error {
	self := windows.CurrentProcess()
	var own windows.Handle
	if err := windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &own, 0, false, windows.DUPLICATE_SAME_ACCESS); err != nil {
		return err
	}
	if err := windows.SetStdHandle(windows.STD_ERROR_HANDLE, own); err != nil {
		return errors.Join(err, windows.CloseHandle(own))
	}
	return os.Stderr.Close()
}

// ignorePipes does nothing: a pipe that nobody reads kills nobody here.
func ignorePipes() {}
