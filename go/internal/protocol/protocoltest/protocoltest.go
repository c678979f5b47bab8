// Package protocoltest holds protocols to their word: cases and recordings to
// read, a check of the event grammar, and the assembly of events into an
// answer that can be compared. It serves tests only and knows no protocol.
package protocoltest

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

//go:embed testdata/fixtures testdata/recorded
var data embed.FS

// Cases are the folders that tell one case in several protocols.
func Cases(t testing.TB) []string {
	t.Helper()
	entries, err := fs.ReadDir(data, "testdata/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// File returns a file of a case, or nil if the case does not have it.
func File(name, file string) []byte {
	b, err := data.ReadFile(path.Join("testdata/fixtures", name, file))
	if err != nil {
		return nil
	}
	return b
}

// Recording is an answer of a real vendor.
type Recording struct {
	Name   string
	Stream bool
	Body   []byte // a stream as it is on the wire
}

// Recordings returns what is in the named folders. Named says whether frames
// carry the type of their event as its name; done is what ends a stream.
func Recordings(t testing.TB, named bool, done string, folders ...string) []Recording {
	t.Helper()
	var out []Recording
	for _, folder := range folders {
		dir := path.Join("testdata/recorded", folder)
		entries, err := fs.ReadDir(data, dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			body, err := data.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			r := Recording{Name: folder + "/" + e.Name(), Body: body}
			switch path.Ext(e.Name()) {
			case ".txt":
				for i, lines := range conversations(body) {
					r := Recording{Name: r.Name, Stream: true, Body: frames(lines, named, done)}
					if i > 0 {
						r.Name += fmt.Sprintf("#%d", i+1)
					}
					out = append(out, r)
				}
				continue
			case ".sse":
				r.Stream = true
			}
			out = append(out, r)
		}
	}
	return out
}

// conversations takes apart a recording of several answers, one behind the
// other.
func conversations(lines []byte) [][]byte {
	var out [][]byte
	start, at := 0, 0
	for line := range bytes.Lines(lines) {
		at += len(line)
		switch kind, _ := jsonscan.Text(jsonscan.Get(bytes.TrimSpace(line), "type")); kind {
		case "message_stop", "response.completed", "response.incomplete", "response.failed":
			out = append(out, lines[start:at])
			start = at
		}
	}
	if rest := lines[start:]; len(bytes.TrimSpace(rest)) > 0 {
		out = append(out, rest)
	}
	return out
}

// frames makes a stream of lines that each hold the data of an event.
func frames(lines []byte, named bool, done string) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if kind, ok := jsonscan.Text(jsonscan.Get(line, "type")); ok && named {
			fmt.Fprintf(&out, "event: %s\n", kind)
		}
		fmt.Fprintf(&out, "data: %s\n\n", line)
	}
	out.WriteString(done)
	return out.Bytes()
}

// Answer is what the events of an answer amount to.
type Answer struct {
	Meta   llm.Meta
	Blocks []llm.Block
	Usage  llm.Usage
	Stop   llm.Stop
	Err    *llm.Error
}

// Read assembles an answer and fails the test where the events break the
// grammar.
func Read(t testing.TB, r protocol.EventReader) Answer {
	t.Helper()
	a, err := Assemble(Events(t, r))
	if err != nil {
		t.Error(err)
	}
	return a
}

// Events reads all events and keeps what they point to.
func Events(t testing.TB, r protocol.EventReader) []llm.Event {
	t.Helper()
	var out []llm.Event
	for range 1_000_000 {
		ev, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Errorf("reading: %v", err)
			return out
		}
		ev.Delta = slices.Clone(ev.Delta)
		if ev.Meta != nil {
			meta := *ev.Meta
			ev.Meta = &meta
		}
		if ev.Usage != nil {
			usage := *ev.Usage
			ev.Usage = &usage
		}
		out = append(out, ev)
	}
	t.Error("the events have no end")
	return out
}

// open is a block that is being told.
type open struct {
	block llm.Block
	text  []byte // escaped
	at    int    // in the answer
}

// Assemble checks the grammar of events and puts them together.
func Assemble(events []llm.Event) (Answer, error) {
	var a Answer
	blocks := make(map[int]*open)
	started, ended := false, false
	for i, ev := range events {
		bad := func(format string, args ...any) (Answer, error) {
			return a, fmt.Errorf("event %d: %s", i, fmt.Sprintf(format, args...))
		}
		if ended {
			return bad("type %d after the end", ev.Type)
		}
		if !started && ev.Type != llm.Start && ev.Type != llm.Failed {
			return bad("type %d before the start", ev.Type)
		}
		switch ev.Type {
		case llm.Start:
			if started || ev.Meta == nil {
				return bad("a second start, or one without meta")
			}
			started, a.Meta = true, *ev.Meta
		case llm.BlockStart:
			if blocks[ev.Index] != nil || ev.Block == nil {
				return bad("block %d starts twice, or is nothing", ev.Index)
			}
			blocks[ev.Index] = &open{block: ev.Block, at: len(a.Blocks)}
			a.Blocks = append(a.Blocks, nil)
		case llm.BlockDelta, llm.BlockEnd:
			b := blocks[ev.Index]
			if b == nil || b.block == nil {
				return bad("block %d is not open", ev.Index)
			}
			if b.text = append(b.text, ev.Delta...); ev.Type == llm.BlockEnd {
				a.Blocks[b.at] = finish(b, ev)
				b.block = nil
			}
		case llm.Metered:
			a.Usage.Merge(ev.Usage)
		case llm.Finish:
			ended, a.Stop = true, ev.Stop
			for index, b := range blocks {
				if b.block != nil {
					return bad("block %d is still open", index)
				}
			}
		case llm.Failed:
			if ev.Err == nil {
				return bad("failed without an error")
			}
			ended, a.Err = true, ev.Err
		default:
			return bad("unknown type %d", ev.Type)
		}
	}
	if !ended {
		return a, errors.New("the events have no end")
	}
	return a, nil
}

// finish puts the text of a block where it belongs.
func finish(b *open, ev llm.Event) llm.Block {
	if ev.Block != nil {
		return ev.Block
	}
	text := string(jsonscan.Unescape(nil, b.text))
	switch block := b.block.(type) {
	case llm.Text:
		block.Text += text
		return block
	case llm.Thought:
		block.Text += text
		if ev.Seal != "" {
			block.Seal = ev.Seal
		}
		return block
	case llm.Refusal:
		block.Text += text
		return block
	case llm.ToolCall:
		block.Arguments += text
		if ev.Seal != "" {
			block.Seal = ev.Seal
		}
		return block
	default:
		return block
	}
}

// Pieces is a reader that gives a body in pieces of at most n bytes, the first
// of at most first bytes.
func Pieces(body []byte, first, n int) io.Reader { return &pieces{body, first, n} }

type pieces struct {
	rest    []byte
	next, n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	k := min(len(b), len(p.rest), max(p.next, 1))
	p.next = p.n
	copy(b, p.rest[:k])
	p.rest = p.rest[k:]
	return k, nil
}

// Write gives the events to a writer and returns all it made.
func Write(t testing.TB, w protocol.EventWriter, events []llm.Event) []byte {
	t.Helper()
	var out []byte
	var err error
	for _, ev := range events {
		if out, err = w.Append(out, ev); err != nil {
			t.Fatalf("writing: %v", err)
		}
	}
	return out
}

// Words of a block, for comparison across protocols: kind and content without
// ids of items, seals and citations.
func Words(b llm.Block) string {
	switch b := b.(type) {
	case llm.Text:
		return "text " + b.Text
	case llm.Thought:
		return "thought " + b.Text
	case llm.Refusal:
		return "refusal " + b.Text
	case llm.ToolCall:
		args := strings.TrimSpace(b.Arguments)
		if args == "" {
			args = "{}"
		}
		return "call " + b.ID + " " + b.Name + " " + Canonical([]byte(args))
	case llm.Opaque:
		return "opaque " + b.Field
	}
	return fmt.Sprintf("%T", b)
}
