package messages

import (
	"bytes"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// meter watches frames, or a whole body, on their way to a client that speaks
// this protocol too.
type meter struct {
	head  protocol.Head
	begun bool // content has gone by
	meta  llm.Meta
	usage llm.Usage
	stop  llm.Stop
	err   *llm.Error
}

// NewMeter watches the answer to a request with this head.
func (*Codec) NewMeter(head protocol.Head) protocol.Meter { return &meter{head: head} }

func (m *meter) Meta() llm.Meta   { return m.meta }
func (m *meter) Usage() llm.Usage { return m.usage }
func (m *meter) Stop() llm.Stop   { return m.stop }
func (m *meter) Err() *llm.Error  { return m.err }

// AppendFailure appends the frame that tells of a failure in mid-stream.
func (m *meter) AppendFailure(dst []byte, err *llm.Error) []byte {
	return appendFailure(dst, err, m.head.RequestID)
}

// The beginning of nearly every frame.
var deltaName = []byte("event: " + blockDelta)

// Observe looks at one frame of a stream, or at a whole body. Most frames are
// known by their first bytes.
func (m *meter) Observe(frame []byte) protocol.Verdict {
	if !m.head.Stream {
		return m.whole(frame)
	}
	if m.begun && bytes.HasPrefix(frame, deltaName) {
		return protocol.Content
	}
	ev := sse.Parse(frame)
	if !ev.HasData {
		return m.verdict()
	}
	w, err := readWire(ev)
	if err != nil {
		return m.verdict()
	}
	switch w.kind {
	case messageStart:
		if meta := metaOf(w.message); m.meta.ID == "" {
			m.meta = meta
		}
		readUsage(&m.usage, jsonscan.Get(w.message, "usage"), true)
		if jsonscan.KindOf(w.message) == jsonscan.Object {
			readStop(&m.stop, w.message)
			it := jsonscan.Elements(jsonscan.Get(w.message, "content"))
			m.begun = m.begun || it.Next()
		}
	case blockStart:
		m.begun = m.begun || !hollow(w.block)
	case blockDelta:
		m.begun = m.begun || !emptyDelta(w.delta)
	case messageDelta:
		if jsonscan.KindOf(w.delta) == jsonscan.Object {
			readStop(&m.stop, w.delta)
		}
		readUsage(&m.usage, w.usage, false)
	case messageStop:
		if m.stop.Reason == "" {
			m.stop.Reason = llm.StopEnd // as the reader understands it
		}
		return protocol.Last
	case errorEvent:
		m.err = failureOf(ev.Data)
		return protocol.Failure
	}
	return m.verdict()
}

func (m *meter) verdict() protocol.Verdict {
	if m.begun {
		return protocol.Content
	}
	return protocol.Preamble
}

// hollow reports whether a block begins without content: text and thinking
// do, a tool call is content by itself.
func hollow(block []byte) bool {
	kind, _ := jsonscan.Inner(jsonscan.Get(block, "type"))
	switch string(kind) {
	case "text":
		return len(inner(block, "text")) == 0
	case "thinking":
		return len(inner(block, "thinking")) == 0
	}
	return false
}

func emptyDelta(delta []byte) bool {
	return len(inner(delta, "text")) == 0 && len(inner(delta, "thinking")) == 0 &&
		len(inner(delta, "signature")) == 0 && len(inner(delta, "partial_json")) == 0 && jsonscan.Get(delta, "citation") == nil
}

// whole looks at an answer that is one body: a message, or a count.
func (m *meter) whole(body []byte) protocol.Verdict {
	if m.head.Operation == llm.CountTokens && jsonscan.KindOf(body) == jsonscan.Object {
		setCount(&m.usage.Input, jsonscan.Get(body, "input_tokens"))
		if m.usage.Input.Known {
			m.usage.Source = llm.Reported
			return protocol.Last
		}
	}
	if m.err = failureIn(body); m.err != nil {
		return protocol.Failure
	}
	m.meta = metaOf(body)
	readStop(&m.stop, body)
	readUsage(&m.usage, jsonscan.Get(body, "usage"), false)
	return protocol.Last
}
