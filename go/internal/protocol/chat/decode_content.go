package chat

import (
	"mime"
	"path"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// block reads one part of a content array.
func (d *decoder) block(v []byte, at *protocol.Path) (llm.Block, error) {
	if jsonscan.KindOf(v) != jsonscan.Object {
		return nil, protocol.Wrong(at, "an object", v)
	}
	kind := ""
	if word := jsonscan.Get(v, "type"); word == nil {
		return nil, protocol.Missing(at.Member("type"))
	} else if err := protocol.ReadText(at.Member("type"), word, &kind); err != nil {
		return nil, err
	}
	body := jsonscan.Get(v, kind)
	at = at.Member(kind)
	switch kind {
	case "text", "refusal", "image_url", "input_audio", "file":
		if body == nil {
			return nil, protocol.Missing(at)
		}
	}
	switch kind {
	case "text":
		b := llm.Text{Cache: mark(v)}
		err := protocol.ReadText(at, body, &b.Text)
		return b, err
	case "refusal":
		var b llm.Refusal
		err := protocol.ReadText(at, body, &b.Text)
		return b, err
	case "image_url":
		return image(at, body, mark(v))
	case "input_audio":
		return audio(at, body)
	case "file":
		return file(at, body, mark(v))
	}
	return llm.Opaque{Origin: origin, Field: kind, Raw: protocol.Raw(v)}, nil
}

// mark reads the wish to cache the prompt up to this part, in the vendor's
// words or in those that some servers take over from Anthropic.
func mark(v []byte) *llm.CacheMark {
	if m := jsonscan.Get(v, "cache_control"); jsonscan.KindOf(m) == jsonscan.Object {
		return &llm.CacheMark{TTL: textOf(jsonscan.Get(m, "ttl"))}
	}
	if jsonscan.KindOf(jsonscan.Get(v, "prompt_cache_breakpoint")) == jsonscan.Object {
		return &llm.CacheMark{}
	}
	return nil
}

func image(at *protocol.Path, v []byte, cache *llm.CacheMark) (llm.Block, error) {
	b := llm.Media{Kind: llm.Image, Cache: cache}
	url := ""
	if jsonscan.KindOf(v) == jsonscan.String {
		url = textOf(v) // a short form that many servers take
	} else {
		err := protocol.EachMember(at, v, func(name string, v []byte) error {
			switch name {
			case "url":
				return protocol.ReadText(at.Member(name), v, &url)
			case "detail":
				return protocol.ReadText(at.Member(name), v, &b.Detail)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if url == "" {
		return nil, protocol.Missing(at.Member("url"))
	}
	if b.MIME, b.Data = dataURL(url); b.Data == "" {
		b.URL = url
	}
	return b, nil
}

// dataURL cuts a data URL in base64 into its parts. Both are "" for any other
// URL.
func dataURL(url string) (kind, data string) {
	rest, ok := strings.CutPrefix(url, "data:")
	if !ok {
		return "", ""
	}
	head, data, ok := strings.Cut(rest, ",")
	kind, ok2 := strings.CutSuffix(head, ";base64")
	if !ok || !ok2 {
		return "", ""
	}
	kind, _, _ = strings.Cut(kind, ";")
	return kind, data
}

func audio(at *protocol.Path, v []byte) (llm.Block, error) {
	b := llm.Media{Kind: llm.Audio}
	format := ""
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		switch name {
		case "data":
			return protocol.ReadText(at.Member(name), v, &b.Data)
		case "format":
			return protocol.ReadText(at.Member(name), v, &format)
		}
		return nil
	})
	switch {
	case err != nil:
	case b.Data == "":
		err = protocol.Missing(at.Member("data"))
	case format == "":
		err = protocol.Missing(at.Member("format"))
	case format == "mp3":
		b.MIME = "audio/mpeg"
	default:
		b.MIME = "audio/" + format
	}
	return b, err
}

func file(at *protocol.Path, v []byte, cache *llm.CacheMark) (llm.Block, error) {
	b := llm.Media{Kind: llm.Document, Cache: cache}
	data := ""
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		switch name {
		case "file_id":
			b.Origin = origin
			return protocol.ReadText(at, v, &b.FileID)
		case "file_data":
			return protocol.ReadText(at, v, &data)
		case "filename":
			return protocol.ReadText(at, v, &b.Name)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case b.FileID != "":
		return b, nil
	case data == "":
		return nil, protocol.Missing(at.Member("file_data"))
	}
	if b.MIME, b.Data = dataURL(data); b.Data == "" {
		b.Data = data
	}
	if b.MIME == "" {
		b.MIME, _, _ = strings.Cut(mime.TypeByExtension(path.Ext(b.Name)), ";")
	}
	return b, nil
}
