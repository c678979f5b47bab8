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
	protocol.Draft
	sealer *protocol.Sealer
	head   protocol.Head

	resp    response
	started bool
	seq     int
	said    int64 // bytes of content, for a guess at the tokens

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
	if head.Compaction != protocol.NoCompaction {
		return &condenser{writer: w}
	}
	return w
}

// Append appends what the client sees of an event.
func (w *writer) Append(dst []byte, ev llm.Event) ([]byte, error) { return w.Take(dst, ev, w) }

// Begin opens the answer.
func (w *writer) Begin(meta *llm.Meta) {
	if meta == nil {
		meta = &llm.Meta{}
	}
	w.start(*meta)
}

// Delta adds content to the block.
func (w *writer) Delta(escaped []byte) {
	w.said += int64(len(escaped))
	w.delta(w.block.pair.join(escaped))
}

// Close ends the block.
func (w *writer) Close(end llm.Event) {
	w.delta(w.block.pair.rest())
	w.blockEnd(end)
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
		w.Out = append(w.Out, `,"response":`...)
		w.Out = w.resp.append(w.Out, nil, ending{status: statusInProgress})
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
	w.Out = appendEvent(w.Out, kind, w.seq)
	w.seq++
}

func (w *writer) close() { w.Out = append(w.Out, "}\n\n"...) }

// Finish ends the answer.
func (w *writer) Finish(stop llm.Stop) {
	w.start(llm.Meta{})
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
		w.Out = w.resp.append(w.Out, w.output, end)
		return
	}
	w.event("response." + end.status)
	w.Out = append(w.Out, `,"response":`...)
	w.Out = w.resp.append(w.Out, w.output, end)
	w.close()
}

// total is the usage, guessed where the upstream said nothing: some clients
// fail without numbers.
func (w *writer) total() llm.Usage {
	u := w.Usage
	if u.InputTotal() == 0 && !u.Input.Known && !u.CacheRead.Known {
		u.Input = llm.Known(w.head.EstimatedInput)
	}
	if !u.Output.Known && !u.Reasoning.Known {
		u.Output = llm.Known((w.said + 3) / 4)
	}
	return u
}

// Failed ends the answer in failure.
func (w *writer) Failed(err *llm.Error) {
	if !w.head.Stream {
		words := wordsFor(err)
		w.Out = append(w.Out, `{"error":`...)
		w.Out = append(words.append(w.Out), '}')
		return
	}
	w.start(llm.Meta{})
	var usage *llm.Usage
	if !w.Usage.Empty() {
		usage = &w.Usage
	}
	w.Out = appendFailure(w.Out, w.seq, &w.resp, w.output, err, usage)
}

// itemID returns the id of the item about to begin.
func (w *writer) itemID(prefix string) string {
	return prefix + strings.TrimPrefix(w.resp.meta.ID, "resp_") + "_" + strconv.Itoa(w.begun)
}
