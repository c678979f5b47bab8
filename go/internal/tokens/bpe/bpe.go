// Package bpe counts tokens as the published tokenizers of OpenAI's models
// do. The vocabularies are part of the program, compressed, and are unpacked
// when one is first asked for: some 5 MB of memory for the larger. It knows
// texts and vocabularies; it must not know a model or a request.
package bpe

import (
	"embed"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The names of the vocabularies.
const (
	O200K  = "o200k_base"
	CL100K = "cl100k_base"
)

// Tokenizer cuts text by the rules of one vocabulary. It is safe for
// concurrent use.
type Tokenizer struct {
	name string
	next func(string) int // the length of the piece that begins a text, in bytes
	load func() *vocabulary
}

//go:embed *.zst
var packed embed.FS

var (
	o200k  = newTokenizer(O200K, nextO200K)
	cl100k = newTokenizer(CL100K, nextCL100K)
)

func newTokenizer(name string, next func(string) int) *Tokenizer {
	return &Tokenizer{name: name, next: next, load: sync.OnceValue(func() *vocabulary { return unpack(name) })}
}

// Find returns the tokenizer of this name, nil if there is none.
func Find(name string) *Tokenizer {
	switch name {
	case O200K:
		return o200k
	case CL100K:
		return cl100k
	}
	return nil
}

// Name returns the published name of the vocabulary.
func (t *Tokenizer) Name() string { return t.name }

const (
	// longPiece is the length in bytes up to which a piece is counted as the
	// published tokenizers do. No words are longer; what is, such as a run of
	// one character, takes too much time and memory.
	longPiece = 4 << 10

	// window is how much of a longer piece is counted at a time. Where it is
	// cut there may be a token more.
	window = 256
)

// Count returns the number of tokens of a text. Text that looks like a mark,
// such as <|endoftext|>, is text. It is one too many at most for each 256
// bytes of a piece of more than 4 KiB, which no word is.
func (t *Tokenizer) Count(text string) int64 {
	v := t.load()
	var m merger
	var n int64
	for text != "" {
		size := t.next(text)
		piece := text[:size]
		text = text[size:]
		step := len(piece)
		if step > longPiece {
			step = window
		}
		for ; piece != ""; piece = piece[step:] {
			step = min(step, len(piece))
			n += m.count(v, piece[:step])
		}
	}
	return n
}

// vocabulary finds the rank of a token by its bytes. All tokens lie in one
// text, in the order of their ranks.
type vocabulary struct {
	text  string
	ends  []uint32 // of each token in text
	slots []uint32 // rank + 1 by hash, open addressing; 0: free
	shift uint     // 32 less the bits of an index of slots
}

// unpack reads an embedded vocabulary: for each rank one byte of length and
// the token. What is embedded is part of the program: an error in it is a bug,
// and a test finds it.
func unpack(name string) *vocabulary {
	v, err := parse(name)
	if err != nil {
		panic("bpe: " + name + ": " + err.Error())
	}
	return v
}

func parse(name string) (*vocabulary, error) {
	raw, err := packed.ReadFile(name + ".zst")
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	plain, err := dec.DecodeAll(raw, nil)
	if err != nil {
		return nil, err
	}
	return index(plain)
}

func index(plain []byte) (*vocabulary, error) {
	text := make([]byte, 0, len(plain))
	var ends []uint32
	for at := 0; at < len(plain); {
		size := int(plain[at])
		at++
		if size == 0 || at+size > len(plain) {
			return nil, fmt.Errorf("token %d is broken", len(ends))
		}
		text = append(text, plain[at:at+size]...)
		at += size
		ends = append(ends, uint32(len(text)))
	}
	v := &vocabulary{text: string(text), ends: ends, shift: 32}
	slots := 1
	for slots < 2*len(ends) {
		slots *= 2
		v.shift--
	}
	v.slots = make([]uint32, slots)
	for r := range ends {
		i := v.slot(v.token(r))
		for v.slots[i] != 0 {
			i = (i + 1) % slots
		}
		v.slots[i] = uint32(r) + 1
	}
	return v, nil
}

func (v *vocabulary) token(rank int) string {
	from := uint32(0)
	if rank > 0 {
		from = v.ends[rank-1]
	}
	return v.text[from:v.ends[rank]]
}

// slot is where a token is looked for first.
func (v *vocabulary) slot(token string) int {
	h := uint32(2166136261)
	for i := range len(token) {
		h = (h ^ uint32(token[i])) * 16777619
	}
	return int(uint64(h*2654435769) >> v.shift)
}

// maxToken is the length of the longest token in bytes, as the format has it.
const maxToken = 255

// rank is the place of a token in the order of merging, -1 if it is none.
func (v *vocabulary) rank(token string) int {
	if len(token) > maxToken {
		return -1
	}
	for i := v.slot(token); v.slots[i] != 0; i = (i + 1) % len(v.slots) {
		if r := int(v.slots[i]) - 1; v.token(r) == token {
			return r
		}
	}
	return -1
}
