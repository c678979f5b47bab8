package loopback

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// notes is a codec that hands out a request and writes events as lines.
type notes struct {
	protocol.Codec
	request *llm.Request
	refused error
}

func (n *notes) Name() llm.Protocol { return llm.Chat }

func (n *notes) Peek(llm.Operation, []byte) (protocol.Head, error) { return protocol.Head{}, nil }

func (n *notes) DecodeRequest([]byte) (*llm.Request, error) { return n.request, n.refused }

func (n *notes) NewWriter(h protocol.Head) protocol.EventWriter { return &noteWriter{whole: !h.Stream} }

func (n *notes) EncodeError(err *llm.Error, _ protocol.Head) (int, http.Header, []byte) {
	h := http.Header{}
	if err.RetryAfter > 0 {
		h.Set("Retry-After", fmt.Sprint(err.RetryAfter.Seconds()))
	}
	return 418, h, fmt.Appendf(nil, "%s: %s", err.Kind, err.Message)
}

type noteWriter struct {
	whole bool
	held  []byte
}

func (w *noteWriter) Findings() []llm.Finding { return nil }

func (w *noteWriter) Append(dst []byte, ev llm.Event) ([]byte, error) {
	line := note(ev)
	if w.whole && ev.Type != llm.Finish {
		w.held = append(w.held, line...)
		return dst, nil
	}
	return append(append(dst, w.held...), line...), nil
}

func note(ev llm.Event) string {
	switch ev.Type {
	case llm.Start:
		return "start " + ev.Meta.Model + "\n"
	case llm.BlockStart:
		if call, ok := ev.Block.(llm.ToolCall); ok {
			return fmt.Sprintf("open %d ToolCall %s %s\n", ev.Index, call.Kind, call.Name)
		}
		return fmt.Sprintf("open %d %s\n", ev.Index, strings.TrimPrefix(fmt.Sprintf("%T", ev.Block), "llm."))
	case llm.BlockDelta:
		return fmt.Sprintf("+%s\n", ev.Delta)
	case llm.BlockEnd:
		return fmt.Sprintf("close %d%s\n", ev.Index, ev.Seal)
	case llm.Metered:
		return fmt.Sprintf("used %s %s %s\n", count(ev.Usage.Input), count(ev.Usage.Output), count(ev.Usage.Reasoning))
	case llm.Finish:
		return fmt.Sprintf("finish %s %s\n", ev.Stop.Reason, ev.Stop.Sequence)
	case llm.Failed:
		return "failed " + ev.Err.Kind.String() + "\n"
	}
	return "?\n"
}

func count(c llm.Count) string {
	if !c.Known {
		return "-"
	}
	return fmt.Sprint(c.N)
}

func user(blocks ...llm.Block) llm.Turn { return llm.Turn{Role: llm.User, Blocks: blocks} }

func says(text string) *llm.Request {
	return &llm.Request{Turns: []llm.Turn{user(llm.Text{Text: text})}}
}

// ask sends a request to a fresh provider.
func ask(t *testing.T, req *llm.Request, stream bool, model string, header ...string) *http.Response {
	t.Helper()
	p := New(map[llm.Protocol]protocol.Codec{llm.Chat: &notes{request: req}}, Options{})
	h := http.Header{}
	for _, v := range header {
		h.Add(Header, v)
	}
	resp, err := p.Do(t.Context(), &provider.Request{
		Operation: llm.Generate, Protocol: llm.Chat, Model: model, Stream: stream, Header: h, Body: net.Buffers{[]byte("{}")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// heard reads an answer; an error is written behind it.
func heard(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return string(b) + "!" + err.Error()
	}
	return string(b)
}

const tick = 20 * time.Millisecond

func within(t *testing.T, d time.Duration, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(d):
		t.Fatalf("it took more than %s", d)
	}
}
