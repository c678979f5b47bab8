package gemini

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// maxBody bounds a whole answer, in bytes.
const maxBody = 64 << 20

// reader turns an answer into events. The protocol has no end of its own: the
// answer is over when the stream is, and complete if it has said why.
type reader struct {
	frames *sse.Scanner // of a stream
	body   io.Reader    // of a whole answer

	queue []llm.Event
	next  int

	started, ended bool
	current        kind // of the open block
	blocks, calls  int
	args           *args // of a call that comes in pieces
	seal           string
	usage          llm.Usage
	metered        bool
	finish         string // the reason, once it is known
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
func NewReader(r io.Reader, stream bool) protocol.EventReader {
	if !stream {
		return &reader{body: r}
	}
	return &reader{frames: sse.NewScanner(r, 0)}
}

// Next returns the next event.
func (r *reader) Next() (llm.Event, error) {
	for r.next == len(r.queue) {
		if r.ended {
			return llm.Event{}, io.EOF
		}
		r.queue, r.next = r.queue[:0], 0
		if err := r.advance(); err != nil {
			return llm.Event{}, err
		}
	}
	ev := r.queue[r.next]
	r.next++
	return ev, nil
}

func (r *reader) emit(ev llm.Event) { r.queue = append(r.queue, ev) }

func (r *reader) fail(err *llm.Error) {
	r.ended = true
	r.emit(llm.Event{Type: llm.Failed, Err: err})
}

func (r *reader) advance() error {
	if r.body != nil {
		return r.whole()
	}
	frame, err := r.frames.Next()
	if errors.Is(err, io.EOF) {
		r.end()
		return nil
	}
	if err != nil {
		return err
	}
	if data := bytes.TrimSpace(sse.Parse(frame).Data); len(data) > 0 {
		r.chunk(data)
	}
	return nil
}

// whole reads a body, or an array of what would be frames.
func (r *reader) whole() error {
	body, err := io.ReadAll(io.LimitReader(r.body, maxBody+1))
	if err != nil {
		return err
	}
	if len(body) > maxBody {
		r.fail(llm.Errorf(llm.BadUpstream, "The answer of the upstream exceeds %d bytes.", maxBody))
		return nil
	}
	if err := jsonscan.Valid(body); err != nil {
		r.fail(notAnswer(err))
		return nil
	}
	if jsonscan.KindOf(body) != jsonscan.Array {
		r.chunk(body)
	}
	it := jsonscan.Elements(body)
	for it.Next() && !r.ended {
		r.chunk(it.Value())
	}
	if !r.ended {
		r.end()
	}
	return nil
}

func notAnswer(err error) *llm.Error {
	e := llm.Errorf(llm.BadUpstream, "The upstream sent something that is no answer of its protocol.")
	e.Err = err
	return e
}

// chunk reads one GenerateContentResponse.
func (r *reader) chunk(v []byte) {
	meta := llm.Meta{Protocol: llm.Gemini}
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
		case "modelVersion":
			meta.Model = text(value)
		case "responseId":
			meta.ID = text(value)
		case "createTime":
			if at, err := time.Parse(time.RFC3339Nano, text(value)); err == nil {
				meta.Created = at
			}
		case "promptFeedback":
			blocked = text(jsonscan.Get(value, "blockReason"))
		}
	}
	switch {
	case it.Err() != nil:
		r.fail(notAnswer(it.Err()))
		return
	case failure != nil:
		r.fail(failureIn(failure))
		return
	}
	if !r.started {
		r.started = true
		r.emit(llm.Event{Type: llm.Start, Meta: &meta})
	}
	if u, ok := readUsage(usage); ok {
		r.usage, r.metered = u, true
	}
	if blocked != "" {
		r.finish = blocked
	}
	first := jsonscan.Elements(candidates)
	if first.Next() {
		r.candidate(first.Value())
	}
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
		r.emit(llm.Event{Type: llm.Metered, Usage: &usage})
	}
	stop, ok := stopOf(r.finish, r.calls > 0)
	switch {
	case r.finish == "" || !r.started:
		r.fail(llm.Errorf(llm.BadUpstream, "The upstream ended its stream without finishing the answer."))
		return
	case !ok:
		r.fail(llm.Errorf(llm.BadUpstream, "The upstream could not finish the answer: %s.", r.finish))
		return
	}
	r.ended = true
	r.emit(llm.Event{Type: llm.Finish, Stop: stop})
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
