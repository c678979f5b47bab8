//go:build unix

package service

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// apart gives a process a session of its own: no terminal, no signals of its
// parent's group.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// ask tells a daemon to end; asked twice, it cuts its calls.
func ask(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

// Obey calls end each time this daemon is told to end other than by a signal,
// until done is called with the error that it ends with. Here there are signals
// and exit codes for it.
func Obey(func()) (done func(error), err error) { return func(error) {}, nil }

// loosen points standard error at f.
func loosen(f *os.File) error { return unix.Dup2(int(f.Fd()), int(os.Stderr.Fd())) }

// ignorePipes keeps this process alive when nobody reads its standard error.
// To ignore the signal would be passed on to programs that it runs.
func ignorePipes() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
