package chat

import (
	"bytes"
	"io"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// reader turns an answer into events. What a frame yields waits in a queue;
// the frame stays in place until the queue is empty, so deltas may alias it.
type reader struct {
	protocol.Feed
	quirks protocol.Quirks

	started, stopped bool
	stop             llm.Stop
	usage            llm.Usage
	id, model, tier  string
	created          int64

	blocks    int // opened so far
	open      speech
	refused   bool // there was text of a refusal
	calls     []call
	think     *thinkTags
	details   details
	citations []llm.Opaque
	scratch   []byte
}

// NewReader reads an answer of a server of this protocol.
func (*Codec) NewReader(r io.Reader, stream bool, from protocol.Target) protocol.EventReader {
	rd := &reader{Feed: protocol.NewFeed(r, stream, from.MaxFrame), quirks: from.Quirks, open: speech{index: -1}}
	if from.Quirks.ThinkTags {
		rd.think = &thinkTags{}
	}
	return rd
}

// Next returns the next event.
func (r *reader) Next() (llm.Event, error) { return r.Step(r) }

// Frame implements protocol.Pieces.
func (r *reader) Frame(ev sse.Event) {
	r.scratch = r.scratch[:0]
	data := bytes.TrimSpace(ev.Data)
	switch {
	case len(data) == 0: // a comment
	case string(data) == done:
		r.finish()
	case jsonscan.Valid(data) != nil:
		r.Fail(llm.Errorf(llm.BadUpstream, "The upstream sent an event that is no JSON."))
	case string(ev.Name) == "error" || jsonscan.KindOf(data) == jsonscan.Array:
		c := complaintIn(data)
		r.Fail(c.toError())
	default:
		r.chunk(data)
	}
}

// done ends a stream.
const done = "[DONE]"

// Cut handles the end of the connection. Some servers say why they stopped
// and close without another word; anything less is a cut.
func (r *reader) Cut() {
	if r.stopped {
		r.finish()
		return
	}
	r.Fail(cutShort())
}

func cutShort() *llm.Error {
	return llm.Errorf(llm.BadUpstream, "The upstream cut the answer short.")
}

// Whole reads a body, which is one long chunk.
func (r *reader) Whole(body []byte) {
	if jsonscan.Valid(body) != nil || jsonscan.KindOf(body) != jsonscan.Object {
		r.Fail(nonsense())
		return
	}
	r.chunk(bytes.TrimSpace(body))
	switch {
	case r.Ended():
	case !r.started:
		r.Fail(nonsense())
	default:
		r.finish()
	}
}

func nonsense() *llm.Error {
	return llm.Errorf(llm.BadUpstream, "The upstream answered with something that is no chat completion.")
}

// chunk reads one chunk of a stream, or a body.
func (r *reader) chunk(data []byte) {
	var c chunk
	if c.read(data) != nil {
		r.Fail(nonsense())
		return
	}
	if failure := c.failure(); failure != nil {
		r.Fail(failure)
		return
	}
	if !r.started {
		r.note(&c)
	}
	if jsonscan.KindOf(c.choices) == jsonscan.Array {
		it := jsonscan.Elements(c.choices)
		for it.Next() && !r.Ended() {
			r.choice(it.Value())
		}
	}
	if r.Ended() {
		return
	}
	if u, ok := usageIn(c.usage, c.groq); ok {
		r.start()
		r.usage = u
		r.Emit(llm.Event{Type: llm.Metered, Usage: &r.usage})
	}
}

// note keeps what a chunk says of the answer as a whole. The first chunk of
// some servers leaves it empty.
func (r *reader) note(c *chunk) {
	if id := textOf(c.id); id != "" {
		r.id = id
	}
	if model := textOf(c.model); model != "" {
		r.model = model
	}
	if tier := textOf(c.tier); tier != "" {
		r.tier = tier
	}
	if n, ok := jsonscan.Int(c.created); ok && n > 0 {
		r.created = n
	}
}

func (r *reader) start() {
	if r.started {
		return
	}
	r.started = true
	meta := metaOf(r.id, r.model, r.tier, r.created)
	r.Emit(llm.Event{Type: llm.Start, Meta: &meta})
}

// finish ends the answer.
func (r *reader) finish() {
	if !r.started {
		r.Fail(cutShort())
		return
	}
	r.closeAll()
	stop := r.stop
	if !r.stopped {
		stop.Reason = llm.StopEnd
	}
	switch {
	case stop.Reason == llm.StopEnd && len(r.calls) > 0:
		stop.Reason = llm.StopTools
	case stop.Reason == llm.StopEnd && r.refused:
		stop.Reason = llm.StopRefusal
	}
	r.End()
	r.Emit(llm.Event{Type: llm.Finish, Stop: stop})
}
