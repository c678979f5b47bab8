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
	sealer *protocol.Sealer
	head   protocol.Head
	seq    protocol.Sequence
	emit   func(llm.Event) error
	out    []byte // what the current event makes

	meta     llm.Meta
	usage    llm.Usage
	ending   ending
	findings []llm.Finding
	started  bool
	done     bool
	index    int // of the block that is open, or the next
	live     liveBlock
	held     string // a seal without words that waits for the block behind it
	content  int64  // bytes of deltas written
	body     []bodyBlock
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
		w.open(ev.Block)
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

// begin writes message_start. Its output count is 0: some clients add it to
// the final one.
func (w *writer) begin(meta *llm.Meta) {
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
	w.out = append(w.out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"...)
	w.appendHead()
	w.out = append(w.out, `,"content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":`...)
	w.out = strconv.AppendInt(w.out, w.head.EstimatedInput, 10)
	w.out = append(w.out, `,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}`...)
	w.out = append(w.out, "\n\n"...)
}

// appendHead appends the members that say which answer this is.
func (w *writer) appendHead() {
	w.out = append(w.out, `{"id":`...)
	w.out = jsonscan.AppendString(w.out, messageID(w.meta.ID, w.head.RequestID))
	w.out = append(w.out, `,"type":"message","role":"assistant","model":`...)
	model := w.meta.Model
	if model == "" {
		model = w.head.Model
	}
	w.out = jsonscan.AppendString(w.out, model)
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

// failed ends the answer with an error. Blocks stay open: closing them would
// say that they are complete.
func (w *writer) failed(err *llm.Error) {
	w.done = true
	if err == nil {
		err = llm.Errorf(llm.Internal, "internal error")
	}
	if w.head.Stream {
		w.out = appendFailure(w.out, err, w.head.RequestID)
		return
	}
	w.out = appendError(w.out, err, w.head.RequestID)
}

func (w *writer) finish(stop llm.Stop) {
	w.begin(nil)
	w.done = true
	w.dropHeld()
	w.ending.stop = stop
	w.estimate()
	if !w.head.Stream {
		w.finishBody()
		return
	}
	w.out = append(w.out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"...)
	w.out = w.ending.appendStop(w.out)
	w.out = append(w.out, `},"usage":`...)
	w.out = appendUsage(w.out, &w.usage)
	w.out = append(w.out, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
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
