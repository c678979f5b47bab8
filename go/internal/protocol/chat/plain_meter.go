package chat

import (
	"bytes"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/sse"
)

// NewMeter watches an answer for what it reports of usage.
func (Plain) NewMeter(head protocol.Head) protocol.Meter {
	return &plainMeter{meter: meter{head: head}}
}

type plainMeter struct{ meter }

// Observe looks at a frame, or at a whole body, which need not be JSON.
func (m *plainMeter) Observe(frame []byte) protocol.Verdict {
	if text := bytes.TrimLeft(frame, " \t\r\n"); len(text) == 0 || text[0] == '{' || text[0] == '[' || !m.event(text) {
		return m.whole(text)
	}
	ev := sse.Parse(frame)
	data := bytes.TrimSpace(ev.Data)
	switch {
	case len(data) == 0:
		return m.plain()
	case string(data) == done:
		return protocol.Last
	case m.head.Operation == llm.Recall:
		m.begun = true
		return m.again(data)
	case string(ev.Name) == "error":
		c := complaintIn(data)
		return m.fail(c.toError())
	}
	m.begun = true
	if jsonscan.KindOf(data) != jsonscan.Object {
		return protocol.Content
	}
	return m.piece(data)
}

// event reports whether a text is a frame. A transcript might be taken for
// one, and is then read for nothing.
func (m *plainMeter) event(text []byte) bool {
	for _, head := range [...]string{"data:", "event:", "id:", "retry:", ":"} {
		if bytes.HasPrefix(text, []byte(head)) {
			return true
		}
	}
	return false
}

// piece reads a frame. Streams of the vendor's newer paths end with a typed
// event, and none of these with a mark that all of them have.
func (m *plainMeter) piece(data []byte) protocol.Verdict {
	var c chunk
	if c.read(data) != nil {
		return protocol.Content // the client's own reader will judge
	}
	if failure := c.failure(); failure != nil {
		return m.fail(failure)
	}
	m.note(&c)
	used := m.read(data)
	if kind := textOf(jsonscan.Get(data, "type")); strings.HasSuffix(kind, ".done") || strings.HasSuffix(kind, ".completed") {
		m.stop.Reason = llm.StopEnd
	}
	if m.head.Operation != llm.Complete || jsonscan.KindOf(c.choices) != jsonscan.Array {
		return protocol.Content
	}
	some := false
	for it := jsonscan.Elements(c.choices); it.Next(); {
		some = true
		if jsonscan.KindOf(it.Value()) == jsonscan.Object && !jsonscan.IsNull(jsonscan.Get(it.Value(), "finish_reason")) {
			m.stop.Reason = llm.StopEnd
		}
	}
	if used && !some && !m.head.WantUsage {
		return protocol.Hidden
	}
	return protocol.Content
}

// whole reads a body. What is no JSON object reports nothing.
func (m *plainMeter) whole(body []byte) protocol.Verdict {
	m.stop.Reason = llm.StopEnd
	if jsonscan.KindOf(body) != jsonscan.Object {
		return protocol.Last
	}
	var c chunk
	if c.read(body) != nil {
		return protocol.Last
	}
	if !m.past() {
		if failure := c.failure(); failure != nil {
			return m.fail(failure)
		}
	}
	m.note(&c)
	m.read(body)
	return protocol.Last
}

// past reports whether an answer tells of what was made before: an error in it
// is none of this call, and what was used is told with every look at it.
func (m *plainMeter) past() bool {
	switch m.head.Operation {
	case llm.Files, llm.Batches, llm.Recall:
		return true
	default:
		return false
	}
}

// again reads a frame of a response that is streamed once more.
func (m *plainMeter) again(data []byte) protocol.Verdict {
	switch textOf(jsonscan.Get(data, "type")) {
	case "response.completed", "response.incomplete", "response.failed", "response.cancelled":
		m.recalled(jsonscan.Get(data, "response"))
		m.stop.Reason = llm.StopEnd
		return protocol.Last
	case "error": // the stream may end with it
		m.stop.Reason = llm.StopEnd
	}
	return protocol.Content
}

// read takes over the usage, in whichever shape it is told.
func (m *plainMeter) read(body []byte) bool {
	if m.past() {
		m.recalled(body)
		return false
	}
	v := jsonscan.Get(body, "usage")
	if jsonscan.KindOf(v) != jsonscan.Object {
		if m.head.Operation == llm.Rerank {
			return m.billed(jsonscan.Get(body, "meta"))
		}
		return false
	}
	if u, ok := readUsage(v); ok {
		m.usage = u
		m.usage.Source = llm.Reported
		return true
	}
	return m.tokens(v)
}

// recalled reads what a response has used that was made after the call for it
// had been answered, once it has ended.
func (m *plainMeter) recalled(response []byte) {
	switch textOf(jsonscan.Get(response, "status")) {
	case "completed", "incomplete", "failed", "cancelled":
	default:
		return
	}
	v := jsonscan.Get(response, "usage")
	if !m.head.Owed || jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	var t tally
	count(&t.prompt, jsonscan.Get(v, "input_tokens"))
	count(&t.completion, jsonscan.Get(v, "output_tokens"))
	t.details(jsonscan.Get(v, "input_tokens_details"), &t.cached, &t.audioIn, &t.imageIn)
	t.details(jsonscan.Get(v, "output_tokens_details"), nil, &t.audioOut, &t.imageOut)
	m.usage = t.classes()
	var c chunk
	if c.read(response) == nil {
		m.note(&c)
	}
}

// tokens reads the usage of images and audio: sums, and what they consist of.
func (m *plainMeter) tokens(v []byte) bool {
	var in, out llm.Count
	var u llm.Usage
	for it := jsonscan.Members(v); it.Next(); {
		switch string(it.Key()) {
		case "input_tokens":
			count(&in, it.Value())
		case "output_tokens":
			count(&out, it.Value())
		case "total_tokens":
			if m.head.Operation == llm.Rerank {
				count(&in, it.Value())
			}
		case "input_tokens_details", "input_token_details":
			parts(it.Value(), &u.AudioIn, &u.ImageIn)
		case "output_tokens_details", "output_token_details":
			parts(it.Value(), &u.AudioOut, &u.ImageOut)
		}
	}
	if !in.Known && !out.Known {
		return false // such as seconds: no column holds them
	}
	u.Input = in.Sub(u.AudioIn).Sub(u.ImageIn)
	u.Output = out.Sub(u.AudioOut).Sub(u.ImageOut)
	if !u.ImageOut.Known && out.Known && m.makesImages() {
		u.ImageOut, u.Output = out, llm.Count{} // all of it, where nothing is said
	}
	u.Source = llm.Reported
	m.usage = u
	return true
}

func (m *plainMeter) makesImages() bool {
	switch m.head.Operation {
	case llm.GenerateImage, llm.EditImage, llm.VaryImage:
		return true
	default:
		return false
	}
}

func parts(v []byte, audio, image *llm.Count) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return
	}
	for it := jsonscan.Members(v); it.Next(); {
		switch string(it.Key()) {
		case "audio_tokens":
			count(audio, it.Value())
		case "image_tokens":
			count(image, it.Value())
		}
	}
}

// billed reads what Cohere says of a reranking. Search units are no tokens.
func (m *plainMeter) billed(meta []byte) bool {
	if jsonscan.KindOf(meta) != jsonscan.Object {
		return false
	}
	for _, name := range [...]string{"billed_units", "tokens"} {
		if v := jsonscan.Get(meta, name); jsonscan.KindOf(v) == jsonscan.Object && m.tokens(v) {
			return true
		}
	}
	return false
}
