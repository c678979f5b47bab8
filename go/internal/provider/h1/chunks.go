package h1

import (
	"bytes"
	"io"
)

const (
	maxChunkLine    = 256
	maxTrailerBytes = 16 << 10
)

// chunks is where a reader stands in a chunked body (RFC 9112, section 7.1).
type chunks struct {
	left    int64 // unread bytes of the chunk
	opened  bool  // a chunk was read and its line end is due
	ended   bool  // the last chunk was read and the trailer is due
	skipped int   // bytes of the trailer
}

// next goes on to the next chunk, or to the end of the body. Without wait it
// reads from the buffer only and leaves left at 0 when that does not hold the
// whole line.
func (k *chunks) next(cn *conn, wait bool) (last bool, err error) {
	for {
		used, last, err := k.line(cn.buf[cn.pos:cn.end])
		cn.pos += used
		switch {
		case last, err != nil, k.left > 0:
			return last, err
		case used > 0:
			continue
		case !wait:
			return false, nil
		}
		if err := cn.await(); err != nil {
			return false, unexpected(err)
		}
	}
}

// line reads one line at the head of buf. It uses nothing when the line is
// not all there.
func (k *chunks) line(buf []byte) (used int, last bool, err error) {
	if k.ended {
		used, err = k.trailerLine(buf)
		return used, used == len("\r\n"), err
	}
	size, used, err := chunkLine(buf, k.opened)
	if err != nil || used == 0 {
		return 0, false, err
	}
	k.left, k.opened, k.ended = size, true, size == 0
	return used, false, nil
}

// trailerLine skips one line of the trailer: nothing in it concerns us.
func (k *chunks) trailerLine(buf []byte) (used int, err error) {
	i := bytes.IndexByte(buf, '\n')
	if k.skipped += i + 1; k.skipped > maxTrailerBytes {
		return 0, malformed("the trailer exceeds the size limit")
	}
	if i == 0 || i > 0 && buf[i-1] != '\r' {
		return 0, malformed("a bad trailer line")
	}
	if i > 1 && !isField(buf[:i-1]) {
		return 0, malformed("a bad trailer line")
	}
	return i + 1, nil
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
		if !isValue(line) {
			return 0, 0, malformed("a bad chunk extension")
		}
		line = line[:i]
	}
	size, err = hexSize(bytes.TrimRight(line, " \t"))
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

// unexpected is for places where the body may not end.
func unexpected(err error) error {
	if err == io.EOF { //nolint:errorlint // the contract of io.Reader
		return io.ErrUnexpectedEOF
	}
	return err
}
