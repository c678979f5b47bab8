package tokens

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Estimate guesses the tokens of a request body of any protocol in one pass,
// without decoding it. What it cannot read it passes over.
func Estimate(body []byte) int64 {
	b := bodyReader{text: body, counter: counter{extra: perRequest}}
	b.top()
	return b.total()
}

// bodyReader walks JSON and weighs what a model would see of it.
type bodyReader struct {
	counter
	text  []byte
	pos   int
	files int  // attachments weighed so far
	file  bool // the object says it is one
}

// mode says how much of a value is seen.
type mode uint8

const (
	hidden mode = iota // nothing: settings, ids
	spoken             // the strings; names only where they are arguments
	heard              // strings are sound
	whole              // everything, marks included: tools and schemas
)

// maxDepth bounds the recursion. Deeper values are passed over.
const maxDepth = 1000

// seen says how a member of the top level is seen.
func seen(name string) mode {
	switch name {
	case "model", "stream", "stream_options", "metadata", "client_metadata", "user", "safety_identifier",
		"prompt_cache_key", "prompt_cache_retention", "service_tier", "include", "previous_response_id",
		"tool_choice", "reasoning", "thinking", "generationConfig", "safetySettings", "cache_control",
		"context_management", "modalities", "truncation", "encoding_format":
		return hidden
	case "tools", "functions", "response_format", "text", "output_config", "output_format":
		return whole
	}
	return spoken
}

func (b *bodyReader) top() {
	if b.peek() != '{' {
		return
	}
	b.members(func(key []byte) {
		m, from := seen(string(key)), b.pos
		if c := b.peek(); c != '"' && c != '[' && c != '{' {
			m = hidden // a number or a switch
		}
		b.value(m, key, 1)
		if string(key) == "tools" && b.pos-from > len("[{}]") {
			b.extra += anyTool
		}
	})
}

// members calls visit at the value of each member of the object at pos; visit
// must move past it.
func (b *bodyReader) members(visit func(key []byte)) {
	b.pos++
	for b.peek() == '"' {
		key := b.string()
		if b.peek() != ':' {
			return
		}
		b.pos++
		from := b.pos
		visit(key)
		if b.peek() == ',' {
			b.pos++
		}
		if b.pos == from {
			return
		}
	}
	if b.peek() == '}' {
		b.pos++
	}
}

// peek skips space and returns the next byte, 0 at the end.
func (b *bodyReader) peek() byte {
	for b.pos < len(b.text) {
		switch c := b.text[b.pos]; c {
		case ' ', '\n', '\r', '\t':
			b.pos++
		default:
			return c
		}
	}
	return 0
}

// string moves past the string at pos and returns its content, still escaped.
func (b *bodyReader) string() []byte {
	b.pos++
	from := b.pos
	for {
		n := bytes.IndexByte(b.text[b.pos:], '"')
		if n < 0 {
			b.pos = len(b.text)
			return b.text[from:]
		}
		b.pos += n
		slashes := 0
		for b.pos-1-slashes >= from && b.text[b.pos-1-slashes] == '\\' {
			slashes++
		}
		b.pos++
		if slashes%2 == 0 {
			return b.text[from : b.pos-1]
		}
	}
}

func (b *bodyReader) value(m mode, key []byte, depth int) {
	switch c := b.peek(); {
	case depth > maxDepth:
		b.pos = len(b.text)
	case c == '"':
		b.content(b.string(), m, key)
	case c == '{':
		b.mark(m, "{")
		before := b.files
		b.members(func(name []byte) {
			inner := m
			if m != hidden {
				inner = b.name(name, m)
			}
			b.value(inner, name, depth+1)
		})
		b.mark(m, "}")
		if b.file && b.files == before {
			b.extra += unknownImage // given by address or id
		}
		b.file = false
	case c == '[':
		if depth == 1 {
			b.elements(m, key, depth)
			return
		}
		b.mark(m, "[")
		b.elements(m, key, depth)
		b.mark(m, "]")
	default:
		from := b.pos
		for b.pos < len(b.text) && !strings.ContainsRune(",]} \n\r\t", rune(b.text[b.pos])) {
			b.pos++
		}
		if m == spoken || m == whole {
			b.brk()
			text(&b.counter, b.text[from:b.pos])
		}
	}
}

func (b *bodyReader) elements(m mode, key []byte, depth int) {
	b.pos++
	for {
		switch b.peek() {
		case 0:
			return
		case ']':
			b.pos++
			return
		case ',':
			b.pos++
		default:
			from := b.pos
			b.value(m, key, depth+1)
			if b.pos == from {
				b.pos++ // a stray bracket
			}
		}
	}
}

func (b *bodyReader) mark(m mode, s string) {
	if m == whole {
		text(&b.counter, s)
	}
}

// name weighs the name of a member and says how its value is seen.
func (b *bodyReader) name(key []byte, m mode) mode {
	if m == whole {
		if string(key) == "cache_control" {
			return hidden
		}
		text(&b.counter, `"`)
		b.escaped(key)
		text(&b.counter, `":`)
		return whole
	}
	switch string(key) {
	case "role":
		b.extra += perTurn
		return hidden
	case "call_id", "tool_call_id", "tool_use_id", "functionCall", "functionResponse":
		b.extra += perCall
		return m
	case "input_audio":
		return heard
	case "fileUri", "file_uri":
		b.file = true
		return hidden
	case "type", "id", "status", "media_type", "mimeType", "mime_type", "cache_control", "detail", "phase", "object":
		return hidden
	case "content", "text", "parts", "output", "input", "arguments", "messages", "contents", "summary", "source",
		"function", "tool_calls", "image_url", "file", "inlineData", "inline_data":
		return m
	}
	b.brk()
	b.escaped(key)
	return m
}

// content weighs a string by the member that holds it.
func (b *bodyReader) content(s []byte, m mode, key []byte) {
	switch m {
	case hidden:
		if string(key) == "type" && isFile(s) {
			b.file = true
		}
		return
	case whole:
		text(&b.counter, `"`)
		b.escaped(s)
		text(&b.counter, `"`)
		return
	case heard:
		b.extra += int64(len(s))*3/4/soundBytes + 1
		return
	case spoken:
	}
	b.brk()
	switch string(key) {
	case "encrypted_content", "signature", "thoughtSignature", "thought_signature":
		b.extra += sealed(len(s))
	case "call_id", "tool_call_id", "tool_use_id", "file_id":
	case "data", "url", "image_url", "file_data":
		if b.attachment(s) || string(key) == "data" {
			b.files++
		}
	default:
		b.escaped(s)
	}
}

// isFile knows the types of blocks that hold or point to a file.
func isFile(kind []byte) bool {
	switch string(kind) {
	case "image", "image_url", "input_image", "document", "file", "input_file":
		return true
	}
	return false
}

// attachment weighs a file given as base64 or data URL. False: it was none and
// is weighed as text.
func (b *bodyReader) attachment(s []byte) bool {
	if head, data, ok := bytes.Cut(s, []byte(";base64,")); ok && bytes.HasPrefix(head, []byte("data:")) {
		s = data
	}
	if bytes.IndexByte(s[:min(len(s), 512)], '\\') >= 0 {
		s = bytes.ReplaceAll(s, []byte{'\\'}, nil) // an escaped slash
	}
	head := string(s[:min(len(s), 16)])
	switch {
	case strings.HasPrefix(head, pdfHead):
		b.extra += pdfTokens(bytes.NewReader(s))
	case isImage(head):
		b.extra += imageTokens(head, bytes.NewReader(s))
	case len(s) > 4096 && bytes.IndexByte(s, ' ') < 0:
		b.extra += sealed(len(s))
	default:
		b.escaped(s)
		return false
	}
	return true
}

// escaped weighs JSON string content.
func (b *bodyReader) escaped(s []byte) {
	for len(s) > 0 {
		n := bytes.IndexByte(s, '\\')
		if n < 0 {
			text(&b.counter, s)
			return
		}
		text(&b.counter, s[:n])
		if n+1 >= len(s) {
			return
		}
		c := s[n+1]
		s = s[n+2:]
		switch c {
		case 'n', 'r':
			b.run('\n')
		case 't':
			b.run('\t')
		case 'b', 'f':
			b.run(' ')
		case 'u':
			s = b.unicode(s)
		default:
			if c < utf8.RuneSelf {
				b.run(c)
			}
		}
	}
}

// unicode weighs the character of \uXXXX, whose digits begin s. Of a pair the
// second half weighs nothing more.
func (b *bodyReader) unicode(s []byte) []byte {
	if len(s) < 4 {
		return nil
	}
	var r rune
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		}
	}
	switch {
	case r < utf8.RuneSelf:
		b.run(byte(r))
	case r >= 0xd800 && r < 0xdc00:
		b.wide(0x1f600)
	case r >= 0xdc00 && r < 0xe000:
	default:
		b.wide(r)
	}
	return s[4:]
}
