package responses

import (
	"bytes"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// meter watches an answer go by.
type meter struct {
	head    protocol.Head
	meta    llm.Meta
	usage   llm.Usage
	stop    llm.Stop
	err     *llm.Error
	content bool // the client has been given some
	tools   bool
	refused bool
	later   bool // the answer is still to be made
	seq     int  // events seen
}

// NewMeter watches the answer to a request with this head.
func (*Codec) NewMeter(head protocol.Head) protocol.Meter {
	return &meter{head: head, meta: llm.Meta{Protocol: llm.Responses}}
}

func (m *meter) Meta() llm.Meta   { return m.meta }
func (m *meter) Usage() llm.Usage { return m.usage }
func (m *meter) Stop() llm.Stop   { return m.stop }
func (m *meter) Err() *llm.Error  { return m.err }

// Deferred implements protocol.Deferrer.
func (m *meter) Deferred() bool { return m.later }

// Observe looks at one frame, or at a whole body.
func (m *meter) Observe(frame []byte) protocol.Verdict {
	if !m.head.Stream {
		return m.whole(frame)
	}
	kind := frameKind(frame)
	if kind == nil {
		if kind = m.slowKind(frame); kind == nil {
			return m.sofar()
		}
	}
	m.seq++
	switch string(kind) {
	case "response.output_text.delta", "response.function_call_arguments.delta",
		"response.reasoning_summary_text.delta", "response.custom_tool_call_input.delta":
		m.content = true
		return protocol.Content
	case "response.created":
		m.meta = readMeta(jsonscan.Get(sse.Parse(frame).Data, "response"))
		return m.sofar()
	case "response.in_progress", "response.queued", "response.content_part.added",
		"response.reasoning_summary_part.added":
		return m.sofar()
	case "response.output_item.added":
		return m.added(frame)
	case "response.refusal.delta":
		m.refused = true
	case "error":
		m.err = readErrorEvent(sse.Parse(frame).Data)
		return m.sofar() // the end comes with response.failed
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		return m.terminal(string(kind[len("response."):]), jsonscan.Get(sse.Parse(frame).Data, "response"))
	}
	m.content = true
	return protocol.Content
}

// sofar is the verdict on a frame that decides nothing.
func (m *meter) sofar() protocol.Verdict {
	if m.content {
		return protocol.Content
	}
	return protocol.Preamble
}

// slowKind finds the type of an event that is written in an unusual way.
func (m *meter) slowKind(frame []byte) []byte {
	ev := sse.Parse(frame)
	if !ev.HasData || bytes.HasPrefix(ev.Data, []byte("[DONE]")) {
		return nil
	}
	if inner, ok := jsonscan.Inner(jsonscan.Get(ev.Data, "type")); ok {
		return inner
	}
	return ev.Name
}

// added looks at an item that begins: a message or reasoning is nothing yet, a
// call is something.
func (m *meter) added(frame []byte) protocol.Verdict {
	it := readItem(jsonscan.Get(sse.Parse(frame).Data, "item"))
	if it.kind == itemMessage || it.kind == itemReasoning {
		return m.sofar()
	}
	m.noteCall(&it)
	m.content = true
	return protocol.Content
}

// noteCall notes a call that the client must carry out.
func (m *meter) noteCall(it *item) {
	if _, ok := it.call(); ok {
		m.tools = true
	}
}

func readErrorEvent(data []byte) *llm.Error {
	if inner := jsonscan.Get(data, "error"); !jsonscan.IsNull(inner) {
		data = inner
	}
	return readVendorError(data).inAnswer(0)
}

// terminal reads the end of an answer.
func (m *meter) terminal(status string, response []byte) protocol.Verdict {
	if usage, ok := readUsage(jsonscan.Get(response, "usage")); ok {
		m.usage.Merge(&usage)
	}
	if meta := readMeta(response); meta.ID != "" || meta.Model != "" {
		m.meta = meta
	}
	if said := text(jsonscan.Get(response, "status")); said != "" {
		status = said
	}
	switch status {
	case statusFailed, "cancelled":
		if m.err == nil {
			m.err = failureIn(response)
		}
		return protocol.Failure
	}
	m.later = status == statusQueued || status == statusInProgress
	m.stop = readStop(status, response, m.tools, m.refused)
	return protocol.Last
}

// whole reads an answer that is one body.
func (m *meter) whole(body []byte) protocol.Verdict {
	if jsonscan.KindOf(body) != jsonscan.Object {
		m.err = notJSON(nil)
		return protocol.Failure
	}
	if n, ok := protocol.ReadCount(body, "input_tokens"); ok && m.head.Operation == llm.CountTokens {
		m.usage.Input, m.usage.Source = llm.Known(n), llm.Reported
		return protocol.Last
	}
	if failure := jsonscan.Get(body, "error"); !jsonscan.IsNull(failure) {
		m.terminal(statusFailed, body)
		m.err = readVendorError(failure).inAnswer(0)
		return protocol.Failure
	}
	it := jsonscan.Elements(jsonscan.Get(body, "output"))
	for it.Next() {
		entry := readItem(it.Value())
		m.noteCall(&entry)
	}
	return m.terminal(statusCompleted, body)
}

// AppendFailure appends the events of a failure. An error event that the
// upstream sent without an end to it gets its end.
func (m *meter) AppendFailure(dst []byte, err *llm.Error) []byte {
	if m.err != nil {
		err = m.err
	}
	r := response{meta: named(m.meta, m.head), maxTokens: m.head.MaxTokens, echo: readEcho(m.head)}
	return appendFailure(dst, m.seq, &r, nil, err, nil)
}
