//go:build unix

package h1

import (
	"syscall"
)

// probe looks into a socket without reading from it. Its function is made
// once for each connection.
type probe struct {
	look func(fd uintptr)
	n    int
	err  error
	one  [1]byte
}

// quiet reports whether an idle connection is as it should be: open, with
// nothing to read. Whatever a server says unasked ends the connection: a
// time-out answer, an alert, or the end of the stream.
func (cn *conn) quiet() bool {
	if cn.raw == nil {
		return true
	}
	p := &cn.probe
	if p.look == nil {
		p.look = func(fd uintptr) {
			p.n, _, p.err = syscall.Recvfrom(int(fd), p.one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}
	}
	if err := cn.raw.Control(p.look); err != nil {
		return false
	}
	return p.n <= 0 && (p.err == syscall.EAGAIN || p.err == syscall.EWOULDBLOCK || p.err == syscall.EINTR) //nolint:errorlint // bare errno
}
