package gemini

import (
	"bytes"
	"io"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// reader turns an answer into events. The protocol has no end of its own: the
// answer is over when the stream is, and complete if it has said why.
type reader struct {
	protocol.Feed

	started       bool
	id            string // of the answer
	current       kind   // of the open block
	blocks, calls int
	args          *args // of a call that comes in pieces
	seal          string
	usage         llm.Usage
	metered       bool
	finish        string // the reason, once it is known
	blocked       bool   // the reason is about the prompt
}

// kind is what of text is open.
type kind uint8

const (
	nothing kind = iota
	wordsOpen
	thoughtOpen
	callOpen
)

// NewReader reads an answer: server-sent events, or one body. A body may be an
// array, which is how the vendor streams without server-sent events.
func (*Codec) NewReader(r io.Reader, stream bool, from protocol.Target) protocol.EventReader {
	return &reader{Feed: protocol.NewFeed(r, stream, from.MaxFrame)}
}

// Next returns the next event.
func (r *reader) Next() (llm.Event, error) { return r.Step(r) }

// Frame implements protocol.Pieces.
func (r *reader) Frame(ev sse.Event) {
	if data := bytes.TrimSpace(ev.Data); len(data) > 0 {
		r.chunk(data)
	}
}

// Cut implements protocol.Pieces: the end of the connection is that of the
// answer, if it gave a reason.
func (r *reader) Cut() { r.end() }

// Whole reads a body, or an array of what would be frames.
func (r *reader) Whole(body []byte) {
	if err := jsonscan.Valid(body); err != nil {
		r.Fail(notAnswer(err))
		return
	}
	if jsonscan.KindOf(body) != jsonscan.Array {
		r.chunk(body)
	}
	it := jsonscan.Elements(body)
	for it.Next() && !r.Ended() {
		r.chunk(it.Value())
	}
	if r.Ended() {
		return
	}
	if r.finish == "" && r.blocks > 0 {
		r.finish = "STOP" // a body that is whole needs no reason to be so
	}
	r.end()
}

func notAnswer(err error) *llm.Error {
	e := llm.Errorf(llm.BadUpstream, "The upstream sent something that is no answer of its protocol.")
	e.Err = err
	return e
}

// chunk reads one GenerateContentResponse.
func (r *reader) chunk(v []byte) {
	var candidates, failure, usage []byte
	blocked := ""
	it := jsonscan.Members(v)
	for it.Next() {
		switch value := it.Value(); string(it.Key()) {
		case "candidates":
			candidates = value
		case "error":
			failure = value
		case "usageMetadata":
			usage = value
		case "promptFeedback":
			blocked = text(jsonscan.Get(value, "blockReason"))
		}
	}
	switch {
	case it.Err() != nil:
		r.Fail(notAnswer(it.Err()))
		return
	case failure != nil:
		r.Fail(failureIn(failure))
		return
	}
	if !r.started {
		r.start(v)
	}
	if u, ok := readUsage(usage); ok {
		r.usage, r.metered = u, true
	}
	if blocked != "" {
		r.finish, r.blocked = blocked, true
	}
	first := jsonscan.Elements(candidates)
	if first.Next() {
		r.candidate(first.Value())
	}
}

// start reads what the first chunk says of the answer as a whole.
func (r *reader) start(v []byte) {
	meta := llm.Meta{
		Protocol: llm.Gemini, ID: text(jsonscan.Get(v, "responseId")), Model: text(jsonscan.Get(v, "modelVersion")),
	}
	if at, err := time.Parse(time.RFC3339Nano, text(jsonscan.Get(v, "createTime"))); err == nil {
		meta.Created = at
	}
	r.started, r.id = true, meta.ID
	r.Emit(llm.Event{Type: llm.Start, Meta: &meta})
}

func (r *reader) candidate(v []byte) {
	parts := jsonscan.Elements(jsonscan.Get(v, "content", "parts"))
	for parts.Next() {
		r.part(parts.Value())
	}
	if reason := text(jsonscan.Get(v, "finishReason")); reason != "" {
		r.finish = reason
	}
}

// end finishes the answer where the upstream has said why it stopped.
func (r *reader) end() {
	r.close("")
	if r.metered {
		usage := r.usage
		r.Emit(llm.Event{Type: llm.Metered, Usage: &usage})
	}
	stop, ok := stopOf(r.finish, r.calls > 0)
	switch {
	case r.finish == "" && r.started && r.blocks == 0:
		r.Fail(noCandidate())
		return
	case r.finish == "" || !r.started:
		r.Fail(llm.Errorf(llm.BadUpstream, "The upstream ended its stream without finishing the answer."))
		return
	case r.blocked:
		stop.Reason = llm.StopRefusal // whatever the word
	case !ok:
		r.Fail(llm.Errorf(llm.BadUpstream, "The upstream could not finish the answer: %s.", r.finish))
		return
	}
	r.End()
	r.Emit(llm.Event{Type: llm.Finish, Stop: stop})
}

// noCandidate is the error for an answer that has neither a candidate nor a
// word on why. The vendor sends such now and then, with success; nobody can do
// anything with it but ask again.
func noCandidate() *llm.Error {
	return llm.Errorf(llm.BadUpstream, "The upstream answered with no candidate and no reason.")
}

// stopOf returns why the model stopped; not ok is a failure of the model's.
func stopOf(reason string, calls bool) (llm.Stop, bool) {
	stop := llm.Stop{Raw: reason, Reason: llm.StopRefusal}
	switch reason {
	case "STOP":
		stop.Reason = llm.StopEnd
		if calls {
			stop.Reason = llm.StopTools
		}
	case "MAX_TOKENS":
		stop.Reason = llm.StopLength
	case "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER", "NO_IMAGE", "FINISH_REASON_UNSPECIFIED":
		return stop, false
	}
	return stop, true
}
