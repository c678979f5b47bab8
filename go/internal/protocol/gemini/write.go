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
	protocol.Draft
	sealer *protocol.Sealer
	head   protocol.Head

	meta    llm.Meta
	started bool
	framed  bool // a frame went out

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
	return &writer{sealer: c.sealer, head: head}
}

// Append appends what ev makes the client see.
func (w *writer) Append(dst []byte, ev llm.Event) ([]byte, error) { return w.Take(dst, ev, w) }

// Open begins a block.
func (w *writer) Open(b llm.Block) {
	w.Begin(nil)
	w.live, w.text, w.spoken = b, w.text[:0], false
}

// Begin notes which answer this is. Nothing is sent before content.
func (w *writer) Begin(meta *llm.Meta) {
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
		w.Out = append(w.Out, "data: "...)
	case w.framed:
		w.Out = append(w.Out, ",\r\n"...)
	default:
		w.Out = append(w.Out, '[')
	}
	w.framed = true
}

func (w *writer) frameEnd() {
	if !w.head.Array {
		w.Out = append(w.Out, "\n\n"...)
	}
}

// candidateStart begins an answer up to its parts.
const candidateStart = `{"candidates":[{"content":{"parts":[`

// partFrame sends one part, which is head, content and tail.
func (w *writer) partFrame(head string, content []byte, tail string) {
	w.frameStart()
	w.Out = append(append(append(append(w.Out, candidateStart...), head...), content...), tail...)
	w.Out = append(w.Out, `],"role":"model"},"index":0}]`...)
	w.appendMeta()
	w.Out = append(w.Out, '}')
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
	w.Out = jsonscan.AppendString(append(w.Out, `,"modelVersion":`...), w.meta.Model)
	w.Out = jsonscan.AppendString(append(w.Out, `,"responseId":`...), w.meta.ID)
}

// Failed ends the answer with an error.
func (w *writer) Failed(err *llm.Error) {
	if err == nil {
		err = llm.Errorf(llm.Internal, "internal error")
	}
	if !w.head.Stream {
		w.Out = appendError(w.Out, err, w.head.RequestID)
		return
	}
	w.frameStart()
	w.Out = appendError(w.Out, err, w.head.RequestID)
	w.frameEnd()
	w.closeArray()
}

func (w *writer) closeArray() {
	if w.head.Array {
		w.Out = append(w.Out, ']')
	}
}

// Finish ends the answer.
func (w *writer) Finish(stop llm.Stop) {
	w.Begin(nil)
	w.mend(stop)
	w.estimate()
	if w.head.Stream {
		w.frameStart()
	}
	w.Out = append(w.Out, candidateStart...)
	switch {
	case w.head.Stream:
		w.Out = append(w.Out, `{"text":""}`...)
	default:
		for i, p := range w.parts {
			if i > 0 {
				w.Out = append(w.Out, ',')
			}
			w.Out = append(w.Out, p...)
		}
	}
	w.Out = append(w.Out, `],"role":"model"},"finishReason":"`...)
	w.Out = append(append(w.Out, w.reason(stop)...), '"')
	if len(w.refusal) > 0 {
		w.Out = append(append(append(w.Out, `,"finishMessage":"`...), w.refusal...), '"')
	}
	w.Out = append(w.Out, `,"index":0}],"usageMetadata":`...)
	w.Out = appendUsage(w.Out, &w.Usage)
	w.appendMeta()
	w.Out = append(w.Out, '}')
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
			w.Note(llm.Lost, "candidates", "truncated_tool_call")
			continue
		}
		w.Note(llm.Approximated, "candidates", "arguments_are_no_json_object")
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
	u := &w.Usage
	if !u.Input.Known && !u.CacheRead.Known {
		u.Input = llm.Known(w.head.EstimatedInput)
	}
	if !u.Output.Known && !u.Reasoning.Known {
		u.Output = llm.Known((w.content + 3) / 4)
	}
}
