package bpe_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/tokens/bpe"
)

// published is one line of counts.json, which an independent implementation
// of the tokenizers has made (npm gpt-tokenizer 4.0.0).
type published struct {
	Text   string `json:"text"`
	O200K  int64  `json:"o200k_base"`
	CL100K int64  `json:"cl100k_base"`
}

func read(t testing.TB) []published {
	t.Helper()
	raw, err := os.ReadFile("testdata/counts.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []published
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCountIsThePublishedOne(t *testing.T) {
	o, c := bpe.Find(bpe.O200K), bpe.Find(bpe.CL100K)
	for _, p := range read(t) {
		if got := o.Count(p.Text); got != p.O200K {
			t.Errorf("%s of %q: %d, want %d", o.Name(), p.Text, got, p.O200K)
		}
		if got := c.Count(p.Text); got != p.CL100K {
			t.Errorf("%s of %q: %d, want %d", c.Name(), p.Text, got, p.CL100K)
		}
	}
}

func TestFindUnknown(t *testing.T) {
	if got := bpe.Find("p50k_base"); got != nil {
		t.Errorf("found %s", got.Name())
	}
}

// A long piece must not take a time that grows with its square: this would
// not end within the time of a test run.
func TestLongPiece(t *testing.T) {
	text := strings.Repeat("ab", 1<<18)
	if got := bpe.Find(bpe.O200K).Count(text); got <= 0 || got >= int64(len(text)) {
		t.Errorf("%d tokens for %d bytes", got, len(text))
	}
}

func FuzzCount(f *testing.F) {
	for _, p := range read(f) {
		f.Add(p.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{bpe.O200K, bpe.CL100K} {
			n := bpe.Find(name).Count(text)
			if n > int64(len(text)) || n == 0 && text != "" {
				t.Errorf("%d tokens for %d bytes", n, len(text))
			}
			if utf8.RuneCountInString(text) == 0 && n != 0 {
				t.Errorf("%d tokens for nothing", n)
			}
		}
	})
}

func BenchmarkCount(b *testing.B) {
	text := strings.Repeat("func (c *Codec) Peek(op llm.Operation) error {\n\treturn nil // as it was\n}\n", 100)
	tok := bpe.Find(bpe.O200K)
	tok.Count(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Count(text)
	}
}

// TestLongRuns counts what is one piece, however long: in bounded memory, and
// not far from what the parts of it are.
func TestLongRuns(t *testing.T) {
	for _, name := range []string{bpe.O200K, bpe.CL100K} {
		tok := bpe.Find(name)
		for _, unit := range []string{"a", " ", "\n", "!", "中", "\u0301"} {
			text := strings.Repeat(unit, 1<<20/len(unit))
			small := tok.Count(text[:(4<<10)/len(unit)*len(unit)])
			want := small * int64(len(text)) / (4 << 10)
			if n := tok.Count(text); n < want*9/10 || n > want+int64(len(text)/256)+want/5 {
				t.Errorf("%s, %q: %d tokens, about %d expected", name, unit, n, want)
			}
		}
	}
}

func BenchmarkLongRun(b *testing.B) {
	tok := bpe.Find(bpe.O200K)
	text := strings.Repeat("a", 1<<20)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		tok.Count(text)
	}
}
