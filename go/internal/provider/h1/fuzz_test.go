package h1

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// FuzzAnswer holds the reader to net/http's: what it accepts, that accepts
// too and understands alike.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		fine, ok + "\r\nhi", chunked + "2;x\r\nhi\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 103 x\r\n\r\nHTTP/1.0 404 No\r\nContent-Length: 0\r\nA: b\r\na: c\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
		ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
		ok + "Content-Length: 1, 1\r\n\r\nx",
	} {
		f.Add([]byte(seed), uint8(3), true)
		f.Add([]byte(seed), uint8(255), false)
	}
	f.Fuzz(func(t *testing.T, answer []byte, cut uint8, get bool) {
		parts := []string{string(answer)}
		if int(cut) < len(answer) {
			parts = []string{string(answer[:cut]), string(answer[cut:])}
		}
		nc := &pieces{parts: parts}
		c := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) { return nc, nil }})
		how := http.MethodHead
		if get {
			how = http.MethodGet
		}
		req, _ := http.NewRequest(how, "http://h/", nil)
		resp, err := c.RoundTrip(req)
		if err != nil {
			if !nc.closed {
				t.Fatalf("%v, but the connection lives", err)
			}
			return
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			if !nc.closed {
				t.Fatalf("%v, but the connection lives", err)
			}
			return
		}
		compare(t, answer, req, resp, got)
	})
}

func compare(t *testing.T, answer []byte, req *http.Request, resp *http.Response, got []byte) {
	t.Helper()
	br := bufio.NewReader(bytes.NewReader(answer))
	for {
		other, err := http.ReadResponse(br, req)
		if err != nil {
			t.Fatalf("accepted, but net/http says %v", err)
		}
		if other.StatusCode < 200 {
			continue
		}
		want, err := io.ReadAll(other.Body)
		if err != nil || other.StatusCode != resp.StatusCode || !bytes.Equal(got, want) {
			t.Fatalf("status %d, body %q; net/http reads %d, %q, %v", resp.StatusCode, got, other.StatusCode, want, err)
		}
		for name, values := range other.Header {
			if mine := resp.Header[name]; strings.Join(mine, "\n") != strings.Join(values, "\n") {
				t.Fatalf("%s: %q; net/http reads %q", name, mine, values)
			}
		}
		return
	}
}
