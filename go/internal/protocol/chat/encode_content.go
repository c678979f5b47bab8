package chat

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// part is one part of a message's content: text, or a part of another type
// that is written already.
type part struct {
	text string
	raw  []byte
}

// content writes the member content: a string where there is but one text or
// the server takes nothing else, parts otherwise.
func (e *encoder) content(parts []part) {
	if e.to.Quirks.StringContent {
		parts = joined(parts, "\n\n")
	}
	switch {
	case len(parts) == 0:
		e.b = text(e.b, "content", "")
		return
	case len(parts) == 1 && parts[0].raw == nil:
		e.b = text(e.b, "content", parts[0].text)
		return
	}
	e.b = append(key(e.b, "content"), '[')
	for _, p := range parts {
		e.b = next(e.b)
		if p.raw != nil {
			e.b = append(e.b, p.raw...)
			continue
		}
		e.b = append(e.b, `{"type":"text"`...)
		e.b = append(text(e.b, "text", p.text), '}')
	}
	e.b = append(e.b, ']')
}

// joined makes one part of texts that are all there is.
func joined(parts []part, between string) []part {
	texts := make([]string, len(parts))
	for i, p := range parts {
		if p.raw != nil {
			return parts
		}
		texts[i] = p.text
	}
	return []part{{text: strings.Join(texts, between)}}
}

// parts turns the blocks of a turn into parts, without the results of calls.
func (e *encoder) parts(turn int, blocks []llm.Block) []part {
	out := make([]part, 0, len(blocks))
	for j, b := range blocks {
		at := e.req.At(turn, j)
		switch b := b.(type) {
		case llm.Text:
			e.uncached(at, b.Cache)
			out = append(out, part{text: b.Text})
		case llm.Refusal:
			out = append(out, part{text: b.Text})
		case llm.Media:
			e.uncached(at, b.Cache)
			out = append(out, e.media(at, b))
		case llm.ToolReference:
			out = append(out, part{text: "Tools loaded: " + b.Name})
		case llm.Opaque:
			if b.Origin == origin && !e.to.Quirks.StringContent {
				out = append(out, part{raw: b.Raw})
				continue
			}
			e.find(protocol.LossOf(b), at, "unsupported_block")
		case llm.Thought, llm.ToolCall:
			e.find(llm.Lost, at, "unsupported_block")
		case llm.ToolResult:
		}
	}
	return out
}

// media writes a picture, a sound or a file, or says in words what it was.
func (e *encoder) media(at string, m llm.Media) part {
	if m.FileID != "" && m.Origin != origin {
		e.refuse(at, "The file %q is held by another vendor; send its content instead.", m.FileID)
		return part{}
	}
	if m.Kind == llm.Document && m.Text != "" {
		return part{text: headed(m, m.Text)}
	}
	if e.to.Quirks.StringContent || m.Kind == llm.Image && e.to.Vision != nil && !*e.to.Vision {
		e.find(llm.Lost, at, "model_takes_no_"+string(m.Kind))
		return omitted(m)
	}
	switch {
	case m.Kind == llm.Image && m.FileID == "":
		return part{raw: appendImage(m)}
	case m.Kind == llm.Audio && m.Data != "":
		return part{raw: appendAudio(m)}
	case m.Kind == llm.Document:
		return e.document(at, m)
	}
	e.find(llm.Lost, at, "not_supported")
	return omitted(m)
}

func omitted(m llm.Media) part {
	return part{text: fmt.Sprintf("[%s omitted: it cannot be shown to this model]", m.Kind)}
}

// headed puts what is known of a document before its text.
func headed(m llm.Media, body string) string {
	var head []string
	if m.Name != "" {
		head = append(head, "Document: "+m.Name)
	}
	if m.Context != "" {
		head = append(head, m.Context)
	}
	return strings.Join(append(head, body), "\n\n")
}

func appendImage(m llm.Media) []byte {
	b := append(make([]byte, 0, len(m.Data)+len(m.URL)+96), `{"type":"image_url","image_url":{`...)
	if m.Data != "" {
		b = dataMember(b, "url", m)
	} else {
		b = text(b, "url", m.URL)
	}
	switch m.Detail {
	case "":
	case "original": // a newer word for the most
		b = text(b, "detail", "high")
	default:
		b = text(b, "detail", m.Detail)
	}
	return append(b, '}', '}')
}

// dataMember appends a member that holds the data as a data URL.
func dataMember(b []byte, name string, m llm.Media) []byte {
	kind := m.MIME
	if kind == "" {
		kind = "application/octet-stream"
	}
	b = append(key(b, name), `"data:`...)
	b = jsonscan.AppendEscaped(b, kind)
	b = append(b, ";base64,"...)
	b = jsonscan.AppendEscaped(b, m.Data)
	return append(b, '"')
}

func appendAudio(m llm.Media) []byte {
	format := strings.TrimPrefix(m.MIME, "audio/")
	switch format {
	case "mpeg":
		format = "mp3"
	case "x-wav", "wave":
		format = "wav"
	}
	b := []byte(`{"type":"input_audio","input_audio":{`)
	b = text(b, "data", m.Data)
	return append(text(b, "format", format), '}', '}')
}

// document writes a file. One that is only an address cannot be sent, and one
// of plain text need not be a file.
func (e *encoder) document(at string, m llm.Media) part {
	switch {
	case m.FileID != "":
		b := text([]byte(`{"type":"file","file":{`), "file_id", m.FileID)
		return part{raw: append(b, '}', '}')}
	case m.Data == "":
		e.find(llm.Lost, at, "document_by_url")
		return part{text: headed(m, "[document at "+m.URL+"]")}
	case strings.HasPrefix(m.MIME, "text/"):
		if body, err := base64.StdEncoding.DecodeString(m.Data); err == nil {
			return part{text: headed(m, string(body))}
		}
	}
	if m.Context != "" {
		e.find(llm.Dropped, at+".context", "not_supported")
	}
	name := m.Name
	if name == "" {
		name = "document" // the vendor refuses a file without a name
		if m.MIME == "application/pdf" {
			name += ".pdf"
		}
	}
	b := text([]byte(`{"type":"file","file":{`), "filename", name)
	return part{raw: append(dataMember(b, "file_data", m), '}', '}')}
}
