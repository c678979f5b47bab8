package h1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// scripted is a server on a bare socket. Each connection runs the script.
func scripted(t testing.TB, o Options, script func(n int, nc *net.TCPConn)) (*Client, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var count atomic.Int32
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				script(int(count.Add(1)), nc.(*net.TCPConn))
			}()
		}
	}()
	c := New(o)
	t.Cleanup(func() {
		_ = c.Close()
		_ = l.Close()
	})
	return c, "http://" + l.Addr().String()
}

// readRequest reads a request and its body, if it announces one.
func readRequest(br *bufio.Reader) bool {
	req, err := http.ReadRequest(br)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// reply answers every request of a connection with the same bytes, and closes
// where that is said.
func reply(text string, closing bool) func(int, *net.TCPConn) {
	return func(_ int, nc *net.TCPConn) {
		br := bufio.NewReader(nc)
		for readRequest(br) {
			if _, err := io.WriteString(nc, text); err != nil || closing {
				return
			}
		}
	}
}

const (
	ok      = "HTTP/1.1 200 OK\r\n"
	chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
)

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, answer string
		closing      bool // by the server, after the answer
		want         string
		wrong        string // part of the error
		again        bool   // the connection may be used again
	}{
		{name: "length", answer: ok + "Content-Length: 2\r\n\r\nhi", want: "hi", again: true},
		{name: "length said twice alike", answer: ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", want: "hi", again: true},
		{name: "no reason phrase", answer: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", want: "hi", again: true},
		{name: "odd case and blanks", answer: ok + "cONTENT-lENGTH:\t2 \r\n\r\nhi", want: "hi", again: true},
		{name: "empty header value", answer: ok + "A:\r\nContent-Length: 2\r\n\r\nhi", want: "hi", again: true},
		{name: "until close", answer: ok + "\r\nhi", closing: true, want: "hi"},
		{name: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", want: "hi"},
		{name: "HTTP/1.0 kept", answer: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", want: "hi", again: true},
		{name: "connection close", answer: ok + "Connection: x, close\r\nContent-Length: 2\r\n\r\nhi", want: "hi"},
		{name: "chunks", answer: chunked + "2\r\nhi\r\n1;x=\"y\"\r\n!\r\n0\r\n\r\n", want: "hi!", again: true},
		{name: "chunk size in capitals and blanks", answer: chunked + "0A \r\n0123456789\r\n0\r\n\r\n", want: "0123456789", again: true},
		{name: "trailer", answer: chunked + "2\r\nhi\r\n0\r\nA: b\r\nC: d\r\n\r\n", want: "hi", again: true},
		{name: "interim answers", answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nhi", want: "hi", again: true},
		{name: "garbage behind", answer: ok + "Content-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", want: "hi"},
		{name: "garbage behind chunks", answer: chunked + "2\r\nhi\r\n0\r\n\r\nx", want: "hi"},
		{name: "204 with a body", answer: "HTTP/1.1 204 No Content\r\n\r\nhi", want: ""},

		{name: "nothing", answer: "", closing: true, wrong: "unexpected EOF"},
		{name: "half a head", answer: ok + "Content-Le", closing: true, wrong: "unexpected EOF"},
		{name: "half a body", answer: ok + "Content-Length: 9\r\n\r\nhi", closing: true, want: "hi", wrong: "unexpected EOF"},
		{name: "half a chunk", answer: chunked + "9\r\nhi", closing: true, want: "hi", wrong: "unexpected EOF"},
		{name: "no last chunk", answer: chunked + "2\r\nhi\r\n", closing: true, want: "hi", wrong: "unexpected EOF"},
		{name: "half a trailer", answer: chunked + "2\r\nhi\r\n0\r\nA: b\r\n", closing: true, want: "hi", wrong: "unexpected EOF"},
		{name: "HTML without HTTP", answer: "<html>hello</html>", wrong: "does not start with HTTP/1."},
		{name: "HTTP/2 preface", answer: "HTTP/2.0 200 OK\r\n\r\n", wrong: "bad status line"},
		{name: "HTTP/1.2", answer: "HTTP/1.2 200 OK\r\n\r\n", wrong: "bad status line"},
		{name: "status of two digits", answer: "HTTP/1.1 20 OK\r\n\r\n", wrong: "bad status line"},
		{name: "status of letters", answer: "HTTP/1.1 2x0 OK\r\n\r\n", wrong: "bad status code"},
		{name: "status below 100", answer: "HTTP/1.1 099 OK\r\n\r\n", wrong: "bad status code"},
		{name: "switching protocols", answer: "HTTP/1.1 101 Switching Protocols\r\n\r\n", wrong: "switches protocols"},
		{name: "too many interim answers", answer: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20), wrong: "too many interim"},
		{name: "bare line feeds", answer: "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", wrong: "bare line feed"},
		{name: "bare line feed in a header", answer: ok + "A: b\nContent-Length: 2\r\n\r\nhi", wrong: "bare line feed"},
		{name: "carriage return in a header", answer: ok + "A: b\rc\r\n\r\n", wrong: "bad header line"},
		{name: "folded header", answer: ok + "A: b\r\n c\r\n\r\n", wrong: "bad header line"},
		{name: "blank before the colon", answer: ok + "A : b\r\n\r\n", wrong: "bad header line"},
		{name: "header without a colon", answer: ok + "hello\r\n\r\n", wrong: "bad header line"},
		{name: "NUL in a header", answer: ok + "A: \x00\r\n\r\n", wrong: "bad header line"},
		{name: "length and chunks", answer: ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", wrong: "both a content length"},
		{name: "two lengths", answer: ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!", wrong: "bad content length"},
		{name: "list of lengths", answer: ok + "Content-Length: 2, 2\r\n\r\nhi", wrong: "bad content length"},
		{name: "negative length", answer: ok + "Content-Length: -2\r\n\r\nhi", wrong: "bad content length"},
		{name: "signed length", answer: ok + "Content-Length: +2\r\n\r\nhi", wrong: "bad content length"},
		{name: "endless length", answer: ok + "Content-Length: 99999999999999999999\r\n\r\nhi", wrong: "bad content length"},
		{name: "unknown coding", answer: ok + "Transfer-Encoding: gzip\r\n\r\n", wrong: "unknown transfer encoding"},
		{name: "two codings", answer: ok + "Transfer-Encoding: gzip, chunked\r\n\r\n", wrong: "unknown transfer encoding"},
		{name: "chunks in HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", wrong: "unknown transfer encoding"},
		{name: "endless header line", answer: ok + "A: " + strings.Repeat("x", 70<<10), wrong: "exceeds the size limit"},
		{name: "many headers", answer: ok + strings.Repeat("A: b\r\n", 20_000), wrong: "exceeds the size limit"},
		{name: "chunk size of nothing", answer: chunked + "\r\n", wrong: "bad chunk size"},
		{name: "chunk size of letters", answer: chunked + "xyz\r\n", wrong: "bad chunk size"},
		{name: "signed chunk size", answer: chunked + "+2\r\nhi\r\n", wrong: "bad chunk size"},
		{name: "chunk size with 0x", answer: chunked + "0x2\r\nhi\r\n", wrong: "bad chunk size"},
		{name: "chunk size beyond 64 bits", answer: chunked + "1000000000000000f\r\n", wrong: "bad chunk size"},
		{name: "chunk size with a bare line feed", answer: chunked + "2\nhi\r\n", wrong: "bad chunk size"},
		{name: "chunk longer than said", answer: chunked + "2\r\nhiX0\r\n\r\n", want: "hi", wrong: "longer than it said"},
		{name: "endless chunk size", answer: chunked + strings.Repeat("0", 300), wrong: "endless chunk size"},
		{name: "endless chunk extension", answer: chunked + "2;" + strings.Repeat("x", 300) + "\r\nhi\r\n", wrong: "chunk size"},
		{name: "control character in a chunk extension", answer: chunked + "2;a\rb\r\nhi\r\n", wrong: "bad chunk extension"},
		{name: "trailer with a bare line feed", answer: chunked + "0\r\nA: b\n\r\n", wrong: "bad trailer line"},
		{name: "endless trailer", answer: chunked + "0\r\n" + strings.Repeat("A: b\r\n", 5000), wrong: "trailer exceeds"},
		{name: "endless trailer line", answer: chunked + "0\r\n" + strings.Repeat("x", 9000), wrong: "line without an end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, url := scripted(t, Options{HeaderTimeout: 5 * time.Second}, reply(tt.answer, tt.closing))
			rounds := 1
			if tt.wrong == "" {
				rounds = 2
			}
			for range rounds {
				resp, err := c.RoundTrip(request(t, "GET", url, nil))
				var got []byte
				if err == nil {
					got, err = io.ReadAll(resp.Body)
					_ = resp.Body.Close()
				}
				if string(got) != tt.want {
					t.Errorf("body %q, want %q", got, tt.want)
				}
				if tt.wrong == "" && err != nil || tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)) {
					t.Errorf("error %v, want %q", err, tt.wrong)
				}
			}
			s := c.Stats()
			if tt.wrong == "" && (s.Reused == 1) != tt.again {
				t.Errorf("%+v; want reuse %v", s, tt.again)
			}
			if tt.wrong != "" && s.Open != 0 {
				t.Errorf("%+v: a spoilt connection is kept", s)
			}
		})
	}
}

// Answers must read the same however the network cuts them.
func TestAnswersCutAnywhere(t *testing.T) {
	for _, text := range []string{
		"HTTP/1.1 103 x\r\nA: b\r\n\r\n" + chunked + "2;x\r\nhi\r\n3\r\nyou\r\n0\r\nA: b\r\n\r\n",
		ok + "Content-Length: 5\r\n\r\nhiyou",
	} {
		for cut := 1; cut < len(text); cut++ {
			c := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) {
				return &pieces{parts: []string{text[:cut], text[cut:]}}, nil
			}})
			_, got := do(t, c, request(t, "GET", "http://h/", nil))
			if got != "hiyou" {
				t.Errorf("cut at %d: %q", cut, got)
			}
			if s := c.Stats(); s.Idle != 1 {
				t.Errorf("cut at %d: %+v; the connection is lost", cut, s)
			}
		}
	}
}

// pieces is a connection that takes everything and answers in parts.
type pieces struct {
	net.Conn
	parts  []string
	closed bool
}

func (p *pieces) Write(b []byte) (int, error)      { return len(b), nil }
func (p *pieces) Close() error                     { p.closed = true; return nil }
func (p *pieces) SetDeadline(time.Time) error      { return nil }
func (p *pieces) SetReadDeadline(time.Time) error  { return nil }
func (p *pieces) SetWriteDeadline(time.Time) error { return nil }

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.parts[0])
	if p.parts[0] = p.parts[0][n:]; p.parts[0] == "" {
		p.parts = p.parts[1:]
	}
	return n, nil
}

func TestTimeLimits(t *testing.T) {
	short := 60 * time.Millisecond
	tests := []struct {
		name string
		o    Options
		sent string
		op   string
	}{
		{"no answer", Options{HeaderTimeout: short}, "", "wait for the answer"},
		{"half a head", Options{HeaderTimeout: short}, ok, "wait for the answer"},
		{"stall in a body", Options{StallTimeout: short}, ok + "Content-Length: 9\r\n\r\nhi", "read"},
		{"stall in a chunk", Options{StallTimeout: short}, chunked + "9\r\nhi", "read"},
		{"stall between chunks", Options{StallTimeout: short}, chunked + "2\r\nhi\r\n", "read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, url := scripted(t, tt.o, reply(tt.sent, false))
			start := time.Now()
			resp, err := c.RoundTrip(request(t, "GET", url, nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
			}
			var e *Error
			if !errors.As(err, &e) || !e.Timeout() || e.Op != tt.op {
				t.Errorf("%v; want a time-out of %q", err, tt.op)
			}
			if took := time.Since(start); took > 2*time.Second || took < short {
				t.Errorf("it took %v", took)
			}
			if c.Stats().Open != 0 {
				t.Error("the connection is kept")
			}
		})
	}
}

func TestATrickleIsNoStall(t *testing.T) {
	c, url := scripted(t, Options{StallTimeout: time.Second}, func(_ int, nc *net.TCPConn) {
		readRequest(bufio.NewReader(nc))
		_, _ = io.WriteString(nc, chunked)
		for range 12 {
			time.Sleep(100 * time.Millisecond)
			_, _ = io.WriteString(nc, "1\r\nx\r\n")
		}
		_, _ = io.WriteString(nc, "0\r\n\r\n")
	})
	if _, got := do(t, c, request(t, "GET", url, nil)); got != strings.Repeat("x", 12) {
		t.Errorf("%q", got)
	}
}

func TestDialErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	blocked := errors.New("this address is not allowed")
	tests := []struct {
		name, url string
		o         Options
		op        string
		timeout   bool
		is        error
	}{
		{"refused", "http://" + closed, Options{}, "connect", false, syscall.ECONNREFUSED},
		{"controlled", "http://" + closed, Options{Control: func(string, string, syscall.RawConn) error { return blocked }}, "connect", false, blocked},
		{"slow", "http://h.test", Options{DialTimeout: 30 * time.Millisecond, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, "connect", true, context.DeadlineExceeded},
		{"handshake with silence", "https://h.test", Options{TLSTimeout: 30 * time.Millisecond, Dial: func(context.Context, string, string) (net.Conn, error) {
			a, _ := net.Pipe()
			return a, nil
		}}, "TLS handshake", true, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.o).RoundTrip(request(t, "GET", tt.url, nil))
			var e *Error
			if !errors.As(err, &e) || e.Op != tt.op || e.Timeout() != tt.timeout || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for url, want := range map[string]string{
		"http://a.test":          "a.test:80",
		"https://a.test/x":       "a.test:443",
		"http://a.test:8080":     "a.test:8080",
		"http://[::1]":           "[::1]:80",
		"https://[::1]:8443":     "[::1]:8443",
		"http://127.0.0.1:11434": "127.0.0.1:11434",
	} {
		got := ""
		c := New(Options{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			got = address
			return nil, io.EOF
		}})
		_, _ = c.RoundTrip(request(t, "GET", url, nil))
		if got != want {
			t.Errorf("%s leads to %s, want %s", url, got, want)
		}
	}
}

// A server may refuse a body without reading it.
func TestEarlyAnswer(t *testing.T) {
	big := NewBody(net.Buffers{make([]byte, 8<<20), make([]byte, 8<<20)})
	refusal := "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig"
	tests := []struct {
		name   string
		script func(nc *net.TCPConn)
	}{
		{"and reads on", func(nc *net.TCPConn) {
			_, _ = io.WriteString(nc, refusal)
			_, _ = io.Copy(io.Discard, nc)
		}},
		{"and never reads", func(nc *net.TCPConn) {
			_, _ = io.WriteString(nc, refusal)
			time.Sleep(3 * time.Second)
		}},
		{"and closes its side", func(nc *net.TCPConn) {
			_, _ = io.WriteString(nc, refusal)
			_ = nc.CloseWrite()
			time.Sleep(time.Second)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, url := scripted(t, Options{}, func(_ int, nc *net.TCPConn) { tt.script(nc) })
			req := request(t, "POST", url, nil)
			req.Body = big
			start := time.Now()
			resp, got := do(t, c, req)
			if resp.StatusCode != 413 || got != "big" {
				t.Errorf("%d %q", resp.StatusCode, got)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestAServerThatNeverReads(t *testing.T) {
	c, url := scripted(t, Options{WriteTimeout: 50 * time.Millisecond}, func(_ int, nc *net.TCPConn) {
		time.Sleep(5 * time.Second)
	})
	req := request(t, "POST", url, nil)
	req.Body = NewBody(net.Buffers{make([]byte, 16<<20)})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := c.RoundTrip(req.WithContext(ctx))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v; want the caller's deadline", err)
	}
}
