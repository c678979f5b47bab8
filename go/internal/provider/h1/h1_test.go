package h1

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// server starts a plain or a TLS server and a client for it.
func server(t testing.TB, secure bool, o Options, h http.HandlerFunc) (*Client, string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		srv.StartTLS()
		o.TLS = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
	} else {
		srv.Start()
	}
	c := New(o)
	t.Cleanup(func() {
		_ = c.Close()
		srv.Close()
		if n := c.Stats().Open; n != 0 {
			t.Errorf("%d connections are left open", n)
		}
	})
	return c, srv.URL
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// do sends a request and reads the whole answer.
func do(t testing.TB, c *Client, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the answer of %s %s: %v", req.Method, req.URL, err)
	}
	return resp, string(body)
}

func both(t *testing.T, f func(t *testing.T, secure bool)) {
	t.Run("plain", func(t *testing.T) { f(t, false) })
	t.Run("tls", func(t *testing.T) { f(t, true) })
}

// echo answers in the way the path asks for.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Method", r.Method)
	w.Header().Set("X-Length", fmt.Sprint(r.ContentLength))
	w.Header().Add("X-Twice", "one")
	w.Header().Add("X-Twice", "two")
	switch r.URL.Path {
	case "/chunked":
		for i := 0; i < len(body); i += 1000 {
			_, _ = w.Write(body[i:min(i+1000, len(body))])
			w.(http.Flusher).Flush()
		}
	case "/trailer":
		w.Header().Set("Trailer", "X-Sum")
		_, _ = w.Write(body)
		w.(http.Flusher).Flush()
		w.Header().Set("X-Sum", "42")
	case "/close":
		w.Header().Set("Connection", "close")
		_, _ = w.Write(body)
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	case "/same":
		w.WriteHeader(http.StatusNotModified)
	case "/hints":
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = w.Write(body)
	case "/moved":
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	default:
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	}
}

func TestRoundTrip(t *testing.T) {
	large := strings.Repeat("0123456789", 50_000)
	tests := []struct {
		name, method, path, body string
		status                   int
		want                     string
		dials                    int64 // of two requests
	}{
		{"whole", "POST", "/", "hello", 200, "hello", 1},
		{"empty", "POST", "/", "", 200, "", 1},
		{"large", "POST", "/", large, 200, large, 1},
		{"chunked", "POST", "/chunked", large, 200, large, 1},
		{"trailer", "POST", "/trailer", "hello", 200, "hello", 1},
		{"until close", "POST", "/close", "hello", 200, "hello", 2},
		{"no content", "POST", "/none", "x", 204, "", 1},
		{"not modified", "GET", "/same", "", 304, "", 1},
		{"interim", "POST", "/hints", "hello", 200, "hello", 1},
		{"head", "HEAD", "/", "", 200, "", 1},
		{"head of chunked", "HEAD", "/chunked", "", 200, "", 1},
		{"redirect is not followed", "GET", "/moved", "", 302, "<a href=\"/elsewhere\">Found</a>.\n\n", 1},
	}
	both(t, func(t *testing.T, secure bool) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				c, url := server(t, secure, Options{}, echo)
				for range 2 {
					req := request(t, tt.method, url+tt.path, nil)
					if tt.body != "" {
						req.Body = NewBody(net.Buffers{[]byte(tt.body[:1]), nil, []byte(tt.body[1:])})
					}
					resp, got := do(t, c, req)
					if resp.StatusCode != tt.status || got != tt.want {
						t.Fatalf("status %d, %d bytes; want %d, %d bytes", resp.StatusCode, len(got), tt.status, len(tt.want))
					}
					if h := resp.Header; len(h["X-Twice"]) != 2 || h.Get("X-Method") != tt.method || h.Get("X-Length") != fmt.Sprint(len(tt.body)) {
						t.Errorf("header %v", h)
					}
					if (resp.TLS != nil) != secure {
						t.Errorf("TLS state %v", resp.TLS)
					}
				}
				if s := c.Stats(); s.Dialled != tt.dials || s.Repeated != 0 {
					t.Errorf("%+v; want %d dials", s, tt.dials)
				}
			})
		}
	})
}

func TestRequestBodies(t *testing.T) {
	text := strings.Repeat("abc", 20_000)
	tests := []struct {
		name   string
		body   func() io.Reader
		length int64 // as sent
	}{
		{"segments", func() io.Reader { return NewBody(net.Buffers{[]byte(text[:7]), []byte(text[7:])}) }, 60_000},
		{"sized reader", func() io.Reader { return strings.NewReader(text) }, 60_000},
		{"unsized reader", func() io.Reader { return struct{ io.Reader }{strings.NewReader(text)} }, -1},
	}
	both(t, func(t *testing.T, secure bool) {
		c, url := server(t, secure, Options{}, echo)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				resp, got := do(t, c, request(t, "POST", url, tt.body()))
				if got != text {
					t.Errorf("%d bytes came back", len(got))
				}
				if l := resp.Header.Get("X-Length"); l != fmt.Sprint(tt.length) {
					t.Errorf("the server saw length %s, want %d", l, tt.length)
				}
			})
		}
	})
}

func TestBodyIsAReader(t *testing.T) {
	b := NewBody(net.Buffers{[]byte("ab"), nil, []byte("cde")})
	if b.Len() != 5 {
		t.Errorf("length %d", b.Len())
	}
	got, err := io.ReadAll(iotest{b})
	if err != nil || string(got) != "abcde" {
		t.Errorf("%q, %v", got, err)
	}
}

// iotest reads a byte at a time.
type iotest struct{ r io.Reader }

func (i iotest) Read(p []byte) (int, error) { return i.r.Read(p[:min(1, len(p))]) }

// A stream must come as it is sent, and its connection must serve the next
// one although nobody waits for the end after the last event.
func TestStreamsReuseTheirConnection(t *testing.T) {
	both(t, func(t *testing.T, secure bool) {
		next := make(chan struct{})
		c, url := server(t, secure, Options{}, func(w http.ResponseWriter, r *http.Request) {
			for i := range 3 {
				if i > 0 {
					<-next
				}
				fmt.Fprintf(w, "event %d\n", i)
				w.(http.Flusher).Flush()
			}
		})
		for range 20 {
			resp, err := c.RoundTrip(request(t, "POST", url, nil))
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			for i := range 3 {
				n, err := resp.Body.Read(buf)
				if got, want := string(buf[:n]), fmt.Sprintf("event %d\n", i); got != want || err != nil && i < 2 {
					t.Fatalf("read %q, %v; want %q", got, err, want)
				}
				if i < 2 {
					next <- struct{}{}
				}
			}
			if err := resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := resp.Body.Read(buf); err == nil {
				t.Error("a closed body can be read")
			}
		}
		if s := c.Stats(); s.Dialled != 1 || s.Reused != 19 {
			t.Errorf("%+v; want one connection for all", s)
		}
	})
}

func TestClosingAnUnreadBodyClosesTheConnection(t *testing.T) {
	gone := make(chan struct{})
	c, url := server(t, false, Options{}, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "some")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		close(gone)
	})
	resp, err := c.RoundTrip(request(t, "GET", url, nil))
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() {
		_, err := io.ReadAll(resp.Body) // blocks until closed
		read <- err
	}()
	time.Sleep(20 * time.Millisecond)
	_ = resp.Body.Close()
	if err := <-read; err == nil {
		t.Error("the read under way ended well")
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("the server still waits")
	}
}

func TestCancel(t *testing.T) {
	hold := make(chan struct{})
	c, url := server(t, false, Options{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.(http.Flusher).Flush()
		}
		<-hold
	})
	defer close(hold)
	for _, path := range []string{"/head", "/body"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Millisecond, func() { cancel(errors.New("the caller has left")) })
		resp, err := c.RoundTrip(request(t, "GET", url+path, nil).WithContext(ctx))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if s := c.Stats(); s.Open != 0 || s.Repeated != 0 {
		t.Errorf("%+v", s)
	}
}

func TestCancelledBeforeTheStart(t *testing.T) {
	c := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("it dials")
		return nil, io.EOF
	}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.RoundTrip(request(t, "GET", "http://h", nil).WithContext(ctx))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRefusedRequests(t *testing.T) {
	c := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("it dials")
		return nil, io.EOF
	}})
	tests := []struct {
		name  string
		spoil func(*http.Request)
	}{
		{"scheme", func(r *http.Request) { r.URL.Scheme = "ftp" }},
		{"no host", func(r *http.Request) { r.URL.Host = "" }},
		{"host with a space", func(r *http.Request) { r.URL.Host = "a b" }},
		{"host with a line end", func(r *http.Request) { r.Host = "a\r\nX: y" }},
		{"method", func(r *http.Request) { r.Method = "GET /x" }},
		{"header name", func(r *http.Request) { r.Header["A B"] = []string{"x"} }},
		{"header value", func(r *http.Request) { r.Header["A"] = []string{"x\r\nB: y"} }},
		{"query", func(r *http.Request) { r.URL.RawQuery = "a=b HTTP/1.1" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := request(t, "GET", "http://host.test/", nil)
			tt.spoil(req)
			closed := &closeCounter{Reader: strings.NewReader("x")}
			req.Body = closed
			if _, err := c.RoundTrip(req); err == nil {
				t.Error("it is accepted")
			}
			if closed.n != 1 {
				t.Errorf("the body was closed %d times", closed.n)
			}
		})
	}
}

type closeCounter struct {
	io.Reader
	n int
}

func (c *closeCounter) Close() error { c.n++; return nil }

func TestConcurrentUse(t *testing.T) {
	both(t, func(t *testing.T, secure bool) {
		c, url := server(t, secure, Options{}, echo)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for j := range 30 {
					want := bytes.Repeat([]byte{byte('a' + i)}, 10+j*700)
					path := [...]string{"/", "/chunked"}[j%2]
					req, _ := http.NewRequestWithContext(context.Background(), "POST", url+path, nil)
					req.Body = NewBody(net.Buffers{want})
					resp, err := c.RoundTrip(req)
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
					}
				}
			})
		}
		wg.Wait()
		if s := c.Stats(); s.Dialled > 16 || s.Reused+s.Dialled != 16*30 {
			t.Errorf("%+v; want at most 16 dials", s)
		}
	})
}

func TestIdleConnectionsEnd(t *testing.T) {
	c, url := server(t, false, Options{KeepIdle: 300 * time.Millisecond, MaxIdlePerHost: 2}, echo)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { do(t, c, request(t, "GET", url, nil)) })
	}
	wg.Wait()
	if s := c.Stats(); s.Idle > 2 || s.Open != s.Idle {
		t.Errorf("%+v; want at most two idle and none beside them", s)
	}
	for deadline := time.Now().Add(3 * time.Second); c.Stats().Open > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v: idle connections live on", c.Stats())
		}
	}
}
