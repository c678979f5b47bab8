package h1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// readBuffer holds the head of a usual answer and several frames of a
	// stream. Larger reads go past it into the caller's memory.
	readBuffer = 4 << 10

	// maxInterim bounds the 1xx answers before the real one.
	maxInterim = 16

	// refusalWait is how long an answer is awaited when the request could not
	// be written whole: a server may refuse a large body half-way.
	refusalWait = time.Second

	// unendedWait is how long the end of a body that nobody waited for may
	// take when its connection is wanted again. It usually has come already.
	unendedWait = 5 * time.Millisecond
)

// longPast is a deadline that has always been missed.
func longPast() time.Time { return time.Unix(1, 0) }

// conn is one connection. Between take and put it belongs to one exchange.
type conn struct {
	client  *Client
	to      origin
	address string
	nc      net.Conn // the TLS connection where there is one
	state   *tls.ConnectionState

	// raw is the socket and counted what was written to it under TLS.
	raw     syscall.RawConn
	counted *countedConn
	plain   uint64 // bytes written without TLS
	probe   probe  // state of the system's part, see quiet

	buf      []byte
	pos, end int           // unread bytes are buf[pos:end]
	patience time.Duration // how long await waits

	vec, vecLeft net.Buffers // of the request being written

	readBy, writeBy time.Time // deadlines set
	idleSince       time.Time

	// unended is the body of the last exchange where its end was not read.
	unended    chunks
	hasUnended bool

	// cancelled is set, and the deadlines moved to the past, when the
	// context of the exchange ends or its body is closed during a read.
	cancelled atomic.Bool
	onCancel  func() // interrupt, made once
	closed    atomic.Bool

	// of the exchange under way
	before    uint64 // bytes the socket had been given before it
	wrote     bool   // some of the request may have left
	heard     bool   // a byte of the answer has come
	stopWatch func() bool
}

// afterFuncer is a context that does by itself what context.AfterFunc does,
// which would wrap it in three objects more.
type afterFuncer interface {
	AfterFunc(f func()) (stop func() bool)
}

// exchange sends a request and reads the head of its answer.
func (cn *conn) exchange(ctx context.Context, req *http.Request) (*http.Response, error) {
	cn.before, cn.wrote, cn.heard = cn.sent(), false, false
	cn.stopWatch = nil
	if own, ok := ctx.(afterFuncer); ok {
		cn.stopWatch = own.AfterFunc(cn.onCancel)
	} else if ctx.Done() != nil {
		cn.stopWatch = context.AfterFunc(ctx, cn.onCancel)
	}
	x := &answer{}
	sendErr := cn.send(req)
	wait := cn.client.o.HeaderTimeout
	if body, ok := req.Body.(*Body); ok && body.HeaderTimeout != 0 {
		wait = body.HeaderTimeout
	}
	if sendErr != nil {
		if !cn.wrote || cn.cancelled.Load() {
			return nil, cn.during("send", sendErr)
		}
		wait = refusalWait
	}
	cn.readWithin(wait)
	if err := cn.readHead(req, x); err != nil {
		if sendErr != nil {
			return nil, cn.during("send", sendErr)
		}
		return nil, cn.during("wait for the answer", err)
	}
	x.resp.Request = req
	x.resp.TLS = cn.state
	x.body.begin(ctx, cn, &x.resp, sendErr == nil && !req.Close)
	return &x.resp, nil
}

// readHead skips interim answers and reads the final one.
func (cn *conn) readHead(req *http.Request, x *answer) error {
	for range maxInterim {
		if err := cn.parseHead(&x.resp, &x.body, req.Method); err != nil {
			return err
		}
		switch {
		case x.resp.StatusCode == http.StatusSwitchingProtocols:
			return malformed("the server switches protocols unasked")
		case x.resp.StatusCode >= 200:
			return nil
		}
		*x = answer{}
	}
	return malformed("too many interim answers")
}

// mayRepeat reports whether a request that failed on a used connection may be
// sent again on a fresh one. A POST costs money, so it is not enough that no
// answer came: either nothing was written, or none of it reached the server,
// or the method is harmless.
func (cn *conn) mayRepeat(req *http.Request, err error) bool {
	if cn.heard || cn.cancelled.Load() || isTimeout(err) {
		return false
	}
	if !cn.wrote {
		return true
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		return false
	}
	switch method(req) {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return cn.unreached()
}

// sent is the number of bytes the socket has been given.
func (cn *conn) sent() uint64 {
	if cn.counted != nil {
		return cn.counted.written
	}
	return cn.plain
}

// await reads more into the buffer, within cn.patience.
func (cn *conn) await() error {
	cn.readWithin(cn.patience)
	return cn.fill()
}

// fill reads once more into the buffer.
func (cn *conn) fill() error {
	if cn.pos == cn.end {
		cn.pos, cn.end = 0, 0
	}
	if cn.buf == nil {
		cn.buf = make([]byte, readBuffer)
	}
	if cn.end == len(cn.buf) {
		if cn.pos == 0 {
			return malformed("a line without an end")
		}
		copy(cn.buf, cn.buf[cn.pos:cn.end])
		cn.pos, cn.end = 0, cn.end-cn.pos
	}
	n, err := cn.nc.Read(cn.buf[cn.end:])
	cn.end += n
	if n > 0 {
		cn.heard = true
		return nil // an error will come again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// take hands out buffered bytes, or reads into p itself.
func (cn *conn) take(p []byte) (int, error) {
	if cn.pos == cn.end {
		if len(p) >= readBuffer {
			cn.readWithin(cn.patience)
			n, err := cn.nc.Read(p)
			if n > 0 {
				err = nil // it will come again
			}
			return n, err
		}
		if err := cn.await(); err != nil {
			return 0, err
		}
	}
	n := copy(p, cn.buf[cn.pos:cn.end])
	cn.pos += n
	return n, nil
}

// readWithin sets the read deadline. Setting one costs more than a small
// read, so one that is off by little is left alone.
func (cn *conn) readWithin(d time.Duration) { cn.within(d, &cn.readBy, cn.nc.SetReadDeadline) }

func (cn *conn) writeWithin(d time.Duration) { cn.within(d, &cn.writeBy, cn.nc.SetWriteDeadline) }

func (cn *conn) within(d time.Duration, by *time.Time, set func(time.Time) error) {
	if d < 0 {
		if by.IsZero() {
			return
		}
		*by = time.Time{}
	} else {
		want := time.Now().Add(d)
		off := want.Sub(*by)
		if slack := min(time.Second, d/8); off < slack && off >= 0 && !by.IsZero() {
			return
		}
		*by = want
	}
	_ = set(*by) // fails on a closed connection only, as the next read or write will
	if cn.cancelled.Load() {
		_ = cn.nc.SetDeadline(longPast())
	}
}

// interrupt ends reads and writes under way. It may run at any time.
func (cn *conn) interrupt() {
	cn.cancelled.Store(true)
	_ = cn.nc.SetDeadline(longPast()) // fails on a closed connection only
}

// release ends the exchange. A connection is used again only when nothing is
// left of it, the cancelling included.
func (cn *conn) release(reuse bool) {
	reuse = cn.unwatch() && reuse
	if !reuse || cn.pos != cn.end || cn.cancelled.Load() {
		cn.destroy()
		return
	}
	if len(cn.buf) > readBuffer {
		cn.buf = nil
	}
	cn.client.put(cn)
}

// releaseUnended ends an exchange whose body has been read up to its end but
// for the end itself, which often comes in a packet of its own. It is read
// when the connection is wanted again, see usable.
func (cn *conn) releaseUnended(rest chunks) {
	last, err := rest.next(cn, false)
	switch {
	case last || err != nil || rest.left > 0:
		cn.release(last)
		return
	case !cn.unwatch() || cn.cancelled.Load():
		cn.destroy()
		return
	}
	cn.unended, cn.hasUnended = rest, true
	cn.client.put(cn)
}

// usable reports whether an idle connection can carry another exchange: open,
// and nothing to read on it. Whatever a server says unasked ends the
// connection: more than it had announced, a time-out answer, an alert.
func (cn *conn) usable() bool {
	if cn.hasUnended {
		cn.hasUnended = false
		cn.patience = unendedWait
		if last, err := cn.unended.next(cn, true); !last || err != nil || cn.pos != cn.end {
			return false
		}
	}
	return !cn.hoards() && cn.quiet()
}

// hoards reports whether TLS holds bytes that the socket no longer shows.
func (cn *conn) hoards() bool {
	if cn.counted == nil {
		return false
	}
	cn.readBy = longPast()
	_ = cn.nc.SetReadDeadline(cn.readBy) // fails on a closed connection only
	return !isTimeout(cn.fill())
}

// unwatch lets go of the context. It is false when that has ended.
func (cn *conn) unwatch() bool {
	stop := cn.stopWatch
	cn.stopWatch = nil
	return stop == nil || stop()
}

// destroy closes the connection. It may be called twice.
func (cn *conn) destroy() {
	if !cn.closed.CompareAndSwap(false, true) {
		return
	}
	cn.unwatch()
	cn.client.stats.open.Add(-1)
	_ = cn.nc.Close() // nobody reads or writes it any more
}
