package gemini

import (
	"net/url"
	"path"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// mediaPart writes an image or another file.
func (e *encoder) mediaPart(m llm.Media, it protocol.Item) ([]byte, error) {
	if m.Raw != nil && m.Origin == origin {
		return m.Raw, nil
	}
	if m.Kind == llm.Image && e.to.Vision != nil && !*e.to.Vision {
		e.note(llm.Lost, e.at(it), "model_sees_no_images")
		return textPart("[image left out: this model cannot see images]"), nil
	}
	if m.Detail != "" && m.Detail != "auto" {
		e.note(llm.Dropped, e.at(it)+".detail", notSupported)
	}
	mime, data := m.MIME, m.Data
	if rest, ok := strings.CutPrefix(m.URL, "data:"); ok {
		var head string
		head, data, _ = strings.Cut(rest, ",")
		mime = strings.TrimSuffix(head, ";base64")
	}
	if mime == "" {
		mime = mimeOf(m)
	}
	switch {
	case m.FileID != "" && m.Origin != origin:
		at := e.at(it)
		return nil, llm.InvalidField(at, "%s: a file held by another vendor cannot be used with this model; send its content.", at)
	case m.FileID != "":
		return filePart(m.FileID, mime), nil
	case data != "":
		dst := jsonscan.AppendString([]byte(`{"inlineData":{"mimeType":`), mime)
		dst = jsonscan.AppendString(append(dst, `,"data":`...), data)
		return append(dst, "}}"...), nil
	case m.URL != "":
		return filePart(m.URL, mime), nil
	}
	return textPart(documentText(m)), nil
}

func filePart(uri, mime string) []byte {
	dst := []byte(`{"fileData":{`)
	if mime != "" {
		dst = append(jsonscan.AppendString(append(dst, `"mimeType":`...), mime), ',')
	}
	return append(jsonscan.AppendString(append(dst, `"fileUri":`...), uri), "}}"...)
}

// documentText is a document that was given as text.
func documentText(m llm.Media) string {
	words := m.Text
	for _, head := range [...]string{m.Context, m.Name} {
		if head != "" {
			words = head + "\n\n" + words
		}
	}
	return words
}

// mimeOf guesses the type of a medium by its name; the vendor wants one.
func mimeOf(m llm.Media) string {
	name := m.Name
	if u, err := url.Parse(m.URL); err == nil && m.URL != "" {
		name = u.Path
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".pdf":
		return "application/pdf"
	case ".txt", ".md":
		return "text/plain"
	case ".wav":
		return "audio/wav"
	case ".mp3":
		return "audio/mp3"
	case ".mp4":
		return "video/mp4"
	}
	switch m.Kind {
	case llm.Image:
		return "image/jpeg"
	case llm.Document:
		return "application/pdf"
	case llm.Audio:
		return "audio/wav"
	default:
		return "video/mp4"
	}
}
