package protocol

import (
	"errors"
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// MaxHeld bounds the bytes a Sequence keeps back.
const MaxHeld = 16 << 20

// ErrHeldTooMuch is returned when interleaved blocks exceed MaxHeld.
var ErrHeldTooMuch = errors.New("interleaved blocks exceed the buffer")

// Sequence straightens events for protocols that allow one open block at a
// time: the block that opened first goes on live, the others are kept until
// it ends. It renumbers blocks 0, 1, 2… in the order they come out.
type Sequence struct {
	next  int
	live  *lane
	queue []*lane
	held  int
}

// lane is one block on its way through.
type lane struct {
	index  int
	out    int
	events []llm.Event
	ended  bool
}

// Push calls emit for every event that may go out now, in order.
func (s *Sequence) Push(ev llm.Event, emit func(llm.Event) error) error {
	switch ev.Type {
	case llm.BlockStart:
		l := &lane{index: ev.Index}
		if s.live != nil {
			s.queue = append(s.queue, l)
			l.events = append(l.events, ev)
			return nil
		}
		return s.start(l, ev, emit)
	case llm.BlockDelta, llm.BlockEnd:
		l := s.find(ev.Index)
		if l == nil {
			return nil // a delta for a block that is closed or never opened
		}
		l.ended = ev.Type == llm.BlockEnd
		if l != s.live {
			if s.held += len(ev.Delta); s.held > MaxHeld {
				return ErrHeldTooMuch
			}
			ev.Delta = slices.Clone(ev.Delta)
			l.events = append(l.events, ev)
			return nil
		}
		ev.Index = l.out
		if err := emit(ev); err != nil || !l.ended {
			return err
		}
		return s.advance(emit)
	case llm.Finish:
		if err := s.closeAll(emit); err != nil {
			return err
		}
	case llm.Start, llm.Metered, llm.Failed:
	}
	return emit(ev)
}

func (s *Sequence) find(index int) *lane {
	if s.live != nil && s.live.index == index {
		return s.live
	}
	for _, l := range s.queue {
		if l.index == index && !l.ended {
			return l
		}
	}
	return nil
}

func (s *Sequence) start(l *lane, ev llm.Event, emit func(llm.Event) error) error {
	l.out = s.next
	s.next++
	s.live = l
	ev.Index = l.out
	return emit(ev)
}

// advance lets the next waiting block out, and those after it as long as they
// have already ended.
func (s *Sequence) advance(emit func(llm.Event) error) error {
	s.live = nil
	for len(s.queue) > 0 {
		l := s.queue[0]
		s.queue = s.queue[1:]
		l.out = s.next
		s.next++
		for _, ev := range l.events {
			s.held -= len(ev.Delta)
			ev.Index = l.out
			if err := emit(ev); err != nil {
				return err
			}
		}
		l.events = nil
		if !l.ended {
			s.live = l
			return nil
		}
	}
	return nil
}

// closeAll ends what an upstream left open.
func (s *Sequence) closeAll(emit func(llm.Event) error) error {
	for s.live != nil {
		l := s.live
		if err := emit(llm.Event{Type: llm.BlockEnd, Index: l.out}); err != nil {
			return err
		}
		if err := s.advance(emit); err != nil {
			return err
		}
	}
	return nil
}
