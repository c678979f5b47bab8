package sse

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// parts hands out a text in pieces cut at the given offsets.
type parts [][]byte

func (p *parts) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	return n, nil
}

func collect(t *testing.T, src io.Reader) (events []string, raw string) {
	t.Helper()
	s := NewScanner(src, 0)
	for {
		frame, err := s.Next()
		if errors.Is(err, io.EOF) {
			return events, raw
		}
		if err != nil {
			t.Fatal(err)
		}
		raw += string(frame)
		if ev := Parse(frame); ev.HasData {
			events = append(events, fmt.Sprintf("%s:%s", ev.Name, ev.Data))
		}
	}
}

func TestLineEndsAndFields(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"lf":               {"data: a\n\ndata: b\n\n", ":a|:b"},
		"crlf":             {"event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", "x:a|:b"},
		"cr":               {"data: a\r\rdata: b\r\r", ":a|:b"},
		"mixed":            {"data: a\r\n\ndata: b\n\r\n", ":a|:b"},
		"no space":         {"data:a\n\n", ":a"},
		"two spaces":       {"data:  a\n\n", ": a"},
		"several lines":    {"data: a\ndata: b\ndata:\n\n", ":a\nb\n"},
		"comment":          {": hi\n\ndata: a\n\n:\n\n", ":a"},
		"comment inside":   {": hi\ndata: a\n\n", ":a"},
		"no end":           {"data: a\n\ndata: [DONE]", ":a|:[DONE]"},
		"half end":         {"data: a\n\ndata: b\n", ":a|:b"},
		"bom":              {"\xEF\xBB\xBFdata: a\n\n", ":a"},
		"empty data":       {"data:\n\n", ":"},
		"blank lines":      {"\n\n\ndata: a\n\n\n\n", ":a"},
		"unknown field":    {"id: 1\nretry: 5\nfoo\ndata: a\n\n", ":a"},
		"many in a buffer": {strings.Repeat("data: z\n\n", 3000), strings.TrimSuffix(strings.Repeat(":z|", 3000), "|")},
	} {
		t.Run(name, func(t *testing.T) {
			got, raw := collect(t, strings.NewReader(c.text))
			if strings.Join(got, "|") != c.want {
				t.Errorf("got %.80q, want %.80q", strings.Join(got, "|"), c.want)
			}
			if raw != strings.TrimPrefix(c.text, "\xEF\xBB\xBF") {
				t.Errorf("raw bytes changed: %.80q", raw)
			}
			if len(c.text) < 100 {
				for i := range c.text {
					p := parts{[]byte(c.text[:i]), []byte(c.text[i:])}
					if cut, _ := collect(t, &p); strings.Join(cut, "|") != c.want {
						t.Errorf("cut at %d: %q", i, cut)
					}
				}
			}
			one, _ := collect(t, iotest.OneByteReader(strings.NewReader(c.text)))
			if strings.Join(one, "|") != c.want {
				t.Errorf("byte by byte: %.80q", one)
			}
		})
	}
}

func TestBufferedTellsWhenToFlush(t *testing.T) {
	s := NewScanner(&parts{[]byte("data: a\n\ndata: b\n\ndata"), []byte(": c\n\n")}, 0)
	var got []bool
	for range 3 {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
		got = append(got, s.Buffered())
	}
	if want := "[true false false]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEndlessLineIsRefused(t *testing.T) {
	s := NewScanner(io.LimitReader(endless{}, 64<<20), 1<<20)
	if _, err := s.Next(); !errors.Is(err, ErrFrameTooLong) {
		t.Errorf("got %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestErrorOfTheSourceIsKept(t *testing.T) {
	broken := errors.New("reset")
	s := NewScanner(io.MultiReader(strings.NewReader("data: a\n\ndata: ha"), iotest.ErrReader(broken)), 0)
	if frame, err := s.Next(); err != nil || string(frame) != "data: a\n\n" {
		t.Fatalf("%q %v", frame, err)
	}
	if frame, err := s.Next(); !errors.Is(err, broken) {
		t.Errorf("%q %v", frame, err)
	}
}

func TestRecordedReaderCases(t *testing.T) {
	raw, err := os.ReadFile("testdata/reader-cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			Name   string
			Chunks []string `json:"chunks_base64"`
			Text   string
			Done   bool
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			var p parts
			for _, chunk := range c.Chunks {
				b, err := base64.StdEncoding.DecodeString(chunk)
				if err != nil {
					t.Fatal(err)
				}
				p = append(p, b)
			}
			events, _ := collect(t, &p)
			text, done := assemble(t, events)
			if text != c.Text || done != c.Done {
				t.Errorf("text %q done %v, want %q %v", text, done, c.Text, c.Done)
			}
		})
	}
}

// assemble joins the text of Chat chunks.
func assemble(t *testing.T, events []string) (text string, done bool) {
	t.Helper()
	for _, ev := range events {
		data := strings.TrimPrefix(ev, ":")
		if data == "[DONE]" {
			return text, true
		}
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatal(err)
		}
		for _, c := range chunk.Choices {
			text += c.Delta.Content
		}
	}
	return text, false
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte("event: x\r\ndata: a\r\n\r\n"), 3)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		whole, raw := collect(t, bytes.NewReader(text))
		if raw != string(bytes.TrimPrefix(text, []byte("\xEF\xBB\xBF"))) && len(text) > 3 {
			t.Fatalf("bytes changed: %q -> %q", text, raw)
		}
		if cut < 0 || cut > len(text) {
			return
		}
		p := parts{bytes.Clone(text[:cut]), bytes.Clone(text[cut:])}
		if got, _ := collect(t, &p); strings.Join(got, "|") != strings.Join(whole, "|") {
			t.Fatalf("cut at %d: %q, whole %q", cut, got, whole)
		}
	})
}

func BenchmarkScanner500Frames(b *testing.B) {
	frame := `data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"hello"}}]}` + "\n\n"
	text := []byte(strings.Repeat(frame, 500))
	b.ReportAllocs()
	for b.Loop() {
		s := NewScanner(bytes.NewReader(text), 0)
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
	}
}

func TestClosed(t *testing.T) {
	for frame, want := range map[string]bool{
		"data: x\n\n": true, "data: x\r\n\r\n": true, "data: x\r\r": true, "data: x\n\r\n": true, "\n": true, "\r\n": true,
		"data: x\n": false, "data: x\r\n": false, "data: x\r": false, "data: x": false, "": false,
	} {
		if got := Closed([]byte(frame)); got != want {
			t.Errorf("%q: %v", frame, got)
		}
	}
}
