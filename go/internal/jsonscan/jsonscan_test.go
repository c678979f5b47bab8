package jsonscan

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestMembersFindsEveryValue(t *testing.T) {
	text := []byte(` { "model" : "gpt" , "n":-1.5e3,"a":[1,{"b":"]}\\\""}],"mod\u0065l2":null,"e":{} , "t":true} `)
	want := []string{"model=\"gpt\"", "n=-1.5e3", `a=[1,{"b":"]}\\\""}]`, "model2=null", "e={}", "t=true"}
	var got []string
	it := Members(text)
	for it.Next() {
		start, end := it.Span()
		if string(text[start:end]) != string(it.Value()) {
			t.Errorf("span of %s is %q, value %q", it.Key(), text[start:end], it.Value())
		}
		got = append(got, string(it.Key())+"="+string(it.Value()))
	}
	if it.Err() != nil || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, %v", got, it.Err())
	}
}

func TestBrokenTextIsAnError(t *testing.T) {
	for _, text := range []string{
		``, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{"a":1}x`, `{a:1}`, `{"a":}`, `{"a" 1}`,
		`{"a":[}`, `{"a":[1}]`, `{"a":"x}`, `{"a":1 "b":2}`, `[]`, `{,}`, `{"a":]}`, `{"a":{"b":1]}}`,
	} {
		it := Members([]byte(text))
		for it.Next() {
			_ = it.Value()
		}
		if it.Err() == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestDepthIsBounded(t *testing.T) {
	deep := func(n int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`)
	}
	if err := Valid(deep(10_000)); err == nil {
		t.Error("Valid accepts 10,000 levels")
	}
	it := Members(deep(10_000))
	if it.Next() || it.Err() == nil {
		t.Error("Members accepts 10,000 levels")
	}
	it = Members(deep(MaxDepth - 1))
	if !it.Next() {
		t.Error(it.Err())
	}
}

func TestTextEqualsEncodingJSON(t *testing.T) {
	for _, s := range []string{
		`""`, `"a"`, `"\n\t\"\\\/\b\f\r"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ude00\ud83d"`, `"Zürich 日本"`, `"\u00e9"`,
	} {
		var want string
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			t.Fatal(err)
		}
		if got, ok := Text([]byte(s)); !ok || got != want {
			t.Errorf("Text(%s) = %q, want %q", s, got, want)
		}
	}
}

func TestAppendStringReadsBack(t *testing.T) {
	for _, s := range []string{"", "a\"b\\c\n\r\t\x00\x1f</script>", "Zürich 日本 😀", "bad \xff utf8"} {
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); back != want {
			t.Errorf("%q came back as %q", s, back)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"a":[1,2,{"b":"c\u0041"}],"d":-1.5e-3}`))
	f.Add([]byte(`{"a":"\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		valid := json.Valid(text) && Valid(text) == nil
		it := Members(text)
		for it.Next() {
			if valid && !json.Valid(it.Value()) {
				t.Fatalf("%q: value %q", text, it.Value())
			}
			Text(it.Value())
			Int(it.Value())
		}
		if valid && KindOf(text) == Object && it.Err() != nil {
			t.Fatalf("%q: %v", text, it.Err())
		}
		if Valid(text) == nil && !json.Valid(text) {
			t.Fatalf("%q accepted", text)
		}
		var back string
		if err := json.Unmarshal(AppendString(nil, text), &back); err != nil {
			t.Fatal(err)
		}
		if back != string(bytes.ToValidUTF8(text, []byte("\uFFFD"))) && strings.Count(back, "\uFFFD") == 0 {
			t.Fatalf("%q came back as %q", text, back)
		}
	})
}

func BenchmarkMembers200KB(b *testing.B) {
	text := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat(`word \"quoted\" and more\n`, 8000) + `"}],"model":"gpt-5.5"}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		it := Members(text)
		for it.Next() {
			_ = it.Key()
		}
	}
}
