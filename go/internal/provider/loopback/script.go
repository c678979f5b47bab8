package loopback

import (
	"cmp"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// prefix marks what the loopback says as its own.
const prefix = "[loopback] "

// origin is where its seals are valid, see protocol.Sealer.
const origin = Name + "/" + Name

// Pieces of text, where no number of chunks was asked for.
const (
	pieceBytes = 12
	maxPieces  = 64
)

// script is an answer in the making.
type script struct {
	*call
	req   *llm.Request
	input int64 // tokens of the prompt

	beats   []beat
	pending time.Duration // to wait before the next beat
	index   int           // of the next block
	pieces  int           // of content so far
	output  int64         // tokens
	thought int64         // tokens
	ended   bool          // by a cut or an error
}

// write decides what is said and notes it as beats. It returns the error that
// was ordered, for an answer that is no stream.
func (s *script) write() *llm.Error {
	if s.words.after == 0 {
		s.pending = s.words.stall
	}
	// It names no protocol as its own, so that writers wrap what it seals: no
	// vendor is ever shown a signature of ours.
	s.add(llm.Event{Type: llm.Start, Meta: &llm.Meta{
		ID: "lb_" + randomID(), Model: cmp.Or(s.words.swap, s.head.Model), Created: s.provider.now(), Origin: origin,
	}})
	s.meter(llm.Usage{Input: llm.Known(s.input)})
	stop := s.content()
	if s.ended {
		return s.beats[len(s.beats)-1].event.Err
	}
	s.meter(llm.Usage{Input: llm.Known(s.input), Output: llm.Known(s.output), Reasoning: llm.Known(s.thought)})
	s.add(llm.Event{Type: llm.Finish, Stop: stop})
	return nil
}

func (s *script) add(ev llm.Event) {
	s.beats = append(s.beats, beat{pause: s.pending, event: ev})
	s.pending = 0
}

func (s *script) meter(u llm.Usage) {
	switch s.words.usage {
	case "none":
		return
	case "wrong":
		for _, n := range [...]*llm.Count{&u.Input, &u.Output, &u.Reasoning} {
			n.N *= wrongBy
		}
	}
	u.Source = llm.Reported
	s.add(llm.Event{Type: llm.Metered, Usage: &u})
}

// content writes the blocks.
func (s *script) content() llm.Stop {
	if s.disturb() {
		return llm.Stop{}
	}
	if s.words.think != "" {
		s.thought = tokens(s.words.think)
		s.block(llm.Thought{}, s.words.think, llm.Event{Seal: "bG9vcGJhY2s"})
	}
	if s.words.refuse {
		const text = prefix + "I was told to decline."
		s.output = tokens(text)
		s.block(llm.Refusal{}, text, llm.Event{})
		return llm.Stop{Reason: cmp.Or(s.words.stop, llm.StopRefusal)}
	}
	if tool := s.tool(); tool != nil {
		for range s.words.parallel {
			s.use(tool)
		}
		return llm.Stop{Reason: cmp.Or(s.words.stop, llm.StopTools)}
	}
	text, stop := s.bounded(s.text())
	s.output = tokens(text)
	s.block(llm.Text{}, text, llm.Event{})
	if s.words.stop != "" {
		stop = llm.Stop{Reason: s.words.stop}
		if stop.Reason == llm.StopSequence && len(s.req.Sampling.Stop) > 0 {
			stop.Sequence = s.req.Sampling.Stop[0]
		}
	}
	return stop
}

// use calls a tool.
func (s *script) use(t *llm.Tool) {
	arguments := `{}`
	switch {
	case t.Kind == llm.CustomTool:
		arguments = "loopback"
	case len(t.Schema) > 0:
		arguments = string(example(t.Schema))
	}
	kind := cmp.Or(t.Kind, llm.FunctionTool)
	s.output += tokens(arguments)
	s.block(llm.ToolCall{ID: "call_" + randomID(), Namespace: t.Namespace, Name: t.Name, Kind: kind}, arguments, llm.Event{})
}

// block writes a block whose content is text. End may carry its seal.
func (s *script) block(b llm.Block, text string, end llm.Event) {
	if s.ended {
		return
	}
	s.add(llm.Event{Type: llm.BlockStart, Index: s.index, Block: b})
	for piece := range s.cutUp(text) {
		s.pending += s.words.delay
		s.add(llm.Event{Type: llm.BlockDelta, Index: s.index, Delta: jsonscan.AppendEscaped(nil, piece)})
		s.pieces++
		if s.pieces == s.words.after {
			s.pending += s.words.stall
		}
		if s.disturb() {
			return
		}
	}
	end.Type, end.Index = llm.BlockEnd, s.index
	s.add(end)
	s.index++
}

// disturb does what was ordered for after so many pieces, and reports whether
// that is the end.
func (s *script) disturb() bool {
	if s.ended {
		return true
	}
	switch {
	case s.words.cut == s.pieces:
		s.beats = append(s.beats, beat{pause: s.pending, cut: true})
	case s.words.errored && s.pieces == s.words.after:
		err := llm.Errorf(s.words.kind, "The loopback was told to fail with %s.", s.words.kind)
		s.add(llm.Event{Type: llm.Failed, Err: err})
	default:
		return false
	}
	s.ended = true
	return true
}
