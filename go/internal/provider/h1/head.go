package h1

import (
	"bytes"
	"net/http"
	"strings"
)

// answer is a response and its body in one piece of memory.
type answer struct {
	resp http.Response
	body body
}

// parseHead reads status line and headers of one answer and sets how long its
// body is. It is strict: what two readers could understand differently is
// refused (RFC 9112, sections 2.2, 5 and 6.3).
func (cn *conn) parseHead(resp *http.Response, b *body, method string) error {
	raw, err := cn.rawHead()
	if err != nil {
		return err
	}
	text := string(canonical(raw)) // the one copy: all names and values are parts of it
	line, rest, _ := strings.Cut(text, "\r\n")
	if err := statusLine(resp, line); err != nil {
		return err
	}
	lines := strings.Count(rest, "\r\n")
	resp.Header = make(http.Header, lines)
	values := make([]string, 0, lines)
	for rest != "" {
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := cutField(line)
		if !ok {
			return malformed("a bad header line")
		}
		if old := resp.Header[name]; old != nil {
			resp.Header[name] = append(old, value)
			continue
		}
		values = append(values, value)
		n := len(values)
		resp.Header[name] = values[n-1 : n : n]
	}
	return frame(resp, b, method)
}

// cutField takes a line of a head or a trailer apart.
func cutField(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, ":")
	value = strings.Trim(value, " \t")
	return name, value, ok && isToken(name) && isValue(value)
}

// isField reports whether a line of a trailer, which nobody reads, is one.
func isField(line []byte) bool {
	_, _, ok := cutField(string(line))
	return ok
}

// rawHead returns the bytes of a head up to its empty line, which is left
// out, and moves on behind it. It is valid until the next read.
func (cn *conn) rawHead() ([]byte, error) {
	scanned := 0 // whole lines of the unread bytes
	for {
		unread := cn.buf[cn.pos:cn.end]
		end, err := headEnd(unread, &scanned)
		switch {
		case err != nil:
			return nil, err
		case end > 0:
			cn.pos += end
			return unread[:end-len("\r\n")], nil
		case len(unread) > 0 && !couldBeHTTP(unread):
			return nil, malformed("it does not start with HTTP/1.")
		case len(unread) >= cn.client.o.MaxHeaderBytes:
			return nil, malformed("the head exceeds the size limit")
		case cn.end == len(cn.buf) && cn.pos == 0 && cn.end > 0:
			larger := make([]byte, min(2*len(cn.buf), cn.client.o.MaxHeaderBytes+readBuffer))
			copy(larger, cn.buf)
			cn.buf = larger
		}
		if err := cn.fill(); err != nil {
			if len(unread) > 0 {
				err = unexpected(err)
			}
			return nil, err
		}
	}
}

// headEnd returns the length of a head with its empty line, 0 where that has
// not come. Scanned is how far it has looked before. A line that does not end
// in CR LF is refused: other readers may see other lines.
func headEnd(b []byte, scanned *int) (int, error) {
	for {
		i := bytes.IndexByte(b[*scanned:], '\n')
		if i < 0 {
			return 0, nil
		}
		if i == 0 || b[*scanned+i-1] != '\r' {
			return 0, malformed("a line of the head ends in a bare line feed")
		}
		*scanned += i + 1
		if i == 1 {
			return *scanned, nil
		}
	}
}

// couldBeHTTP lets garbage fail at once instead of at the size limit.
func couldBeHTTP(b []byte) bool {
	const start = "HTTP/1."
	n := min(len(b), len(start))
	return string(b[:n]) == start[:n]
}

// canonical writes header names the way http.Header spells them, in place.
func canonical(head []byte) []byte {
	at := bytes.Index(head, []byte("\r\n")) + 2
	for at > 1 && at < len(head) {
		upper := true
		for i := at; i < len(head); i++ {
			c := head[i]
			if c == ':' || c == '\r' {
				break
			}
			if upper && 'a' <= c && c <= 'z' {
				head[i] = c - ('a' - 'A')
			} else if !upper && 'A' <= c && c <= 'Z' {
				head[i] = c + ('a' - 'A')
			}
			upper = c == '-'
		}
		next := bytes.Index(head[at:], []byte("\r\n"))
		if next < 0 {
			break
		}
		at += next + 2
	}
	return head
}

func statusLine(resp *http.Response, line string) error {
	version, status, ok := strings.Cut(line, " ")
	if !ok || len(version) != 8 || version[:7] != "HTTP/1." || version[7] != '0' && version[7] != '1' {
		return malformed("a bad status line")
	}
	if len(status) < 3 || len(status) > 3 && status[3] != ' ' || !isValue(status) {
		return malformed("a bad status line")
	}
	code := 0
	for _, c := range []byte(status[:3]) {
		if c < '0' || c > '9' {
			return malformed("a bad status code")
		}
		code = 10*code + int(c-'0')
	}
	if code < 100 {
		return malformed("a bad status code")
	}
	resp.Status, resp.StatusCode = status, code
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = version, 1, int(version[7]-'0')
	return nil
}

// frame finds out where the body ends.
func frame(resp *http.Response, b *body, method string) error {
	h := resp.Header
	length, err := contentLength(h["Content-Length"])
	if err != nil {
		return err
	}
	b.reuse = persistent(resp)
	coding := h["Transfer-Encoding"]
	switch {
	case len(coding) == 0:
	case len(coding) > 1 || !strings.EqualFold(coding[0], "chunked") || resp.ProtoMinor == 0:
		return malformed("an unknown transfer encoding")
	case length >= 0:
		return malformed("both a content length and a transfer encoding")
	}
	resp.ContentLength = length
	switch {
	case method == http.MethodHead, resp.StatusCode < 200, resp.StatusCode == 204, resp.StatusCode == 304:
		b.left = 0
		if method != http.MethodHead {
			resp.ContentLength = 0
		}
	case len(coding) > 0:
		resp.TransferEncoding = coding
		b.chunked = true
	case length >= 0:
		b.left = length
	default:
		b.left, b.reuse = untilClose, false
		resp.Close = true
	}
	return nil
}

// contentLength returns -1 for none. The same length said twice is one.
func contentLength(values []string) (int64, error) {
	length := int64(-1)
	for _, v := range values {
		n, ok := digits(v)
		if !ok || length >= 0 && n != length {
			return 0, malformed("a bad content length")
		}
		length = n
	}
	return length, nil
}

func digits(s string) (int64, bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// persistent reports whether the server keeps the connection.
func persistent(resp *http.Response) bool {
	keep := resp.ProtoMinor == 1
	for _, v := range resp.Header["Connection"] {
		for option := range strings.SplitSeq(v, ",") {
			switch option = strings.Trim(option, " \t"); {
			case strings.EqualFold(option, "close"):
				resp.Close = true
				return false
			case strings.EqualFold(option, "keep-alive"):
				keep = true
			}
		}
	}
	resp.Close = !keep
	return keep
}

// The characters of a token (RFC 9110, section 5.6.2), a bit each.
const (
	tokenLow = 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.' |
		(1<<10-1)<<'0'
	tokenHigh = (1<<26-1)<<('A'-64) | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) |
		(1<<26-1)<<('a'-64) | 1<<('|'-64) | 1<<('~'-64)
)

func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c < 64 && uint64(tokenLow)>>c&1 == 1:
		case c >= 64 && c < 128 && uint64(tokenHigh)>>(c-64)&1 == 1:
		default:
			return false
		}
	}
	return s != ""
}

// isValue reports whether s holds no control character but tabs.
func isValue[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
