package gemini

import (
	"cmp"
	"crypto/rand"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// writer turns events into an answer: server-sent events, the elements of an
// array, or one body that comes with the end.
type writer struct {
	sealer *protocol.Sealer
	head   protocol.Head
	seq    protocol.Sequence
	emit   func(llm.Event) error
	out    []byte // what the current event makes

	meta     llm.Meta
	usage    llm.Usage
	findings []llm.Finding
	started  bool
	done     bool
	framed   bool // a frame went out

	live    llm.Block // that is being written
	text    []byte    // its content, escaped; of a call, or for a body
	spoken  bool      // it had content
	parts   [][]byte  // of a body
	broken  []brokenCall
	refusal []byte // escaped
	content int64  // bytes of deltas
}

// brokenCall is a call whose arguments are no JSON object. What to do with it
// is known when the answer ends.
type brokenCall struct {
	call      llm.ToolCall
	arguments string
}

// NewWriter returns a writer for a stream or one body, as head.Stream says.
func (c *Codec) NewWriter(head protocol.Head) protocol.EventWriter {
	w := &writer{sealer: c.sealer, head: head}
	w.emit = w.ordered
	return w
}

// Findings lists what the answer could not carry. Ask after Finish.
func (w *writer) Findings() []llm.Finding { return w.findings }

func (w *writer) note(class llm.FindingClass, field, reason string) {
	w.findings = append(w.findings, llm.Finding{Class: class, Field: field, Reason: reason})
}

// Append appends what ev makes the client see.
func (w *writer) Append(dst []byte, ev llm.Event) ([]byte, error) {
	if w.done {
		return dst, nil
	}
	w.out = dst
	var err error
	switch ev.Type {
	case llm.Start:
		w.begin(ev.Meta)
	case llm.Metered:
		if ev.Usage != nil {
			w.usage.Merge(ev.Usage)
		}
	case llm.Failed:
		w.failed(ev.Err)
	case llm.BlockStart, llm.BlockDelta, llm.BlockEnd, llm.Finish:
		err = w.seq.Push(ev, w.emit)
	}
	dst, w.out = w.out, nil
	return dst, err
}

// ordered takes the events of blocks, one block at a time, and the end.
func (w *writer) ordered(ev llm.Event) error {
	switch ev.Type {
	case llm.BlockStart:
		w.begin(nil)
		w.live, w.text, w.spoken = ev.Block, w.text[:0], false
	case llm.BlockDelta:
		w.delta(ev.Delta)
	case llm.BlockEnd:
		w.close(ev)
	case llm.Finish:
		w.finish(ev.Stop)
	default:
	}
	return nil
}

// begin notes which answer this is. Nothing is sent before content.
func (w *writer) begin(meta *llm.Meta) {
	if w.started {
		return
	}
	w.started = true
	if meta != nil {
		w.meta = *meta
	}
	w.meta.Model = cmp.Or(w.meta.Model, w.head.Model)
	w.meta.ID = cmp.Or(w.meta.ID, w.head.RequestID, rand.Text())
}

// own reports whether the upstream speaks this protocol: its seals are the
// client's to hold.
func (w *writer) own() bool { return w.meta.Protocol == origin }

func (w *writer) frameStart() {
	switch {
	case !w.head.Array:
		w.out = append(w.out, "data: "...)
	case w.framed:
		w.out = append(w.out, ",\r\n"...)
	default:
		w.out = append(w.out, '[')
	}
	w.framed = true
}

func (w *writer) frameEnd() {
	if !w.head.Array {
		w.out = append(w.out, "\n\n"...)
	}
}

// candidateStart begins an answer up to its parts.
const candidateStart = `{"candidates":[{"content":{"parts":[`

// partFrame sends one part, which is head, content and tail.
func (w *writer) partFrame(head string, content []byte, tail string) {
	w.frameStart()
	w.out = append(append(append(append(w.out, candidateStart...), head...), content...), tail...)
	w.out = append(w.out, `],"role":"model"},"index":0}]`...)
	w.appendMeta()
	w.out = append(w.out, '}')
	w.frameEnd()
}

// part sends a whole part, or keeps it for the body.
func (w *writer) part(raw []byte) {
	if w.head.Stream {
		w.partFrame("", raw, "")
		return
	}
	w.parts = append(w.parts, raw)
}

func (w *writer) appendMeta() {
	w.out = jsonscan.AppendString(append(w.out, `,"modelVersion":`...), w.meta.Model)
	w.out = jsonscan.AppendString(append(w.out, `,"responseId":`...), w.meta.ID)
}

// failed ends the answer with an error.
func (w *writer) failed(err *llm.Error) {
	w.done = true
	if err == nil {
		err = llm.Errorf(llm.Internal, "internal error")
	}
	if !w.head.Stream {
		w.out = appendError(w.out, err, w.head.RequestID)
		return
	}
	w.frameStart()
	w.out = appendError(w.out, err, w.head.RequestID)
	w.frameEnd()
	w.closeArray()
}

func (w *writer) closeArray() {
	if w.head.Array {
		w.out = append(w.out, ']')
	}
}

func (w *writer) finish(stop llm.Stop) {
	w.begin(nil)
	w.done = true
	w.mend(stop)
	w.estimate()
	if w.head.Stream {
		w.frameStart()
	}
	w.out = append(w.out, candidateStart...)
	switch {
	case w.head.Stream:
		w.out = append(w.out, `{"text":""}`...)
	default:
		for i, p := range w.parts {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.out = append(w.out, p...)
		}
	}
	w.out = append(w.out, `],"role":"model"},"finishReason":"`...)
	w.out = append(append(w.out, w.reason(stop)...), '"')
	if len(w.refusal) > 0 {
		w.out = append(append(append(w.out, `,"finishMessage":"`...), w.refusal...), '"')
	}
	w.out = append(w.out, `,"index":0}],"usageMetadata":`...)
	w.out = appendUsage(w.out, &w.usage)
	w.appendMeta()
	w.out = append(w.out, '}')
	if w.head.Stream {
		w.frameEnd()
		w.closeArray()
	}
}

// mend decides on calls that are no JSON. One that was cut off is left out:
// its arguments would have to be an object. Another goes out with its text, so
// that the client can tell the model.
func (w *writer) mend(stop llm.Stop) {
	for _, b := range w.broken {
		if stop.Reason != llm.StopTools && stop.Reason != llm.StopEnd {
			w.note(llm.Lost, "candidates", "truncated_tool_call")
			continue
		}
		w.note(llm.Approximated, "candidates", "arguments_are_no_json_object")
		object, _ := objectOf(b.arguments)
		w.part(append(callHead(b.call, object), '}'))
	}
}

// reason is the protocol's word for why the model stopped.
func (w *writer) reason(stop llm.Stop) string {
	if w.own() && stop.Raw != "" {
		return stop.Raw
	}
	switch stop.Reason {
	case llm.StopLength, llm.StopContext:
		return "MAX_TOKENS"
	case llm.StopRefusal:
		return "SAFETY"
	default:
		return "STOP"
	}
}

// estimate fills in counts that the upstream did not report.
func (w *writer) estimate() {
	u := &w.usage
	if !u.Input.Known && !u.CacheRead.Known {
		u.Input = llm.Known(w.head.EstimatedInput)
	}
	if !u.Output.Known && !u.Reasoning.Known {
		u.Output = llm.Known((w.content + 3) / 4)
	}
}
