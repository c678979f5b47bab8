// Package sse cuts a byte stream into server-sent events. It works on bytes:
// a frame may be cut anywhere by the network, inside a character too. It
// knows nothing of what the events mean.
//
// Source: WHATWG HTML, section 9.2 "Server-sent events".
package sse

import (
	"bytes"
	"errors"
	"io"
)

// DefaultMaxFrame is the size a frame may reach, in bytes. Image deltas of
// several megabytes exist.
const DefaultMaxFrame = 16 << 20

// ErrFrameTooLong is returned for a frame, or a line, without an end.
var ErrFrameTooLong = errors.New("sse: frame exceeds the size limit")

// firstBuffer holds a usual frame; larger ones make the buffer grow.
const firstBuffer = 4 << 10

// Scanner reads frames: the bytes up to and including a blank line. Bytes are
// handed out as they came, so that they can be passed on.
type Scanner struct {
	src      io.Reader
	buf      []byte
	pos, end int // unread bytes are buf[pos:end]
	scanned  int // no frame ends before buf[scanned]
	max      int
	bom      bool // the start of the stream has been looked at
	err      error
}

// NewScanner returns a scanner over src. A max of 0 is DefaultMaxFrame.
func NewScanner(src io.Reader, max int) *Scanner {
	if max == 0 {
		max = DefaultMaxFrame
	}
	return &Scanner{src: src, max: max}
}

// Next returns the next frame, valid until the following call. Bytes left
// over at the end of the stream are a last frame: some servers forget the
// closing blank line. After that it returns io.EOF or the error of src.
func (s *Scanner) Next() ([]byte, error) {
	for {
		if n := s.frameEnd(); n > 0 {
			frame := s.buf[s.pos : s.pos+n]
			s.pos += n
			s.scanned = s.pos
			return frame, nil
		}
		if s.err != nil {
			if rest := s.buf[s.pos:s.end]; len(rest) > 0 && errors.Is(s.err, io.EOF) {
				s.pos = s.end
				return rest, nil
			}
			return nil, s.err
		}
		s.fill()
	}
}

// Buffered reports whether a whole further frame has already arrived: the
// caller need not flush before it.
func (s *Scanner) Buffered() bool { return s.frameEnd() > 0 }

// fill reads once, making room first.
func (s *Scanner) fill() {
	if s.pos == s.end {
		s.pos, s.end, s.scanned = 0, 0, 0
	}
	if s.end == len(s.buf) {
		s.room()
	}
	if s.err != nil {
		return
	}
	n, err := s.src.Read(s.buf[s.end:])
	s.end += n
	s.err = err
	if !s.bom && s.end-s.pos >= 3 {
		s.bom = true
		if bytes.HasPrefix(s.buf[s.pos:s.end], []byte("\xEF\xBB\xBF")) {
			s.pos += 3
			s.scanned = s.pos
		}
	}
}

// room moves the unread bytes to the front or into a larger buffer.
func (s *Scanner) room() {
	unread := s.end - s.pos
	buf := s.buf
	if unread > len(buf)/2 || len(buf) == 0 {
		size := max(firstBuffer, 2*len(buf))
		if unread >= s.max {
			s.err = ErrFrameTooLong
			return
		}
		buf = make([]byte, size)
	}
	copy(buf, s.buf[s.pos:s.end])
	s.scanned -= s.pos
	s.buf, s.pos, s.end = buf, 0, unread
}

// frameEnd returns the length of the first whole frame in the buffer, or 0.
// A frame ends with a line end (LF, CRLF or CR) directly after another.
func (s *Scanner) frameEnd() int {
	b := s.buf[s.pos:s.end]
	for i := max(0, s.scanned-s.pos); i < len(b); {
		n := bytes.IndexByte(b[i:], '\n')
		if cr := bytes.IndexByte(b[i:], '\r'); cr >= 0 && (n < 0 || cr < n) {
			n = cr
		}
		if n < 0 {
			s.scanned = s.end
			return 0
		}
		i += n
		first, ok := lineEnd(b, i, s.err != nil)
		if !ok {
			s.scanned = s.pos + i
			return 0
		}
		second, ok := lineEnd(b, i+first, s.err != nil)
		if !ok {
			s.scanned = s.pos + i
			return 0
		}
		if second > 0 {
			return i + first + second
		}
		i += first
	}
	return 0
}

// lineEnd returns the length of the line end at b[i], 0 if there is none. It
// is not ok when only further bytes can tell: a CR may be half of a CRLF.
func lineEnd(b []byte, i int, last bool) (n int, ok bool) {
	if i >= len(b) {
		return 0, last
	}
	switch b[i] {
	case '\n':
		return 1, true
	case '\r':
		if i+1 < len(b) {
			if b[i+1] == '\n' {
				return 2, true
			}
			return 1, true
		}
		return 1, last
	}
	return 0, true
}

// Closed reports whether a frame ends with the blank line that makes an event
// of it. Only the last one of a stream may lack it.
func Closed(frame []byte) bool {
	rest, ok := bytes.CutSuffix(frame, []byte("\r\n"))
	if !ok && len(rest) > 0 && isLineEnd(rest[len(rest)-1]) {
		rest, ok = rest[:len(rest)-1], true
	}
	return ok && (len(rest) == 0 || isLineEnd(rest[len(rest)-1]))
}

func isLineEnd(b byte) bool { return b == '\n' || b == '\r' }

// Event is the meaning of a frame.
type Event struct {
	Name []byte // the event field; empty means message
	Data []byte // the data lines joined by LF
	// HasData tells a frame with an empty data line from a comment.
	HasData bool
}

// Parse reads the fields of a frame. Its results alias the frame unless
// there are several data lines.
func Parse(frame []byte) Event {
	var ev Event
	for len(frame) > 0 {
		var line []byte
		line, frame = cutLine(frame)
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if ev.HasData {
				joined := make([]byte, 0, len(ev.Data)+1+len(value))
				joined = append(append(joined, ev.Data...), '\n')
				value = append(joined, value...)
			}
			ev.Data, ev.HasData = value, true
		case "event":
			ev.Name = value
		}
	}
	return ev
}

func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexAny(b, "\r\n")
	if i < 0 {
		return b, nil
	}
	n, _ := lineEnd(b, i, true)
	return b[:i], b[i+n:]
}
