package responses

import (
	"encoding/base64"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// mediaPart writes an image or a file.
func (w *items) mediaPart(field string, m llm.Media) ([]byte, error) {
	if m.FileID != "" && m.Origin != llm.Responses && m.Origin != llm.Chat {
		return nil, llm.InvalidField(field, "%s names the file %q, which the provider answering this request does not hold; send its content.", field, m.FileID)
	}
	if m.Origin == llm.Responses && m.Raw != nil {
		return m.Raw, nil
	}
	switch m.Kind {
	case llm.Image:
		return imagePart(m), nil
	case llm.Document:
		if m.Context != "" || m.Cite != nil && *m.Cite {
			w.found(llm.Approximated, field, "document_note_left_out")
		}
		return filePart(m), nil
	default:
		return nil, llm.InvalidField(field, "%s holds %s, which this model cannot be given.", field, m.Kind)
	}
}

func imagePart(m llm.Media) []byte {
	out := []byte(`{"type":"input_image"`)
	if m.FileID != "" {
		out = appendMember(out, []byte("file_id"), jsonscan.AppendString(nil, m.FileID))
	} else {
		out = appendMember(out, []byte("image_url"), jsonscan.AppendString(nil, address(m)))
	}
	if m.Detail != "" {
		out = appendMember(out, []byte("detail"), jsonscan.AppendString(nil, m.Detail))
	}
	return append(out, '}')
}

func filePart(m llm.Media) []byte {
	out := []byte(`{"type":"input_file"`)
	switch {
	case m.FileID != "":
		out = appendMember(out, []byte("file_id"), jsonscan.AppendString(nil, m.FileID))
	case m.URL != "":
		out = appendMember(out, []byte("file_url"), jsonscan.AppendString(nil, m.URL))
	default:
		if m.Data == "" && m.Text != "" {
			m.MIME, m.Data = "text/plain", base64.StdEncoding.EncodeToString([]byte(m.Text))
		}
		out = appendMember(out, []byte("filename"), jsonscan.AppendString(nil, fileName(m)))
		out = appendMember(out, []byte("file_data"), jsonscan.AppendString(nil, address(m)))
	}
	if m.Detail != "" {
		out = appendMember(out, []byte("detail"), jsonscan.AppendString(nil, m.Detail))
	}
	return append(out, '}')
}

// address is the URL of a medium, or its data as one.
func address(m llm.Media) string {
	if m.Data == "" {
		return m.URL
	}
	mime := m.MIME
	if mime == "" && m.Kind == llm.Document {
		mime = mimePDF
	}
	if mime == "" {
		mime = "image/png"
	}
	return "data:" + mime + ";base64," + m.Data
}

// fileName is the name a file must have beside its data.
func fileName(m llm.Media) string {
	switch {
	case m.Name != "":
		return m.Name
	case m.MIME == "text/plain":
		return "document.txt"
	}
	return "document.pdf"
}
