package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// thoughtEnd gives the client what it must send back: the upstream's own seal,
// or another vendor's in an envelope, together with the words it belongs to.
func (w *writer) thoughtEnd(dst []byte, l *lane, t llm.Thought, ev llm.Event) []byte {
	whole, ok := ev.Block.(llm.Thought)
	if ok {
		t = whole
	}
	seal := ev.Seal
	if seal == "" {
		seal = t.Seal
	}
	if seal == "" {
		return dst
	}
	if w.own() {
		elements := sealDetails(seal)
		if len(elements) == 0 {
			return dst
		}
		w.seals++
		return w.detail(dst, elements)
	}
	e := protocol.Envelope{Origin: w.meta.Origin, ItemID: t.ID, Seal: seal, Text: unescaped(l.content)}
	if t.Redacted {
		e.Kind = redacted
	}
	detail := appendWrapped(nil, w.sealer.Wrap(e), w.seals)
	w.seals++
	return w.detail(dst, detail)
}

// detail writes elements of reasoning_details.
func (w *writer) detail(dst, elements []byte) []byte {
	if w.body != nil {
		w.body.addDetails(elements)
		return dst
	}
	dst = append(append(dst, w.prefix...), `"reasoning_details":[`...)
	dst = append(appendRaw(dst, elements), ']')
	return append(dst, w.suffix...)
}

// textEnd writes the citations of a text. Those of other vendors point into
// sources that this protocol cannot name.
func (w *writer) textEnd(dst []byte, b llm.Block) []byte {
	t, ok := b.(llm.Text)
	if !ok || len(t.Citations) == 0 {
		return dst
	}
	list := []byte{'['}
	for _, c := range t.Citations {
		if c.Origin == origin {
			list = appendRaw(next(list), c.Raw)
		}
	}
	if len(list) == 1 {
		w.find(llm.Lost, "citations", "not_supported")
		return dst
	}
	return w.rawMember(dst, "annotations", append(list, ']'))
}

// rawMember writes a member of the delta, or of the message, that is JSON
// already.
func (w *writer) rawMember(dst []byte, name string, value []byte) []byte {
	if w.body != nil {
		w.body.more = append(w.body.more, llm.Opaque{Field: name, Raw: value})
		return dst
	}
	dst = append(append(dst, w.prefix...), '"')
	dst = append(append(dst, name...), '"', ':')
	return append(appendRaw(dst, value), w.suffix...)
}

// finish writes all that comes at the end.
func (w *writer) finish(dst []byte, stop llm.Stop) []byte {
	dst = w.explain(dst, stop)
	if stop.Reason == llm.StopPause {
		w.find(llm.Lost, "stop_reason", "pause_as_stop")
	}
	reason := finishReason(stop, w.calls > 0, w.own())
	if w.head.OldFunctions && reason == "tool_calls" {
		reason = "function_call"
	}
	w.estimate()
	if w.body != nil {
		return w.appendBody(dst, reason)
	}
	dst = append(append(dst, w.prefix...), `},"logprobs":null`...)
	dst = append(text(dst, "finish_reason", reason), '}', ']')
	dst = w.closing(dst)
	if w.head.WantUsage {
		dst = w.appendHead(append(dst, "data: {"...), "chat.completion.chunk")
		dst = append(key(dst, "choices"), "[]"...)
		dst = append(appendUsage(key(dst, "usage"), &w.usage), '}', '\n', '\n')
	}
	return append(dst, "data: "+done+"\n\n"...)
}

// explain says why the model refused where nothing else does.
func (w *writer) explain(dst []byte, stop llm.Stop) []byte {
	if stop.Reason != llm.StopRefusal || w.said || jsonscan.KindOf(stop.Details) != jsonscan.Object {
		return dst
	}
	if inner := innerOf(jsonscan.Get(stop.Details, "explanation")); len(inner) > 0 {
		return w.speak(dst, "refusal", inner)
	}
	return dst
}

// estimate fills in what the upstream did not report, as the ledger does.
func (w *writer) estimate() {
	u := &w.usage
	if !u.Input.Known && !u.CacheRead.Known {
		u.Input = llm.Known(w.head.EstimatedInput)
	}
	if !u.Output.Known && !u.Reasoning.Known {
		u.Output = llm.Known(int64(w.spoken+3) / 4)
	}
}
