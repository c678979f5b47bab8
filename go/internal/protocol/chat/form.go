package chat

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// maxField bounds a part that is read, in bytes. The files beside it are
// passed over.
const maxField = 1 << 10

// maxParts bounds the parts of a form.
const maxParts = 1000

// PeekForm reads the head of a multipart request. A field that decides must
// not come twice: the model that was allowed would not be the one that is
// asked.
func (Plain) PeekForm(op llm.Operation, body []byte, boundary string) (protocol.Head, error) {
	head := plainHead(op)
	head.Boundary = boundary
	form := multipart.NewReader(bytes.NewReader(body), boundary)
	seen := map[string]bool{}
	for n := 0; ; n++ {
		part, err := form.NextRawPart()
		if err == io.EOF { //nolint:errorlint // the bare one, as documented
			return head, nil
		}
		if err != nil || n == maxParts {
			return head, badForm(err)
		}
		name := part.FormName()
		if name != "model" && name != "stream" || part.FileName() != "" {
			continue
		}
		if seen[name] {
			return head, llm.InvalidField(name, "The field %q is given more than once.", name)
		}
		seen[name] = true
		text, err := io.ReadAll(io.LimitReader(part, maxField+1))
		if err != nil {
			return head, badForm(err)
		}
		if len(text) > maxField {
			return head, llm.InvalidField(name, "The field %q is longer than %d bytes.", name, maxField)
		}
		if name == "stream" {
			head.Stream = string(text) == "true"
			continue
		}
		head.Model = string(text)
	}
}

func badForm(err error) error {
	return &llm.Error{Kind: llm.Invalid, Message: "The request body is not a valid multipart form.", Err: err}
}

// patchForm sets the model of a form, which must name one. All other bytes
// stay. What PeekForm read and what stands here must be one and the same.
func patchForm(body []byte, head protocol.Head, model string) (net.Buffers, error) {
	if model == head.Model {
		return net.Buffers{body}, nil
	}
	at := modelIn(body, head.Boundary)
	if at.Empty() || string(body[at.Start:at.End]) != head.Model {
		return nil, badForm(errors.New("the field model is not where a line begins with the boundary"))
	}
	return protocol.Splice(body, protocol.Edit{At: at, With: []byte(model)}), nil
}

// modelIn finds the content of the part that holds the model.
func modelIn(body []byte, boundary string) protocol.Span {
	mark := []byte("--" + boundary)
	for at := 0; ; {
		i := bytes.Index(body[at:], mark)
		if i < 0 {
			return protocol.Span{}
		}
		lineStart := at+i == 0 || bytes.HasSuffix(body[:at+i], []byte("\r\n"))
		at += i + len(mark)
		if !lineStart {
			continue
		}
		text, ok := bytes.CutPrefix(body[at:], []byte("\r\n"))
		blank := bytes.Index(text, []byte("\r\n\r\n"))
		if !ok || blank < 0 {
			continue
		}
		start := at + 2 + blank + 4
		end := bytes.Index(body[start:], append([]byte("\r\n"), mark...))
		if end < 0 {
			return protocol.Span{}
		}
		if isModel(text[:blank+4]) {
			return protocol.Span{Start: start, End: start + end}
		}
		at = start + end
	}
}

// isModel reads the header of a part with the reader that has judged it.
func isModel(header []byte) bool {
	const mark = "x"
	r := multipart.NewReader(io.MultiReader(
		bytes.NewReader([]byte("--"+mark+"\r\n")), bytes.NewReader(header), bytes.NewReader([]byte("\r\n--"+mark+"--\r\n")),
	), mark)
	part, err := r.NextRawPart()
	return err == nil && part.FormName() == "model" && part.FileName() == ""
}
