//go:build unix

package h1

import "syscall"

// probe looks into a socket without reading from it. Its function is made
// once for each connection.
type probe struct {
	look func(fd uintptr)
	n    int
	err  error
	seen [12]byte
}

func (cn *conn) peek() *probe {
	p := &cn.probe
	if p.look == nil {
		p.look = func(fd uintptr) {
			p.n, _, p.err = syscall.Recvfrom(int(fd), p.seen[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}
	}
	if err := cn.raw.Control(p.look); err != nil {
		p.n, p.err = 0, err
	}
	return p
}

// quiet reports whether an idle socket is open with nothing to read.
func (cn *conn) quiet() bool {
	if cn.raw == nil {
		return true
	}
	p := cn.peek()
	return p.n <= 0 && (p.err == syscall.EAGAIN || p.err == syscall.EWOULDBLOCK || p.err == syscall.EINTR) //nolint:errorlint // bare errno
}

// answered reports whether a final answer has begun to arrive.
func (cn *conn) answered() bool {
	p := cn.peek()
	return p.n > 0 && isFinal(p.seen[:p.n])
}
