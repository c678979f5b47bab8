package chat

import (
	"strconv"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// writer writes one answer, as a stream or as one body.
type writer struct {
	sealer *protocol.Sealer
	head   protocol.Head
	meta   llm.Meta

	started bool
	prefix  []byte // of every chunk, up to the members of its delta
	suffix  []byte // of every chunk that does not finish

	lanes    []lane
	calls    int // opened so far
	seals    int // written so far
	spoken   int // bytes of words and arguments, for an estimate
	said     bool
	usage    llm.Usage
	findings []llm.Finding
	body     *body // nil in a stream
}

// lane is an open block.
type lane struct {
	index   int
	block   llm.Block
	call    int    // place among the calls
	empty   bool   // no arguments so far
	content []byte // escaped; kept where the end of the block needs it
}

// NewWriter writes for a client of this protocol.
func (c *Codec) NewWriter(head protocol.Head) protocol.EventWriter {
	w := &writer{sealer: c.sealer, head: head}
	if !head.Stream {
		w.body = &body{}
	}
	return w
}

// Findings are what the answer held and the client cannot see.
func (w *writer) Findings() []llm.Finding { return w.findings }

// Append appends what the event makes the client see.
func (w *writer) Append(dst []byte, ev llm.Event) ([]byte, error) {
	switch ev.Type {
	case llm.Start:
		if ev.Meta != nil {
			w.meta = *ev.Meta
		}
		return w.start(dst), nil
	case llm.BlockStart:
		return w.blockStart(dst, ev), nil
	case llm.BlockDelta:
		return w.blockDelta(dst, ev), nil
	case llm.BlockEnd:
		return w.blockEnd(dst, ev), nil
	case llm.Metered:
		w.usage.Merge(ev.Usage)
	case llm.Finish:
		return w.finish(w.start(dst), ev.Stop), nil
	case llm.Failed:
		if w.body != nil {
			return appendError(dst, ev.Err), nil
		}
		return appendFailure(dst, ev.Err), nil
	}
	return dst, nil
}

// start writes the first chunk, which must name the role.
func (w *writer) start(dst []byte) []byte {
	if w.started {
		return dst
	}
	w.started = true
	if w.meta.Created.IsZero() {
		w.meta.Created = time.Now()
	}
	if w.body != nil {
		return dst
	}
	b := append(make([]byte, 0, 192), "data: {"...)
	b = w.appendHead(b, "chat.completion.chunk")
	w.prefix = append(key(b, "choices"), `[{"index":0,"delta":{`...)
	w.suffix = append(w.suffix, `},"logprobs":null,"finish_reason":null}]`...)
	w.suffix = w.closing(w.suffix)
	dst = append(dst, w.prefix...)
	dst = append(dst, `"role":"assistant","content":"","refusal":null`...)
	return append(dst, w.suffix...)
}

// closing ends a chunk other than that of the usage.
func (w *writer) closing(b []byte) []byte {
	if w.head.WantUsage {
		b = append(b, `,"usage":null`...)
	}
	return append(b, '}', '\n', '\n')
}

// appendHead appends what every chunk and every body begins with.
func (w *writer) appendHead(b []byte, object string) []byte {
	model := w.meta.Model
	if model == "" {
		model = w.head.Model
	}
	b = text(b, "id", w.answerID())
	b = text(b, "object", object)
	b = number(b, "created", w.meta.Created.Unix())
	return text(b, "model", model)
}

// answerID is the upstream's id where it is of this protocol; another one gets
// the form that clients know.
func (w *writer) answerID() string {
	id := w.meta.ID
	if w.meta.Protocol == origin && id != "" {
		return id
	}
	if id == "" {
		id = w.head.RequestID
	}
	if _, rest, ok := strings.Cut(id, "_"); ok {
		id = rest
	}
	return "chatcmpl-" + id
}

// own reports whether the upstream speaks this protocol.
func (w *writer) own() bool { return w.meta.Protocol == origin }

func (w *writer) lane(index int) *lane {
	for i := range w.lanes {
		if w.lanes[i].index == index {
			return &w.lanes[i]
		}
	}
	return nil
}

func (w *writer) blockStart(dst []byte, ev llm.Event) []byte {
	l := lane{index: ev.Index, block: ev.Block, empty: true}
	if c, ok := ev.Block.(llm.ToolCall); ok {
		l.call = w.calls
		w.calls++
		if w.body != nil {
			w.body.calls = append(w.body.calls, bodyCall{call: c})
		} else {
			dst = w.callStart(dst, l.call, c)
		}
	}
	w.lanes = append(w.lanes, l)
	return dst
}

// callStart writes the chunk that names a call. A client that asked with the
// deprecated functions gets the one call that it can read.
func (w *writer) callStart(dst []byte, n int, c llm.ToolCall) []byte {
	if w.head.OldFunctions && n > 0 {
		w.find(llm.Lost, "tool_calls", "one_function_call")
		return dst
	}
	dst = append(dst, w.prefix...)
	switch {
	case w.head.OldFunctions:
		dst = append(dst, `"function_call":{`...)
		dst = append(text(text(dst, "name", c.Name), "arguments", ""), '}')
	case c.Kind == llm.CustomTool:
		dst = append(callHead(dst, n, c.ID), `"type":"custom","custom":{`...)
		dst = append(text(text(dst, "name", c.Name), "input", ""), '}', '}', ']')
	default:
		dst = append(callHead(dst, n, c.ID), `"type":"function","function":{`...)
		dst = append(text(text(dst, "name", c.Name), "arguments", ""), '}', '}', ']')
	}
	return append(dst, w.suffix...)
}

func callHead(dst []byte, n int, id string) []byte {
	dst = append(dst, `"tool_calls":[{"index":`...)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(text(dst, "id", id), ',')
}

func (w *writer) blockDelta(dst []byte, ev llm.Event) []byte {
	l := w.lane(ev.Index)
	if l == nil || len(ev.Delta) == 0 {
		return dst
	}
	l.empty = false
	w.spoken += len(ev.Delta)
	switch b := l.block.(type) {
	case llm.Text:
		w.said = true
		return w.speak(dst, "content", ev.Delta)
	case llm.Refusal:
		w.said = true
		return w.speak(dst, "refusal", ev.Delta)
	case llm.Thought:
		if !w.own() {
			l.content = append(l.content, ev.Delta...)
		}
		return w.speak(dst, "reasoning_content", ev.Delta)
	case llm.ToolCall:
		if b.Kind == llm.CustomTool && !b.Plain { // to be unwrapped as a whole
			l.content = append(l.content, ev.Delta...)
			return dst
		}
		return w.arguments(dst, l, ev.Delta)
	default:
		return dst
	}
}

// speak writes a piece of text under the delta's member of that name.
func (w *writer) speak(dst []byte, name string, inner []byte) []byte {
	if w.body != nil {
		w.body.speak(name, inner)
		return dst
	}
	dst = append(dst, w.prefix...)
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	dst = append(dst, inner...)
	dst = append(dst, '"')
	return append(dst, w.suffix...)
}

// arguments writes a piece of a call's arguments.
func (w *writer) arguments(dst []byte, l *lane, inner []byte) []byte {
	c, _ := l.block.(llm.ToolCall)
	holder, name := `"function":{"`, "arguments"
	if c.Kind == llm.CustomTool && !w.head.OldFunctions {
		holder, name = `"custom":{"`, "input"
	}
	switch {
	case w.body != nil:
		at := &w.body.calls[l.call]
		at.arguments = append(at.arguments, inner...)
		return dst
	case w.head.OldFunctions && l.call > 0:
		return dst
	case w.head.OldFunctions:
		dst = append(append(dst, w.prefix...), `"function_call":{"`...)
	default:
		dst = append(append(dst, w.prefix...), `"tool_calls":[{"index":`...)
		dst = strconv.AppendInt(dst, int64(l.call), 10)
		dst = append(append(dst, ','), holder...)
	}
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	dst = append(dst, inner...)
	dst = append(dst, '"', '}')
	if !w.head.OldFunctions {
		dst = append(dst, '}', ']')
	}
	return append(dst, w.suffix...)
}

func (w *writer) blockEnd(dst []byte, ev llm.Event) []byte {
	l := w.lane(ev.Index)
	if l == nil {
		return dst
	}
	switch b := l.block.(type) {
	case llm.ToolCall:
		dst = w.callEnd(dst, l, b, ev.Seal)
	case llm.Thought:
		dst = w.thoughtEnd(dst, l, b, ev)
	case llm.Text:
		dst = w.textEnd(dst, ev.Block)
	case llm.Opaque:
		if whole, ok := ev.Block.(llm.Opaque); ok && whole.Origin == origin {
			dst = w.rawMember(dst, whole.Field, whole.Raw)
		} else {
			w.find(llm.Lost, b.Field, "unsupported_block")
		}
	case llm.Media:
		w.find(llm.Lost, string(b.Kind), "unsupported_block")
	case llm.Refusal, llm.ToolResult, llm.ToolReference:
	}
	for i := range w.lanes {
		if w.lanes[i].index == ev.Index {
			w.lanes = append(w.lanes[:i], w.lanes[i+1:]...)
			break
		}
	}
	return dst
}

// callEnd completes the arguments: they are JSON even where there are none.
func (w *writer) callEnd(dst []byte, l *lane, c llm.ToolCall, seal string) []byte {
	switch {
	case c.Kind == llm.CustomTool && c.Plain:
	case c.Kind == llm.CustomTool:
		input := protocol.UnwrapInput(unescaped(l.content))
		if escaped := jsonscan.AppendEscaped(nil, input); len(escaped) > 0 {
			dst = w.arguments(dst, l, escaped)
		}
	case l.empty:
		dst = w.arguments(dst, l, []byte("{}"))
	}
	if seal == "" || w.head.OldFunctions {
		return dst
	}
	if !w.own() {
		seal = w.sealer.Wrap(protocol.Envelope{Origin: w.meta.Origin, Seal: seal})
	}
	if w.body != nil {
		w.body.calls[l.call].seal = seal
		return dst
	}
	dst = append(append(dst, w.prefix...), `"tool_calls":[{"index":`...)
	dst = strconv.AppendInt(dst, int64(l.call), 10)
	// A piece without its function breaks clients that add arguments up.
	member, piece := "function", `{"arguments":""}`
	if c.Kind == llm.CustomTool {
		member, piece = "custom", `{"input":""}`
	}
	dst = append(key(dst, member), piece...)
	dst = append(appendCallSeal(dst, seal), '}', ']')
	return append(dst, w.suffix...)
}

func (w *writer) find(class llm.FindingClass, field, reason string) {
	w.findings = append(w.findings, llm.Finding{Class: class, Field: field, Reason: reason})
}
