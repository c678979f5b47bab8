package chat

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// key appends the name of an object's next member. Names need no escaping.
func key(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// next makes room for an array's next element.
func next(b []byte) []byte {
	if b[len(b)-1] != '[' {
		b = append(b, ',')
	}
	return b
}

func text(b []byte, name, value string) []byte {
	return jsonscan.AppendString(key(b, name), value)
}

func number(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(key(b, name), n, 10)
}

// quoted appends a member whose value is string content that is escaped
// already.
func quoted(b []byte, name string, inner []byte) []byte {
	b = append(key(b, name), '"')
	b = append(b, inner...)
	return append(b, '"')
}

// raw appends a member whose value is JSON already. Line ends are taken out:
// they would break a frame.
func raw(b []byte, name string, value []byte) []byte {
	return appendRaw(key(b, name), value)
}

func appendRaw(b, value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(b, value...)
	}
	var line bytes.Buffer
	if json.Compact(&line, value) != nil {
		return append(b, "null"...)
	}
	return append(b, line.Bytes()...)
}

// textOf returns the string at v, "" for anything else.
func textOf(v []byte) string {
	s, _ := jsonscan.Text(v)
	return s
}

// innerOf returns the escaped content of the string at v, nil for anything
// else.
func innerOf(v []byte) []byte {
	inner, _ := jsonscan.Inner(v)
	return inner
}
