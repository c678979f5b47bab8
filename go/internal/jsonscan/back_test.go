package jsonscan

import (
	"slices"
	"testing"
)

// FuzzBackward wants the walk from the end to see what the walk from the
// start sees, for every text that is an array.
func FuzzBackward(f *testing.F) {
	for _, s := range []string{
		`[]`, `[1]`, ` [ 1 , "a" , {"b":[2,{"c":"]}\\"}]}, null ] `, `["\\\"", "\"", "\\"]`, `[[[]],{},""]`,
		`["a long string without any quote in it", -1.5E+3,true]`, `{"a":1}`, `"]"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		back := Backward(text)
		var backward []string
		for back.Next() {
			start, end := back.Span()
			if string(text[start:end]) != string(back.Value()) {
				t.Fatalf("the span of %q is wrong", back.Value())
			}
			backward = append(backward, string(back.Value()))
		}
		if Valid(text) != nil || KindOf(text) != Array {
			return // it ends, that is all
		}
		var forward []string
		for it := Elements(text); it.Next(); {
			forward = append(forward, string(it.Value()))
		}
		slices.Reverse(backward)
		if !slices.Equal(forward, backward) {
			t.Fatalf("%q: forward %q, backward %q", text, forward, backward)
		}
	})
}
