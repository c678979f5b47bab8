package messages

import (
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// writer turns events into an answer: the frames of a stream, or one body
// that comes with the end.
type writer struct {
	protocol.Draft
	sealer *protocol.Sealer
	head   protocol.Head

	meta    llm.Meta
	ending  ending
	started bool
	index   int // of the block that is open, or the next
	live    liveBlock
	held    string // a seal without words that waits for the block behind it
	content int64  // bytes of deltas written
	body    []bodyBlock
}

// liveBlock is the block that is being written.
type liveBlock struct {
	block  llm.Block
	opened bool
	text   []byte // content so far, escaped; for a body
	spoken bool   // there was content
}

// NewWriter returns a writer for a stream or one body, as head.Stream says.
func (c *Codec) NewWriter(head protocol.Head) protocol.EventWriter {
	return &writer{sealer: c.sealer, head: head}
}

// Append appends what ev makes the client see.
func (w *writer) Append(dst []byte, ev llm.Event) ([]byte, error) { return w.Take(dst, ev, w) }

// Begin writes message_start. Its output count is 0: some clients add it to
// the final one.
func (w *writer) Begin(meta *llm.Meta) {
	if w.started {
		return
	}
	w.started = true
	if meta != nil {
		w.meta = *meta
	}
	w.ending.own = w.meta.Protocol == origin
	if !w.head.Stream {
		return
	}
	w.Out = append(w.Out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"...)
	w.appendHead()
	w.Out = append(w.Out, `,"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":`...)
	w.Out = strconv.AppendInt(w.Out, w.head.EstimatedInput, 10)
	w.Out = append(w.Out, `,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}`...)
	w.Out = append(w.Out, "\n\n"...)
}

// appendHead appends the members that say which answer this is.
func (w *writer) appendHead() {
	w.Out = append(w.Out, `{"id":`...)
	w.Out = jsonscan.AppendString(w.Out, messageID(w.meta.ID, w.head.RequestID))
	w.Out = append(w.Out, `,"type":"message","role":"assistant","model":`...)
	model := w.meta.Model
	if model == "" {
		model = w.head.Model
	}
	w.Out = jsonscan.AppendString(w.Out, model)
}

// messageID returns an id in the form of this protocol.
func messageID(upstream, request string) string {
	switch {
	case strings.HasPrefix(upstream, "msg_"):
		return upstream
	case upstream != "":
		return "msg_" + upstream
	case request != "":
		return "msg_" + request
	}
	return "msg_" + rand.Text()
}

// Failed ends the answer with an error. Blocks stay open: closing them would
// say that they are complete.
func (w *writer) Failed(err *llm.Error) {
	if err == nil {
		err = llm.Errorf(llm.Internal, "internal error")
	}
	if w.head.Stream {
		w.Out = appendFailure(w.Out, err, w.head.RequestID)
		return
	}
	w.Out = appendError(w.Out, err, w.head.RequestID)
}

// Finish ends the answer.
func (w *writer) Finish(stop llm.Stop) {
	w.Begin(nil)
	w.dropHeld()
	w.ending.stop = stop
	w.estimate()
	if !w.head.Stream {
		w.finishBody()
		return
	}
	w.Out = append(w.Out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"...)
	w.Out = w.ending.appendStop(w.Out)
	w.Out = append(w.Out, `},"usage":`...)
	w.Out = appendUsage(w.Out, &w.Usage)
	w.Out = append(w.Out, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
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
