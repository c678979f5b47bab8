package api

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// body is the memory that the body of a request takes. It is counted from the
// reading until release, since the call carries the body to the upstream.
type body struct {
	door     *Door
	limits   *Limits
	reserved int64
}

func (d *Door) newBody() *body { return &body{door: d, limits: d.limits.Load()} }

func (b *body) release() {
	b.door.memory.Give(b.reserved)
	b.reserved = 0
}

// handOver returns the memory to whoever keeps the body longer than the
// request lasts.
func (b *body) handOver() *body {
	other := *b
	b.reserved = 0
	return &other
}

func (b *body) reserve(n int64) error {
	if !b.door.memory.Take(n) {
		return &llm.Error{
			Kind: llm.Unavailable, Code: "body_memory", RetryAfter: time.Second,
			Message: "The gateway is holding as many request bodies as it may (limits.body_memory); try again shortly.",
		}
	}
	b.reserved += n
	return nil
}

// replace gives a call another body, which is counted as well: the first one
// is held until the answer is kept.
func (b *body) replace(call *proxy.Call, text []byte) error {
	if err := b.reserve(int64(len(text))); err != nil {
		return err
	}
	return replace(call, text)
}

// read returns the body of r, unpacked.
func (b *body) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := b.limits.BodyBytes
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	src := io.Reader(&patientReader{
		src: r.Body, rc: http.NewResponseController(w), idle: time.Duration(b.limits.BodyIdle) * time.Second,
	})
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if encoding == "" || encoding == "identity" {
		text, err := b.plain(src, r.ContentLength)
		return text, bodyError(err, "", limit)
	}
	packed := bufio.NewReader(src) // of which decoders take no more than is theirs
	unpacked, err := decoder(encoding, packed, limit)
	if err != nil {
		return nil, err
	}
	if closer, ok := unpacked.(io.Closer); ok {
		defer closer.Close()
	}
	text, err := b.grow(unpacked, nil)
	if err == nil {
		err = atEnd(packed)
	}
	return text, bodyError(err, encoding, limit)
}

// atOnce is the announced length up to which memory is taken before the bytes
// are there. An announcement costs a client nothing.
const atOnce = 1 << 20

// plain reads a body of an announced length, or of an unknown one (-1).
func (b *body) plain(src io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return b.grow(src, nil)
	}
	first := min(length, atOnce)
	if err := b.reserve(first); err != nil {
		return nil, err
	}
	text := make([]byte, first)
	if _, err := io.ReadFull(src, text); err != nil || length == first {
		return text, err
	}
	text, err := b.grow(src, text)
	if err == nil && int64(len(text)) < length {
		err = io.ErrUnexpectedEOF
	}
	return text, err
}

var errTooLarge = errors.New("body exceeds the limit")

// grow reads on to the end of src, taking memory as the bytes come.
func (b *body) grow(src io.Reader, text []byte) ([]byte, error) {
	const step = 64 << 10
	for {
		if len(text) == cap(text) {
			more := max(step, cap(text))
			if err := b.reserve(int64(more)); err != nil {
				return nil, err
			}
			text = append(make([]byte, 0, cap(text)+more), text...)
		}
		n, err := src.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case int64(len(text)) > b.limits.BodyBytes:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, err
		}
	}
}

// atEnd reads to the end of the request. A decoder may stop before it, and
// only a body that was read to its end lets the server notice that the client
// has left.
func atEnd(src io.Reader) error {
	var rest [512]byte
	switch n, err := io.ReadFull(src, rest[:]); {
	case n > 0:
		return errors.New("bytes follow the end of the compressed data")
	case err != nil && !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// maxWindow is what decoders of zstd must be able to hold, by RFC 8878.
const maxWindow = 8 << 20

// decoder unpacks a compressed body. The decoded size is bounded by the
// reader of the result; the window of zstd is bounded here.
func decoder(encoding string, src *bufio.Reader, limit int64) (io.Reader, error) {
	var (
		out io.Reader
		err error
	)
	switch encoding {
	case "gzip", "x-gzip":
		out, err = gzip.NewReader(src)
	case "deflate":
		out, err = inflate(src)
	case "br":
		out = brotli.NewReader(src)
	case "zstd":
		var dec *zstd.Decoder
		dec, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err == nil {
			out = dec.IOReadCloser()
		}
	default:
		return nil, llm.Errorf(llm.UnsupportedMedia,
			"Content-Encoding %q is not supported; send the body plain or as gzip, deflate, br or zstd.", encoding)
	}
	if err != nil {
		return nil, bodyError(err, encoding, limit)
	}
	return out, nil
}

// inflate reads what clients call deflate: zlib by the standard, bare deflate
// by habit.
func inflate(src *bufio.Reader) (io.Reader, error) {
	head, err := src.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) == 2 && head[0]&0x0f == 8 && (uint16(head[0])<<8|uint16(head[1]))%31 == 0 {
		return zlib.NewReader(src)
	}
	return flate.NewReader(src), nil
}

func tooLarge(limit int64) *llm.Error {
	return llm.Errorf(llm.TooLarge, "The request body exceeds %d bytes (limits.body_bytes).", limit)
}

// bodyError puts a failure to read into words for the client.
func bodyError(err error, encoding string, limit int64) error {
	if err == nil {
		return nil // before the variables below, which each cost an object
	}
	var known *llm.Error
	var network net.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errTooLarge), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return tooLarge(limit)
	case errors.As(err, &network) && network.Timeout():
		return &odd{status: http.StatusRequestTimeout, words: &llm.Error{
			Kind: llm.Invalid, Code: "request_timeout", Message: "The request body did not arrive in time.", Err: err,
		}}
	case encoding != "":
		return &llm.Error{Kind: llm.Invalid, Message: "The request body is not valid " + encoding + ".", Err: err}
	}
	return &llm.Error{Kind: llm.Invalid, Message: "The request body ended before its announced length.", Err: err}
}

// patientReader gives the client a new deadline with every piece it sends.
type patientReader struct {
	src  io.Reader
	rc   *http.ResponseController
	idle time.Duration
	set  time.Time
}

func (p *patientReader) Read(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.set) > p.idle/4 {
		p.set = now
		_ = p.rc.SetReadDeadline(now.Add(p.idle)) // a writer without deadlines has its own
	}
	n, err := p.src.Read(b)
	if errors.Is(err, io.EOF) {
		_ = p.rc.SetReadDeadline(time.Time{}) // from here on only the client's leaving is read
	}
	return n, err
}
