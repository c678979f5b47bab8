// Package tokens says how many tokens a prompt will be, for any model: to
// answer a count where no upstream counts, and to have a number where an
// upstream reported none. Where the tokenizer of a model is published, the
// answer to a count uses it; all else is a guess. It knows the vocabulary and
// the shape of JSON; it must not know a provider, a model or a price.
//
// The guess errs to the high side, since too low a number lets a client fill
// the context window before it tidies up. Weights are set to about the
// heavier of the current tokenizers and Margin is added to text, never to what
// a published tokenizer counted: plain English comes out between the true count
// and some 60 % above it.
package tokens

import (
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/tokens/bpe"
)

// Margin is added to what text is weighed at, in percent.
const Margin = 20

// unit is how many parts a token has in the sums here.
const unit = 100

// What a prompt costs besides its text, in tokens.
const (
	perRequest = 3
	perTurn    = 3   // role and the marks around it
	perCall    = 12  // a tool call or its result: id, name and marks
	perTool    = 12  // a tool's declaration, besides its text
	anyTool    = 350 // the vendor's own instructions once there are tools
	vendorTool = 750 // a tool that the vendor defines
)

// counter weighs text as it goes by. Text may come in any number of parts.
type counter struct {
	sum    int64 // in 1/unit tokens, of text
	extra  int64 // in tokens, of all else
	class  class
	length int  // characters of this class so far
	upper  bool // the last letter was a capital, or there is none

	exact *bpe.Tokenizer // counts text instead of weighing it; nil: none
	left  *int           // bytes of text that may be counted so; negative: too many
}

// total is the guess in tokens.
func (c *counter) total() int64 {
	text := c.sum * (100 + Margin) / 100
	return (text+unit-1)/unit + c.extra
}

// brk ends a run of text: what follows belongs to another piece.
func (c *counter) brk() { c.class, c.length = none, 0 }

// class is a kind of character, as far as tokenizers treat it alike.
type class uint8

const (
	none class = iota
	letter
	digit
	space
	line
	mark
	other
)

var classes = func() (t [128]class) {
	for b := range t {
		switch c := byte(b); {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			t[b] = letter
		case c >= '0' && c <= '9':
			t[b] = digit
		case c == ' ' || c == '\t':
			t[b] = space
		case c == '\n' || c == '\r':
			t[b] = line
		default:
			t[b] = mark
		}
	}
	return t
}()

// weights of a character in 1/unit tokens: the first of a run, the next two,
// and those after.
var weights = [...][3]int64{
	letter: {100, 0, 22},
	digit:  {60, 45, 45},
	space:  {0, 40, 4},
	line:   {60, 20, 10},
	mark:   {80, 45, 45},
}

func text[T string | []byte](c *counter, s T) {
	for i := 0; i < len(s); {
		if s[i] >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			c.wide(r)
			i += size
			continue
		}
		k, from := classes[s[i]], i
		if k == letter {
			i = letters(c, s, i)
		} else {
			for i++; i < len(s) && s[i] < utf8.RuneSelf && classes[s[i]] == k; i++ {
			}
		}
		c.more(k, i-from)
	}
}

// letters weighs the capitals of a run that begins at i, since words in
// capitals and camelCase are cut small, and returns its end.
func letters[T string | []byte](c *counter, s T, i int) int {
	upper := c.upper || c.class != letter
	for ; i < len(s); i++ {
		b := s[i]
		if low := b | 0x20; low < 'a' || low > 'z' {
			break
		}
		if b >= 'a' {
			upper = false
			continue
		}
		if upper {
			c.sum += 12
		} else {
			c.sum += 45
		}
		upper = true
	}
	c.upper = upper
	return i
}

// run weighs one ASCII character.
func (c *counter) run(b byte) { text(c, []byte{b}) }

// more weighs n characters of a class.
func (c *counter) more(k class, n int) {
	if k != c.class {
		c.class, c.length = k, 0
	}
	w := &weights[k]
	if c.length == 0 {
		c.sum += w[0]
		c.length, n = 1, n-1
	}
	if few := min(n, 3-c.length); few > 0 {
		c.sum += w[1] * int64(few)
		c.length, n = c.length+few, n-few
	}
	c.sum += w[2] * int64(n)
	c.length += n
}

// script is a range of characters and what one weighs, in 1/unit tokens.
type script struct {
	last   rune
	weight int64
	word   bool // continues a word of Latin letters
}

// scripts in the order of their code points; the heavier tokenizers decide.
var scripts = [...]script{
	{0x00bf, 80, false},   // Latin-1 signs
	{0x024f, 60, true},    // accented Latin
	{0x02ff, 100, true},   // phonetic
	{0x036f, 80, true},    // combining marks
	{0x052f, 60, false},   // Greek, Cyrillic
	{0x058f, 110, false},  // Armenian
	{0x08ff, 80, false},   // Hebrew, Arabic
	{0x0dff, 120, false},  // Indic
	{0x0eff, 100, false},  // Thai, Lao
	{0x10ff, 150, false},  // Tibetan, Burmese, Georgian
	{0x11ff, 120, false},  // Jamo
	{0x1fff, 150, false},  // others
	{0x206f, 80, false},   // dashes, quotes, joiners
	{0x25ff, 150, false},  // signs, arrows, box drawing
	{0x2e7f, 200, false},  // symbols
	{0x9fff, 115, false},  // CJK, kana
	{0xabff, 200, false},  // Yi and others
	{0xd7ff, 115, false},  // Hangul
	{0xfaff, 130, false},  // compatibility CJK
	{0xfeff, 100, false},  // presentation forms, variation selectors
	{0xffff, 115, false},  // full width
	{0x1efff, 250, false}, // rare scripts
	{0x1ffff, 280, false}, // emoji
	{0x10ffff, 250, false},
}

func (c *counter) wide(r rune) {
	low, high := 0, len(scripts)-1
	for low < high {
		if mid := (low + high) / 2; r <= scripts[mid].last {
			high = mid
		} else {
			low = mid + 1
		}
	}
	s := &scripts[low]
	c.sum += s.weight
	if s.word && c.class == letter {
		c.length++
		c.upper = false
		return
	}
	c.class, c.length = other, 0
}
