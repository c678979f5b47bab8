package h1

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const fine = ok + "Content-Length: 2\r\n\r\nhi"

// What happens to the second request when its kept connection fails. A POST
// that a server may have read is never sent twice: it costs money.
func TestStaleConnections(t *testing.T) {
	tests := []struct {
		name   string
		method string
		second func(nc *net.TCPConn, br *bufio.Reader) (read int32) // on the first connection, after one answer
		served int32                                                // requests read by the server in all
		fails  bool
	}{
		{"closed while idle", "POST", func(*net.TCPConn, *bufio.Reader) int32 { return 0 }, 2, false},
		{"reset while idle", "POST", func(nc *net.TCPConn, _ *bufio.Reader) int32 {
			_ = nc.SetLinger(0)
			return 0
		}, 2, false},
		{"time-out answer while idle", "POST", func(nc *net.TCPConn, _ *bufio.Reader) int32 {
			_, _ = io.WriteString(nc, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return 0
		}, 2, false},
		{"POST read, then closed", "POST", func(_ *net.TCPConn, br *bufio.Reader) int32 {
			readRequest(br)
			return 1
		}, 2, true},
		{"POST read, then reset late", "POST", func(nc *net.TCPConn, br *bufio.Reader) int32 {
			readRequest(br)
			time.Sleep(100 * time.Millisecond)
			_ = nc.SetLinger(0)
			return 1
		}, 2, true},
		{"GET read, then closed", "GET", func(_ *net.TCPConn, br *bufio.Reader) int32 {
			readRequest(br)
			return 1
		}, 3, false},
		{"half an answer", "GET", func(nc *net.TCPConn, br *bufio.Reader) int32 {
			readRequest(br)
			_, _ = io.WriteString(nc, "HTTP/1.1 2")
			return 1
		}, 2, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var served atomic.Int32
			ended := make(chan struct{})
			c, url := scripted(t, Options{}, func(n int, nc *net.TCPConn) {
				br := bufio.NewReader(nc)
				for readRequest(br) {
					served.Add(1)
					_, _ = io.WriteString(nc, fine)
					if n == 1 {
						served.Add(tt.second(nc, br))
						_ = nc.Close()
						close(ended)
						return
					}
				}
			})
			do(t, c, request(t, tt.method, url, nil))
			if strings.HasSuffix(tt.name, "idle") {
				<-ended
				time.Sleep(10 * time.Millisecond)
			}
			resp, err := c.RoundTrip(request(t, tt.method, url, nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if (err != nil) != tt.fails {
				t.Errorf("error %v", err)
			}
			if n := served.Load(); n != tt.served {
				t.Errorf("%d requests were read, want %d", n, tt.served)
			}
		})
	}
}

// The peer closes while the request is on its way: it has not been read, so
// it may be sent again whatever its method. The client is made blind to what
// happened to the idle connection.
func TestARequestThatNobodyReadIsRepeated(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says what its peer has acknowledged")
	}
	for _, how := range []string{"closed", "reset"} {
		t.Run(how, func(t *testing.T) {
			ended := make(chan struct{})
			c, url := scripted(t, Options{}, func(n int, nc *net.TCPConn) {
				br := bufio.NewReader(nc)
				for readRequest(br) {
					_, _ = io.WriteString(nc, fine)
					if n == 1 {
						if how == "reset" {
							_ = nc.SetLinger(0)
						}
						_ = nc.Close()
						close(ended)
						return
					}
				}
			})
			do(t, c, request(t, "POST", url, nil))
			<-ended
			time.Sleep(10 * time.Millisecond)
			req := request(t, "POST", url, nil)
			cn := c.pop(origin{req.URL.Scheme, req.URL.Host})
			if cn == nil || cn.usable() {
				t.Fatal("the connection is not a stale one")
			}
			_, err := cn.exchange(t.Context(), req)
			if err == nil || !cn.mayRepeat(req, err) {
				t.Errorf("%v (acknowledged %v): it is not repeated", err, !cn.unreached())
			}
			cn.destroy()
		})
	}
}

// A server that keeps sending after the end must not speak into the next
// exchange, in TLS either, where the bytes hide in a record.
func TestBytesBehindTheEndInTLS(t *testing.T) {
	c, url := server(t, true, Options{}, func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		for {
			pad := strings.Repeat("x", readBuffer-len(ok)-len("Content-Length: 4000\r\n\r\n"))
			head := ok + "Content-Length: " + strconv.Itoa(len(pad)) + "\r\n\r\n"
			_, _ = io.WriteString(nc, head+pad+"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
			if !readRequest(rw.Reader) {
				return
			}
		}
	})
	for range 3 {
		if _, got := do(t, c, request(t, "GET", url, nil)); strings.Contains(got, "poison") || len(got) < 3000 {
			t.Fatalf("the answer is %.100q", got)
		}
	}
	if s := c.Stats(); s.Reused != 0 {
		t.Errorf("%+v: a spoilt connection was used again", s)
	}
}

// The end of a stream may stay out: the connection is then given up after a
// moment instead of being waited for.
func TestAnEndThatStaysOut(t *testing.T) {
	c, url := scripted(t, Options{}, func(n int, nc *net.TCPConn) {
		br := bufio.NewReader(nc)
		for readRequest(br) {
			_, _ = io.WriteString(nc, chunked+"6\r\n[DONE]\r\n")
		}
	})
	for range 2 {
		resp, err := c.RoundTrip(request(t, "GET", url, nil))
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 6)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "[DONE]" {
			t.Fatalf("%q, %v", buf, err)
		}
		start := time.Now()
		_ = resp.Body.Close()
		if took := time.Since(start); took > time.Second {
			t.Errorf("closing took %v", took)
		}
	}
	if s := c.Stats(); s.Dialled != 2 || s.Reused != 0 {
		t.Errorf("%+v", s)
	}
}

// No goroutine belongs to an idle connection or to an open stream.
func TestNoGoroutines(t *testing.T) {
	c, url := scripted(t, Options{}, reply(chunked+"2\r\nhi\r\n", false))
	before := runtime.NumGoroutine()
	var open []*http.Response
	for range 20 {
		resp, err := c.RoundTrip(request(t, "GET", url, nil))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, resp)
	}
	time.Sleep(10 * time.Millisecond)
	// Each connection has one goroutine of the server.
	if extra := runtime.NumGoroutine() - before - len(open); extra > 2 {
		t.Errorf("%d goroutines for %d open streams", extra, len(open))
	}
	for _, resp := range open {
		_ = resp.Body.Close()
	}
}

func TestCloseAwaitsNothing(t *testing.T) {
	c, url := scripted(t, Options{}, reply(fine, false))
	resp, err := c.RoundTrip(request(t, "GET", url, nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "hi" {
		t.Errorf("an answer under way ended with %q, %v", got, err)
	}
	if s := c.Stats(); s.Open != 0 {
		t.Errorf("%+v: the connection outlives its client", s)
	}
}
