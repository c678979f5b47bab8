package responses

import (
	"bytes"
	"io"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// reader turns an answer into events. A whole answer is read as if all its
// items had been finished at once.
type reader struct {
	protocol.Feed

	started        bool
	tracks         []*track
	blocks         int // opened so far
	tools, refused bool
	names          protocol.NameMap
}

// NewReader reads an answer of an upstream.
func (*Codec) NewReader(r io.Reader, stream bool, from protocol.Target) protocol.EventReader {
	return &reader{Feed: protocol.NewFeed(r, stream, from.MaxFrame)}
}

// Next returns the next event.
func (r *reader) Next() (llm.Event, error) { return r.Step(r) }

func (r *reader) start(meta llm.Meta) {
	if r.started {
		return
	}
	r.started = true
	meta.Protocol = llm.Responses
	r.Emit(llm.Event{Type: llm.Start, Meta: &meta})
}

// Frame implements protocol.Pieces.
func (r *reader) Frame(parsed sse.Event) {
	data := bytes.TrimSpace(parsed.Data)
	if len(data) == 0 || string(data) == "[DONE]" {
		return
	}
	ev, err := readEvent(parsed.Name, data)
	if err != nil {
		r.Fail(notJSON(err))
		return
	}
	r.event(&ev)
}

// Cut implements protocol.Pieces.
func (r *reader) Cut() {
	r.Fail(llm.Errorf(llm.BadUpstream, "The upstream ended its stream without finishing the answer."))
}

func notJSON(err error) *llm.Error {
	e := llm.Errorf(llm.BadUpstream, "The upstream sent something that is no answer of its protocol.")
	e.Err = err
	return e
}

// event handles one event of a stream. What is not known is passed over.
func (r *reader) event(ev *event) {
	switch string(ev.kind) {
	case "response.created", "response.in_progress", "response.queued":
		r.start(readMeta(ev.response))
	case "response.output_text.delta":
		r.partDelta(ev, ev.delta, false)
	case "response.output_text.done":
		r.partWhole(ev, ev.text, false)
	case "response.refusal.delta":
		r.partDelta(ev, ev.delta, true)
	case "response.refusal.done":
		r.partWhole(ev, ev.refusal, true)
	case "response.content_part.done":
		r.partDone(ev)
	case "response.reasoning_summary_text.delta":
		r.thoughtDelta(ev, ev.delta, false)
	case "response.reasoning_text.delta":
		r.thoughtDelta(ev, ev.delta, true)
	case "response.function_call_arguments.delta", "response.custom_tool_call_input.delta":
		r.callDelta(ev, ev.delta)
	case "response.function_call_arguments.done":
		r.callWhole(ev, ev.arguments)
	case "response.custom_tool_call_input.done":
		r.callWhole(ev, ev.input)
	case "response.output_item.added":
		r.itemAdded(ev)
	case "response.output_item.done":
		r.itemDone(ev.output, ev.item)
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		r.terminal(strings.TrimPrefix(string(ev.kind), "response."), ev.response)
	case "error":
		r.streamError(ev)
	}
}

// streamError reads an error event: its members are in an object, or beside
// the type.
func (r *reader) streamError(ev *event) {
	v := ev.raw
	if !jsonscan.IsNull(ev.failure) {
		v = ev.failure
	}
	r.Fail(readVendorError(v).inAnswer(0))
}

// terminal ends the answer.
func (r *reader) terminal(status string, response []byte) {
	if said := text(jsonscan.Get(response, "status")); said != "" {
		status = said
	}
	usage, metered := readUsage(jsonscan.Get(response, "usage"))
	if status != statusCompleted && status != statusIncomplete {
		if r.started && metered {
			r.Emit(llm.Event{Type: llm.Metered, Usage: &usage})
		}
		r.Fail(failureIn(response))
		return
	}
	r.start(readMeta(response))
	if len(r.tracks) == 0 {
		r.items(response)
	}
	for _, t := range r.tracks {
		r.close(t)
	}
	if metered {
		r.Emit(llm.Event{Type: llm.Metered, Usage: &usage})
	}
	r.End()
	r.Emit(llm.Event{Type: llm.Finish, Stop: readStop(status, response, r.tools, r.refused)})
}

// failureIn returns the error of a failed response.
func failureIn(response []byte) *llm.Error {
	v := jsonscan.Get(response, "error")
	if jsonscan.IsNull(v) {
		return llm.Errorf(llm.BadUpstream, "The upstream did not finish the answer.")
	}
	return readVendorError(v).inAnswer(0)
}

// items reads the output of a response whose items were not streamed.
func (r *reader) items(response []byte) {
	it := jsonscan.Elements(jsonscan.Get(response, "output"))
	for i := 0; it.Next(); i++ {
		r.itemDone(i, it.Value())
	}
}

// Whole reads an answer that is one body.
func (r *reader) Whole(body []byte) {
	if err := jsonscan.Valid(body); err != nil {
		r.Fail(notJSON(err))
		return
	}
	failure := jsonscan.Get(body, "error")
	switch {
	case jsonscan.KindOf(body) != jsonscan.Object:
		r.Fail(notJSON(nil))
	case !jsonscan.IsNull(failure):
		r.Fail(readVendorError(failure).inAnswer(0))
	case jsonscan.KindOf(jsonscan.Get(body, "output")) != jsonscan.Array:
		r.Fail(notJSON(nil))
	default:
		r.terminal("", body)
	}
}
