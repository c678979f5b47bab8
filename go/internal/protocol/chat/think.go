package chat

import "bytes"

const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
)

// thinkTags splits text in which reasoning stands between tags at the start.
// It works on JSON string content, where the brackets of a tag may be escaped.
type thinkTags struct {
	state thinkState
	held  []byte // the head of what may be a tag, or space before one
}

type thinkState uint8

const (
	beforeThought thinkState = iota // nothing but space so far
	inThought
	afterThought // only space since the tag
	inAnswer
)

// split calls say for the pieces of inner. The pieces live in buf, which is
// returned grown.
func (t *thinkTags) split(buf, inner []byte, say func(speechKind, []byte)) []byte {
	if t.state == inAnswer {
		say(textSpeech, inner)
		return buf
	}
	from := len(buf)
	buf = append(buf, t.held...)
	buf = append(buf, inner...)
	t.held = t.held[:0]
	rest := plainBrackets(buf[from:])
	for len(rest) > 0 {
		switch t.state {
		case beforeThought:
			rest = t.before(rest, say)
		case inThought:
			rest = t.thought(rest, say)
		case afterThought:
			if rest = trimSpace(rest); len(rest) > 0 {
				t.state = inAnswer
			}
		case inAnswer:
			say(textSpeech, rest)
			rest = nil
		}
	}
	return buf
}

// before looks for the opening tag, which nothing but space may precede.
func (t *thinkTags) before(b []byte, say func(speechKind, []byte)) []byte {
	words := trimSpace(b)
	switch {
	case bytes.HasPrefix(words, []byte(thinkOpen)):
		t.state = inThought
		return trimSpace(words[len(thinkOpen):])
	case bytes.HasPrefix([]byte(thinkOpen), words):
		t.held = append(t.held, b...)
		return nil
	}
	t.state = inAnswer
	say(textSpeech, b)
	return nil
}

func (t *thinkTags) thought(b []byte, say func(speechKind, []byte)) []byte {
	if i := bytes.Index(b, []byte(thinkClose)); i >= 0 {
		say(thoughtSpeech, b[:i])
		t.state = afterThought
		return b[i+len(thinkClose):]
	}
	keep := tagHead(b, thinkClose)
	say(thoughtSpeech, b[:len(b)-keep])
	t.held = append(t.held, b[len(b)-keep:]...)
	return nil
}

// flush says what was held back when no more text comes.
func (t *thinkTags) flush(buf []byte, say func(speechKind, []byte)) []byte {
	if len(t.held) == 0 {
		return buf
	}
	from := len(buf)
	buf = append(buf, t.held...)
	t.held = t.held[:0]
	if t.state == inThought {
		say(thoughtSpeech, buf[from:])
		return buf
	}
	t.state = inAnswer
	say(textSpeech, buf[from:])
	return buf
}

// tagHead returns how many bytes at the end of b may begin the tag.
func tagHead(b []byte, tag string) int {
	for n := min(len(b), len(tag)-1); n > 0; n-- {
		if string(b[len(b)-n:]) == tag[:n] {
			return n
		}
	}
	return 0
}

// trimSpace cuts blanks and escaped line ends from the head of string content.
func trimSpace(b []byte) []byte {
	for {
		switch {
		case len(b) > 0 && b[0] == ' ':
			b = b[1:]
		case len(b) > 1 && b[0] == '\\' && (b[1] == 'n' || b[1] == 'r' || b[1] == 't'):
			b = b[2:]
		default:
			return b
		}
	}
}

// plainBrackets undoes in place the escaping of < and >, which some servers
// apply. An escaped backslash before u is not such an escape.
func plainBrackets(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u003`)) {
		return b
	}
	out := b[:0]
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 >= len(b) {
			out = append(out, b[i])
			continue
		}
		if i+6 <= len(b) && string(b[i:i+5]) == `\u003` {
			switch b[i+5] {
			case 'c', 'C':
				out = append(out, '<')
				i += 5
				continue
			case 'e', 'E':
				out = append(out, '>')
				i += 5
				continue
			}
		}
		out = append(out, b[i], b[i+1])
		i++
	}
	return out
}
