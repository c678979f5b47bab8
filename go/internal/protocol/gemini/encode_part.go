package gemini

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func (e *encoder) writeContents() error {
	e.out = append(e.key(e.out, "contents"), '[')
	for i, s := range e.speeches {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		parts, err := e.parts(s)
		if err != nil {
			return err
		}
		role := "user"
		if s.Role == llm.Assistant {
			role = "model"
		}
		e.out = append(append(append(e.out, `{"role":"`...), role...), `","parts":`...)
		e.out = append(appendArray(e.out, parts), '}')
	}
	e.out = append(e.out, ']')
	return nil
}

// parts writes the parts of a speech. A signature without words of its own
// belongs to the text before it; the first call of a step must have one.
func (e *encoder) parts(s protocol.Speech) ([][]byte, error) {
	var parts, behind [][]byte
	open := false // the last part is text without a signature
	called := false
	for _, it := range s.Items {
		var part []byte
		text := false
		switch b := it.Block.(type) {
		case llm.Thought:
			if b.Redacted && b.Seal != "" && open {
				last := parts[len(parts)-1]
				parts[len(parts)-1] = appendSignature(last[:len(last)-1], b.Seal)
				open = false
				continue
			}
			part = thoughtPart(b)
		case llm.ToolCall:
			part = e.callPart(b, it, !called)
			called = true
		case llm.ToolResult:
			var outside [][]byte
			var err error
			if part, outside, err = e.resultPart(b, it); err != nil {
				return nil, err
			}
			behind = append(behind, outside...)
		default:
			_, text = it.Block.(llm.Text)
			var err error
			if part, err = e.part(it.Block, it); err != nil {
				return nil, err
			}
		}
		if part != nil {
			parts = append(parts, part)
			open = text
		}
	}
	if parts = append(parts, behind...); len(parts) == 0 {
		parts = append(parts, textPart(protocol.Opening))
	}
	return parts, nil
}

// part writes a block that stands by itself.
func (e *encoder) part(b llm.Block, it protocol.Item) ([]byte, error) {
	switch b := b.(type) {
	case llm.Text:
		return textPart(b.Text), nil
	case llm.Media:
		return e.mediaPart(b, it)
	case llm.Opaque:
		return b.Raw, nil
	case llm.Refusal:
		return textPart(b.Text), nil
	default:
		return nil, nil
	}
}

// appendSignature adds a signature to an open part and closes it.
func appendSignature(dst []byte, seal string) []byte {
	return append(jsonscan.AppendString(append(dst, `,"thoughtSignature":`...), seal), '}')
}

func thoughtPart(t llm.Thought) []byte {
	dst := jsonscan.AppendString([]byte(`{"text":`), t.Text)
	if !t.Redacted {
		dst = append(dst, `,"thought":true`...)
	}
	if t.Seal == "" {
		if t.Text == "" {
			return nil
		}
		return append(dst, '}')
	}
	return appendSignature(dst, t.Seal)
}

// callPart writes a call. Models that think by levels refuse a step whose
// first call has no signature; there is one for calls that others made.
func (e *encoder) callPart(c llm.ToolCall, it protocol.Item, first bool) []byte {
	dst := jsonscan.AppendString([]byte(`{"functionCall":{"id":`), c.ID)
	dst = jsonscan.AppendString(append(dst, `,"name":`...), e.names.Out(c.Namespace, protocol.NameOf(c.Kind, c.Name)))
	args, mended := argsOf(c)
	if mended {
		e.note(llm.Approximated, e.at(it), "arguments_are_no_json_object")
	}
	dst = append(append(append(dst, `,"args":`...), args...), '}')
	switch {
	case c.Seal != "":
		return appendSignature(dst, c.Seal)
	case first && e.to.Thinking == "adaptive":
		return appendSignature(dst, skipSignature)
	}
	return append(dst, '}')
}

// argsOf returns the arguments of a call as a JSON object; text that is none
// is wrapped.
func argsOf(c llm.ToolCall) (args string, mended bool) {
	if c.Kind == llm.CustomTool {
		return protocol.WrapInput(c.Arguments), false
	}
	return objectOf(c.Arguments)
}

func objectOf(arguments string) (object string, mended bool) {
	trimmed := strings.TrimSpace(arguments)
	if trimmed == "" || trimmed == "null" {
		return "{}", false
	}
	if v := []byte(trimmed); jsonscan.KindOf(v) == jsonscan.Object && jsonscan.Valid(v) == nil {
		return trimmed, false
	}
	return string(append(jsonscan.AppendString([]byte(`{"_raw":`), arguments), '}')), true
}

// resultPart writes what a tool said: its words in one member, media beside.
// Only content has a place in a result; outside are media that are elsewhere.
func (e *encoder) resultPart(r llm.ToolResult, it protocol.Item) (result []byte, outside [][]byte, err error) {
	var words []string
	var parts [][]byte
	for _, b := range r.Blocks {
		switch b := b.(type) {
		case llm.Text:
			words = append(words, b.Text)
		case llm.Refusal:
			words = append(words, b.Text)
		case llm.ToolReference:
			words = append(words, "The tool "+b.Name+" is available now.")
		case llm.Media:
			part, err := e.mediaPart(b, it)
			if err != nil {
				return nil, nil, err
			}
			switch said := jsonscan.Get(part, "text"); {
			case said != nil:
				words = append(words, text(said))
			case jsonscan.Get(part, "fileData") != nil:
				outside = append(outside, part)
			default:
				parts = append(parts, part)
			}
		default:
			e.note(llm.Lost, e.at(it), "not_allowed_in_a_tool_result")
		}
	}
	dst := jsonscan.AppendString([]byte(`{"functionResponse":{"id":`), r.CallID)
	dst = jsonscan.AppendString(append(dst, `,"name":`...), r.Name)
	member := "output"
	if r.Failed {
		member = "error"
	}
	dst = append(append(append(dst, `,"response":{"`...), member...), `":`...)
	dst = append(jsonscan.AppendString(dst, strings.Join(words, "\n")), '}')
	if len(parts) > 0 {
		dst = appendArray(append(dst, `,"parts":`...), parts)
	}
	return append(dst, "}}"...), outside, nil
}
