package chat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// sample is an answer of the fixtures or a recording.
type sample = protocoltest.Recording

func samples(t testing.TB) []sample {
	t.Helper()
	out := protocoltest.Recordings(t, false, "data: [DONE]\n\n",
		"openai-compatible-chat", "deepseek-chat", "moonshotai", "alibaba", "xai")
	for _, r := range protocoltest.Recordings(t, false, "data: [DONE]\n\n", "openai-chat") {
		if r.Stream {
			out = append(out, r)
		}
	}
	for _, name := range protocoltest.Cases(t) {
		if b := protocoltest.File(name, "chat.response.json"); b != nil {
			out = append(out, sample{Name: name, Body: b})
		}
		if b := protocoltest.File(name, "chat.stream.sse"); b != nil {
			out = append(out, sample{Name: name + " streamed", Stream: true, Body: b})
		}
	}
	return out
}

func read(t testing.TB, body []byte, stream bool, quirks protocol.Quirks) protocoltest.Answer {
	t.Helper()
	return protocoltest.Read(t, codec().NewReader(bytes.NewReader(body), stream, protocol.Target{Quirks: quirks}))
}

// stream makes a stream of the JSON of its chunks.
func stream(chunks ...string) []byte {
	var b bytes.Buffer
	for _, c := range chunks {
		fmt.Fprintf(&b, "data: %s\n\n", c)
	}
	return b.Bytes()
}

// delta is a chunk with that delta.
func delta(d string) string {
	return `{"id":"c","model":"m","created":1,"choices":[{"index":0,"delta":` + d + `,"finish_reason":null}]}`
}

func finished(reason string) string {
	return `{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}`
}

const done = "[DONE]"

func TestAnswersComeBack(t *testing.T) {
	count := 0
	for _, s := range samples(t) {
		for _, streamed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s to %v", s.Name, streamed), func(t *testing.T) {
				events := protocoltest.Events(t, codec().NewReader(bytes.NewReader(s.Body), s.Stream, protocol.Target{}))
				was, err := protocoltest.Assemble(events)
				if err != nil {
					t.Fatal(err)
				}
				w := codec().NewWriter(protocol.Head{Stream: streamed, WantUsage: true})
				out := protocoltest.Write(t, w, events)
				if was.Err != nil {
					if !bytes.Contains(out, []byte(`{"error":{`)) || bytes.Contains(out, []byte(done)) {
						t.Errorf("a failure became %s", out)
					}
					return
				}
				back := read(t, out, streamed, protocol.Quirks{})
				back.Stop.Raw, was.Stop.Raw = "", ""
				was.Usage.ProviderCost, back.Usage.ProviderCost = llm.Count{}, llm.Count{}
				back.Meta.Tier, was.Meta.Tier = "", ""
				if was.Usage.Empty() { // the writer estimates
					back.Usage = was.Usage
				}
				zeros(&was.Usage)
				zeros(&back.Usage)
				if back.Meta != was.Meta && !was.Meta.Created.IsZero() || back.Stop.Reason != was.Stop.Reason || back.Usage != was.Usage ||
					!reflect.DeepEqual(words(back), words(was)) {
					t.Errorf("%+v\nbecame\n%+v", was, back)
				}
				if len(w.Findings()) > 0 {
					t.Errorf("findings %v", w.Findings())
				}
			})
			count++
		}
	}
	if count < 50 {
		t.Errorf("only %d answers", count)
	}
}

// zeros makes the classes known that the writer always names.
func zeros(u *llm.Usage) {
	for _, c := range []*llm.Count{&u.CacheRead, &u.CacheWrite5m, &u.Reasoning, &u.AudioIn, &u.ImageIn, &u.AudioOut, &u.ImageOut} {
		c.Known = true
	}
}

func words(a protocoltest.Answer) []string {
	var out []string
	for _, b := range a.Blocks {
		out = append(out, protocoltest.Words(b))
	}
	return out
}

// TestFixtureStreamsTellTheBody compares each stream of the fixtures with the
// body of the same case.
func TestFixtureStreamsTellTheBody(t *testing.T) {
	for _, name := range protocoltest.Cases(t) {
		body, streamed := protocoltest.File(name, "chat.response.json"), protocoltest.File(name, "chat.stream.sse")
		if body == nil || streamed == nil {
			continue
		}
		whole, cut := read(t, body, false, protocol.Quirks{}), read(t, streamed, true, protocol.Quirks{})
		whole.Meta.Tier = "" // the streams do not name it
		if !reflect.DeepEqual(whole, cut) {
			t.Errorf("%s:\n%+v\n%+v", name, whole, cut)
		}
	}
}

// TestSplit cuts streams at every byte: the answer is always the same.
func TestSplit(t *testing.T) {
	for _, s := range samples(t) {
		if !s.Stream {
			continue
		}
		for _, quirks := range []protocol.Quirks{{}, {ThinkTags: true}} {
			want := fmt.Sprintf("%+v", read(t, s.Body, true, quirks))
			step := 1 + len(s.Body)/6000*40 // recordings are long
			for cut := 1; cut < len(s.Body); cut += step {
				r := codec().NewReader(protocoltest.Pieces(s.Body, cut, len(s.Body)), true, protocol.Target{Quirks: quirks})
				if got := fmt.Sprintf("%+v", protocoltest.Read(t, r)); mask(got) != mask(want) {
					t.Fatalf("%s cut at %d:\n%s\nwant\n%s", s.Name, cut, got, want)
				}
			}
		}
	}
}

// mask takes out the address of an error.
func mask(s string) string {
	if i := strings.Index(s, "Err:0x"); i >= 0 {
		return s[:i]
	}
	return s
}

func TestReaderBytes(t *testing.T) {
	var file struct {
		Cases []struct {
			Name   string   `json:"name"`
			Chunks [][]byte `json:"chunks_base64"`
			Text   string   `json:"text"`
			Done   bool     `json:"done"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(protocoltest.File("23-bytes", "reader-cases.json"), &file); err != nil || len(file.Cases) < 4 {
		t.Fatal(len(file.Cases), err)
	}
	for _, c := range file.Cases {
		r := codec().NewReader(protocoltest.Pieces(bytes.Join(c.Chunks, nil), 1, 1), true, protocol.Target{})
		a := protocoltest.Read(t, r)
		var got strings.Builder
		for _, b := range a.Blocks {
			if text, ok := b.(llm.Text); ok {
				got.WriteString(text.Text)
			}
		}
		if a.Err == nil && got.String() != c.Text {
			t.Errorf("%s: %q, want %q", c.Name, got.String(), c.Text)
		}
		if c.Done && a.Err != nil {
			t.Errorf("%s: %v", c.Name, a.Err)
		}
	}
}

// TestReaderCases are the ways of servers.
func TestReaderCases(t *testing.T) {
	usage := `{"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`
	hello := delta(`{"role":"assistant","content":"Hi"}`)
	for name, c := range map[string]struct {
		chunks []string
		quirks protocol.Quirks
		want   string // words, then the reason to stop or the kind of error
	}{
		"plain":             {[]string{hello, finished("stop"), usage, done}, protocol.Quirks{}, "text Hi|end"},
		"no done":           {[]string{hello, finished("stop")}, protocol.Quirks{}, "text Hi|end"},
		"no finish":         {[]string{hello, done}, protocol.Quirks{}, "text Hi|end"},
		"cut":               {[]string{hello}, protocol.Quirks{}, "bad_upstream"},
		"nothing":           {nil, protocol.Quirks{}, "bad_upstream"},
		"only done":         {[]string{done}, protocol.Quirks{}, "bad_upstream"},
		"no JSON":           {[]string{hello, `{"choices":`}, protocol.Quirks{}, "bad_upstream"},
		"error first":       {[]string{`{"error":{"message":"x","code":"rate_limit_exceeded"}}`}, protocol.Quirks{}, "rate_limited"},
		"error with status": {[]string{hello, `{"error":{"code":502,"message":"x"},"choices":[{"index":0,"delta":{},"finish_reason":"error"}]}`}, protocol.Quirks{}, "bad_upstream"},
		"error as a word":   {[]string{hello, finished("insufficient_system_resource"), done}, protocol.Quirks{}, "overloaded"},
		"error of Groq":     {[]string{hello, `{"choices":[],"x_groq":{"error":{"message":"over capacity","type":"overloaded"}}}`}, protocol.Quirks{}, "overloaded"},
		"array":             {[]string{hello, `[{"error":{"status":"RESOURCE_EXHAUSTED","message":"m"}}]`}, protocol.Quirks{}, "rate_limited"},
		"context":           {[]string{hello, finished("model_context_window_exceeded"), done}, protocol.Quirks{}, "text Hi|context"},
		"unknown reason":    {[]string{hello, finished("eos"), done}, protocol.Quirks{}, "text Hi|end"},
		"second choice":     {[]string{hello, `{"choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"length"}]}`, finished("stop"), done}, protocol.Quirks{}, "text Hi|end"},
		"reasoning": {
			[]string{delta(`{"reasoning":"a","reasoning_content":"a"}`), delta(`{"reasoning":"b"}`), hello, finished("stop"), done},
			protocol.Quirks{},
			"thought ab,text Hi|end",
		},
		"tags": {
			[]string{delta(`{"content":"\n<thi"}`), delta(`{"content":"nk>\n a </thi"}`), delta(`{"content":"nk b\u003c/think\u003e\n\nHi"}`), delta(`{"content":" <think>"}`), finished("stop"), done},
			protocol.Quirks{ThinkTags: true},
			"thought a </think b,text Hi <think>|end",
		},
		"tags, cut":   {[]string{delta(`{"content":"<think>a</th"}`), finished("length"), done}, protocol.Quirks{ThinkTags: true}, "thought a</th|length"},
		"tags, none":  {[]string{delta(`{"content":" <b"}`), delta(`{"content":"> x"}`), finished("stop"), done}, protocol.Quirks{ThinkTags: true}, "text  <b> x|end"},
		"tags, empty": {[]string{delta(`{"content":"<think></think>"}`), hello, finished("stop"), done}, protocol.Quirks{ThinkTags: true}, "text Hi|end"},
		"parts": {
			[]string{delta(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}`), delta(`{"content":[{"type":"text","text":"Hi"}]}`), finished("stop"), done},
			protocol.Quirks{},
			"thought a,text Hi|end",
		},
		"calls without index": {
			[]string{delta(`{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"{\"x\":1}"}}]}`), finished("stop"), done},
			protocol.Quirks{},
			`call a f {},call b f {"x":1}|tools`,
		},
		"calls of one index": {
			[]string{
				delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`),
				delta(`{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{\"x\""}}]}`),
				delta(`{"tool_calls":[{"index":0,"id":"","function":{"arguments":":1}"}}]}`), finished("tool_calls"), done,
			},
			protocol.Quirks{},
			`call a f {},call b f {"x":1}|tools`,
		},
		"names repeated": {
			[]string{
				delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}`),
				delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}]}`), finished("tool_calls"), done,
			},
			protocol.Quirks{},
			`call a f {"x":1}|tools`,
		},
		"cumulative": {
			[]string{
				delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}`),
				delta(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}`),
				delta(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}`), finished("tool_calls"), done,
			},
			protocol.Quirks{CumulativeArguments: true},
			`call a f {"x":1}|tools`,
		},
		"arguments as an object": {
			[]string{delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":"\"\n"}}}]}`), finished("stop"), done},
			protocol.Quirks{},
			`call a f {"x":"\"\n"}|tools`,
		},
		"old function":  {[]string{delta(`{"function_call":{"name":"f","arguments":""}}`), delta(`{"function_call":{"arguments":"{}"}}`), finished("function_call"), done}, protocol.Quirks{}, "call " + protocol.CallID("/c/0") + " f {}|tools"},
		"custom":        {[]string{delta(`{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":""}}]}`), delta(`{"tool_calls":[{"index":0,"custom":{"input":"raw"}}]}`), finished("tool_calls"), done}, protocol.Quirks{}, "call a f raw|tools"},
		"cut call":      {[]string{delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}]}`), finished("length"), done}, protocol.Quirks{}, "call a f {|length"},
		"text and call": {[]string{hello, delta(`{"tool_calls":[{"index":1,"id":"a","function":{"name":"f"}}]}`), delta(`{"content":"Ho"}`), finished("stop"), done}, protocol.Quirks{}, "text Hi,call a f {},text Ho|tools"},
		"refusal":       {[]string{delta(`{"refusal":"No."}`), finished("stop"), done}, protocol.Quirks{}, "refusal No.|refusal"},
		"audio":         {[]string{delta(`{"audio":{"id":"x"}}`), finished("stop"), done}, protocol.Quirks{}, "opaque audio|end"},
		"comments":      {[]string{"x\n\n: keep-alive\n\ndata: " + hello, finished("stop"), done}, protocol.Quirks{}, "bad_upstream"},
	} {
		t.Run(name, func(t *testing.T) {
			a := read(t, stream(c.chunks...), true, c.quirks)
			got := strings.Join(words(a), ",") + "|" + string(a.Stop.Reason)
			if a.Err != nil {
				got = a.Err.Kind.String()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"html":        {"<html>busy</html>", "bad_upstream"},
		"nothing":     {"", "bad_upstream"},
		"half":        {`{"id":"x","choices":[{"message":{"content":"a`, "bad_upstream"},
		"no choices":  {`{"id":"x","choices":[]}`, "bad_upstream"},
		"error":       {`{"error":{"message":"m","code":429}}`, "rate_limited"},
		"error text":  {`{"error":"m"}`, "bad_upstream"},
		"blank lines": {"\n\n  " + `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`, "text a|end"},
		"no reason":   {`{"choices":[{"message":{"content":"a"}}]}`, "text a|end"},
		"no money":    {`{"choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}`, "bad_upstream"},
		"fine":        {`{"choices":[{"message":{"content":"a"}}],"base_resp":{"status_code":0,"status_msg":""}}`, "text a|end"},
	} {
		t.Run(name, func(t *testing.T) {
			a := read(t, []byte(c.body), false, protocol.Quirks{})
			got := strings.Join(words(a), ",") + "|" + string(a.Stop.Reason)
			if a.Err != nil {
				got = a.Err.Kind.String()
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			m := codec().NewMeter(protocol.Head{})
			if failed := m.Observe([]byte(c.body)) == protocol.Failure; failed != (a.Err != nil) {
				t.Errorf("the meter sees failure %v: %v", failed, m.Err())
			}
		})
	}
}

func TestUsage(t *testing.T) {
	k := llm.Known
	for name, c := range map[string]struct {
		usage string
		want  llm.Usage
	}{
		"plain":  {`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}`, llm.Usage{Input: k(10), Output: k(5)}},
		"cached": {`{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":1}}`, llm.Usage{Input: k(5), CacheRead: k(4), CacheWrite5m: k(1), Output: k(5)}},
		"thinks": {`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":3}}`, llm.Usage{Input: k(10), Output: k(2), Reasoning: k(3)}},
		"apart":  {`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":18,"completion_tokens_details":{"reasoning_tokens":3}}`, llm.Usage{Input: k(10), Output: k(5), Reasoning: k(3)}},
		"hidden": {`{"prompt_tokens":10,"completion_tokens":5,"total_tokens":18}`, llm.Usage{Input: k(10), Output: k(5), Reasoning: k(3)}},
		"top":    {`{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}`, llm.Usage{Input: k(6), CacheRead: k(4), Output: k(5)}},
		"kimi":   {`{"prompt_tokens":10,"completion_tokens":5,"cached_tokens":4}`, llm.Usage{Input: k(6), CacheRead: k(4), Output: k(5)}},
		"sound":  {`{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"audio_tokens":4},"completion_tokens_details":{"audio_tokens":1}}`, llm.Usage{Input: k(6), AudioIn: k(4), Output: k(4), AudioOut: k(1)}},
		"cost":   {`{"prompt_tokens":10,"completion_tokens":5,"cost":0.0000015}`, llm.Usage{Input: k(10), Output: k(5), ProviderCost: k(1500)}},
		"ticks":  {`{"prompt_tokens":10,"completion_tokens":5,"cost_in_usd_ticks":1466250}`, llm.Usage{Input: k(10), Output: k(5), ProviderCost: k(146625)}},
	} {
		c.want.Source = llm.Reported
		a := read(t, stream(delta(`{"content":"x"}`), finished("stop"), `{"choices":[],"usage":`+c.usage+`}`, done), true, protocol.Quirks{})
		if a.Usage != c.want {
			t.Errorf("%s: %+v, want %+v", name, a.Usage, c.want)
		}
		groq := codec().NewMeter(protocol.Head{Stream: true})
		groq.Observe(stream(`{"choices":[],"x_groq":{"usage":` + c.usage + `}}`))
		if groq.Usage() != c.want {
			t.Errorf("%s, in x_groq: %+v", name, groq.Usage())
		}
	}
	if a := read(t, stream(delta(`{"content":"x"}`), finished("stop"), done), true, protocol.Quirks{}); a.Usage != (llm.Usage{}) {
		t.Errorf("usage out of nothing: %+v", a.Usage)
	}
}

func TestMeterVerdicts(t *testing.T) {
	const (
		p, c, h, l, f = protocol.Preamble, protocol.Content, protocol.Hidden, protocol.Last, protocol.Failure
	)
	usage := `{"choices":[],"usage": {"prompt_tokens":3,"completion_tokens":2}}`
	role := delta(`{"role":"assistant","content":"","refusal":null}`)
	for name, x := range map[string]struct {
		want   bool
		chunks []string
		v      []protocol.Verdict
		usage  bool
	}{
		"unasked": {false, []string{role, delta(`{"content":"x"}`), delta(`{"content":"y"}`), finished("stop"), usage, done}, []protocol.Verdict{p, c, c, c, h, l}, true},
		"asked":   {true, []string{role, delta(`{"content":"x"}`), finished("stop"), usage, done}, []protocol.Verdict{p, c, c, c, l}, true},
		"inside the finish": {
			false,
			[]string{delta(`{"content":"x"}`), `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, done},
			[]protocol.Verdict{c, c, l},
			true,
		},
		"azure":       {false, []string{`{"choices":[],"id":"","prompt_filter_results":[{}]}`, delta(`{"tool_calls":[{}]}`), done}, []protocol.Verdict{p, c, l}, false},
		"failure":     {false, []string{role, `{"error":{"message":"x"}}`}, []protocol.Verdict{p, f}, false},
		"late":        {false, []string{delta(`{"content":"x"}`), `{"error": {"message":"x"}}`}, []protocol.Verdict{c, f}, false},
		"null error":  {false, []string{delta(`{"content":"x"}`), `{"error":null,"choices":[{"delta":{"content":"\"error\":{}"}}]}`}, []protocol.Verdict{c, c}, false},
		"words":       {false, []string{delta(`{"content":"x"}`), delta(`{"content":"usage"}`), delta(`{"content":"[DONE]"}`)}, []protocol.Verdict{c, c, c}, false},
		"empty":       {false, []string{role, finished("stop"), done}, []protocol.Verdict{p, c, l}, false},
		"nonsense":    {false, []string{`{"choices":`}, []protocol.Verdict{f}, false},
		"failed word": {false, []string{delta(`{"content":"x"}`), finished("network_error")}, []protocol.Verdict{c, f}, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := codec().NewMeter(protocol.Head{Stream: true, WantUsage: x.want})
			if v := m.Observe([]byte(": comment\n\n")); v != p {
				t.Errorf("a comment is %d", v)
			}
			for i, chunk := range x.chunks {
				if v := m.Observe(stream(chunk)); v != x.v[i] {
					t.Errorf("frame %d is %d, want %d", i, v, x.v[i])
				}
			}
			if u := m.Usage(); u.Input.Known != x.usage {
				t.Errorf("usage %+v", u)
			}
			if failed := x.v[len(x.v)-1] == f; failed != (m.Err() != nil) {
				t.Errorf("error %v", m.Err())
			}
		})
	}
	m := codec().NewMeter(protocol.Head{Stream: true})
	if v := m.Observe([]byte("event: error\ndata: {\"message\":\"x\"}\n\n")); v != f || m.Err().Message != "x" {
		t.Errorf("a named error is %d %v", v, m.Err())
	}
}

// TestWriterShapes holds the bytes of a whole stream and of a body.
func TestWriterShapes(t *testing.T) {
	meta := &llm.Meta{ID: "msg_01", Model: "claude", Created: unix(7), Protocol: llm.Messages, Origin: "anthropic/claude", Tier: "standard"}
	events := []llm.Event{
		{Type: llm.Start, Meta: meta},
		{Type: llm.Metered, Usage: &llm.Usage{Input: llm.Known(5)}},
		{Type: llm.BlockStart, Index: 0, Block: llm.Text{}},
		{Type: llm.BlockDelta, Index: 0, Delta: []byte(`a\"b`)},
		{Type: llm.BlockEnd, Index: 0},
		{Type: llm.BlockStart, Index: 1, Block: llm.ToolCall{ID: "t1", Name: "f", Kind: llm.FunctionTool}},
		{Type: llm.BlockEnd, Index: 1},
		{Type: llm.BlockStart, Index: 2, Block: llm.ToolCall{ID: "t2", Name: "p", Kind: llm.CustomTool}},
		{Type: llm.BlockDelta, Index: 2, Delta: []byte(`{\"input\":\"r`)},
		{Type: llm.BlockDelta, Index: 2, Delta: []byte(`aw\"}`)},
		{Type: llm.BlockEnd, Index: 2},
		{Type: llm.Metered, Usage: &llm.Usage{Input: llm.Known(5), Output: llm.Known(2), Source: llm.Reported}},
		{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopTools}},
	}
	head := protocol.Head{Stream: true}
	chunk := func(delta string) string {
		return `data: {"id":"chatcmpl-01","object":"chat.completion.chunk","created":7,"model":"claude","choices":[{"index":0,"delta":` + delta + `,"logprobs":null,"finish_reason":null}]}` + "\n\n"
	}
	want := chunk(`{"role":"assistant","content":"","refusal":null}`) +
		chunk(`{"content":"a\"b"}`) +
		chunk(`{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]}`) +
		chunk(`{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`) +
		chunk(`{"tool_calls":[{"index":1,"id":"t2","type":"custom","custom":{"name":"p","input":""}}]}`) +
		chunk(`{"tool_calls":[{"index":1,"custom":{"input":"raw"}}]}`) +
		strings.Replace(chunk(`{}`), `"finish_reason":null`, `"finish_reason":"tool_calls"`, 1) + "data: [DONE]\n\n"
	if got := string(protocoltest.Write(t, codec().NewWriter(head), events)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	head.Stream = false
	want = `{"id":"chatcmpl-01","object":"chat.completion","created":7,"model":"claude","choices":[{"index":0,"message":{"role":"assistant",` +
		`"content":"a\"b","refusal":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{}"}},` +
		`{"id":"t2","type":"custom","custom":{"name":"p","input":"raw"}}]},"logprobs":null,"finish_reason":"tool_calls"}],` +
		`"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},` +
		`"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}`
	if got := string(protocoltest.Write(t, codec().NewWriter(head), events)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOldFunctions(t *testing.T) {
	head, err := codec().Peek(llm.Generate, []byte(`{"model":"m","functions":[{"name":"f"}],"messages":[]}`))
	if err != nil || !head.OldFunctions || !head.Tools {
		t.Fatalf("%+v %v", head, err)
	}
	events := []llm.Event{
		{Type: llm.Start, Meta: &llm.Meta{}},
		{Type: llm.BlockStart, Block: llm.ToolCall{ID: "a", Name: "f", Kind: llm.FunctionTool}},
		{Type: llm.BlockDelta, Delta: []byte(`{}`)},
		{Type: llm.BlockEnd},
		{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopTools}},
	}
	out := protocoltest.Write(t, codec().NewWriter(head), events)
	if !bytes.Contains(out, []byte(`"function_call":{"name":"f","arguments":"{}"}`)) || !bytes.Contains(out, []byte(`"finish_reason":"function_call"`)) {
		t.Errorf("body %s", out)
	}
	head.Stream = true
	a := read(t, protocoltest.Write(t, codec().NewWriter(head), events), true, protocol.Quirks{})
	if len(a.Blocks) != 1 || a.Blocks[0].(llm.ToolCall).Arguments != "{}" || a.Stop.Raw != "function_call" {
		t.Errorf("stream %+v", a)
	}
	req, err := codec().DecodeRequest([]byte(`{"model":"m","functions":[{"name":"f"}],"function_call":{"name":"f"},"messages":[{"role":"user","content":"x"},
		{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	call := req.Turns[1].Blocks[0].(llm.ToolCall)
	if result := req.Turns[2].Blocks[0].(llm.ToolResult); call.ID == "" || call.ID != result.CallID || result.Name != "f" || req.ToolChoice.Names[0] != "f" {
		t.Errorf("%+v %+v", call, result)
	}
}

// TestSealsTravel carries the signatures of another vendor through a client of
// this protocol and back.
func TestSealsTravel(t *testing.T) {
	meta := &llm.Meta{ID: "x", Protocol: llm.Messages, Origin: "anthropic/claude", Created: unix(1)}
	events := []llm.Event{
		{Type: llm.Start, Meta: meta},
		{Type: llm.BlockStart, Index: 0, Block: llm.Thought{}},
		{Type: llm.BlockDelta, Index: 0, Delta: []byte(`h\nm`)},
		{Type: llm.BlockEnd, Index: 0, Seal: "sig"},
		{Type: llm.BlockStart, Index: 1, Block: llm.Thought{Redacted: true}},
		{Type: llm.BlockEnd, Index: 1, Seal: "hidden"},
		{Type: llm.BlockStart, Index: 2, Block: llm.ToolCall{ID: "t", Name: "f", Kind: llm.FunctionTool}},
		{Type: llm.BlockEnd, Index: 2, Seal: "callsig"},
		{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopTools}},
	}
	out := protocoltest.Write(t, codec().NewWriter(protocol.Head{}), events)
	message, err := json.Marshal(object(t, out)["choices"].([]any)[0].(map[string]any)["message"])
	if err != nil {
		t.Fatal(err)
	}
	req, err := codec().DecodeRequest([]byte(`{"messages":[{"role":"user","content":"x"},` + string(message) + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []llm.Block{
		llm.Thought{Text: "h\nm", Seal: "sig", Origin: "anthropic/claude"},
		llm.Thought{Seal: "hidden", Origin: "anthropic/claude", Redacted: true},
		llm.ToolCall{ID: "t", Name: "f", Arguments: "{}", Kind: llm.FunctionTool, Seal: "callsig", Origin: "anthropic/claude"},
	}
	if got := req.Turns[1].Blocks; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	forged := strings.ReplaceAll(string(message), "gw1.", "gw1.A")
	if req, err = codec().DecodeRequest([]byte(`{"messages":[{"role":"user","content":"x"},` + forged + `]}`)); err != nil {
		t.Fatal(err)
	}
	for _, b := range req.Turns[1].Blocks {
		if thought, ok := b.(llm.Thought); ok && thought.Seal != "" {
			t.Errorf("a forged envelope was opened: %+v", thought)
		}
	}
}

// TestReasoningDetails puts the pieces of a stream together and gives them
// back to the server that made them.
func TestReasoningDetails(t *testing.T) {
	a := read(t, stream(
		delta(`{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","format":"f","index":0}]}`),
		delta(`{"reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"b","format":"f","index":0}]}`),
		delta(`{"content":"","reasoning_details":[{"type":"reasoning.text","signature":"s","format":"f","index":0}]}`),
		delta(`{"content":"Hi"}`),
		delta(`{"reasoning_details":[{"type":"reasoning.encrypted","data":"d","index":1}]}`),
		finished("stop"), done), true, protocol.Quirks{})
	want := []llm.Block{
		llm.Thought{Text: "ab", Raw: true, Seal: `[{"type":"reasoning.text","format":"f","index":0,"text":"ab","signature":"s"}]`},
		llm.Text{Text: "Hi"},
		llm.Thought{Raw: true, Seal: `[{"type":"reasoning.encrypted","index":1,"data":"d"}]`},
	}
	if !reflect.DeepEqual(a.Blocks, want) {
		t.Errorf("got  %+v\nwant %+v", a.Blocks, want)
	}
}

func TestFailures(t *testing.T) {
	failure := &llm.Error{Kind: llm.Overloaded, Message: "busy"}
	for _, events := range [][]llm.Event{
		{{Type: llm.Failed, Err: failure}},
		{{Type: llm.Start, Meta: &llm.Meta{}}, {Type: llm.BlockStart, Block: llm.Text{}}, {Type: llm.BlockDelta, Delta: []byte("x")}, {Type: llm.Failed, Err: failure}},
	} {
		body := string(protocoltest.Write(t, codec().NewWriter(protocol.Head{}), events))
		if body != `{"error":{"message":"busy","type":"server_error","param":null,"code":"server_is_overloaded"}}` {
			t.Errorf("body %s", body)
		}
		streamed := string(protocoltest.Write(t, codec().NewWriter(protocol.Head{Stream: true}), events))
		if !strings.HasSuffix(streamed, "data: "+body+"\n\n") || strings.Contains(streamed, done) {
			t.Errorf("stream %s", streamed)
		}
	}
}
