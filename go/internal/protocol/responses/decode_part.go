package responses

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// The types of content part.
const (
	partInput   = "input_text"
	partOutput  = "output_text"
	partRefusal = "refusal"
	partImage   = "input_image"
	partFile    = "input_file"
)

// readParts reads the content of a message or of an output: a string or parts.
func readParts(at *protocol.Path, v []byte) ([]llm.Block, error) {
	if s, ok := jsonscan.Text(v); ok {
		return []llm.Block{llm.Text{Text: s}}, nil
	}
	if jsonscan.KindOf(v) != jsonscan.Array {
		return nil, protocol.Wrong(at, "a string or an array of parts", v)
	}
	blocks := []llm.Block{}
	err := protocol.EachElement(at, v, func(v []byte, at *protocol.Path) error {
		b, err := readPart(at, v)
		if err == nil {
			blocks = append(blocks, b)
		}
		return err
	})
	return blocks, err
}

func readPart(at *protocol.Path, v []byte) (llm.Block, error) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return nil, protocol.Wrong(at, "an object", v)
	}
	switch kind := text(jsonscan.Get(v, "type")); kind {
	case "":
		return nil, protocol.Missing(at.Member("type"))
	case partInput, partOutput, "text":
		return readText(at, v)
	case partRefusal:
		var r llm.Refusal
		err := readString(at, v, partRefusal, &r.Text)
		return r, err
	case partImage:
		return readImage(at, v)
	case partFile:
		return readFile(at, v)
	default:
		return llm.Opaque{Origin: llm.Responses, Field: opaquePart + kind, Raw: protocol.Raw(v)}, nil
	}
}

// opaquePart tells a part that is kept as it came from an item.
const opaquePart = "content."

// readString sets dst to a member of v that must be there.
func readString(at *protocol.Path, v []byte, name string, dst *string) error {
	value := jsonscan.Get(v, name)
	if jsonscan.IsNull(value) {
		return protocol.Missing(at.Member(name))
	}
	return protocol.ReadText(at.Member(name), value, dst)
}

func readText(at *protocol.Path, v []byte) (llm.Block, error) {
	t := llm.Text{Cache: cacheMark(v), Citations: citations(jsonscan.Get(v, "annotations"))}
	err := readString(at, v, "text", &t.Text)
	return t, err
}

// cacheMark reads prompt_cache_breakpoint.
func cacheMark(v []byte) *llm.CacheMark {
	if jsonscan.IsNull(jsonscan.Get(v, "prompt_cache_breakpoint")) {
		return nil
	}
	return &llm.CacheMark{}
}

// citations keeps the annotations of a text as they came.
func citations(v []byte) []llm.Opaque {
	if jsonscan.KindOf(v) != jsonscan.Array {
		return nil
	}
	var out []llm.Opaque
	it := jsonscan.Elements(v)
	for it.Next() {
		out = append(out, llm.Opaque{
			Origin: llm.Responses, Field: text(jsonscan.Get(it.Value(), "type")), Raw: protocol.Raw(it.Value()),
		})
	}
	return out
}

func readImage(at *protocol.Path, v []byte) (llm.Block, error) {
	m := media{llm.Media{Kind: llm.Image, Origin: llm.Responses, Cache: cacheMark(v)}}
	var url string
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "image_url":
			return protocol.ReadText(at.Member(name), v, &url)
		case "file_id":
			return protocol.ReadText(at.Member(name), v, &m.FileID)
		case "detail":
			return protocol.ReadText(at.Member(name), v, &m.Detail)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if url == "" && m.FileID == "" {
		return nil, protocol.Missing(at.Member("image_url"))
	}
	m.locate(url)
	return m.Media, nil
}

func readFile(at *protocol.Path, v []byte) (llm.Block, error) {
	m := media{llm.Media{Kind: llm.Document, Origin: llm.Responses, Cache: cacheMark(v)}}
	var data, url string
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "file_data":
			return protocol.ReadText(at.Member(name), v, &data)
		case "file_url":
			return protocol.ReadText(at.Member(name), v, &url)
		case "file_id":
			return protocol.ReadText(at.Member(name), v, &m.FileID)
		case "filename":
			return protocol.ReadText(at.Member(name), v, &m.Name)
		case "detail":
			return protocol.ReadText(at.Member(name), v, &m.Detail)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(data, "data:"):
		m.locate(data)
	case data != "":
		m.Data = data
		if strings.HasSuffix(strings.ToLower(m.Name), ".pdf") {
			m.MIME = mimePDF
		}
	case url != "":
		m.locate(url)
	case m.FileID == "":
		return nil, protocol.Missing(at.Member("file_data"))
	}
	return m.Media, nil
}

const mimePDF = "application/pdf"

// media is a block that is being read.
type media struct{ llm.Media }

// locate takes a URL, or the data inside a data URL.
func (m *media) locate(url string) {
	head, data, ok := strings.Cut(strings.TrimPrefix(url, "data:"), ",")
	mime, isBase64 := strings.CutSuffix(head, ";base64")
	if !ok || !isBase64 || !strings.HasPrefix(url, "data:") {
		m.URL = url
		return
	}
	m.MIME, m.Data = mime, data
}
