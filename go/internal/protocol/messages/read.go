package messages

import (
	"io"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// reader turns an answer into events. Whatever the upstream sends, what comes
// out is in legal order.
type reader struct {
	protocol.Feed

	started bool
	next    int         // index of the next block
	open    []openBlock // usually one
	called  bool        // a tool was called
	shaped  bool        // jsonTool was
	usage   llm.Usage
	stop    llm.Stop
}

// NewReader reads a stream or one body.
func (*Codec) NewReader(r io.Reader, stream bool, from protocol.Target) protocol.EventReader {
	return &reader{Feed: protocol.NewFeed(r, stream, from.MaxFrame)}
}

// Next returns the next event. Its Delta is valid until the following call.
func (r *reader) Next() (llm.Event, error) { return r.Step(r) }

// Frame implements protocol.Pieces.
func (r *reader) Frame(ev sse.Event) {
	if ev.HasData && string(ev.Data) != "[DONE]" {
		r.frame(ev)
	}
}

// Cut implements protocol.Pieces.
func (r *reader) Cut() {
	r.Fail(llm.Errorf(llm.BadUpstream, "The upstream ended its answer before it was complete."))
}

func (r *reader) nonsense(err error) {
	e := llm.Errorf(llm.BadUpstream, "The upstream sent something that is no Messages answer.")
	e.Err = err
	r.Fail(e)
}

// wire holds the members of a frame that mean something.
type wire struct {
	kind                         string
	index                        int64
	message, block, delta, usage []byte
}

// readWire finds the members; the kind is the event's name where the data has
// no type.
func readWire(ev sse.Event) (wire, error) {
	w := wire{kind: kindName(ev.Name)}
	it := jsonscan.Members(ev.Data)
	for it.Next() {
		switch string(it.Key()) {
		case "type":
			if inner, ok := jsonscan.Inner(it.Value()); ok {
				w.kind = kindName(inner)
			}
		case "index":
			w.index, _ = jsonscan.Int(it.Value())
		case "message":
			w.message = it.Value()
		case "content_block":
			w.block = it.Value()
		case "delta":
			w.delta = it.Value()
		case "usage":
			w.usage = it.Value()
		}
	}
	return w, it.Err()
}

// The events of a stream.
const (
	messageStart = "message_start"
	blockStart   = "content_block_start"
	blockDelta   = "content_block_delta"
	blockStop    = "content_block_stop"
	messageDelta = "message_delta"
	messageStop  = "message_stop"
	errorEvent   = "error"
)

// kindName returns the name of an event without allocating, "" for one that
// means nothing to us.
func kindName(name []byte) string {
	switch string(name) {
	case messageStart:
		return messageStart
	case blockStart:
		return blockStart
	case blockDelta:
		return blockDelta
	case blockStop:
		return blockStop
	case messageDelta:
		return messageDelta
	case messageStop:
		return messageStop
	case errorEvent:
		return errorEvent
	}
	return ""
}

func (r *reader) frame(ev sse.Event) {
	w, err := readWire(ev)
	if err != nil {
		r.nonsense(err)
		return
	}
	switch w.kind {
	case messageStart:
		r.start(w.message)
		r.contents(w.message)
	case blockStart:
		r.begin(w.index, w.block)
	case blockDelta:
		r.delta(w.index, w.delta)
	case blockStop:
		r.end(w.index)
	case messageDelta:
		r.begun()
		if jsonscan.KindOf(w.delta) == jsonscan.Object {
			readStop(&r.stop, w.delta)
		}
		r.meter(w.usage, false)
	case messageStop:
		r.finish()
	case errorEvent:
		r.Fail(failureOf(ev.Data))
	}
}

// start opens the answer. An upstream that starts again after it has sent
// content has broken off the first answer, half a tool call perhaps; going on
// would make the client run it.
func (r *reader) start(message []byte) {
	if r.next > 0 {
		r.Fail(llm.Errorf(llm.BadUpstream, "The upstream began its answer anew in the middle of it."))
		return
	}
	if !r.started {
		meta := metaOf(message)
		r.started = true
		r.Emit(llm.Event{Type: llm.Start, Meta: &meta})
	}
	if jsonscan.KindOf(message) == jsonscan.Object {
		r.meter(jsonscan.Get(message, "usage"), true)
	}
}

// begun opens the answer for an upstream that forgot to.
func (r *reader) begun() {
	if !r.started {
		r.start(nil)
	}
}

func metaOf(message []byte) llm.Meta {
	meta := llm.Meta{Protocol: origin}
	if jsonscan.KindOf(message) != jsonscan.Object {
		return meta
	}
	it := jsonscan.Members(message)
	for it.Next() {
		switch string(it.Key()) {
		case "id":
			meta.ID, _ = jsonscan.Text(it.Value())
		case "model":
			meta.Model, _ = jsonscan.Text(it.Value())
		case "usage":
			meta.Tier = tierOf(it.Value())
		}
	}
	return meta
}

// tierOf is what an answer is billed as. Speed goes before the service tier:
// fast answers have a price of their own.
func tierOf(usage []byte) string {
	if speed, _ := jsonscan.Text(jsonscan.Get(usage, "speed")); speed == "fast" {
		return speed
	}
	tier, _ := jsonscan.Text(jsonscan.Get(usage, "service_tier"))
	return tier
}

// meter reports usage, if there is any.
func (r *reader) meter(v []byte, start bool) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	readUsage(&r.usage, v, start)
	usage := r.usage
	r.Emit(llm.Event{Type: llm.Metered, Usage: &usage})
}

// finish ends the answer. One without a start has never been.
func (r *reader) finish() {
	if !r.started {
		r.nonsense(nil)
		return
	}
	for len(r.open) > 0 {
		r.close(0)
	}
	if r.stop.Reason == "" {
		r.stop.Reason = llm.StopEnd
	}
	if r.shaped && !r.called && r.stop.Reason == llm.StopTools {
		r.stop.Reason, r.stop.Raw = llm.StopEnd, wordOf(llm.StopEnd)
	}
	if r.stop.Reason == llm.StopRefusal {
		r.refusal()
	}
	r.End()
	r.Emit(llm.Event{Type: llm.Finish, Stop: r.stop})
}

// refusal says why the model declined, where the vendor tells.
func (r *reader) refusal() {
	why, ok := jsonscan.Inner(jsonscan.Get(r.stop.Details, "explanation"))
	if !ok || len(why) == 0 {
		return
	}
	r.Emit(llm.Event{Type: llm.BlockStart, Index: r.next, Block: llm.Refusal{}})
	r.Emit(llm.Event{Type: llm.BlockDelta, Index: r.next, Delta: why})
	r.Emit(llm.Event{Type: llm.BlockEnd, Index: r.next})
	r.next++
}

// Whole reads an answer that is one body.
func (r *reader) Whole(body []byte) {
	if failure := failureIn(body); failure != nil {
		r.Fail(failure)
		return
	}
	r.start(body)
	r.contents(body)
	r.meter(jsonscan.Get(body, "usage"), false)
	r.finish()
}

// contents reads the blocks of a message and why it stopped. A stream has them
// in its start where the vendor's own code made the call that it tells of.
func (r *reader) contents(message []byte) {
	if r.Ended() || jsonscan.KindOf(message) != jsonscan.Object {
		return
	}
	if blocks := jsonscan.Get(message, "content"); jsonscan.KindOf(blocks) == jsonscan.Array {
		it := jsonscan.Elements(blocks)
		for i := int64(0); it.Next(); i++ {
			r.begin(i, it.Value())
			r.end(i)
		}
	}
	readStop(&r.stop, message)
}

// failureIn returns the failure that a whole body of a successful answer is,
// or nil.
func failureIn(body []byte) *llm.Error {
	if err := jsonscan.Valid(body); err != nil || jsonscan.KindOf(body) != jsonscan.Object {
		e := llm.Errorf(llm.BadUpstream, "The upstream sent something that is no Messages answer.")
		e.Err = err
		return e
	}
	if jsonscan.KindOf(jsonscan.Get(body, "content")) == jsonscan.Array {
		return nil
	}
	return failureOf(body)
}

// failureOf reads an error object that came inside a successful answer.
func failureOf(v []byte) *llm.Error {
	word, message := errorWords(v)
	return upstreamError(0, word, message, retryAfter(nil, message, time.Now()))
}
