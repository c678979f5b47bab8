package messages

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Kinds of envelope that travel in thinking blocks.
const (
	sealRedacted = "redacted" // a thought without words
	sealRaw      = "raw"      // the model's own words
	sealOfCall   = "call"     // belongs to the tool call ItemID
)

// Open begins a block. Text and thoughts show up with their first words:
// clients send empty blocks back, and those are refused.
func (w *writer) Open(b llm.Block) {
	w.Begin(nil)
	w.writeHeld()
	w.live = liveBlock{block: b, text: w.live.text[:0]}
	call, ok := b.(llm.ToolCall)
	if !ok {
		return
	}
	w.ending.calls = true
	if w.head.Stream {
		w.startFrame()
		w.Out = appendCallHead(w.Out, call)
		w.Out = append(w.Out, `,"input":{}}}`...)
		w.endFrame()
	}
}

func appendCallHead(dst []byte, call llm.ToolCall) []byte {
	name := protocol.NameOf(call.Kind, call.Name)
	if call.Namespace != "" {
		name = call.Namespace + "__" + name
	}
	dst = append(dst, `{"type":"tool_use","id":`...)
	dst = jsonscan.AppendString(dst, protocol.CallID(call.ID))
	dst = append(dst, `,"name":`...)
	return jsonscan.AppendString(dst, protocol.ToolName(name))
}

// delta continues the open block.
func (w *writer) Delta(delta []byte) {
	if len(delta) == 0 {
		return
	}
	w.live.spoken = true
	w.content += int64(len(delta))
	if _, refused := w.live.block.(llm.Refusal); refused {
		w.ending.refusal = append(w.ending.refusal, delta...)
		return
	}
	if !w.head.Stream {
		w.live.text = append(w.live.text, delta...)
		return
	}
	switch w.live.block.(type) {
	case llm.Text:
		if !w.live.opened {
			w.openFrame(`{"type":"text","text":""}}`)
		}
		w.deltaFrame(`{"type":"text_delta","text":"`, delta)
	case llm.Thought:
		if !w.live.opened {
			w.openFrame(`{"type":"thinking","thinking":"","signature":""}}`)
		}
		w.deltaFrame(`{"type":"thinking_delta","thinking":"`, delta)
	case llm.ToolCall:
		w.deltaFrame(`{"type":"input_json_delta","partial_json":"`, delta)
	default:
	}
}

// Close ends the open block.
func (w *writer) Close(ev llm.Event) {
	switch b := w.live.block.(type) {
	case llm.Text:
		w.closeText(ev)
	case llm.Thought:
		if end, ok := ev.Block.(llm.Thought); ok && end.ID != "" {
			b.ID = end.ID
		}
		w.closeThought(b, ev.Seal)
	case llm.ToolCall:
		w.closeCall(b, ev.Seal)
	case llm.Refusal:
	case llm.Opaque:
		if end, ok := ev.Block.(llm.Opaque); ok {
			b = end
		}
		w.opaque(b)
	case llm.Media:
		w.Note(llm.Lost, "content", string(b.Kind)+"_output_not_supported")
	default:
		w.Note(llm.Lost, "content", notSupported)
	}
}

func (w *writer) closeText(ev llm.Event) {
	var cited []llm.Opaque
	if end, ok := ev.Block.(llm.Text); ok {
		cited = slices.DeleteFunc(slices.Clone(end.Citations), func(c llm.Opaque) bool { return c.Origin != origin })
		if len(cited) < len(end.Citations) {
			w.Note(llm.Dropped, "citations", notSupported)
		}
	}
	if !w.head.Stream {
		if w.live.spoken {
			w.foldText(cited)
		}
		return
	}
	if !w.live.opened {
		return
	}
	for _, c := range cited {
		w.deltaHead()
		w.Out = append(append(append(w.Out, `{"type":"citations_delta","citation":`...), compact(c.Raw)...), "}}"...)
		w.endFrame()
	}
	w.stopFrame()
}

// closeThought signs a thought: with the upstream's own signature where the
// client may hold it, else with our envelope. Clients drop or spoil thoughts
// without a signature.
func (w *writer) closeThought(t llm.Thought, seal string) {
	own := w.ending.own && seal != ""
	redacted := t.Redacted && !w.live.spoken
	signature := seal
	if !own {
		if !w.live.spoken && seal == "" {
			return
		}
		redacted = !w.live.spoken
		signature = w.wrap(sealKind(t), t.ID, seal)
	}
	switch {
	case redacted:
		w.held = signature
		if own {
			w.writeHeld()
		}
	case !w.head.Stream:
		w.foldThought(signature)
	default:
		if !w.live.opened {
			w.openFrame(`{"type":"thinking","thinking":"","signature":""}}`)
		}
		w.deltaHead()
		w.Out = jsonscan.AppendString(append(w.Out, `{"type":"signature_delta","signature":`...), signature)
		w.Out = append(w.Out, "}}"...)
		w.endFrame()
		w.stopFrame()
	}
}

// writeHeld writes the seal that waits, if there is one.
func (w *writer) writeHeld() {
	signature := w.held
	if w.held = ""; signature == "" {
		return
	}
	raw := append(jsonscan.AppendString([]byte(`{"type":"redacted_thinking","data":`), signature), '}')
	if !w.head.Stream {
		w.body = append(w.body, bodyBlock{raw: raw})
		return
	}
	w.startFrame()
	w.Out = append(append(w.Out, raw...), '}')
	w.endFrame()
	w.stopFrame()
}

// dropHeld ends an answer. Clients take its last block for what it says, and
// would see nothing behind words; what signs mere words need not come back.
func (w *writer) dropHeld() {
	if w.index == 0 && len(w.body) == 0 {
		w.writeHeld()
		return
	}
	if w.held != "" {
		w.Note(llm.Dropped, "content", "seal_behind_the_answer")
	}
}

func sealKind(t llm.Thought) string {
	switch {
	case t.Redacted:
		return sealRedacted
	case t.Raw:
		return sealRaw
	}
	return ""
}

// wrap puts what only this answer's upstream understands into an envelope.
func (w *writer) wrap(kind, id, seal string) string {
	from := w.meta.Origin
	if from == "" {
		from = string(w.meta.Protocol)
	}
	return w.sealer.Wrap(protocol.Envelope{Origin: from, Kind: kind, ItemID: id, Seal: seal})
}

// closeCall ends a call. A call without arguments has the input {}. A
// signature on it travels in a block of its own.
func (w *writer) closeCall(call llm.ToolCall, seal string) {
	if !w.head.Stream {
		w.foldCall(call)
	} else {
		if !w.live.spoken {
			w.deltaFrame(`{"type":"input_json_delta","partial_json":"`, []byte("{}"))
		}
		w.stopFrame()
	}
	if seal == "" {
		return
	}
	envelope := w.wrap(sealOfCall, protocol.CallID(call.ID), seal)
	block := append(jsonscan.AppendString([]byte(`{"type":"redacted_thinking","data":`), envelope), '}')
	w.opaque(llm.Opaque{Origin: origin, Raw: block})
}

// opaque writes a block of this protocol as it is; others have no place here.
func (w *writer) opaque(b llm.Opaque) {
	if b.Origin != origin || jsonscan.KindOf(b.Raw) != jsonscan.Object {
		w.Note(llm.Lost, "content", strings.TrimPrefix(b.Field+"_"+notSupported, "_"))
		return
	}
	if !w.head.Stream {
		w.body = append(w.body, bodyBlock{raw: b.Raw})
		return
	}
	raw, input := []byte(b.Raw), jsonscan.Get(b.Raw, "input")
	if jsonscan.KindOf(input) == jsonscan.Object {
		raw = setMember(raw, "input", []byte("{}")) // clients read input from the deltas only
	}
	w.startFrame()
	w.Out = append(append(w.Out, compact(raw)...), '}') // a frame is one line
	w.endFrame()
	if jsonscan.KindOf(input) == jsonscan.Object {
		w.deltaFrame(`{"type":"input_json_delta","partial_json":"`, jsonscan.AppendEscaped(nil, compact(input)))
	}
	w.stopFrame()
}

// startFrame begins content_block_start, up to the block.
func (w *writer) startFrame() {
	w.live.opened = true
	w.Out = append(w.Out, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"...)
	w.Out = strconv.AppendInt(w.Out, int64(w.index), 10)
	w.Out = append(w.Out, `,"content_block":`...)
}

func (w *writer) openFrame(block string) {
	w.startFrame()
	w.Out = append(w.Out, block...)
	w.endFrame()
}

// deltaHead begins content_block_delta, up to the delta.
func (w *writer) deltaHead() {
	w.Out = append(w.Out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
	w.Out = strconv.AppendInt(w.Out, int64(w.index), 10)
	w.Out = append(w.Out, `,"delta":`...)
}

func (w *writer) deltaFrame(head string, escaped []byte) {
	w.deltaHead()
	w.Out = append(w.Out, head...)
	w.Out = append(w.Out, escaped...)
	w.Out = append(w.Out, "\"}}\n\n"...)
}

func (w *writer) stopFrame() {
	w.Out = append(w.Out, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"...)
	w.Out = strconv.AppendInt(w.Out, int64(w.index), 10)
	w.Out = append(w.Out, "}\n\n"...)
	w.index++
	w.live.opened = false
}

func (w *writer) endFrame() { w.Out = append(w.Out, "\n\n"...) }
