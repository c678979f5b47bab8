package messages

import (
	"errors"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// inWords puts the error of a field into the vendor's words:
// "messages.0.content: Input should be a valid list".
func inWords(err error) error {
	var field *protocol.FieldError
	if !errors.As(err, &field) {
		return err
	}
	text := field.Text
	switch {
	case field.Want != "":
		text = "Input should be " + wanted(field.Want)
	case field.Code == "missing_required_parameter":
		text = "Field required"
	}
	return &llm.Error{
		Kind: llm.Invalid, Field: field.At.String(), Code: field.Code,
		Message: field.At.Dotted() + ": " + text,
	}
}

func wanted(kind string) string {
	switch kind {
	case "a string":
		return "a valid string"
	case "an array":
		return "a valid list"
	case "an object":
		return "a valid dictionary"
	case "an integer":
		return "a valid integer"
	case "a number":
		return "a valid number"
	case "a boolean":
		return "a valid boolean"
	}
	return kind
}
