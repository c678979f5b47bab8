package chat

import (
	"bytes"
	"errors"
	"io"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// maxBody bounds a whole answer, in bytes.
const maxBody = 64 << 20

// reader turns an answer into events. What a frame yields waits in a queue;
// the frame stays in place until the queue is empty, so deltas may alias it.
type reader struct {
	frames *sse.Scanner // nil for a whole body
	body   io.Reader
	quirks protocol.Quirks

	queue []llm.Event
	at    int
	ended bool

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
	rd := &reader{body: r, quirks: from.Quirks, open: speech{index: -1}}
	if stream {
		rd.frames = sse.NewScanner(r, 0)
	}
	if from.Quirks.ThinkTags {
		rd.think = &thinkTags{}
	}
	return rd
}

// Next returns the next event.
func (r *reader) Next() (llm.Event, error) {
	for r.at == len(r.queue) {
		if r.ended {
			return llm.Event{}, io.EOF
		}
		r.queue, r.at, r.scratch = r.queue[:0], 0, r.scratch[:0]
		if err := r.fill(); err != nil {
			return llm.Event{}, err
		}
	}
	ev := r.queue[r.at]
	r.at++
	return ev, nil
}

func (r *reader) push(ev llm.Event) { r.queue = append(r.queue, ev) }

// fill reads once and queues what that yields, which may be nothing.
func (r *reader) fill() error {
	if r.frames == nil {
		return r.whole()
	}
	frame, err := r.frames.Next()
	switch {
	case errors.Is(err, io.EOF):
		r.eof()
		return nil
	case err != nil:
		return err
	}
	ev := sse.Parse(frame)
	data := bytes.TrimSpace(ev.Data)
	switch {
	case len(data) == 0: // a comment
	case string(data) == done:
		r.finish()
	case jsonscan.Valid(data) != nil:
		r.fail(llm.Errorf(llm.BadUpstream, "The upstream sent an event that is no JSON."))
	case string(ev.Name) == "error" || jsonscan.KindOf(data) == jsonscan.Array:
		c := complaintIn(data)
		r.fail(c.toError())
	default:
		r.chunk(data)
	}
	return nil
}

// done ends a stream.
const done = "[DONE]"

// eof handles the end of the connection. Some servers say why they stopped
// and close without another word; anything less is a cut.
func (r *reader) eof() {
	if r.stopped {
		r.finish()
		return
	}
	r.fail(cutShort())
}

func cutShort() *llm.Error {
	return llm.Errorf(llm.BadUpstream, "The upstream cut the answer short.")
}

// whole reads a body, which is one long chunk.
func (r *reader) whole() error {
	body, err := io.ReadAll(io.LimitReader(r.body, maxBody+1))
	switch {
	case err != nil:
		return err
	case len(body) > maxBody:
		r.fail(llm.Errorf(llm.BadUpstream, "The answer of the upstream exceeds %d bytes.", maxBody))
		return nil
	case jsonscan.Valid(body) != nil || jsonscan.KindOf(body) != jsonscan.Object:
		r.fail(nonsense())
		return nil
	}
	r.chunk(bytes.TrimSpace(body))
	switch {
	case r.ended:
	case !r.started:
		r.fail(nonsense())
	default:
		r.finish()
	}
	return nil
}

func nonsense() *llm.Error {
	return llm.Errorf(llm.BadUpstream, "The upstream answered with something that is no chat completion.")
}

// chunk reads one chunk of a stream, or a body.
func (r *reader) chunk(data []byte) {
	var c chunk
	if c.read(data) != nil {
		r.fail(nonsense())
		return
	}
	if failure := c.failure(); failure != nil {
		r.fail(failure)
		return
	}
	if !r.started {
		r.note(&c)
	}
	if jsonscan.KindOf(c.choices) == jsonscan.Array {
		it := jsonscan.Elements(c.choices)
		for it.Next() && !r.ended {
			r.choice(it.Value())
		}
	}
	if r.ended {
		return
	}
	if u, ok := usageIn(c.usage, c.groq); ok {
		r.start()
		r.usage = u
		r.push(llm.Event{Type: llm.Metered, Usage: &r.usage})
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
	r.push(llm.Event{Type: llm.Start, Meta: &meta})
}

// finish ends the answer.
func (r *reader) finish() {
	if !r.started {
		r.fail(cutShort())
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
	r.ended = true
	r.push(llm.Event{Type: llm.Finish, Stop: stop})
}

func (r *reader) fail(err *llm.Error) {
	r.ended = true
	r.push(llm.Event{Type: llm.Failed, Err: err})
}
