package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// body gathers an answer that goes out whole. Texts are escaped.
type body struct {
	content, refusal, reasoning []byte
	details                     []byte // elements
	calls                       []bodyCall
	more                        []llm.Opaque // further members of the message
}

type bodyCall struct {
	call      llm.ToolCall
	arguments []byte
	seal      string
}

func (b *body) speak(name string, inner []byte) {
	dst := &b.content
	switch name {
	case "refusal":
		dst = &b.refusal
	case "reasoning_content":
		dst = &b.reasoning
	}
	*dst = append(*dst, inner...)
}

func (b *body) addDetails(elements []byte) {
	if len(b.details) > 0 {
		b.details = append(b.details, ',')
	}
	b.details = append(b.details, elements...)
}

// appendBody writes the whole answer.
func (w *writer) appendBody(dst []byte, reason string) []byte {
	dst = w.appendHead(append(dst, '{'), "chat.completion")
	dst = append(key(dst, "choices"), `[{"index":0,"message":{"role":"assistant"`...)
	dst = w.appendMessage(dst)
	dst = append(dst, `},"logprobs":null`...)
	dst = append(text(dst, "finish_reason", reason), '}', ']')
	dst = appendUsage(key(dst, "usage"), &w.usage)
	if tier := tierWord(w.meta); tier != "" {
		dst = text(dst, "service_tier", tier)
	}
	return append(dst, '}')
}

func (w *writer) appendMessage(dst []byte) []byte {
	b := w.body
	if len(b.content) > 0 || len(b.calls) == 0 && len(b.refusal) == 0 {
		dst = quoted(dst, "content", b.content)
	} else {
		dst = append(key(dst, "content"), "null"...)
	}
	if len(b.refusal) > 0 {
		dst = quoted(dst, "refusal", b.refusal)
	} else {
		dst = append(key(dst, "refusal"), "null"...)
	}
	if len(b.reasoning) > 0 {
		dst = quoted(dst, "reasoning_content", b.reasoning)
	}
	if len(b.details) > 0 {
		dst = append(append(append(key(dst, "reasoning_details"), '['), b.details...), ']')
	}
	for _, m := range b.more {
		dst = raw(dst, m.Field, m.Raw)
	}
	if len(b.calls) == 0 {
		return dst
	}
	if w.head.OldFunctions {
		if len(b.calls) > 1 {
			w.find(llm.Lost, "tool_calls", "one_function_call")
		}
		dst = append(key(dst, "function_call"), '{')
		return append(quoted(text(dst, "name", b.calls[0].call.Name), "arguments", b.calls[0].arguments), '}')
	}
	dst = append(key(dst, "tool_calls"), '[')
	for _, c := range b.calls {
		dst = c.append(next(dst))
	}
	return append(dst, ']')
}

func (c *bodyCall) append(dst []byte) []byte {
	kind, arguments := "function", "arguments"
	if c.call.Kind == llm.CustomTool {
		kind, arguments = "custom", "input"
	}
	dst = text(append(dst, '{'), "id", c.call.ID)
	dst = append(key(text(dst, "type", kind), kind), '{')
	dst = append(quoted(text(dst, "name", c.call.Name), arguments, c.arguments), '}')
	if c.seal != "" {
		dst = appendCallSeal(dst, c.seal)
	}
	return append(dst, '}')
}

// tierWord is the service tier in the client's words, "" if it has none.
func tierWord(m llm.Meta) string {
	switch m.Tier {
	case "standard":
		return "default"
	case "auto", "default", "flex", "scale", "priority", "fast":
		return m.Tier
	}
	if m.Protocol == origin {
		return m.Tier
	}
	return ""
}
