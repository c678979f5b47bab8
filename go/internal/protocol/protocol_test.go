package protocol_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func TestMembersRefusesTwoReadings(t *testing.T) {
	for name, c := range map[string]struct{ body, field string }{
		"twice":          {`{"model":"cheap","model":"dear"}`, "model"},
		"other capitals": {`{"model":"cheap","MODEL":"dear"}`, "MODEL"},
		"escaped":        {`{"model":"cheap","mod\u0065l":"dear"}`, "model"},
		"unknown member": {`{"x":1,"y":2,"x":3}`, "x"},
	} {
		t.Run(name, func(t *testing.T) {
			err := protocol.Members([]byte(c.body), func(string, []byte, protocol.Span) error { return nil })
			var e *llm.Error
			if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Field != c.field {
				t.Errorf("got %#v", err)
			}
		})
	}
}

func TestMembersRefusesWhatIsNoObject(t *testing.T) {
	for _, body := range []string{"", "[]", "null", `"x"`, "{", `{"a":1}{"b":2}`, `{"a":` + strings.Repeat("[", 10_000), "{" + manyMembers(600) + "}"} {
		err := protocol.Members([]byte(body), func(string, []byte, protocol.Span) error { return nil })
		if llm.AsError(err).Kind != llm.Invalid {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func TestSpliceKeepsEveryOtherByte(t *testing.T) {
	body := []byte("{ \"model\" : \"a\" ,\n\"x\":  [1, 2.0]}")
	head := protocol.Head{Model: "a", ModelAt: protocol.Span{Start: 12, End: 15}}
	edit, ok := protocol.SetModel(body, head, "b\"c")
	if !ok {
		t.Fatal("no edit")
	}
	got := bytes.Join(protocol.Splice(body, edit), nil)
	if want := "{ \"model\" : \"b\\\"c\" ,\n\"x\":  [1, 2.0]}"; string(got) != want {
		t.Errorf("got %s", got)
	}
	if _, ok := protocol.SetModel(body, head, "a"); ok {
		t.Error("an edit where nothing changes")
	}
	for in, want := range map[string]string{`{}`: `{"m":1}`, ` { "a":2}`: ` {"m":1, "a":2}`} {
		got := bytes.Join(protocol.Splice([]byte(in), protocol.InsertMember([]byte(in), "m", []byte("1"))), nil)
		if string(got) != want {
			t.Errorf("insert into %s: %s", in, got)
		}
	}
}

// step is a short form of an event: s2 starts block 2, d2:x is its delta, e2
// its end.
func step(s string) llm.Event {
	if s == "F" {
		return llm.Event{Type: llm.Finish}
	}
	ev := llm.Event{Index: int(s[1] - '0')}
	switch s[0] {
	case 's':
		ev.Type = llm.BlockStart
	case 'd':
		ev.Type, ev.Delta = llm.BlockDelta, []byte(s[3:])
	case 'e':
		ev.Type = llm.BlockEnd
	}
	return ev
}

func TestSequenceStraightens(t *testing.T) {
	for name, c := range map[string]struct{ in, out string }{
		"in order":        {"s0 d0:a e0 s1 d1:b e1 F", "s0 d0:a e0 s1 d1:b e1 F"},
		"interleaved":     {"s0 d0:a s1 d1:b d0:c e0 d1:d e1 F", "s0 d0:a d0:c e0 s1 d1:b d1:d e1 F"},
		"never ended":     {"s0 d0:a s1 d1:b d0:c F", "s0 d0:a d0:c e0 s1 d1:b e1 F"},
		"late and odd":    {"s5 s3 d3:x e3 d5:y e5 F", "s0 d0:y e0 s1 d1:x e1 F"},
		"unknown delta":   {"d4:z s0 e0 d0:q F", "s0 e0 F"},
		"index again":     {"s0 d0:a e0 s0 d0:b e0 F", "s0 d0:a e0 s1 d1:b e1 F"},
		"three waiting":   {"s0 s1 s2 d2:c e2 d1:b e1 d0:a e0 F", "s0 d0:a e0 s1 d1:b e1 s2 d2:c e2 F"},
		"nothing at all":  {"F", "F"},
		"waiting goes on": {"s0 s1 e0 d1:b e1 F", "s0 e0 s1 d1:b e1 F"},
	} {
		t.Run(name, func(t *testing.T) {
			var s protocol.Sequence
			var got []string
			emit := func(ev llm.Event) error {
				switch ev.Type {
				case llm.BlockStart:
					got = append(got, fmt.Sprintf("s%d", ev.Index))
				case llm.BlockDelta:
					got = append(got, fmt.Sprintf("d%d:%s", ev.Index, ev.Delta))
				case llm.BlockEnd:
					got = append(got, fmt.Sprintf("e%d", ev.Index))
				default:
					got = append(got, "F")
				}
				return nil
			}
			scratch := make([]byte, 1)
			for _, word := range strings.Fields(c.in) {
				ev := step(word)
				if ev.Delta != nil { // the delta's bytes are reused, as readers do
					copy(scratch, ev.Delta)
					ev.Delta = scratch
				}
				if err := s.Push(ev, emit); err != nil {
					t.Fatal(err)
				}
			}
			if strings.Join(got, " ") != c.out {
				t.Errorf("got  %s\nwant %s", strings.Join(got, " "), c.out)
			}
		})
	}
}

func TestSequenceIsBounded(t *testing.T) {
	var s protocol.Sequence
	emit := func(llm.Event) error { return nil }
	_ = s.Push(step("s0"), emit)
	_ = s.Push(step("s1"), emit)
	big := llm.Event{Type: llm.BlockDelta, Index: 1, Delta: make([]byte, 1<<20)}
	var err error
	for range 20 {
		if err = s.Push(big, emit); err != nil {
			break
		}
	}
	if !errors.Is(err, protocol.ErrHeldTooMuch) {
		t.Errorf("got %v", err)
	}
}

func TestSealerTakesBackOnlyItsOwn(t *testing.T) {
	s, other := protocol.NewSealer(bytes.Repeat([]byte{1}, 32)), protocol.NewSealer(bytes.Repeat([]byte{2}, 32))
	e := protocol.Envelope{Origin: "openai/gpt-5", Kind: "enc", ItemID: "rs_1", Seal: "AAA=", Text: "hm"}
	wrapped := s.Wrap(e)
	if got, ok := s.Unwrap(wrapped); !ok || got != e {
		t.Errorf("got %+v %v", got, ok)
	}
	for name, text := range map[string]string{
		"other installation": other.Wrap(e), "empty": "", "native": "EqQBCkYIARgCIkD...", "prefix only": "gw1.",
		"cut": wrapped[:len(wrapped)-3], "changed": "gw1.x" + wrapped[5:], "no sum": "gw1.abc",
	} {
		if _, ok := s.Unwrap(text); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCallIDs(t *testing.T) {
	for _, id := range []string{"call_1", "toolu_01A-b", strings.Repeat("x", 64)} {
		if protocol.CallID(id) != id {
			t.Errorf("%s was changed", id)
		}
	}
	seen := map[string]string{}
	for _, id := range []string{"", "a.b", "a:b", "functions.f:0", strings.Repeat("x", 65), "日本"} {
		for _, mapped := range []string{protocol.CallID(id), protocol.ShortCallID(id)} {
			if other, dup := seen[mapped]; dup {
				t.Errorf("%q and %q share %s", id, other, mapped)
			}
			seen[mapped] = id
			if protocol.CallID(mapped) != mapped {
				t.Errorf("%q -> %q does not fit", id, mapped)
			}
		}
		if len(protocol.ShortCallID(id)) != 9 {
			t.Errorf("short id of %q: %q", id, protocol.ShortCallID(id))
		}
	}
	if protocol.ShortCallID("AbC123xyz") != "AbC123xyz" {
		t.Error("a fitting short id was changed")
	}
}

func TestTraps(t *testing.T) {
	t.Run("T46", func(t *testing.T) { // a namespaced tool comes back as namespace and bare name
		m, err := protocol.Names(&llm.Request{Tools: []llm.Tool{
			{Kind: llm.FunctionTool, Namespace: "mcp", Name: "read"}, {Kind: llm.CustomTool, Name: "apply_patch"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if wire := m.Out("mcp", "read"); wire != "mcp__read" || m.Back(wire) != (protocol.ToolID{Namespace: "mcp", Name: "read", Kind: llm.FunctionTool}) {
			t.Errorf("%s -> %+v", wire, m.Back(wire))
		}
		if m.Back("apply_patch").Kind != llm.CustomTool || m.Back("other").Name != "other" {
			t.Error("names that need no change came back changed")
		}
	})
	t.Run("T47", func(t *testing.T) { // long names stay apart, equal ones are refused
		long := strings.Repeat("n", 80)
		m, err := protocol.Names(&llm.Request{Tools: []llm.Tool{{Name: long + "a"}, {Name: long + "b"}, {Name: "a.b"}}})
		if err != nil {
			t.Fatal(err)
		}
		var wires []string
		for _, name := range []string{long + "a", long + "b", "a.b"} {
			wire := m.Out("", name)
			if len(wire) > 64 || slices.Contains(wires, wire) || m.Back(wire).Name != name {
				t.Errorf("%s -> %s -> %+v", name, wire, m.Back(wire))
			}
			wires = append(wires, wire)
		}
		_, err = protocol.Names(&llm.Request{Tools: []llm.Tool{{Namespace: "a", Name: "b"}, {Name: "a__b"}}})
		if llm.AsError(err) == nil || llm.AsError(err).Kind != llm.Invalid {
			t.Errorf("two tools with one wire name: %v", err)
		}
	})
}

func BenchmarkMembers(b *testing.B) {
	body := []byte(`{"model":"gpt-5.5","messages":[{"role":"user","content":"hello"}],"stream":true,"tools":[],"max_tokens":5}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = protocol.Members(body, func(string, []byte, protocol.Span) error { return nil })
	}
}
