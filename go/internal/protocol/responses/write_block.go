package responses

import (
	"cmp"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Open notes what is coming. Only calls show at once: text may turn out
// to be empty.
func (w *writer) Open(b llm.Block) {
	w.block.block, w.block.begun = b, false
	w.block.text, w.block.pair = w.block.text[:0], pair{}
	if call, ok := b.(llm.ToolCall); ok {
		w.block.input = unwrapper{}
		switch call.Kind {
		case llm.LocalShellTool, llm.ShellTool, llm.PatchTool, llm.SearchTool:
		default:
			w.beginCall(call)
		}
	}
}

func (w *writer) blockDelta(delta []byte) {
	switch b := w.block.block.(type) {
	case llm.Text:
		if !w.block.begun {
			w.beginPart(`{"type":"output_text","text":"","annotations":[],"logprobs":[]}`, b.Phase)
		}
		w.partDelta("response.output_text.delta", delta)
	case llm.Refusal:
		if !w.block.begun {
			w.beginPart(`{"type":"refusal","refusal":""}`, "")
		}
		w.partDelta("response.refusal.delta", delta)
	case llm.Thought:
		w.thoughtDelta(b, delta)
	case llm.ToolCall:
		switch b.Kind {
		case llm.CustomTool:
			if !b.Plain {
				delta = w.block.input.feed(delta)
			}
			if len(delta) > 0 {
				w.callDelta(b.Kind, delta)
			}
		case llm.LocalShellTool, llm.ShellTool, llm.PatchTool, llm.SearchTool:
			w.block.text = append(w.block.text, delta...)
		default:
			w.callDelta(b.Kind, delta)
		}
	default: // what comes whole, at its end
	}
}

func (w *writer) partDelta(kind string, delta []byte) {
	w.block.begun = true
	w.block.text = append(w.block.text, delta...)
	if !w.head.Stream {
		return
	}
	w.ref(kind)
	w.contentIndex()
	w.Out = append(append(append(w.Out, `,"delta":"`...), delta...), '"')
	if kind == "response.output_text.delta" {
		w.Out = append(w.Out, `,"logprobs":[]`...)
	}
	w.close()
}

func (w *writer) blockEnd(ev llm.Event) {
	switch b := w.block.block.(type) {
	case llm.Text:
		if !w.block.begun {
			return
		}
		whole, _ := ev.Block.(llm.Text)
		w.endPart("response.output_text.done", "text", partOutput, w.annotations(whole.Citations))
	case llm.Refusal:
		if w.block.begun {
			w.endPart("response.refusal.done", "refusal", partRefusal, nil)
		}
	case llm.Thought:
		w.endThought(b, cmp.Or(ev.Seal, b.Seal))
	case llm.ToolCall:
		w.endCall(b, cmp.Or(ev.Seal, b.Seal))
	case llm.Opaque:
		if whole, ok := ev.Block.(llm.Opaque); ok {
			b = whole
		}
		w.opaque(b)
	case llm.Media, llm.ToolResult, llm.ToolReference:
		w.Note(llm.Lost, "output["+strconv.Itoa(w.begun)+"]", reasonUnsupported)
	}
	w.block.block = nil
}

// opaque gives an item of this protocol on as it came.
func (w *writer) opaque(b llm.Opaque) {
	if b.Origin != llm.Responses || len(b.Raw) == 0 {
		w.Note(llm.Lost, "output["+strconv.Itoa(w.begun)+"]", reasonUnsupported)
		return
	}
	w.beginItem(b.Field, "it_")
	whole := oneLine(b.Raw)
	w.itemEvent("response.output_item.added", whole)
	w.done(whole)
}

// beginCall opens a call whose arguments will follow.
func (w *writer) beginCall(call llm.ToolCall) {
	prefix := "fc_"
	if call.Kind == llm.CustomTool {
		prefix = "ctc_"
	}
	it := w.beginItem(itemFunction, prefix)
	it.call = callItem{call: call, id: it.id, status: statusInProgress}
	it.call.call.ID = cmp.Or(call.ID, "call_"+it.id)
	w.itemEvent("response.output_item.added", it.call.append(nil))
}

func (w *writer) callDelta(kind llm.ToolKind, delta []byte) {
	w.block.text = append(w.block.text, delta...)
	if !w.head.Stream {
		return
	}
	if kind == llm.CustomTool {
		w.ref("response.custom_tool_call_input.delta")
	} else {
		w.ref("response.function_call_arguments.delta")
	}
	w.Out = append(append(append(w.Out, `,"delta":"`...), delta...), '"')
	w.close()
}

// endCall has all the arguments of a call.
func (w *writer) endCall(call llm.ToolCall, seal string) {
	switch call.Kind {
	case llm.CustomTool:
		if rest := w.block.input.finish(); len(rest) > 0 && !call.Plain {
			w.callDelta(call.Kind, rest)
		}
		w.callDone("response.custom_tool_call_input.done", "input")
	case llm.LocalShellTool, llm.ShellTool, llm.PatchTool, llm.SearchTool:
		w.ownCall(call)
	default:
		if len(w.block.text) == 0 {
			w.callDelta(call.Kind, []byte("{}"))
		}
		w.callDone("response.function_call_arguments.done", "arguments")
	}
	w.item.call.args = append([]byte(nil), w.block.text...)
	if seal != "" && w.resp.meta.Protocol != llm.Responses {
		w.item.seal = w.sealer.Wrap(protocol.Envelope{
			Origin: w.origin(), Kind: sealCall, ItemID: w.item.call.call.ID, Seal: seal,
		})
	}
}

func (w *writer) callDone(kind, field string) {
	if !w.head.Stream {
		return
	}
	w.ref(kind)
	if field == "arguments" {
		w.Out = append(w.Out, `,"name":`...)
		w.Out = jsonscan.AppendString(w.Out, w.item.call.call.Name)
	}
	w.Out = append(append(append(w.Out, `,"`...), field...), `":"`...)
	w.Out = append(append(w.Out, w.block.text...), '"')
	w.close()
}

// ownCall writes a call to one of the vendor's own kinds of tool, which shows
// only as a whole. What does not fit the kind becomes a function call.
func (w *writer) ownCall(call llm.ToolCall) {
	members, kind := ownCall(call.Kind, jsonscan.Unescape(nil, w.block.text))
	if members == nil {
		call.Kind = llm.FunctionTool
		args := append([]byte(nil), w.block.text...)
		w.block.text = w.block.text[:0]
		w.beginCall(call)
		if len(args) > 0 {
			w.callDelta(call.Kind, args)
		}
		w.callDone("response.function_call_arguments.done", "arguments")
		return
	}
	it := w.beginItem(kind, ownPrefix(call.Kind))
	it.call = callItem{call: call, id: it.id, status: statusInProgress, args: w.block.text}
	it.call.call.ID = cmp.Or(call.ID, "call_"+it.id)
	w.itemEvent("response.output_item.added", it.call.append(nil))
}

func ownPrefix(kind llm.ToolKind) string {
	switch kind {
	case llm.LocalShellTool:
		return "lsh_"
	case llm.ShellTool:
		return "sh_"
	case llm.PatchTool:
		return "apc_"
	default:
		return "tsc_"
	}
}

// origin names where seals of this answer are valid.
func (w *writer) origin() string {
	return cmp.Or(w.resp.meta.Origin, string(w.resp.meta.Protocol))
}
