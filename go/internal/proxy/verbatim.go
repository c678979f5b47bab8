package proxy

import (
	"cmp"
	"errors"
	"io"
	"net/http"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// passVerbatim relays an answer of which the upstream decides what it is.
func (t *try) passVerbatim(body io.Reader, header http.Header, streamed bool) *llm.Error {
	switch {
	case streamed:
		return t.passStream(body, header)
	case t.call.Head.Unread:
		return t.passBytes(body, header)
	}
	return t.passBody(body, header)
}

// pieceSize is how much of an unread answer is held at a time, in bytes.
const pieceSize = 32 << 10

// passBytes relays an answer as it comes. One piece is kept back, so that the
// record is written before the last one leaves.
func (t *try) passBytes(body io.Reader, header http.Header) *llm.Error {
	h := t.reply(header, cmp.Or(header.Get("Content-Type"), "application/octet-stream"))
	for _, name := range [...]string{"Content-Length", "Content-Disposition"} {
		if v := header[name]; len(v) > 0 {
			h[name] = v
		}
	}
	t.ans.prepare(http.StatusOK, h)
	held, next := make([]byte, 0, pieceSize), make([]byte, pieceSize)
	for {
		n, err := body.Read(next)
		if n > 0 {
			t.first()
			if len(held) > 0 {
				_, _ = t.ans.Write(held)
			}
			held, next = next[:n], held[:pieceSize]
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && !t.ans.left():
			t.row.Stop.Reason = llm.StopEnd
			if failure := t.settle(len(held)); failure != nil {
				return t.cut(failure)
			}
			_, _ = t.ans.Write(held)
			return nil
		default:
			return t.cut(t.broken(err))
		}
	}
}

// cut ends an answer that has no way of its own to say that it is not whole.
func (t *try) cut(failure *llm.Error) *llm.Error {
	if t.ans.committed() {
		t.ans.cut = true
	}
	return failure
}
