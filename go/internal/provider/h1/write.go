package h1

import (
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// coalesce is the size up to which head and body are copied into one buffer;
// above it the kernel gathers the segments itself.
const coalesce = 16 << 10

// Body is a request body in segments, which can be written in one system call
// and sent again. It is an io.ReadCloser for other clients.
type Body struct {
	// HeaderTimeout, unless zero, takes the place of the client's for the
	// request with this body.
	HeaderTimeout time.Duration

	segments net.Buffers
	size     int64
	at, off  int
}

// NewBody returns a body over segments, which must not change.
func NewBody(segments net.Buffers) *Body {
	b := &Body{segments: segments}
	for _, s := range segments {
		b.size += int64(len(s))
	}
	return b
}

// Len is the length of the body in bytes.
func (b *Body) Len() int64 { return b.size }

func (b *Body) Read(p []byte) (int, error) {
	for b.at < len(b.segments) {
		n := copy(p, b.segments[b.at][b.off:])
		b.off += n
		if b.off == len(b.segments[b.at]) {
			b.at, b.off = b.at+1, 0
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

// Close does nothing: the segments are the caller's.
func (b *Body) Close() error { return nil }

func noBody(req *http.Request) bool { return req.Body == nil || req.Body == http.NoBody }

// send writes a whole request.
func (cn *conn) send(req *http.Request) error {
	held := cn.client.heads.Get().(*[]byte)
	defer cn.client.heads.Put(held)
	size := req.ContentLength
	body, segmented := req.Body.(*Body)
	switch {
	case noBody(req):
		size = 0
	case segmented:
		size = body.size
	case size == 0:
		size = -1
	}
	head := appendHead((*held)[:0], req, size)
	*held = head[:0]
	if limit := cn.client.o.WriteTimeout; limit > 0 {
		cn.writeWithin(limit + time.Duration(max(size, 0)>>16)*time.Second)
	}
	if segmented && int64(len(head))+size <= coalesce {
		for _, s := range body.segments {
			head = append(head, s...)
		}
		*held = head[:0]
		size = 0
	}
	if size == 0 {
		return cn.write(head)
	}
	defer cn.watchEarly().stop()
	switch {
	case segmented && cn.counted == nil:
		return cn.writeVector(head, body.segments)
	case segmented:
		return cn.writeJoined(head, body.segments)
	}
	if err := cn.write(head); err != nil {
		return err
	}
	return cn.copyBody(req.Body, size)
}

func (cn *conn) write(b []byte) error {
	n, err := cn.nc.Write(b)
	cn.plain += uint64(n)
	cn.wrote = cn.wrote || n > 0 || cn.counted != nil && cn.sent() != cn.before
	return err
}

// writeVector leaves the gathering to the kernel.
func (cn *conn) writeVector(head []byte, segments net.Buffers) error {
	cn.vec = append(append(cn.vec[:0], head), segments...)
	cn.vecLeft = cn.vec // WriteTo consumes it
	n, err := cn.vecLeft.WriteTo(cn.nc)
	clear(cn.vec)
	cn.plain += uint64(n)
	cn.wrote = cn.wrote || n > 0
	return err
}

// writeJoined joins small segments, so that TLS makes few and full records.
func (cn *conn) writeJoined(held []byte, segments net.Buffers) error {
	for _, s := range segments {
		if len(held)+len(s) <= coalesce {
			held = append(held, s...)
			continue
		}
		if len(held) > 0 {
			if err := cn.write(held); err != nil {
				return err
			}
		}
		if held = held[:0]; len(s) < coalesce {
			held = append(held, s...)
		} else if err := cn.write(s); err != nil {
			return err
		}
	}
	if len(held) == 0 {
		return nil
	}
	return cn.write(held)
}

// copyBody writes a body that is a mere reader.
func (cn *conn) copyBody(src io.Reader, size int64) error {
	if size > 0 {
		n, err := io.CopyN(plainWriter{cn}, src, size)
		if err == io.EOF && n < size { //nolint:errorlint // CopyN returns it bare
			return io.ErrUnexpectedEOF
		}
		return err
	}
	held := cn.client.heads.Get().(*[]byte)
	defer cn.client.heads.Put(held)
	piece := (*held)[:cap(*held)]
	for {
		n, err := src.Read(piece[16 : len(piece)-2])
		if n > 0 {
			sized := append(strconv.AppendInt(piece[:0:16], int64(n), 16), "\r\n"...)
			start := 16 - len(sized)
			copy(piece[start:], sized)
			if werr := cn.write(append(piece[start:16+n], "\r\n"...)); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			return cn.write([]byte("0\r\n\r\n"))
		}
		if err != nil {
			return err
		}
	}
}

// plainWriter lets io.CopyN write to a connection.
type plainWriter struct{ cn *conn }

func (w plainWriter) Write(b []byte) (int, error) {
	if err := w.cn.write(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// appendHead appends request line and headers. A size of -1 means chunked.
func appendHead(dst []byte, req *http.Request, size int64) []byte {
	m := method(req)
	dst = append(append(dst, m...), ' ')
	path := req.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	dst = append(dst, path...)
	if req.URL.RawQuery != "" {
		dst = append(append(dst, '?'), req.URL.RawQuery...)
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	dst = append(append(append(dst, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	for name, values := range req.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Trailer", "Expect":
			continue
		}
		for _, v := range values {
			dst = append(append(dst, name...), ": "...)
			dst = append(append(dst, v...), "\r\n"...)
		}
	}
	switch {
	case size > 0, size == 0 && m != http.MethodGet && m != http.MethodHead:
		dst = append(dst, "Content-Length: "...)
		dst = append(strconv.AppendInt(dst, size, 10), "\r\n"...)
	case size < 0:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	}
	if req.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}
