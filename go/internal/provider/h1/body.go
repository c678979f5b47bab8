package h1

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// untilClose is the length of a body that ends with its connection.
const untilClose = -1

var errClosedBody = errors.New("h1: read on a closed response body")

// body reads what follows a head. Close may come from another goroutine, as
// with net/http.
type body struct {
	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of the exchange, to tell why a read ended
	cn      *conn           // nil when the exchange is over
	left    int64           // unread bytes where not chunked; untilClose
	chunked bool
	chunks  chunks
	reuse   bool  // the connection may serve another exchange
	err     error // sticky
	closing atomic.Bool

	gate sync.Mutex // guards live
	live bool       // cn is still this body's
}

// begin hangs the body on its response.
func (b *body) begin(ctx context.Context, cn *conn, resp *http.Response, reuse bool) {
	b.reuse = b.reuse && reuse
	if b.left == 0 && !b.chunked {
		resp.Body = http.NoBody
		cn.release(b.reuse)
		return
	}
	cn.patience = cn.client.o.StallTimeout
	b.ctx, b.cn, b.live = ctx, cn, true
	resp.Body = b
}

// Read returns what is there, up to len(p), and waits only for the first
// byte. The end may come with the last bytes.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	var n int
	var err error
	if b.chunked {
		n, err = b.readChunks(p)
	} else {
		n, err = b.readPlain(p)
	}
	if err != nil {
		b.finish(err)
		return n, b.err
	}
	return n, nil
}

// finish ends the exchange with io.EOF or a failure.
func (b *body) finish(err error) {
	cn := b.cn
	b.drop()
	switch {
	case err == io.EOF: //nolint:errorlint // ours, bare
	case b.closing.Load():
		err = errClosedBody
	case cn.cancelled.Load() && b.ctx.Err() != nil:
		err = b.ctx.Err()
	default:
		err = cn.during("read", err)
	}
	b.err, b.ctx = err, nil
	cn.release(err == io.EOF && b.reuse) //nolint:errorlint // ours, bare
}

func (b *body) readPlain(p []byte) (int, error) {
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.cn.take(p)
	if b.left > 0 {
		b.left -= int64(n)
		if b.left == 0 {
			return n, io.EOF
		}
		err = unexpected(err)
	}
	return n, err
}

// readChunks fills p from as many chunks as have arrived.
func (b *body) readChunks(p []byte) (int, error) {
	n := 0
	for {
		if b.chunks.left == 0 {
			last, err := b.chunks.next(b.cn, n == 0)
			switch {
			case err != nil:
				return n, err
			case last:
				return n, io.EOF
			case b.chunks.left == 0:
				return n, nil // the next chunk is still on its way
			}
		}
		if n == len(p) || n > 0 && b.cn.pos == b.cn.end {
			return n, nil
		}
		piece := p[n:]
		if int64(len(piece)) > b.chunks.left {
			piece = piece[:b.chunks.left]
		}
		k, err := b.cn.take(piece)
		n += k
		b.chunks.left -= int64(k)
		if err != nil {
			return n, unexpected(err)
		}
	}
}

// Close ends the exchange. What is unread is not read, so the connection goes
// too, unless nothing but the end of a chunked body is missing: who has seen
// the last event of a stream need not wait for it.
func (b *body) Close() error {
	b.closing.Store(true)
	if !b.mu.TryLock() {
		b.interruptRead()
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	cn := b.cn
	if cn == nil {
		if b.err == io.EOF { //nolint:errorlint // ours, bare
			b.err = errClosedBody
		}
		return nil
	}
	b.drop()
	b.err, b.ctx = errClosedBody, nil
	if b.chunked && b.chunks.left == 0 && b.reuse {
		cn.releaseUnended(b.chunks)
		return nil
	}
	cn.release(false)
	return nil
}

// interruptRead ends a read under way in another goroutine.
func (b *body) interruptRead() {
	b.gate.Lock()
	defer b.gate.Unlock()
	if b.live {
		b.cn.interrupt()
	}
}

// drop lets go of the connection: from here on no Close can interrupt it.
func (b *body) drop() {
	b.gate.Lock()
	b.live = false
	b.gate.Unlock()
	b.cn = nil
}
