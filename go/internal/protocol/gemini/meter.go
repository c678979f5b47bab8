package gemini

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// meter watches frames, or a whole body, on their way to a client that speaks
// this protocol too. A stream has no end but that of its connection: with
// several candidates the first reason to stop is not the last word.
type meter struct {
	head   protocol.Head
	begun  bool // content has gone by
	framed bool // an element of an array went out
	meta   llm.Meta
	usage  llm.Usage
	stop   llm.Stop
	calls  bool
	err    *llm.Error
}

// NewMeter watches the answer to a request with this head.
func (*Codec) NewMeter(head protocol.Head) protocol.Meter { return &meter{head: head} }

func (m *meter) Meta() llm.Meta   { return m.meta }
func (m *meter) Usage() llm.Usage { return m.usage }
func (m *meter) Stop() llm.Stop   { return m.stop }
func (m *meter) Err() *llm.Error  { return m.err }

// AppendFailure appends what tells of a failure in mid-stream.
func (m *meter) AppendFailure(dst []byte, err *llm.Error) []byte {
	w := &writer{head: m.head, framed: m.framed, Draft: protocol.Draft{Out: dst}}
	w.head.Stream = true
	w.Failed(err)
	return w.Out
}

// Reframe implements protocol.Reframer: frames of a stream become the elements
// of an array, which a nil frame ends.
func (m *meter) Reframe(frame []byte, verdict protocol.Verdict) []byte {
	if !m.head.Array {
		return frame
	}
	w := &writer{head: m.head, framed: m.framed}
	ev := sse.Parse(frame)
	switch {
	case frame == nil && !m.framed:
		return []byte("[]")
	case frame == nil:
		return []byte("]")
	case !ev.HasData:
		return nil
	}
	w.frameStart()
	w.Out = append(w.Out, ev.Data...)
	m.framed = true
	if verdict == protocol.Failure {
		w.closeArray()
	}
	return w.Out
}

// Observe looks at one frame of a stream, or at a whole body.
func (m *meter) Observe(frame []byte) protocol.Verdict {
	if !m.head.Stream {
		return m.whole(frame)
	}
	if ev := sse.Parse(frame); ev.HasData {
		m.chunk(ev.Data)
	}
	switch {
	case m.err != nil:
		return protocol.Failure
	case m.begun:
		return protocol.Content
	}
	return protocol.Preamble
}

// whole looks at an answer that is one body: an answer, an array, or a count.
func (m *meter) whole(body []byte) protocol.Verdict {
	if m.head.Operation == llm.CountTokens {
		if m.usage.Input = count(jsonscan.Get(body, "totalTokens")); m.usage.Input.Known {
			m.usage.Source = llm.Reported
			return protocol.Last
		}
	}
	if m.head.Operation == llm.Embed {
		return m.vectors(body)
	}
	if jsonscan.KindOf(body) == jsonscan.Array {
		for it := jsonscan.Elements(body); it.Next() && m.err == nil; {
			m.chunk(it.Value())
		}
	} else {
		m.chunk(body)
	}
	if m.err == nil && m.head.Operation == llm.Generate && !m.begun {
		m.err = noCandidate()
	}
	if m.err != nil {
		return protocol.Failure
	}
	return protocol.Last
}

// vectors looks at an answer of embedContent or batchEmbedContents. Of usage
// not every model says anything.
func (m *meter) vectors(body []byte) protocol.Verdict {
	v, err := (*Codec)(nil).DecodeVectors(body)
	if err != nil {
		m.err = llm.AsError(err)
		return protocol.Failure
	}
	m.usage, m.stop.Reason, m.meta.Protocol = v.Usage, llm.StopEnd, origin
	return protocol.Last
}

func (m *meter) chunk(v []byte) {
	finish, blocked := "", false
	for it := jsonscan.Members(v); it.Next(); {
		switch value := it.Value(); string(it.Key()) {
		case "candidates":
			for each := jsonscan.Elements(value); each.Next(); {
				if reason := m.candidate(each.Value()); finish == "" {
					finish = reason
				}
			}
		case "error":
			m.err = failureIn(value)
			m.err.Upstream = &llm.Upstream{}
		case "usageMetadata":
			if u, ok := readUsage(value); ok {
				m.usage = u
			}
		case "modelVersion":
			if m.meta.Model == "" {
				m.meta.Model = text(value)
			}
		case "responseId":
			if m.meta.ID == "" {
				m.meta.ID = text(value)
			}
		case "promptFeedback":
			if reason := text(jsonscan.Get(value, "blockReason")); reason != "" {
				finish, m.begun = reason, true
				blocked = true
			}
		}
	}
	m.meta.Protocol = origin
	if finish != "" {
		m.stop, _ = stopOf(finish, m.calls) // failures of the model's are for the client to see
	}
	if blocked {
		m.stop.Reason = llm.StopRefusal
	}
}

// candidate notes content and returns the reason to stop, "" for none yet.
func (m *meter) candidate(v []byte) string {
	for parts := jsonscan.Elements(jsonscan.Get(v, "content", "parts")); parts.Next(); {
		said, isText := jsonscan.Inner(jsonscan.Get(parts.Value(), "text"))
		m.begun = m.begun || !isText || len(said) > 0
		m.calls = m.calls || jsonscan.Get(parts.Value(), "functionCall") != nil
	}
	reason := text(jsonscan.Get(v, "finishReason"))
	m.begun = m.begun || reason != ""
	return reason
}
