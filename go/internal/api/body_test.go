package api_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// padded is a request of exactly n bytes.
func padded(n int) string { return chatAsk + strings.Repeat(" ", n-len(chatAsk)) }

func TestBodySizes(t *testing.T) {
	const limit = 3 << 20
	g := open(t, setup{limits: api.Limits{BodyBytes: limit}}, openAI())
	for name, tt := range map[string]struct {
		body    string
		chunked bool
		status  int
	}{
		"small":               {chatAsk, false, 200},
		"small, in chunks":    {chatAsk, true, 200},
		"at once":             {padded(1 << 20), false, 200},
		"more than at once":   {padded(1<<20 + 1), false, 200},
		"the limit":           {padded(limit), false, 200},
		"the limit in chunks": {padded(limit), true, 200},
		"above":               {padded(limit + 1), false, 413},
		"above in chunks":     {padded(limit + 1), true, 413},
		"far above in chunks": {padded(4 * limit), true, 413},
		"nothing":             {"", false, 400},
		"nothing in chunks":   {"", true, 400},
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(tt.body)
			if tt.chunked {
				body = io.MultiReader(body)
			}
			a := g.ask(t, http.MethodPost, "/v1/chat/completions", body)
			if a.status != tt.status || tt.status == 413 && !strings.Contains(a.body, "limits.body_bytes") {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	// What is announced is refused before it is sent.
	conn := dial(t, g)
	fmt.Fprintf(conn, "POST /anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", limit+1)
	if a := read(t, conn); a.status != 413 || !strings.Contains(a.body, `"type":"request_too_large"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func dial(t *testing.T, g *gateway) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func read(t *testing.T, conn net.Conn) got {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got{resp.StatusCode, resp.Header, string(body)}
}

// packers compress by the name of the encoding.
var packers = map[string]func(w io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"x-gzip":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"DEFLATE": func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 9); return f }, // bare, as some clients do
	"br":      func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, 1) },
	"zstd":    func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
}

func packed(t *testing.T, encoding string, text io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := packers[encoding](&b)
	if _, err := io.Copy(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestCompressedBodies(t *testing.T) {
	up := openAI()
	g := open(t, setup{limits: api.Limits{BodyBytes: 1 << 20}}, up)
	post := func(t *testing.T, encoding string, body []byte, chunked bool) got {
		t.Helper()
		var src io.Reader = bytes.NewReader(body)
		if chunked {
			src = io.MultiReader(src)
		}
		return g.ask(t, http.MethodPost, "/v1/chat/completions", src, "Content-Encoding", encoding)
	}
	for encoding := range packers {
		t.Run(encoding, func(t *testing.T) {
			good := packed(t, encoding, strings.NewReader(chatAsk))
			for _, chunked := range []bool{false, true} {
				if a := post(t, encoding, good, chunked); a.status != 200 {
					t.Errorf("%d %s", a.status, a.body)
				}
				if sent, _ := up.last(); !strings.Contains(sent, `"content":"Hi"`) {
					t.Errorf("sent on %q", sent)
				}
			}
			if a := post(t, encoding, packed(t, encoding, strings.NewReader(padded(1<<20))), false); a.status != 200 {
				t.Errorf("the limit: %d %s", a.status, a.body)
			}
			for name, tt := range map[string]struct {
				body   []byte
				status int
			}{
				"one byte too many": {packed(t, encoding, strings.NewReader(padded(1<<20+1))), 413},
				"bomb":              {packed(t, encoding, io.LimitReader(endless{}, 16<<20)), 413},
				"cut":               {good[:len(good)-6], 400},
				"not packed":        {[]byte(chatAsk), 400},
				"more after it":     {append(bytes.Clone(good), "trailing bytes"...), 400},
				"nothing":           {nil, 400},
			} {
				a := post(t, encoding, tt.body, name == "bomb")
				if a.status != tt.status || !strings.Contains(a.body, `"error"`) {
					t.Errorf("%s: %d %s", name, a.status, a.body)
				}
			}
		})
	}
	for encoding, status := range map[string]int{"identity": 200, "": 200, "rot13": 415, "gzip, br": 415, "aws-chunked": 415} {
		if a := post(t, encoding, []byte(chatAsk), false); a.status != status {
			t.Errorf("%q: %d %s", encoding, a.status, a.body)
		}
	}
}

// TestAWideWindowIsRefused holds the bound on what a decoder takes.
func TestAWideWindowIsRefused(t *testing.T) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	for range 66 { // streamed, so that the window is what was asked for
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
	}
	_ = w.Close()
	g := open(t, setup{limits: api.Limits{BodyBytes: 512 << 20}}, openAI())
	if a := g.ask(t, http.MethodPost, "/v1/chat/completions", &b, "Content-Encoding", "zstd"); a.status != 413 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// faulty is a codec that panics.
type faulty struct{ protocol.Codec }

func (faulty) Peek(llm.Operation, []byte) (protocol.Head, error) { panic("a mistake in a codec") }

// TestBodyMemory holds that bodies in flight are bounded, and that every way
// out gives back what was taken.
func TestBodyMemory(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	up := openAI()
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if req.Model == "gpt-slow" {
			close(entered)
			<-leave
		}
		return answer(200, chatAnswer)(ctx, req)
	}
	all := codecs()
	all[llm.Messages] = faulty{all[llm.Messages]}
	g := open(t, setup{limits: api.Limits{BodyMemory: 300 << 10, BodyBytes: 1 << 20}, codecs: all}, up)
	big := padded(200 << 10)
	for range 3 {
		for name, ways := range map[string]func() int{
			"bad JSON":  func() int { return g.chat(t, strings.Repeat("x", 200<<10)).status },
			"too large": func() int { return g.chat(t, padded(1<<20+1)).status },
			"too much":  func() int { return g.chat(t, padded(400<<10)).status },
			"in chunks, too much": func() int {
				return g.ask(t, http.MethodPost, "/v1/chat/completions", io.MultiReader(strings.NewReader(padded(400<<10)))).status
			},
			"no model": func() int { return g.chat(t, `{"x":"`+strings.Repeat("x", 200<<10)+`"}`).status },
			"panic": func() int {
				return g.ask(t, http.MethodPost, "/v1/messages", strings.NewReader(big)).status
			},
			"cut": func() int {
				conn := dial(t, g)
				fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n{", 250<<10)
				_ = conn.(*net.TCPConn).CloseWrite()
				return read(t, conn).status
			},
		} {
			if status := ways(); status < 400 {
				t.Errorf("%s: %d", name, status)
			}
		}
	}
	slow := make(chan got)
	go func() { slow <- g.chat(t, strings.Replace(big, "gpt-x", "gpt-slow", 1)) }()
	select {
	case <-entered:
	case a := <-slow:
		t.Fatalf("memory was not given back: %d %s", a.status, a.body)
	}
	if a := g.chat(t, big); a.status != 503 || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, "limits.body_memory") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := g.chat(t, chatAsk); a.status != 200 {
		t.Errorf("a small one: %d %s", a.status, a.body)
	}
	close(leave)
	if a := <-slow; a.status != 200 {
		t.Errorf("the slow one: %d %s", a.status, a.body)
	}
	if a := g.chat(t, big); a.status != 200 {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}

func TestSlowBodies(t *testing.T) {
	g := open(t, setup{limits: api.Limits{BodyIdle: 1}}, openAI())
	head := "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n"
	t.Run("stops", func(t *testing.T) {
		t.Parallel()
		for path, want := range map[string]string{"/v1/chat/completions": `"code":"request_timeout"`, "/v1/messages": `"type":"invalid_request_error"`} {
			conn := dial(t, g)
			fmt.Fprintf(conn, head, path, 1000, "")
			_, _ = io.WriteString(conn, "{")
			if a := read(t, conn); a.status != 408 || !strings.Contains(a.body, want) {
				t.Errorf("%d %s", a.status, a.body)
			}
		}
	})
	t.Run("stops in gzip", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, g)
		fmt.Fprintf(conn, head, "/v1/chat/completions", 1000, "Content-Encoding: gzip\r\n")
		_, _ = conn.Write(packed(t, "gzip", strings.NewReader(chatAsk))[:20])
		if a := read(t, conn); a.status != 408 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("goes on", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, g)
		fmt.Fprintf(conn, head, "/v1/chat/completions", len(chatAsk), "")
		for rest := chatAsk; rest != ""; {
			n := min(len(rest), len(chatAsk)/4)
			_, _ = io.WriteString(conn, rest[:n])
			rest = rest[n:]
			time.Sleep(500 * time.Millisecond)
		}
		if a := read(t, conn); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("an answer that takes longer", func(t *testing.T) {
		t.Parallel()
		up := openAI()
		up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			select {
			case <-time.After(1500 * time.Millisecond): // the time for the body must be over by now
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return answer(200, chatAnswer)(ctx, req)
		}
		g := open(t, setup{limits: api.Limits{BodyIdle: 1}}, up)
		for _, encoding := range []string{"", "DEFLATE", "br"} {
			var body io.Reader = strings.NewReader(chatAsk)
			if encoding != "" {
				body = io.MultiReader(bytes.NewReader(packed(t, encoding, body)))
			}
			if a := g.ask(t, http.MethodPost, "/v1/chat/completions", body, "Content-Encoding", encoding); a.status != 200 {
				t.Errorf("%q: %d %s", encoding, a.status, a.body)
			}
		}
	})
}

func TestShortBodies(t *testing.T) {
	g := open(t, setup{}, openAI())
	for name, sent := range map[string]string{
		"announced": "Content-Length: 5000\r\n\r\n" + chatAsk,
		"in chunks": "Transfer-Encoding: chunked\r\n\r\nff\r\n" + chatAsk,
		"large":     "Content-Length: 5000000\r\n\r\n" + padded(2<<20),
	} {
		conn := dial(t, g)
		_, _ = io.WriteString(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"+sent)
		_ = conn.(*net.TCPConn).CloseWrite()
		if a := read(t, conn); a.status != 400 || !strings.Contains(a.body, "ended before") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// TestWhoHasLeftIsNoticed holds that a body is read to its end, without which
// the server does not see that a client has gone.
func TestWhoHasLeftIsNoticed(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	up := openAI()
	up.do = func(ctx context.Context, _ *provider.Request) (*http.Response, error) {
		close(entered)
		<-ctx.Done()
		close(left)
		return nil, ctx.Err()
	}
	g := open(t, setup{}, up)
	body := packed(t, "DEFLATE", strings.NewReader(chatAsk))
	conn := dial(t, g)
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(body), body)
	time.Sleep(50 * time.Millisecond) // the decoder is done before the end of the chunks is there
	_, _ = io.WriteString(conn, "0\r\n\r\n")
	<-entered
	_ = conn.Close()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Fatal("the upstream was not told")
	}
}
