package chat

import (
	"bytes"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// meter watches an answer that goes to the client as it is. Once there is
// content, a frame is only read if a few searches say that it holds more.
type meter struct {
	head  protocol.Head
	begun bool // there has been content

	id, model, tier string
	created         int64
	usage           llm.Usage
	stop            llm.Stop
	err             *llm.Error
}

// NewMeter watches an answer to generate or to embed.
func (*Codec) NewMeter(head protocol.Head) protocol.Meter { return &meter{head: head} }

// Meta is what the upstream said of the answer as a whole.
func (m *meter) Meta() llm.Meta { return metaOf(m.id, m.model, m.tier, m.created) }

// Usage is what the upstream reported.
func (m *meter) Usage() llm.Usage { return m.usage }

// Stop is why the model stopped.
func (m *meter) Stop() llm.Stop { return m.stop }

// Err is the failure that the upstream reported.
func (m *meter) Err() *llm.Error { return m.err }

// AppendFailure appends the frame that tells of a failure.
func (*meter) AppendFailure(dst []byte, err *llm.Error) []byte { return appendFailure(dst, err) }

// Observe looks at a frame, or at a whole body.
func (m *meter) Observe(frame []byte) protocol.Verdict {
	if !m.head.Stream || m.head.Operation == llm.Embed {
		return m.body(frame)
	}
	if m.begun && !telling(frame) {
		return protocol.Content
	}
	ev := sse.Parse(frame)
	data := bytes.TrimSpace(ev.Data)
	switch {
	case len(data) == 0:
		return m.plain()
	case string(data) == done:
		return protocol.Last
	case string(ev.Name) == "error":
		c := complaintIn(data)
		return m.fail(c.toError())
	}
	return m.chunk(data)
}

// telling reports whether a frame may hold what the record needs, or an end.
// Names in quotes cannot be part of a text: there the quotes are escaped.
func telling(frame []byte) bool {
	return says(frame, `"finish`, `_reason"`) || says(frame, `"usa`, `ge"`) || says(frame, `"er`, `ror"`) ||
		len(frame) < 64 && bytes.Contains(frame, []byte(done)) || bytes.HasPrefix(frame, []byte("event:"))
}

// says reports whether a member of that name has a value other than null. What
// is searched for is the tail of the name: it begins with a byte that is rare
// in a frame, where a search for a quote would stop at every turn.
func says(frame []byte, head, tail string) bool {
	for at := 0; ; {
		i := bytes.Index(frame[at:], []byte(tail))
		if i < 0 {
			return false
		}
		named := bytes.HasSuffix(frame[:at+i], []byte(head))
		at += i + len(tail)
		v := bytes.TrimLeft(frame[at:], " ")
		if !named || len(v) == 0 || v[0] != ':' {
			continue // another name, or a text of just this word
		}
		if v = bytes.TrimLeft(v[1:], " "); len(v) == 0 || v[0] != 'n' {
			return true
		}
	}
}

// plain is the verdict on a frame that is nothing in particular.
func (m *meter) plain() protocol.Verdict {
	if m.begun {
		return protocol.Content
	}
	return protocol.Preamble
}

func (m *meter) fail(err *llm.Error) protocol.Verdict {
	m.err = err
	return protocol.Failure
}

func (m *meter) chunk(data []byte) protocol.Verdict {
	var c chunk
	if c.read(data) != nil {
		if m.begun {
			return protocol.Content // the client's own reader will judge
		}
		return m.fail(nonsense())
	}
	if failure := c.failure(); failure != nil {
		return m.fail(failure)
	}
	m.note(&c)
	used := m.meter(&c)
	some, content := false, false
	if jsonscan.KindOf(c.choices) == jsonscan.Array {
		for it := jsonscan.Elements(c.choices); it.Next(); {
			some = true
			one, failure := m.choice(it.Value())
			if failure != nil {
				return m.fail(failure)
			}
			content = content || one
		}
	}
	if used && !some && !m.head.WantUsage {
		return protocol.Hidden
	}
	m.begun = m.begun || content
	return m.plain()
}

// choice reads the end of a choice and reports whether there is content. That
// an answer has ended counts as content, empty as it may be.
func (m *meter) choice(v []byte) (content bool, failure *llm.Error) {
	var c choice
	if c.read(v) != nil {
		return false, nil
	}
	if len(c.finish) > 0 {
		stop, failure := stopOf(string(c.finish))
		if failure != nil {
			return false, failure
		}
		m.stop = stop
		return true, nil
	}
	return !m.begun && spoken(c.delta), nil
}

// spoken reports whether a delta holds more than the role.
func spoken(delta []byte) bool {
	if delta == nil {
		return false
	}
	for it := jsonscan.Members(delta); it.Next(); {
		if string(it.Key()) == "role" {
			continue
		}
		switch v := it.Value(); jsonscan.KindOf(v) {
		case jsonscan.String:
			if len(innerOf(v)) > 0 {
				return true
			}
		case jsonscan.Array:
			if hasElements(v) {
				return true
			}
		case jsonscan.Object:
			return true
		default:
		}
	}
	return false
}

// meter takes over the usage, if there is some.
func (m *meter) meter(c *chunk) bool {
	u, ok := usageIn(c.usage, c.groq)
	if ok {
		m.usage = u
	}
	return ok
}

func (m *meter) note(c *chunk) {
	if m.id == "" {
		m.id = textOf(c.id)
	}
	if m.model == "" {
		m.model = textOf(c.model)
	}
	if m.tier == "" {
		m.tier = textOf(c.tier)
	}
	if m.created == 0 {
		m.created, _ = jsonscan.Int(c.created)
	}
}

// body reads a whole answer.
func (m *meter) body(whole []byte) protocol.Verdict {
	var c chunk
	if c.read(whole) != nil {
		return m.fail(nonsense())
	}
	if failure := c.failure(); failure != nil {
		return m.fail(failure)
	}
	m.note(&c)
	m.meter(&c)
	list := c.choices
	if m.head.Operation == llm.Embed {
		list = c.data
	}
	if jsonscan.KindOf(list) != jsonscan.Array || !hasElements(list) {
		return m.fail(nonsense())
	}
	if m.head.Operation == llm.Embed {
		m.stop.Reason = llm.StopEnd
		return protocol.Last
	}
	for it := jsonscan.Elements(list); it.Next(); {
		if _, failure := m.choice(it.Value()); failure != nil {
			return m.fail(failure)
		}
	}
	return protocol.Last
}
