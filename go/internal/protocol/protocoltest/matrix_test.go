package protocoltest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/gemini"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
)

// side is a protocol under test.
type side struct {
	name   string
	codec  protocol.Codec
	named  bool   // frames carry the name of their event
	done   string // what ends a stream of recordings
	target protocol.Target
	folder []string // of recordings
}

func yes() *bool { b := true; return &b }

func sides() []side {
	sealer := protocol.NewSealer(bytes.Repeat([]byte{7}, 32))
	return []side{
		{
			name: "chat", codec: chat.New(sealer), done: "data: [DONE]\n\n",
			target: protocol.Target{
				Provider: "openai", Model: "gpt-5.5", Origin: "openai/gpt", Native: true, Reasoning: true, Midway: true,
				Vision: yes(), Schemas: yes(),
			},
			folder: []string{"openai-chat", "openai-compatible-chat", "deepseek-chat", "moonshotai", "alibaba", "xai"},
		},
		{
			name: "messages", codec: messages.New(sealer), named: true,
			target: protocol.Target{
				Provider: "anthropic", Model: "claude-sonnet-4-5", Origin: "anthropic/claude", Native: true, Thinking: "budget",
				Prefill: true, MaxOutput: 64000, Vision: yes(), Schemas: yes(),
			},
			folder: []string{"anthropic"},
		},
		{
			name: "responses", codec: responses.New(sealer), named: true,
			target: protocol.Target{
				Provider: "openai", Model: "gpt-5.5", Origin: "openai/gpt", Native: true, Reasoning: true, Midway: true,
				Vision: yes(), Schemas: yes(),
			},
			folder: []string{"openai-responses", "open-responses-responses", "xai-responses"},
		},
		{
			name: "gemini", codec: gemini.New(sealer),
			target: protocol.Target{
				Provider: "gemini", Model: "gemini-3.1-pro-preview", Origin: "gemini/gemini", Native: true, Thinking: "adaptive",
				MaxOutput: 65536, Vision: yes(), Schemas: yes(),
			},
			folder: []string{"google"},
		},
	}
}

// request finds the request of a case, or what is expected of a translation.
func request(name, protocolName string) []byte {
	if b := protocoltest.File(name, protocolName+".request.json"); b != nil {
		return b
	}
	return nil
}

// TestRequests translates every request of every case into every protocol and
// holds the result and the findings against golden files.
func TestRequests(t *testing.T) {
	count := 0
	for _, name := range protocoltest.Cases(t) {
		for _, from := range sides() {
			body := request(name, from.name)
			if body == nil {
				continue
			}
			for _, to := range sides() {
				t.Run(name+"/"+from.name+"-to-"+to.name, func(t *testing.T) {
					translate(t, name, from, to, body)
				})
				count++
			}
		}
	}
	if count < 150 {
		t.Errorf("only %d translations", count)
	}
}

func translate(t *testing.T, name string, from, to side, body []byte) {
	req, err := from.codec.DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	out, findings, err := to.codec.EncodeRequest(req, to.target)
	var golden bytes.Buffer
	if err != nil {
		fmt.Fprintf(&golden, "refused: %v\n", err)
	} else {
		golden.Write(protocoltest.Indented(t, out))
		if _, err := to.codec.DecodeRequest(out); err != nil {
			t.Errorf("the translation is not a request of its protocol: %v", err)
		}
	}
	for _, f := range findings {
		if f.Field == "" || f.Reason == "" {
			t.Errorf("a finding without a field or a reason: %+v", f)
		}
		if at := unsaid(body, f.Field); at != "" {
			t.Errorf("%s: the request has no %s", f, at)
		}
		fmt.Fprintf(&golden, "%s\n", f)
	}
	protocoltest.Golden(t, fmt.Sprintf("golden/%s/%s-to-%s.txt", name, from.name, to.name), golden.Bytes())
}

// unsaid walks a path through a client's request and returns how far it leads
// beyond what is there. A finding about what was left out names a member of
// something that is there.
func unsaid(body []byte, path string) string {
	at, v := "", body
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		at += "/" + step
		switch i, err := strconv.Atoi(step); {
		case jsonscan.KindOf(v) == jsonscan.Array && err == nil:
			it := jsonscan.Elements(v)
			for ; i >= 0 && it.Next(); i-- {
				v = it.Value()
			}
			if i >= 0 {
				return at
			}
		case jsonscan.KindOf(v) == jsonscan.Object:
			next := jsonscan.Get(v, step)
			if next == nil {
				return at
			}
			v = next
		default:
			return at
		}
	}
	return ""
}

// answer is one answer of a case.
type answer struct {
	stream bool
	body   []byte
}

func answers(name, protocolName string) []answer {
	var out []answer
	if b := protocoltest.File(name, protocolName+".response.json"); b != nil {
		out = append(out, answer{false, b})
	}
	if b := protocoltest.File(name, protocolName+".stream.sse"); b != nil {
		out = append(out, answer{true, b})
	}
	return out
}

func (s side) read(t *testing.T, a answer) []llm.Event {
	t.Helper()
	return protocoltest.Events(t, s.codec.NewReader(bytes.NewReader(a.body), a.stream, s.target))
}

// served fills in what the proxy adds on the way.
func served(events []llm.Event, from side) []llm.Event {
	out := slices.Clone(events)
	for i := range out {
		if out[i].Type == llm.Start {
			meta := *out[i].Meta
			meta.Origin = from.target.Origin
			out[i].Meta = &meta
		}
	}
	return out
}

// TestAnswers carries every answer of every case into every protocol, as a
// stream and as one body, reads it back and compares what was said.
func TestAnswers(t *testing.T) {
	count := 0
	for _, name := range protocoltest.Cases(t) {
		for _, from := range sides() {
			for _, a := range answers(name, from.name) {
				for _, to := range sides() {
					for _, stream := range []bool{false, true} {
						t.Run(fmt.Sprintf("%s/%s-%v-to-%s-%v", name, from.name, a.stream, to.name, stream), func(t *testing.T) {
							carry(t, from, to, from.read(t, a), stream)
						})
						count++
					}
				}
			}
		}
	}
	if count < 400 {
		t.Errorf("only %d answers carried", count)
	}
}

// carry writes events in another protocol and reads them back.
func carry(t *testing.T, from, to side, events []llm.Event, stream bool) {
	t.Helper()
	was, err := protocoltest.Assemble(events)
	if err != nil {
		t.Fatal(err)
	}
	head := protocol.Head{Operation: llm.Generate, Model: "m", Stream: stream, WantUsage: true, RequestID: "0199-req"}
	writer := to.codec.NewWriter(head)
	out := protocoltest.Write(t, writer, served(events, from))
	if was.Err != nil && !stream {
		if !bytes.Contains(out, []byte(`"error"`)) {
			t.Errorf("a failure became: %s", out)
		}
		return
	}
	if !stream && !json.Valid(out) {
		t.Fatalf("no JSON: %s", out)
	}
	back := protocoltest.Read(t, to.codec.NewReader(bytes.NewReader(out), stream, to.target))
	compare(t, from, to, was, back)
	if t.Failed() {
		t.Logf("written:\n%s", out)
	}
}

// compare holds what was said against what came back.
func compare(t *testing.T, from, to side, was, back protocoltest.Answer) {
	t.Helper()
	if to.name == "responses" && was.Err == nil && was.Stop.Reason == llm.StopRefusal && len(was.Blocks) == 0 {
		// Before any output a refusal is a failure there: clients stop then,
		// instead of trying again.
		if back.Err == nil || back.Err.Kind != llm.ContentPolicy {
			t.Errorf("a refusal without words became %v", back.Err)
		}
		return
	}
	if (was.Err == nil) != (back.Err == nil) {
		t.Fatalf("error %v became %v", was.Err, back.Err)
	}
	if was.Err != nil {
		return
	}
	if got, want := words(back, from, to), words(was, from, to); got != want {
		t.Errorf("said\n%s\nbecame\n%s", want, got)
	}
	if got, want := back.Stop.Reason, stopIn(was, to); got != want {
		t.Errorf("stop %q became %q, want %q", was.Stop.Reason, got, want)
	}
	if !was.Usage.Empty() {
		if got, want := back.Usage.InputTotal(), was.Usage.InputTotal(); got != want {
			t.Errorf("input tokens %d became %d", want, got)
		}
		if got, want := back.Usage.OutputTotal(), was.Usage.OutputTotal(); got != want && want > 0 { // what was not reported is estimated
			t.Errorf("output tokens %d became %d", want, got)
		}
		if got, want := back.Usage.CacheRead.N, was.Usage.CacheRead.N; got != want {
			t.Errorf("cached tokens %d became %d", want, got)
		}
	}
}

// words is what an answer says in the terms that both protocols have: text in
// one piece, calls, reasoning if it has text.
func words(a protocoltest.Answer, from, to side) string {
	var texts, thoughts, refusals strings.Builder
	var calls []string
	for _, b := range a.Blocks {
		switch b := b.(type) {
		case llm.Text:
			texts.WriteString(b.Text)
		case llm.Thought:
			thoughts.WriteString(b.Text)
		case llm.Refusal:
			refusals.WriteString(b.Text)
		case llm.ToolCall:
			if a.Stop.Reason == llm.StopLength && !json.Valid([]byte(b.Arguments)) && (whole(to) || whole(from)) {
				continue // there is no form for half of an object
			}
			calls = append(calls, protocoltest.Words(b))
		}
	}
	refusal := refusals.String()
	if whole(to) || whole(from) {
		refusal = "" // it travels in stop_details or finishMessage, or as text
	}
	return fmt.Sprintf("text %q\nthought %q\nrefusal %q\ncalls %q", texts.String(), thoughts.String(), refusal, calls)
}

// whole reports whether arguments are objects in a protocol.
func whole(s side) bool { return s.name == "messages" || s.name == "gemini" }

// stopIn is the reason that is left of one in another protocol.
func stopIn(was protocoltest.Answer, to side) llm.StopReason {
	reason := was.Stop.Reason
	if to.name == "messages" {
		return reason
	}
	if reason == llm.StopEnd && slices.ContainsFunc(was.Blocks, func(b llm.Block) bool { _, call := b.(llm.ToolCall); return call }) {
		return llm.StopTools // calls that the vendor's own code made
	}
	switch reason {
	case llm.StopSequence, llm.StopPause:
		return llm.StopEnd
	case llm.StopContext:
		return llm.StopLength
	default:
		return reason
	}
}

// TestFixturesAgree compares each answer carried to another protocol with the
// same answer as that protocol's own fixture tells it.
func TestFixturesAgree(t *testing.T) {
	for _, name := range protocoltest.Cases(t) {
		for _, from := range sides() {
			for _, to := range sides() {
				own, other := answers(name, from.name), answers(name, to.name)
				if len(own) == 0 || len(other) == 0 || from.name == to.name {
					continue
				}
				t.Run(name+"/"+from.name+"-and-"+to.name, func(t *testing.T) {
					a, err := protocoltest.Assemble(from.read(t, own[0]))
					if err != nil {
						t.Fatal(err)
					}
					b, err := protocoltest.Assemble(to.read(t, other[0]))
					if err != nil {
						t.Fatal(err)
					}
					if a.Err != nil || b.Err != nil {
						return
					}
					if name == "15-refusal" && (from.name == "gemini" || to.name == "gemini") {
						return // there the prompt is refused, before any answer
					}
					if got, want := words(a, from, to), words(b, from, to); got != want {
						t.Errorf("%s says\n%s\n%s says\n%s", from.name, got, to.name, want)
					}
					if a.Usage.InputTotal() != b.Usage.InputTotal() || a.Usage.OutputTotal() != b.Usage.OutputTotal() {
						t.Errorf("usage %+v and %+v", a.Usage, b.Usage)
					}
				})
			}
		}
	}
}

// TestRecordings carries what real vendors said into every protocol.
func TestRecordings(t *testing.T) {
	count := 0
	for _, from := range sides() {
		for _, r := range protocoltest.Recordings(t, from.named, from.done, from.folder...) {
			events := from.read(t, answer{r.Stream, r.Body})
			for _, to := range sides() {
				if whole(to) && strings.Contains(r.Name, "custom-tool") {
					continue // only a client that declared such a tool can be given one
				}
				for _, stream := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s-to-%s-%v", r.Name, to.name, stream), func(t *testing.T) {
						carry(t, from, to, events, stream)
					})
					count++
				}
			}
		}
	}
	if count < 300 {
		t.Errorf("only %d recordings carried", count)
	}
}

// streams are the streams of a protocol, by name: those of the fixtures and
// what real vendors sent.
func (s side) streams(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range protocoltest.Cases(t) {
		if body := protocoltest.File(name, s.name+".stream.sse"); body != nil {
			out[name] = body
		}
	}
	for _, r := range protocoltest.Recordings(t, s.named, s.done, s.folder...) {
		if r.Stream {
			out[r.Name] = r.Body
		}
	}
	return out
}

// maxSplit bounds how many bytes are read to cut one recording at single bytes;
// a long one is cut at fewer places, far apart.
const maxSplit = 2 << 20

// TestSplit cuts every stream at every byte, one by one those of the fixtures
// and all at once the recordings too: the events are always the same.
func TestSplit(t *testing.T) {
	for _, s := range sides() {
		for name, body := range s.streams(t) {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				want := account(t, s, bytes.NewReader(body))
				step := 1
				if strings.Contains(name, "/") { // a recording
					step += len(body) * len(body) / maxSplit
				}
				for cut := 1; cut < len(body); cut += step {
					if got := account(t, s, protocoltest.Pieces(body, cut, len(body))); got != want {
						t.Fatalf("cut at byte %d:\n%s\nwant\n%s", cut, got, want)
					}
				}
				if got := account(t, s, protocoltest.Pieces(body, 1, 1)); got != want {
					t.Errorf("byte by byte:\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

func account(t *testing.T, s side, r io.Reader) string {
	var out strings.Builder
	for _, ev := range protocoltest.Events(t, s.codec.NewReader(r, true, s.target)) {
		fmt.Fprintf(&out, "%d %d %T %s %v %v\n", ev.Type, ev.Index, ev.Block, ev.Delta, ev.Stop, ev.Seal)
	}
	return out.String()
}

// TestMetersAgree holds what the meter of the byte path sees against what the
// reader reads.
func TestMetersAgree(t *testing.T) {
	for _, s := range sides() {
		all := map[string]answer{}
		for _, name := range protocoltest.Cases(t) {
			for _, a := range answers(name, s.name) {
				all[fmt.Sprintf("%s-%v", name, a.stream)] = a
			}
		}
		for _, r := range protocoltest.Recordings(t, s.named, s.done, s.folder...) {
			if !strings.Contains(r.Name, "spliced-message-start") { // passed on as it is, told as a failure elsewhere
				all[r.Name] = answer{r.Stream, r.Body}
			}
		}
		for name, a := range all {
			t.Run(s.name+"/"+name, func(t *testing.T) { meterAgrees(t, s, a) })
		}
	}
}

func meterAgrees(t *testing.T, s side, a answer) {
	read, err := protocoltest.Assemble(s.read(t, a))
	if err != nil {
		t.Fatal(err)
	}
	m := s.codec.NewMeter(protocol.Head{Operation: llm.Generate, Stream: a.stream, WantUsage: true})
	verdicts := measure(t, m, a)
	if read.Err != nil {
		if verdicts[len(verdicts)-1] != protocol.Failure || m.Err() == nil {
			t.Errorf("the reader fails with %v, the meter says %v", read.Err, verdicts)
		}
		return
	}
	if got, want := m.Usage(), read.Usage; got != want {
		t.Errorf("usage %+v, the reader has %+v", got, want)
	}
	if m.Stop().Reason != read.Stop.Reason || m.Meta().Model != read.Meta.Model {
		t.Errorf("stop %q model %q, the reader has %q %q", m.Stop().Reason, m.Meta().Model, read.Stop.Reason, read.Meta.Model)
	}
	if a.stream && s.name != "gemini" && verdicts[len(verdicts)-1] != protocol.Last { // Gemini has no last frame
		t.Errorf("verdicts %v", verdicts)
	}
}

func measure(t *testing.T, m protocol.Meter, a answer) []protocol.Verdict {
	t.Helper()
	if !a.stream {
		return []protocol.Verdict{m.Observe(a.body)}
	}
	var out []protocol.Verdict
	for frame := range bytes.SplitAfterSeq(a.body, []byte("\n\n")) {
		if len(frame) > 0 {
			out = append(out, m.Observe(frame))
		}
	}
	return out
}
