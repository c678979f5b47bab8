package messages

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func (e *encoder) writeMessages() error {
	if !e.member("messages") {
		return nil
	}
	e.out = append(e.out, '[')
	for i, s := range e.speeches {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		e.out = append(e.out, `{"role":"`...)
		e.out = append(e.out, roleName(s.Role)...)
		e.out = append(e.out, '"')
		if first := s.Items[0].Turn; first >= 0 && e.extras != nil {
			e.out = e.appendExtra(e.out, fmt.Sprintf("messages[%d]", first))
		}
		e.out = append(e.out, `,"content":[`...)
		for j, it := range s.Items {
			if j > 0 {
				e.out = append(e.out, ',')
			}
			path := ""
			if it.Turn >= 0 && e.extras != nil {
				path = blockPath(it.Turn, it.Index)
			}
			var err error
			if e.out, err = e.appendBlock(e.out, it.Block, func() string { return e.at(it) }, path); err != nil {
				return err
			}
		}
		e.out = append(e.out, "]}"...)
	}
	e.out = append(e.out, ']')
	return nil
}

func roleName(role llm.Role) string {
	if role == llm.Developer {
		return "system"
	}
	return string(role)
}

// appendBlock appends one block. At names it in findings, path finds its own
// extra members.
func (e *encoder) appendBlock(dst []byte, b llm.Block, at func() string, path string) ([]byte, error) {
	switch b := b.(type) {
	case llm.Text:
		dst = e.appendCitations(appendText(dst, b.Text), b.Citations, at)
		dst = e.appendMark(dst, b.Cache, "cache_control")
	case llm.Media:
		return e.appendMedia(dst, b, at)
	case llm.Thought:
		dst = appendThought(dst, b)
	case llm.ToolCall:
		dst = e.appendCall(dst, b, at)
	case llm.ToolResult:
		return e.appendResult(dst, b, at, path)
	case llm.ToolReference:
		dst = append(dst, `{"type":"tool_reference","tool_name":`...)
		dst = jsonscan.AppendString(dst, e.names.Out("", b.Name))
	case llm.Opaque:
		return append(dst, b.Raw...), nil
	case llm.Refusal:
		dst = appendText(dst, b.Text)
	}
	return append(e.appendExtra(dst, path), '}'), nil
}

// appendText begins a text block; the caller closes it.
func appendText(dst []byte, text string) []byte {
	dst = append(dst, `{"type":"text","text":"`...)
	dst = jsonscan.AppendEscaped(dst, text)
	return append(dst, '"')
}

// appendCitations appends the citations of a text; those of other protocols
// point into what this one does not have.
func (e *encoder) appendCitations(dst []byte, citations []llm.Opaque, at func() string) []byte {
	var own [][]byte
	for _, c := range citations {
		if c.Origin == origin {
			own = append(own, c.Raw)
		}
	}
	if len(own) < len(citations) {
		e.note(llm.Dropped, at()+".citations", notSupported)
	}
	if len(own) == 0 {
		return dst
	}
	return appendList(append(dst, `,"citations":`...), own)
}

// maxMarks is how many cache breakpoints a request may hold.
const maxMarks = 4

// appendMark appends cache_control as a further member of a block.
func (e *encoder) appendMark(dst []byte, mark *llm.CacheMark, at string) []byte {
	if mark == nil {
		return dst
	}
	if e.marks++; e.marks > maxMarks {
		e.note(llm.Dropped, at, "too_many_cache_breakpoints")
		return dst
	}
	return appendCacheControl(append(dst, `,"cache_control":`...), mark, e.to.Native)
}

// appendCacheControl appends the mark. A scope is known to the vendor's own
// service only.
func appendCacheControl(dst []byte, mark *llm.CacheMark, native bool) []byte {
	dst = append(dst, `{"type":"ephemeral"`...)
	if mark.TTL == "5m" || mark.TTL == "1h" {
		dst = append(append(append(dst, `,"ttl":"`...), mark.TTL...), '"')
	}
	if mark.Scope != "" && native {
		dst = jsonscan.AppendString(append(dst, `,"scope":`...), mark.Scope)
	}
	return append(dst, '}')
}

func appendThought(dst []byte, b llm.Thought) []byte {
	if b.Redacted {
		dst = append(dst, `{"type":"redacted_thinking","data":`...)
		return jsonscan.AppendString(dst, b.Seal)
	}
	dst = append(dst, `{"type":"thinking","thinking":`...)
	dst = jsonscan.AppendString(dst, b.Text)
	dst = append(dst, `,"signature":`...)
	return jsonscan.AppendString(dst, b.Seal)
}

func (e *encoder) appendCall(dst []byte, b llm.ToolCall, at func() string) []byte {
	dst = append(dst, `{"type":"tool_use","id":`...)
	dst = jsonscan.AppendString(dst, b.ID)
	dst = append(dst, `,"name":`...)
	dst = jsonscan.AppendString(dst, e.names.Out(b.Namespace, protocol.NameOf(b.Kind, b.Name)))
	dst = append(dst, `,"input":`...)
	input, mended := inputOf(b)
	if mended {
		e.note(llm.Approximated, at(), "arguments_are_no_json_object")
	}
	dst = append(dst, input...)
	return e.appendMark(dst, b.Cache, "cache_control")
}

func (e *encoder) appendResult(dst []byte, b llm.ToolResult, at func() string, path string) ([]byte, error) {
	dst = append(dst, `{"type":"tool_result","tool_use_id":`...)
	dst = jsonscan.AppendString(dst, b.CallID)
	if text, ok := onlyText(b.Blocks); ok && (path == "" || len(e.extras[innerPath(path, 0)]) == 0) {
		dst = append(dst, `,"content":`...)
		dst = jsonscan.AppendString(dst, text)
	} else if len(b.Blocks) > 0 {
		parts, err := e.resultParts(b.Blocks, at, path)
		if err != nil {
			return dst, err
		}
		dst = appendList(append(dst, `,"content":`...), parts)
	}
	if b.Failed {
		dst = append(dst, `,"is_error":true`...)
	}
	dst = e.appendMark(dst, b.Cache, "cache_control")
	return append(e.appendExtra(dst, path), '}'), nil
}

func onlyText(blocks []llm.Block) (string, bool) {
	if len(blocks) != 1 {
		return "", false
	}
	t, ok := blocks[0].(llm.Text)
	return t.Text, ok && t.Cache == nil && len(t.Citations) == 0
}

func (e *encoder) resultParts(blocks []llm.Block, at func() string, path string) ([][]byte, error) {
	var parts [][]byte
	for i, b := range blocks {
		switch b := b.(type) {
		case llm.Text:
			if blank(b.Text) {
				continue
			}
		case llm.Opaque:
			if b.Origin != origin {
				e.note(llm.Lost, at(), notSupported)
				continue
			}
		case llm.Thought, llm.ToolCall, llm.ToolResult:
			e.note(llm.Lost, at(), "not_allowed_in_a_tool_result")
			continue
		case llm.Media, llm.Refusal, llm.ToolReference:
		}
		part, err := e.appendBlock(nil, b, at, innerPath(path, i))
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// innerPath is where a block inside a result stands.
func innerPath(path string, i int) string {
	if path == "" {
		return ""
	}
	return fmt.Sprintf("%s.content[%d]", path, i)
}

// appendMedia appends an image or a document.
func (e *encoder) appendMedia(dst []byte, b llm.Media, at func() string) ([]byte, error) {
	if b.Raw != nil && b.Origin == origin {
		return append(dst, b.Raw...), nil
	}
	if b.Kind == llm.Image && e.to.Vision != nil && !*e.to.Vision {
		e.note(llm.Lost, at(), "model_sees_no_images")
		return append(appendText(dst, "[image left out: this model cannot see images]"), '}'), nil
	}
	if b.Kind != llm.Image && b.Kind != llm.Document {
		return dst, llm.InvalidField(at(), "%s: %s input is not supported by this model.", at(), b.Kind)
	}
	if b.Detail != "" && b.Detail != "auto" {
		e.note(llm.Dropped, at()+".detail", notSupported)
	}
	dst = append(append(append(dst, `{"type":"`...), b.Kind...), `","source":`...)
	dst, err := appendSource(dst, b, at)
	if err != nil {
		return dst, err
	}
	if b.Kind == llm.Document {
		if b.Name != "" {
			dst = jsonscan.AppendString(append(dst, `,"title":`...), b.Name)
		}
		if b.Context != "" {
			dst = jsonscan.AppendString(append(dst, `,"context":`...), b.Context)
		}
		if b.Cite != nil {
			dst = fmt.Appendf(dst, `,"citations":{"enabled":%t}`, *b.Cite)
		}
	}
	return append(e.appendMark(dst, b.Cache, "cache_control"), '}'), nil
}

func appendSource(dst []byte, b llm.Media, at func() string) ([]byte, error) {
	mime, data := b.MIME, b.Data
	if rest, ok := strings.CutPrefix(b.URL, "data:"); ok {
		var head string
		head, data, _ = strings.Cut(rest, ",")
		mime = strings.TrimSuffix(head, ";base64")
	}
	switch {
	case b.FileID != "":
		if b.Origin != origin {
			return dst, llm.InvalidField(at(), "%s: a file held by another vendor cannot be used with this model; send its content.", at())
		}
		dst = append(dst, `{"type":"file","file_id":`...)
		return append(jsonscan.AppendString(dst, b.FileID), '}'), nil
	case data != "":
		return appendData(dst, b.Kind, mime, data, at)
	case b.URL != "":
		dst = append(dst, `{"type":"url","url":`...)
		return append(jsonscan.AppendString(dst, b.URL), '}'), nil
	}
	return appendPlain(dst, b.Text), nil
}

func appendData(dst []byte, kind llm.MediaKind, mime, data string, at func() string) ([]byte, error) {
	switch {
	case kind == llm.Image && (mime == "image/jpeg" || mime == "image/png" || mime == "image/gif" || mime == "image/webp"):
	case kind == llm.Document && (mime == "application/pdf" || mime == ""):
		mime = "application/pdf"
	case kind == llm.Document && (strings.HasPrefix(mime, "text/") || mime == "application/json"):
		text, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return dst, llm.InvalidField(at(), "%s: the data is not base64.", at())
		}
		return appendPlain(dst, string(text)), nil
	default:
		return dst, llm.InvalidField(at(), "%s: media type %q is not supported by this model.", at(), mime)
	}
	dst = append(dst, `{"type":"base64","media_type":"`...)
	dst = append(dst, mime...)
	dst = append(dst, `","data":`...)
	return append(jsonscan.AppendString(dst, data), '}'), nil
}

func appendPlain(dst []byte, text string) []byte {
	dst = append(dst, `{"type":"text","media_type":"text/plain","data":`...)
	return append(jsonscan.AppendString(dst, text), '}')
}
