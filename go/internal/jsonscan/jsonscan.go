// Package jsonscan reads JSON text in place. It finds the byte ranges of
// members and elements, so that a body can be looked at, cut and spliced
// without being decoded. It knows nothing of any protocol.
//
// Decoding a 200 KB prompt to learn its model costs a hundred times more than
// finding the model's bytes; that is why this is not encoding/json.
package jsonscan

import (
	"bytes"
	"fmt"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 1000

// SyntaxError says where the text stops being JSON.
type SyntaxError struct {
	Offset int // byte offset in the text that was scanned
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

func syntax(offset int, reason string) error { return &SyntaxError{Offset: offset, Reason: reason} }

// Kind is the type of a JSON value.
type Kind byte

// The kinds of value.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}

// String names the kind the way an error message does.
func (k Kind) String() string { return kindNames[k] }

// KindOf looks at the first byte of a value.
func KindOf(v []byte) Kind {
	i := space(v, 0)
	if i >= len(v) {
		return Invalid
	}
	switch c := v[i]; {
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == '"':
		return String
	case c == 't' || c == 'f':
		return Bool
	case c == 'n':
		return Null
	case c == '-' || c >= '0' && c <= '9':
		return Number
	}
	return Invalid
}

// IsNull reports whether v is absent or null.
func IsNull(v []byte) bool { return len(v) == 0 || KindOf(v) == Null }

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// stringEnd returns the index just after the closing quote of the string that
// opens at b[i].
func stringEnd(b []byte, i int) (int, error) {
	start := i
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return 0, syntax(start, "string without an end")
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1, nil
		}
	}
}

// valueEnd returns the index just after the value that starts at b[i].
// Brackets and strings are checked, scalars are only delimited.
func valueEnd(b []byte, i int) (int, error) {
	if i < len(b) && b[i] == '"' {
		return stringEnd(b, i) // before the memory for brackets, which is set to zero
	}
	return nestedEnd(b, i)
}

func nestedEnd(b []byte, i int) (int, error) {
	var kinds [MaxDepth/64 + 1]uint64 // one bit a level: 1 is an object
	depth := 0
	for {
		if i >= len(b) {
			return 0, syntax(i, "unexpected end")
		}
		switch c := b[i]; c {
		case '"':
			end, err := stringEnd(b, i)
			if err != nil {
				return 0, err
			}
			i = end
		case '{', '[':
			if depth == MaxDepth {
				return 0, syntax(i, fmt.Sprintf("nested deeper than %d levels", MaxDepth))
			}
			word, bit := &kinds[depth/64], uint64(1)<<(depth%64)
			*word &^= bit
			if c == '{' {
				*word |= bit
			}
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return 0, syntax(i, "unexpected "+string(c))
			}
			depth--
			if isObject := kinds[depth/64]>>(depth%64)&1 == 1; isObject != (c == '}') {
				return 0, syntax(i, "mismatched "+string(c))
			}
			i++
		case ' ', '\n', '\r', '\t', ',', ':':
			if depth == 0 {
				return 0, syntax(i, "value expected")
			}
			i++
			continue
		default:
			end := scalarEnd(b, i)
			if end == i {
				return 0, syntax(i, "unexpected character")
			}
			i = end
		}
		if depth == 0 {
			return i, nil
		}
	}
}

func scalarEnd(b []byte, i int) int {
	for i < len(b) && scalarByte(b[i]) {
		i++
	}
	return i
}

// scalarByte reports whether c may stand in a number, true, false or null.
func scalarByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}
