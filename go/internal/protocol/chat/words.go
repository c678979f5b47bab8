package chat

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// top is the path of a member of the request itself.
func top(name string) *protocol.Path { return (*protocol.Path)(nil).Member(name) }

// inWords puts the error of a field into the vendor's words:
// "Invalid type for 'messages[0].content': expected a string, but got ….".
func inWords(err error) error {
	var field *protocol.FieldError
	if !errors.As(err, &field) {
		return err
	}
	at := field.At.String()
	e := &llm.Error{Kind: llm.Invalid, Field: at, Code: field.Code}
	switch {
	case field.Want != "":
		e.Code = "invalid_type"
		e.Message = fmt.Sprintf("Invalid type for '%s': expected %s, but got %s instead.", at, field.Want, field.Got)
	case field.Code == "missing_required_parameter":
		e.Message = fmt.Sprintf("Missing required parameter: '%s'.", at)
	default:
		e.Message = fmt.Sprintf("Invalid '%s': %s.", at, field.Text)
	}
	return e
}

// outside is the error for a number beyond its bounds.
func outside(at *protocol.Path, above bool, bound, got float64) error {
	e := &protocol.FieldError{At: at, Code: "below_min_value"}
	sign, word := ">=", "below minimum"
	if above {
		e.Code, sign, word = "above_max_value", "<=", "above maximum"
	}
	e.Text = fmt.Sprintf("value %s. Expected a value %s %s, but got %s instead", word, sign, plain(bound), plain(got))
	return e
}

func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// emptyList is the error for an array that must hold something.
func emptyList(at *protocol.Path) error {
	return &protocol.FieldError{
		At: at, Code: "empty_array",
		Text: "empty array. Expected an array with minimum length 1, but got an empty array instead",
	}
}
