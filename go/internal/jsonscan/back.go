package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Back walks the elements of an array from the last to the first, and reads no
// more of it than it hands out. The text must have been scanned before: what
// is not well formed ends the walk early, without an error.
type Back struct {
	text []byte
	pos  int // just after what has not been read
	val  Range
}

// Range is where a value lies in a text.
type Range struct{ Start, End int }

// Backward returns a walk over the array v. A walk over anything else is empty.
func Backward(v []byte) Back {
	end := len(v)
	for end > 0 && blank(v[end-1]) {
		end--
	}
	if end < 2 || v[end-1] != ']' {
		return Back{}
	}
	return Back{text: v, pos: end - 1}
}

// Next moves to the element before and reports whether there is one.
func (b *Back) Next() bool {
	for b.pos > 0 && (blank(b.text[b.pos-1]) || b.text[b.pos-1] == ',') {
		b.pos--
	}
	start := valueStart(b.text, b.pos)
	if start < 0 {
		b.pos = 0
		return false
	}
	b.val = Range{start, b.pos}
	b.pos = start
	return true
}

// Value is the text of the current element.
func (b *Back) Value() []byte { return b.text[b.val.Start:b.val.End] }

// Span is where the current element lies in the text: start and end offset.
func (b *Back) Span() (start, end int) { return b.val.Start, b.val.End }

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// valueStart returns the index of the first byte of the value that ends just
// before end, or -1. Between values there are no backslashes, so a quote opens
// or closes a string exactly if an even number of them stands before it.
func valueStart(b []byte, end int) int {
	depth := 0
	for i := end; i > 0; {
		switch c := b[i-1]; c {
		case '"':
			if i = stringStart(b, i); i < 0 {
				return -1
			}
		case '}', ']':
			depth++
			i--
			continue
		case '{', '[':
			if depth--; depth < 0 {
				return -1
			}
			i--
		case ' ', '\n', '\r', '\t', ',', ':':
			i--
			continue
		default:
			start := i
			for i > 0 && scalarByte(b[i-1]) {
				i--
			}
			if i == start {
				return -1
			}
		}
		if depth == 0 {
			return i
		}
	}
	return -1
}

// stringStart returns the index of the quote that opens the string whose
// closing quote is b[end-1], or -1.
func stringStart(b []byte, end int) int {
	for i := end - 1; ; {
		i = lastQuote(b[:max(i, 0)])
		if i < 0 {
			return -1
		}
		slashes := 0
		for i-slashes > 0 && b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

// lastQuote is bytes.LastIndexByte for a quote, eight bytes at a time: tool
// results are long, and are read on every call.
func lastQuote(b []byte) int {
	const lows, quotes = 0x7f7f7f7f7f7f7f7f, 0x2222222222222222
	i := len(b)
	for ; i >= 8; i -= 8 {
		w := binary.LittleEndian.Uint64(b[i-8:]) ^ quotes
		if hit := ^((w&lows + lows) | w | lows); hit != 0 { // the high bit of each byte that was a quote
			return i - 1 - bits.LeadingZeros64(hit)/8
		}
	}
	return bytes.LastIndexByte(b[:i], '"')
}
