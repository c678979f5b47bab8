package provider

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

func BenchmarkDo(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				br := bufio.NewReader(nc)
				for {
					line, err := br.ReadSlice('\n')
					if err != nil {
						return
					}
					if len(line) == 2 {
						_, _ = br.Discard(13)
						_, _ = nc.Write(answer)
					}
				}
			}()
		}
	}()
	p, err := New(Settings{Preset: "anthropic", BaseURL: "http://" + l.Addr().String(), Key: secret.New(testKey)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Close() })
	for name, header := range map[string]http.Header{
		"plain": {}, "with headers": {"Anthropic-Version": {"2026-10-21"}, "Anthropic-Beta": {"x"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			req := generate(llm.Messages)
			req.Header = header
			for b.Loop() {
				resp, err := p.Do(b.Context(), req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}
