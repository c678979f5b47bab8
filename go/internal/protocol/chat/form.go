package chat

import (
	"bytes"
	"net"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// maxField bounds a field that is read, in bytes. Other parts are passed over.
const maxField = 1 << 10

// PeekForm reads the head of a multipart request. A form passes as it came,
// and the upstream may read it with more indulgence than we do. So whatever
// two readers could understand differently is refused: otherwise the model
// that was allowed would not be the one that is asked.
func (Plain) PeekForm(op llm.Operation, body []byte, boundary string) (protocol.Head, error) {
	head := plainHead(op)
	if !takesForms(op) {
		return head, llm.Errorf(llm.UnsupportedMedia, "This path takes JSON and no multipart form; send content-type: application/json.")
	}
	if !boundaryForm.MatchString(boundary) {
		return head, badForm("the content type must name a boundary of 1 to 70 plain characters")
	}
	head.Boundary = boundary
	seen := map[string]bool{}
	err := eachPart(body, boundary, func(header []byte, at protocol.Span) error {
		part, err := readPart(header)
		if err != nil {
			return err
		}
		// Some readers look at no capitals, or take "model[]" for "model".
		field, _, _ := strings.Cut(strings.ToLower(part.name), "[")
		if field != "model" && field != "stream" {
			return nil
		}
		if seen[field] {
			return llm.InvalidField(field, "The field %q is given more than once.", field)
		}
		seen[field] = true
		if part.name != field {
			return llm.InvalidField(field, "The field %q must be written so, not %q.", field, part.name)
		}
		text, err := fieldText(field, body[at.Start:at.End])
		if err == nil {
			err = part.plainText(text)
		}
		if err != nil {
			return err
		}
		if field == "stream" {
			head.Stream = text == "true"
			return nil
		}
		head.Model, head.ModelAt = text, at
		return nil
	})
	return head, err
}

// takesForms reports whether an operation is one that the vendor documents
// with a form.
func takesForms(op llm.Operation) bool {
	switch op {
	case llm.EditImage, llm.VaryImage, llm.Transcribe, llm.TranslateAudio:
		return true
	default:
		return false
	}
}

func fieldText(name string, value []byte) (string, error) {
	if len(value) > maxField {
		return "", llm.InvalidField(name, "The field %q is longer than %d bytes.", name, maxField)
	}
	if !utf8.Valid(value) || bytes.ContainsFunc(value, unicode.IsControl) {
		return "", llm.InvalidField(name, "The field %q must be one line of UTF-8 text.", name)
	}
	return string(value), nil
}

func badForm(why string) error {
	return llm.Errorf(llm.Invalid, "The request body is not a valid multipart form: %s.", why)
}

// patchForm sets the model of a form, which must name one. All other bytes
// stay.
func patchForm(body []byte, head protocol.Head, model string) (net.Buffers, error) {
	if model == head.Model {
		return net.Buffers{body}, nil
	}
	if head.ModelAt.Empty() {
		return nil, llm.InvalidField("model", "The form must have a field \"model\".")
	}
	if _, err := fieldText("model", []byte(model)); err != nil {
		return nil, err
	}
	if strings.HasPrefix(model, "--"+head.Boundary) {
		return nil, badForm("the boundary occurs in the model's name")
	}
	return protocol.Splice(body, protocol.Edit{At: head.ModelAt, With: []byte(model)}), nil
}
