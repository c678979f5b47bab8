package protocol

import (
	"errors"
	"io"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// maxBody bounds an answer that is read as a whole, in bytes.
const maxBody = 64 << 20

// Feed hands out the events of an answer one by one: what all readers have in
// common. A reader embeds it and emits what each piece of the answer means.
type Feed struct {
	frames *sse.Scanner // nil for a whole body
	body   io.Reader
	queue  []llm.Event // made by the latest piece
	at     int         // of the next event in queue
	ended  bool
}

// NewFeed reads a stream or one body. MaxFrame bounds an event of a stream, in
// bytes; 0 is sse.DefaultMaxFrame.
func NewFeed(r io.Reader, stream bool, maxFrame int) Feed {
	if stream {
		return Feed{frames: sse.NewScanner(r, maxFrame)}
	}
	return Feed{body: r}
}

// Pieces is a reader's own half: each method emits, fails or ends. What it is
// given is valid until the next event is asked for.
type Pieces interface {
	Frame(ev sse.Event) // one event of a stream, data or not
	Whole(body []byte)  // an answer in one piece
	Cut()               // the stream is over
}

// Step returns the next event, asking p to read on when there is none left.
func (f *Feed) Step(p Pieces) (llm.Event, error) {
	for f.at == len(f.queue) {
		if f.ended {
			return llm.Event{}, io.EOF
		}
		f.queue, f.at = f.queue[:0], 0
		if err := f.read(p); err != nil {
			return llm.Event{}, err
		}
	}
	f.at++
	return f.queue[f.at-1], nil
}

func (f *Feed) read(p Pieces) error {
	if f.frames == nil {
		body, err := io.ReadAll(io.LimitReader(f.body, maxBody+1))
		switch {
		case err != nil:
			return err
		case len(body) > maxBody:
			f.Fail(llm.Errorf(llm.BadUpstream, "The answer of the upstream exceeds %d bytes.", maxBody))
		default:
			p.Whole(body)
		}
		return nil
	}
	frame, err := f.frames.Next()
	switch {
	case errors.Is(err, io.EOF):
		p.Cut()
		return nil
	case err != nil:
		return err
	}
	p.Frame(sse.Parse(frame))
	return nil
}

// Emit adds an event.
func (f *Feed) Emit(ev llm.Event) { f.queue = append(f.queue, ev) }

// End says that the last event has been emitted.
func (f *Feed) End() { f.ended = true }

// Fail ends the answer with a failure.
func (f *Feed) Fail(err *llm.Error) {
	f.End()
	f.Emit(llm.Event{Type: llm.Failed, Err: err})
}

// Ended reports whether the last event has been emitted.
func (f *Feed) Ended() bool { return f.ended }
