package messages

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// media reads an image or a document. A source that is not known makes the
// whole block opaque.
func (d *decoder) media(at *protocol.Path, kind string, v []byte) (llm.Block, error) {
	b := llm.Media{Kind: llm.MediaKind(kind)}
	known, whole, said := true, true, false
	err := protocol.EachMember(at, v, func(name string, v []byte) error {
		at := at.Member(name)
		var err error
		switch name {
		case "type":
		case "source":
			said = true
			known, err = d.source(at, v, &b)
		case "title":
			err = protocol.ReadText(at, v, &b.Name)
		case "context":
			err = protocol.ReadText(at, v, &b.Context)
		case "citations":
			err = protocol.ReadBool(at.Member("enabled"), jsonscan.Get(v, "enabled"), &b.Cite)
		case "cache_control":
			err = d.mark(at, v, &b.Cache)
		default:
			whole = false
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !said:
		return nil, protocol.Missing(at.Member("source"))
	case !known:
		return llm.Opaque{Origin: origin, Field: kind, Raw: protocol.Raw(v)}, nil
	}
	if !whole || string(jsonscan.Get(v, "source", "type")) == `"content"` {
		b.Origin, b.Raw = origin, protocol.Raw(v)
	}
	return b, nil
}

// source reads where the content of a medium is. It is not known when this
// codec has no name for it.
func (d *decoder) source(at *protocol.Path, v []byte, b *llm.Media) (known bool, err error) {
	kind, err := kindAt(at, v)
	if err != nil {
		return false, err
	}
	switch kind {
	case "base64", "text":
		dst := &b.Data
		if kind == "text" {
			dst = &b.Text
		}
		if mime := jsonscan.Get(v, "media_type"); mime != nil {
			if err := protocol.ReadText(at.Member("media_type"), mime, &b.MIME); err != nil {
				return false, err
			}
		}
		return true, protocol.ReadText(at.Member("data"), jsonscan.Get(v, "data"), dst)
	case "url":
		return true, protocol.ReadText(at.Member("url"), jsonscan.Get(v, "url"), &b.URL)
	case "file":
		b.Origin = origin
		return true, protocol.ReadText(at.Member("file_id"), jsonscan.Get(v, "file_id"), &b.FileID)
	case "content":
		text, ok, err := d.words(at.Member("content"), jsonscan.Get(v, "content"))
		b.Text, b.MIME = text, "text/plain"
		return ok, err
	}
	return false, nil
}

// words joins content that is nothing but text.
func (d *decoder) words(at *protocol.Path, v []byte) (text string, ok bool, err error) {
	blocks, err := d.content(at, "", v)
	if err != nil {
		return "", false, err
	}
	parts := make([]string, 0, len(blocks))
	for _, b := range blocks {
		t, isText := b.(llm.Text)
		if !isText {
			return "", false, nil
		}
		parts = append(parts, t.Text)
	}
	return strings.Join(parts, "\n\n"), true, nil
}

// searchResult reads what the client's own search found. Other protocols see a
// text document with a title and, as its context, where it comes from.
func (d *decoder) searchResult(at *protocol.Path, v []byte) (llm.Block, error) {
	b := llm.Media{Kind: llm.Document, MIME: "text/plain", Origin: origin, Raw: protocol.Raw(v)}
	err := protocol.ReadText(at.Member("title"), jsonscan.Get(v, "title"), &b.Name)
	if err == nil {
		err = protocol.ReadText(at.Member("source"), jsonscan.Get(v, "source"), &b.Context)
	}
	if err != nil {
		return nil, err
	}
	text, ok, err := d.words(at.Member("content"), jsonscan.Get(v, "content"))
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, protocol.Bad(at.Member("content"), "Input should be a list of text blocks")
	}
	b.Text = text
	if mark := jsonscan.Get(v, "cache_control"); !jsonscan.IsNull(mark) {
		err = d.mark(at.Member("cache_control"), mark, &b.Cache)
	}
	return b, err
}
