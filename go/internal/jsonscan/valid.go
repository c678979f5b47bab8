package jsonscan

import (
	"bytes"
	"unicode/utf8"
)

// Valid checks the whole text: one value of RFC 8259, at most MaxDepth deep,
// in UTF-8. It returns a *SyntaxError.
func Valid(b []byte) error {
	if !utf8.Valid(b) {
		return syntax(invalidUTF8(b), "not UTF-8")
	}
	i, err := check(b, space(b, 0), 0)
	if err != nil {
		return err
	}
	if i = space(b, i); i < len(b) {
		return syntax(i, "text after the end of the value")
	}
	return nil
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(b)
}

func check(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return 0, syntax(i, "unexpected end")
	}
	if depth > MaxDepth {
		return 0, syntax(i, "nested too deeply")
	}
	switch c := b[i]; {
	case c == '{':
		return checkList(b, i, depth, '}')
	case c == '[':
		return checkList(b, i, depth, ']')
	case c == '"':
		return checkString(b, i)
	case c == '-' || c >= '0' && c <= '9':
		return checkNumber(b, i)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(b[i:], []byte(word)) {
			return i + len(word), nil
		}
	}
	return 0, syntax(i, "value expected")
}

func checkList(b []byte, i, depth int, right byte) (int, error) {
	if i = space(b, i+1); i < len(b) && b[i] == right {
		return i + 1, nil
	}
	for {
		var err error
		if right == '}' {
			if i >= len(b) || b[i] != '"' {
				return 0, syntax(i, "member name expected")
			}
			if i, err = checkString(b, i); err != nil {
				return 0, err
			}
			if i = space(b, i); i >= len(b) || b[i] != ':' {
				return 0, syntax(i, "':' expected")
			}
			i = space(b, i+1)
		}
		if i, err = check(b, i, depth+1); err != nil {
			return 0, err
		}
		i = space(b, i)
		switch {
		case i >= len(b):
			return 0, syntax(i, "unexpected end")
		case b[i] == right:
			return i + 1, nil
		case b[i] != ',':
			return 0, syntax(i, "',' expected")
		}
		i = space(b, i+1)
	}
}

func checkString(b []byte, i int) (int, error) {
	start := i
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c < ' ':
			return 0, syntax(i, "control character in a string")
		case c == '\\':
			if i+1 >= len(b) {
				return 0, syntax(start, "string without an end")
			}
			i++
			if b[i] == 'u' {
				if _, ok := hex4(b[i-1:]); !ok {
					return 0, syntax(i, "bad \\u escape")
				}
			} else if bytes.IndexByte([]byte(`"\/bfnrt`), b[i]) < 0 {
				return 0, syntax(i, "bad escape")
			}
		}
	}
	return 0, syntax(start, "string without an end")
}

func checkNumber(b []byte, i int) (int, error) {
	start := i
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return 0, syntax(start, "bad number")
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return 0, syntax(start, "bad number")
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0, syntax(start, "bad number")
		}
	}
	return i, nil
}
