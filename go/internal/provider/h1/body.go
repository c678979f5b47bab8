package h1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	untilClose = -1

	// lingerTime is how long Close waits for the end of a stream whose last
	// event has been read: it often comes in a packet of its own.
	lingerTime = 50 * time.Millisecond

	maxChunkLine    = 256
	maxTrailerBytes = 16 << 10
)

var errClosedBody = errors.New("h1: read on a closed response body")

// body reads what follows a head. Close may come from another goroutine, as
// with net/http.
type body struct {
	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of the exchange, to tell why a read ended
	cn      *conn           // nil when the exchange is over
	left    int64           // of the body, or of the chunk; untilClose
	chunked bool
	opened  bool // a chunk was read and its line end is due
	reuse   bool
	wait    time.Duration // for the next bytes
	err     error         // sticky
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
	b.ctx, b.cn, b.live = ctx, cn, true
	b.wait = cn.client.o.StallTimeout
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
	case errors.Is(err, io.ErrUnexpectedEOF):
	default:
		err = cn.during("read", err)
	}
	b.err = err
	b.ctx = nil
	cn.release(err == io.EOF && b.reuse) //nolint:errorlint // ours, bare
}

func (b *body) readPlain(p []byte) (int, error) {
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.take(p)
	if b.left > 0 {
		b.left -= int64(n)
		switch {
		case b.left == 0:
			return n, io.EOF
		case err == io.EOF: //nolint:errorlint // the contract of io.Reader
			return n, io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// take hands out buffered bytes, or reads into p itself.
func (b *body) take(p []byte) (int, error) {
	cn := b.cn
	if cn.pos < cn.end {
		n := copy(p, cn.buf[cn.pos:cn.end])
		cn.pos += n
		return n, nil
	}
	cn.readWithin(b.wait)
	if len(p) >= readBuffer {
		n, err := cn.nc.Read(p)
		if n > 0 {
			err = nil // it will come again
		}
		return n, err
	}
	if err := cn.fill(); err != nil {
		return 0, err
	}
	n := copy(p, cn.buf[cn.pos:cn.end])
	cn.pos += n
	return n, nil
}

// readChunks fills p from as many chunks as have arrived.
func (b *body) readChunks(p []byte) (int, error) {
	n := 0
	for {
		if b.left == 0 {
			last, err := b.nextChunk(n == 0)
			switch {
			case err != nil:
				return n, err
			case last:
				return n, io.EOF
			case b.left == 0:
				return n, nil // the next chunk is still on its way
			}
		}
		if n == len(p) {
			return n, nil
		}
		if n > 0 && b.cn.pos == b.cn.end {
			return n, nil
		}
		piece := p[n:]
		if int64(len(piece)) > b.left {
			piece = piece[:b.left]
		}
		k, err := b.take(piece)
		n += k
		b.left -= int64(k)
		if err != nil {
			return n, unexpected(err)
		}
	}
}

// nextChunk reads the line end of a finished chunk and the size of the next
// one. Without wait it reads from the buffer only, and leaves left at 0 when
// that does not hold the whole line.
func (b *body) nextChunk(wait bool) (last bool, err error) {
	for {
		size, used, err := chunkLine(b.cn.buf[b.cn.pos:b.cn.end], b.opened)
		if err != nil {
			return false, err
		}
		if used > 0 {
			if size == 0 {
				return b.trailer(used, wait)
			}
			b.cn.pos += used
			b.left, b.opened = size, true
			return false, nil
		}
		if !wait {
			return false, nil
		}
		b.cn.readWithin(b.wait)
		if err := b.cn.fill(); err != nil {
			return false, unexpected(err)
		}
	}
}

// trailer skips what may follow the last chunk, whose line takes used bytes.
func (b *body) trailer(used int, wait bool) (last bool, err error) {
	cn := b.cn
	skipped := 0
	for {
		rest := cn.buf[cn.pos+used : cn.end]
		if i := bytes.Index(rest, []byte("\r\n")); i >= 0 {
			cn.pos += used + i + 2
			if i == 0 {
				b.opened = false
				return true, nil
			}
			used = 0
			if skipped += i; skipped > maxTrailerBytes {
				return false, malformed("the trailer exceeds the size limit")
			}
			wait = true // the last chunk's line is gone: there is no way back
			continue
		}
		if len(rest) > maxTrailerBytes || used == 0 && cn.pos == 0 && cn.end == len(cn.buf) {
			return false, malformed("the trailer exceeds the size limit")
		}
		if !wait {
			return false, nil
		}
		cn.readWithin(b.wait)
		if err := cn.fill(); err != nil {
			return false, unexpected(err)
		}
	}
}

// chunkLine reads the size line at the head of buf, after the line end of the
// chunk before where opened. It uses nothing when the line is not all there.
func chunkLine(buf []byte, opened bool) (size int64, used int, err error) {
	if opened {
		if len(buf) > 0 && buf[0] != '\r' || len(buf) > 1 && buf[1] != '\n' {
			return 0, 0, malformed("a chunk is longer than it said")
		}
		if len(buf) < 2 {
			return 0, 0, nil
		}
		used, buf = 2, buf[2:]
	}
	end := bytes.IndexByte(buf, '\n')
	if end < 0 {
		if len(buf) > maxChunkLine {
			return 0, 0, malformed("an endless chunk size")
		}
		return 0, 0, nil
	}
	if end == 0 || buf[end-1] != '\r' || end > maxChunkLine {
		return 0, 0, malformed("a bad chunk size")
	}
	line := buf[:end-1]
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		if bytes.IndexByte(line, '\r') >= 0 {
			return 0, 0, malformed("a bad chunk extension")
		}
		line = bytes.TrimRight(line[:i], " \t")
	}
	size, err = hexSize(line)
	return size, used + end + 1, err
}

func hexSize(line []byte) (int64, error) {
	if len(line) == 0 || len(line) > 15 {
		return 0, malformed("a bad chunk size")
	}
	var n int64
	for _, c := range line {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, malformed("a bad chunk size")
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // the contract of io.Reader
		return io.ErrUnexpectedEOF
	}
	return err
}

// Close ends the exchange. What is unread is not read, so the connection goes
// too, unless all but the end of a stream has come.
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
	if b.chunked && b.left == 0 && b.reuse && cn.unwatch() {
		cn.linger(&body{cn: cn, chunked: true, opened: b.opened, wait: lingerTime})
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

// linger waits a moment for the end of a stream, so that its connection can
// be used again.
func (cn *conn) linger(rest *body) {
	last, err := rest.nextChunk(false)
	if last || err != nil || rest.left > 0 {
		cn.release(last)
		return
	}
	c := cn.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		cn.destroy()
		return
	}
	c.cuts.Go(func() {
		last, err := rest.nextChunk(true)
		cn.release(last && err == nil)
	})
}
