package api

import (
	"bytes"
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
)

// readBody returns the decoded body. The memory it takes is counted until
// release is called, which is never nil.
func (d *Door) readBody(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	limits := d.limits.Load()
	reserved := int64(0)
	release = func() { d.inUse.Add(-reserved) }
	reserve := func(n int64) error {
		reserved += n
		if d.inUse.Add(n) > limits.BodyMemory {
			return &llm.Error{
				Kind: llm.Unavailable, Code: "body_memory", RetryAfter: time.Second,
				Message: "The gateway is holding as many request bodies as it may (limits.body_memory); try again shortly.",
			}
		}
		return nil
	}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	plain := encoding == "" || encoding == "identity"
	if r.ContentLength > limits.BodyBytes {
		return nil, release, tooLarge(limits.BodyBytes)
	}
	src := io.Reader(&patientReader{src: r.Body, rc: http.NewResponseController(w), idle: time.Duration(limits.BodyIdle) * time.Second})
	if !plain {
		if src, err = decoder(encoding, src, limits.BodyBytes); err != nil {
			return nil, release, err
		}
		if closer, ok := src.(io.Closer); ok {
			defer closer.Close()
		}
	}
	if plain && r.ContentLength >= 0 {
		if err := reserve(r.ContentLength); err != nil {
			return nil, release, err
		}
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(src, body)
		return body, release, bodyError(err, encoding, limits.BodyBytes)
	}
	body, err = readGrowing(src, limits.BodyBytes, reserve)
	return body, release, bodyError(err, encoding, limits.BodyBytes)
}

var errTooLarge = errors.New("body exceeds the limit")

// readGrowing reads a body of unknown size, reserving memory as it grows.
func readGrowing(src io.Reader, limit int64, reserve func(int64) error) ([]byte, error) {
	var buf bytes.Buffer
	const step = 64 << 10
	for {
		if err := reserve(step); err != nil {
			return nil, err
		}
		n, err := io.CopyN(&buf, src, step)
		if int64(buf.Len()) > limit {
			return nil, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			return buf.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		_ = n
	}
}

// decoder unpacks a compressed body. The decoded size is bounded by the
// reader of the result; the window of zstd is bounded here.
func decoder(encoding string, src io.Reader, limit int64) (io.Reader, error) {
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
		window := min(max(uint64(limit), 1<<20), 64<<20)
		var dec *zstd.Decoder
		dec, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limit)+1), zstd.WithDecoderMaxWindow(window))
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
func inflate(src io.Reader) (io.Reader, error) {
	head := make([]byte, 2)
	n, err := io.ReadFull(src, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), src)
	if n == 2 && head[0]&0x0f == 8 && (uint16(head[0])<<8|uint16(head[1]))%31 == 0 {
		return zlib.NewReader(whole)
	}
	return flate.NewReader(whole), nil
}

func tooLarge(limit int64) *llm.Error {
	return llm.Errorf(llm.TooLarge, "The request body exceeds %d bytes (limits.body_bytes).", limit)
}

// bodyError puts a failure to read into words for the client.
func bodyError(err error, encoding string, limit int64) error {
	var known *llm.Error
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, errTooLarge), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return tooLarge(limit)
	case errors.As(err, &network) && network.Timeout():
		return &llm.Error{Kind: llm.Invalid, Code: codeSlowBody, Message: "The request body did not arrive in time.", Err: err}
	case encoding != "" && encoding != "identity":
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
	if err != nil {
		_ = p.rc.SetReadDeadline(time.Time{})
	}
	return n, err
}
