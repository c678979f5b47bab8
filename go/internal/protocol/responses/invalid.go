package responses

import (
	"errors"
	"fmt"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// OpenAI's words for what is wrong with a parameter.
const (
	codeInvalidType  = "invalid_type"
	codeInvalidValue = "invalid_value"
	codeMissing      = "missing_required_parameter"
	codeUnsupported  = "unsupported_parameter"
	codeBelowMinimum = "integer_below_min_value"
	codeAboveMaximum = "decimal_above_max_value"
	codeNoPrevious   = "previous_response_not_found"
)

// invalid puts what is wrong with a request into OpenAI's words.
func invalid(body []byte, err error) error {
	var f *protocol.FieldError
	if !errors.As(err, &f) {
		return protocol.BodyError(body, err)
	}
	field := f.At.String()
	e := &llm.Error{Kind: llm.Invalid, Field: field, Code: f.Code}
	switch {
	case f.Want != "":
		e.Code = codeInvalidType
		e.Message = fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead.", field, f.Want, f.Got)
	case f.Code == codeMissing:
		e.Message = fmt.Sprintf("Missing required parameter: '%s'.", field)
	case f.Code == codeNoPrevious:
		e.Message = fmt.Sprintf("Previous response with id '%s' not found.", f.Text)
	case f.Code == codeUnsupported:
		e.Message = fmt.Sprintf("Unsupported parameter: '%s'. %s", field, f.Text)
	default:
		e.Message = fmt.Sprintf("Invalid value for '%s': %s.", field, f.Text)
	}
	return e
}

// foreignState refuses a field that names a conversation kept elsewhere.
func foreignState(at *protocol.Path) error {
	return &protocol.FieldError{
		At: at, Code: codeUnsupported,
		Text: "It refers to state that the model answering this request does not hold; send the whole conversation in 'input'.",
	}
}

// outside refuses a number beyond its bounds.
func outside(at *protocol.Path, code, bound string, limit, got any) error {
	return &protocol.FieldError{At: at, Code: code, Text: fmt.Sprintf("expected a value %s %v, but got %v", bound, limit, got)}
}
