package responses

import (
	"cmp"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// writer writes one answer. An item is finished when the next one begins or
// the answer ends: only then it is known whether it is complete.
type writer struct {
	sealer *protocol.Sealer
	head   protocol.Head
	order  protocol.Sequence
	emit   func(llm.Event) error
	dst    []byte // where the bytes go, during Append

	resp     response
	started  bool
	ended    bool
	seq      int
	usage    llm.Usage
	said     int64 // bytes of content, for a guess at the tokens
	findings []llm.Finding

	output []byte // finished items, separated by commas
	begun  int    // items begun
	item   openItem
	block  openBlock
}

// openItem is the item that is not finished yet.
type openItem struct {
	kind  string // "" is none
	id    string
	ref   []byte // `,"item_id":…,"output_index":…`
	phase string
	parts []byte // of a message, finished, separated by commas
	count int    // of parts
	call  callItem
	seal  string // of the call, in its envelope
}

// openBlock is the block that is being told.
type openBlock struct {
	block llm.Block
	begun bool   // its part of an item has been opened
	text  []byte // content so far, escaped
	pair  pair
	input unwrapper
}

// NewWriter writes an answer as the head says: a stream or one body.
func (c *Codec) NewWriter(head protocol.Head) protocol.EventWriter {
	w := &writer{sealer: c.sealer, head: head, resp: response{maxTokens: head.MaxTokens, echo: readEcho(head)}}
	w.emit = w.write
	return w
}

// Append appends what the client sees of an event.
func (w *writer) Append(dst []byte, ev llm.Event) ([]byte, error) {
	if w.ended {
		return dst, nil
	}
	w.dst = dst
	err := w.order.Push(ev, w.emit)
	dst, w.dst = w.dst, nil
	return dst, err
}

// Findings are what of the answer could not be carried.
func (w *writer) Findings() []llm.Finding { return w.findings }

func (w *writer) lost(class llm.FindingClass, field, reason string) {
	w.findings = append(w.findings, llm.Finding{Class: class, Field: field, Reason: reason})
}

func (w *writer) write(ev llm.Event) error {
	switch ev.Type {
	case llm.Start:
		w.start(*ev.Meta)
	case llm.BlockStart:
		w.blockStart(ev.Block)
	case llm.BlockDelta:
		w.said += int64(len(ev.Delta))
		w.delta(w.block.pair.join(ev.Delta))
	case llm.BlockEnd:
		w.delta(w.block.pair.rest())
		w.blockEnd(ev)
	case llm.Metered:
		w.usage.Merge(ev.Usage)
	case llm.Finish:
		w.start(llm.Meta{})
		w.finish(ev.Stop)
	case llm.Failed:
		w.fail(ev.Err)
	}
	return nil
}

func (w *writer) delta(d []byte) {
	if len(d) > 0 {
		w.blockDelta(d)
	}
}

// start opens the answer.
func (w *writer) start(meta llm.Meta) {
	if w.started {
		return
	}
	w.started = true
	w.resp.meta = named(meta, w.head)
	if !w.head.Stream {
		return
	}
	for _, kind := range [...]string{"response.created", "response.in_progress"} {
		w.event(kind)
		w.dst = append(w.dst, `,"response":`...)
		w.dst = w.resp.append(w.dst, nil, ending{status: statusInProgress})
		w.close()
	}
}

// named fills in what an upstream did not say of its answer.
func named(meta llm.Meta, head protocol.Head) llm.Meta {
	if head.Kept { // an id of ours: upstreams may use theirs again
		meta.ID = ""
	}
	if !strings.HasPrefix(meta.ID, "resp_") {
		base := cmp.Or(meta.ID, strings.TrimPrefix(head.RequestID, "req_"), rand.Text())
		meta.ID = "resp_" + protocol.CallID(base)
	}
	meta.Model = cmp.Or(meta.Model, head.Model)
	if meta.Created.IsZero() {
		meta.Created = time.Now()
	}
	return meta
}

// event begins an event of the stream; members follow, then close.
func (w *writer) event(kind string) {
	w.dst = appendEvent(w.dst, kind, w.seq)
	w.seq++
}

func (w *writer) close() { w.dst = append(w.dst, "}\n\n"...) }

// finish ends the answer.
func (w *writer) finish(stop llm.Stop) {
	w.ended = true
	end := ending{status: statusCompleted, finished: time.Now()}
	switch stop.Reason {
	case llm.StopLength, llm.StopContext:
		end.status, end.reason = statusIncomplete, reasonLength
	case llm.StopRefusal:
		own := w.resp.meta.Protocol == llm.Responses && stop.Raw == statusCompleted
		switch {
		case own:
		case w.begun == 0: // an incomplete answer would only be asked for again
			end.status, end.code, end.message = statusFailed, codePrompt, "The model refused to answer this prompt."
		default:
			end.status, end.reason = statusIncomplete, reasonFilter
		}
	default:
	}
	w.endItem(end.status)
	usage := w.total()
	end.usage = &usage
	if !w.head.Stream {
		w.dst = w.resp.append(w.dst, w.output, end)
		return
	}
	w.event("response." + end.status)
	w.dst = append(w.dst, `,"response":`...)
	w.dst = w.resp.append(w.dst, w.output, end)
	w.close()
}

// total is the usage, guessed where the upstream said nothing: some clients
// fail without numbers.
func (w *writer) total() llm.Usage {
	u := w.usage
	if u.InputTotal() == 0 && !u.Input.Known && !u.CacheRead.Known {
		u.Input = llm.Known(w.head.EstimatedInput)
	}
	if !u.Output.Known && !u.Reasoning.Known {
		u.Output = llm.Known((w.said + 3) / 4)
	}
	return u
}

// fail ends the answer in failure.
func (w *writer) fail(err *llm.Error) {
	if !w.head.Stream {
		w.ended = true
		words := wordsFor(err)
		w.dst = append(w.dst, `{"error":`...)
		w.dst = append(words.append(w.dst), '}')
		return
	}
	w.start(llm.Meta{})
	w.ended = true
	var usage *llm.Usage
	if !w.usage.Empty() {
		usage = &w.usage
	}
	w.dst = appendFailure(w.dst, w.seq, &w.resp, w.output, err, usage)
}

// itemID returns the id of the item about to begin.
func (w *writer) itemID(prefix string) string {
	return prefix + strings.TrimPrefix(w.resp.meta.ID, "resp_") + "_" + strconv.Itoa(w.begun)
}
