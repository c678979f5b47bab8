package loopback

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// beat is one event of an answer and how long to wait before it. The cut is a
// beat without an event.
type beat struct {
	pause time.Duration
	event llm.Event
	cut   bool
}

// body is an answer that is written while it is read: no goroutine stands
// behind it, so none is left over when it is closed early.
type body struct {
	ctx    context.Context
	writer protocol.EventWriter
	beats  []beat
	ready  []byte // written, not yet read
	room   []byte // what ready is a part of
	err    error  // once ready is read

	once sync.Once
	gone chan struct{} // closed by Close
}

func newBody(ctx context.Context, w protocol.EventWriter, beats []beat) *body {
	return &body{ctx: ctx, writer: w, beats: beats, gone: make(chan struct{})}
}

// newWhole is a body that is all there. It may be told to stall or to be cut
// in the middle.
func newWhole(ctx context.Context, text []byte, w *words) *body {
	b := &body{ctx: ctx, ready: text, err: io.EOF, gone: make(chan struct{})}
	if w == nil {
		return b
	}
	if w.cut >= 0 {
		b.ready, b.err = text[:len(text)/2], io.ErrUnexpectedEOF
	}
	if w.stall > 0 {
		b.beats = []beat{{pause: w.stall}}
	}
	return b
}

// Read waits for what is due and returns it.
func (b *body) Read(p []byte) (int, error) {
	select {
	case <-b.gone:
		return 0, errors.New("read of a closed answer")
	default:
	}
	if b.writer == nil && len(b.beats) > 0 {
		if err := wait(b.ctx, b.gone, b.beats[0].pause); err != nil {
			return 0, err
		}
		b.beats = nil
	}
	for len(b.ready) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if err := b.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.ready)
	b.ready = b.ready[n:]
	return n, nil
}

// advance plays beats until there are bytes, the end, or a time to wait.
func (b *body) advance() error {
	b.room = b.room[:0]
	for len(b.beats) > 0 && len(b.room) == 0 {
		next := &b.beats[0]
		if err := wait(b.ctx, b.gone, next.pause); err != nil {
			return err
		}
		b.beats = b.beats[1:]
		if next.cut {
			b.err = io.ErrUnexpectedEOF
			return nil
		}
		var err error
		if b.room, err = b.writer.Append(b.room, next.event); err != nil {
			b.err = err
			return nil
		}
	}
	b.ready = b.room
	if len(b.beats) == 0 {
		b.err = io.EOF
	}
	return nil
}

// Close ends a Read that is waiting.
func (b *body) Close() error {
	b.once.Do(func() { close(b.gone) })
	return nil
}

// wait returns early, with an error, when nobody waits any more.
func wait(ctx context.Context, gone <-chan struct{}, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-gone:
		return errors.New("the answer was closed")
	}
}
