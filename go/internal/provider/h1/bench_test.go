package h1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// upstream answers as a model server does, at little cost of its own, so that
// the client's cost shows.
func upstream(b *testing.B, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	text := []byte(answer)
	serve := func(nc net.Conn) {
		defer nc.Close()
		br := bufio.NewReaderSize(nc, 64<<10)
		for {
			length := 0
			for {
				line, err := br.ReadSlice('\n')
				if err != nil {
					return
				}
				if v, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
					length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
				}
				if len(line) == 2 {
					break
				}
			}
			if _, err := br.Discard(length); err != nil {
				return
			}
			if _, err := nc.Write(text); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go serve(nc)
		}
	}()
	return "http://" + l.Addr().String() + "/v1/chat/completions"
}

func whole() string {
	return ok + "Content-Type: application/json\r\nX-Request-Id: req_0123456789\r\nDate: Wed, 25 Nov 2026 02:00:00 GMT\r\n" +
		"Server: cloud\r\nX-Ratelimit-Remaining-Requests: 99\r\nContent-Length: 600\r\n\r\n" + strings.Repeat("x", 600)
}

func stream() string {
	var sb strings.Builder
	sb.WriteString(ok + "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	for range 100 {
		fmt.Fprintf(&sb, "%x\r\n%s\r\n", 250, strings.Repeat("y", 250))
	}
	sb.WriteString("0\r\n\r\n")
	return sb.String()
}

func benchmark(b *testing.B, rt http.RoundTripper, answer string, size int) {
	url := upstream(b, answer)
	body := []byte(strings.Repeat("z", size))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		buf := make([]byte, 8<<10)
		for pb.Next() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, NewBody(net.Buffers{body}))
			if err != nil {
				b.Error(err)
				return
			}
			req.ContentLength = int64(len(body))
			req.Header = http.Header{
				"Authorization": {"Bearer sk-0123456789"}, "Content-Type": {"application/json"}, "Accept": {"*/*"},
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				b.Error(err)
				return
			}
			for err == nil {
				_, err = resp.Body.Read(buf)
			}
			if !errors.Is(err, io.EOF) {
				b.Error(err)
			}
			_ = resp.Body.Close()
		}
	})
}

func Benchmark(b *testing.B) {
	for _, load := range []struct {
		name, answer string
		size         int
	}{{"small", whole(), 1000}, {"large", whole(), 200_000}, {"stream", stream(), 1000}} {
		b.Run(load.name+"/h1", func(b *testing.B) { benchmark(b, New(Options{}), load.answer, load.size) })
		b.Run(load.name+"/net-http", func(b *testing.B) {
			tr := &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}
			defer tr.CloseIdleConnections()
			benchmark(b, tr, load.answer, load.size)
		})
	}
}

// The budget of one request, its context and the reading of its answer
// included.
func TestAllocations(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage allocates")
	}
	r := testing.Benchmark(func(b *testing.B) { benchmark(b, New(Options{}), whole(), 1000) })
	if n := r.AllocsPerOp(); n > 30 {
		t.Errorf("%d allocations for one request", n)
	}
}
