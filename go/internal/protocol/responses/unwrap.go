package responses

import (
	"bytes"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// unwrapper takes the input of a custom tool out of the arguments of the
// function that stands in for it, while they are still coming. Models that do
// not keep to the form are understood at the end, when all is there.
type unwrapper struct {
	state unwrapState
	plain []byte // arguments not yet given out, unescaped once
}

type unwrapState uint8

const (
	undecided unwrapState = iota
	inString              // inside the string of {"input":"…
	bare                  // no JSON at all: the input as it is
	held                  // something else: wait for the end
	over
)

// feed takes a piece of escaped string content and returns what of the input
// it makes known, escaped too.
func (u *unwrapper) feed(delta []byte) []byte {
	if u.state == bare {
		return delta
	}
	u.plain = jsonscan.Unescape(u.plain, delta)
	if u.state == undecided {
		u.decide()
		if u.state == bare {
			return jsonscan.AppendEscaped(nil, u.plain)
		}
	}
	if u.state != inString {
		return nil
	}
	n, closed := stringPart(u.plain)
	out := clean(u.plain[:n])
	u.plain = append(u.plain[:0], u.plain[n:]...)
	if closed {
		u.state = over
	}
	return out
}

// decide looks at how the arguments begin.
func (u *unwrapper) decide() {
	rest := bytes.TrimLeft(u.plain, " \t\r\n")
	if len(rest) == 0 {
		return
	}
	if rest[0] != '{' {
		u.state = bare
		if bytes.HasPrefix(rest, []byte("```")[:min(3, len(rest))]) || rest[0] == '"' {
			u.state = held
		}
		return
	}
	rest = rest[1:]
	for _, want := range [...]string{`"input"`, ":", `"`} {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		n := min(len(want), len(rest))
		if string(rest[:n]) != want[:n] {
			u.state = held
			return
		}
		if n < len(want) {
			return // more must come
		}
		rest = rest[n:]
	}
	u.state = inString
	u.plain = append(u.plain[:0], rest...)
}

// stringPart returns how much of s is whole string content, no pair of
// surrogates cut in half, and whether the string ends there.
func stringPart(s []byte) (n int, closed bool) {
	for n < len(s) {
		switch s[n] {
		case '"':
			return n, true
		case '\\':
			size := escapeSize(s[n:])
			if size == 0 || n+size > len(s) {
				return n, false
			}
			n += size
		default:
			n++
		}
	}
	return n, false
}

// escapeSize returns the length of the escape, or the pair of escapes, at the
// head of s; 0 or more than there is if more must come. What is no escape is
// taken as far as it looks like one.
func escapeSize(s []byte) int {
	if len(s) < 2 || s[1] != 'u' {
		return 2
	}
	digits := 0
	for digits < 4 && 2+digits < len(s) && isHex(s[2+digits]) {
		digits++
	}
	switch {
	case digits < 4 && 2+digits == len(s):
		return 0
	case digits < 4:
		return 2 + digits
	case !leads(s):
		return escapeLen
	}
	// The first half of a pair waits for the second.
	switch rest := s[escapeLen:]; {
	case len(rest) == 0 || rest[0] == '\\' && len(rest) < 2:
		return 0
	case rest[0] != '\\' || rest[1] != 'u' || leads(rest):
		return escapeLen
	default:
		if second := escapeSize(rest); second > 0 {
			return escapeLen + second
		}
		return 0
	}
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// clean returns string content as a strict reader takes it: models forget to
// escape line ends, and escape what needs none.
func clean(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c < ' ':
			out = jsonscan.AppendEscaped(out, s[i:i+1])
		case c == '"':
			out = append(out, `\"`...)
		case c != '\\':
			out = append(out, c)
		default:
			size := escape(s[i:])
			if size == 0 {
				out = append(out, `\\`...)
				continue
			}
			out = append(out, s[i:i+size]...)
			i += size - 1
		}
	}
	return out
}

// escape returns the length of the escape at the head of s, 0 if it is none.
func escape(s []byte) int {
	switch {
	case len(s) > 1 && bytes.IndexByte([]byte(`"\/bfnrt`), s[1]) >= 0:
		return 2
	case len(s) >= 6 && s[1] == 'u' && len(bytes.Trim(s[2:6], "0123456789abcdefABCDEF")) == 0:
		return 6
	}
	return 0
}

// finish returns the rest of the input.
func (u *unwrapper) finish() []byte {
	switch u.state {
	case undecided, held:
		return jsonscan.AppendEscaped(nil, protocol.UnwrapInput(string(u.plain)))
	default:
		return nil
	}
}
