package protocoltest_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// told carries the streamed answer of a case to a client.
func told(t *testing.T, name string, from, client side, stream bool) []byte {
	t.Helper()
	return tell(t, from.read(t, answer{true, protocoltest.File(name, from.name+".stream.sse")}), from, client, stream)
}

// Calls of a Chat stream are counted by themselves, whatever came before.
func trapCallIndices(t *testing.T) {
	for _, name := range []string{"05-parallel-tools", "03-tool-call", "22-interleaved-calls"} {
		for _, from := range sides() {
			if protocoltest.File(name, from.name+".stream.sse") == nil {
				continue // calls of Gemini's do not interleave
			}
			_, data := frames(t, told(t, name, from, sideOf("chat"), true))
			var order []string
			for _, chunk := range data {
				if string(chunk) == "[DONE]" {
					continue
				}
				for _, choice := range list(parsed(t, chunk)["choices"]) {
					for _, call := range list(member(choice, "delta", "tool_calls")) {
						at := int(member(call, "index").(float64))
						id := word(call, "id")
						switch {
						case id != "" && (at != len(order) || word(call, "function", "name") == ""):
							t.Errorf("%s from %s: call %d begins as %v", name, from.name, len(order), call)
						case id == "" && at >= len(order):
							t.Errorf("%s from %s: a piece before its call: %v", name, from.name, call)
						}
						if id != "" {
							order = append(order, id)
						}
					}
				}
			}
			if want := map[string]int{"05-parallel-tools": 3, "03-tool-call": 1, "22-interleaved-calls": 2}[name]; len(order) != want {
				t.Errorf("%s from %s: %d calls", name, from.name, len(order))
			}
		}
	}
}

// Parallel calls of every upstream reach every client with their own names,
// ids and arguments.
func trapParallelCalls(t *testing.T) {
	for _, from := range sides() {
		for _, client := range sides() {
			for _, stream := range []bool{false, true} {
				out := told(t, "05-parallel-tools", from, client, stream)
				var got []string
				for _, b := range protocoltest.Read(t, client.codec.NewReader(bytes.NewReader(out), stream, client.target)).Blocks {
					if _, ok := b.(llm.ToolCall); ok {
						got = append(got, protocoltest.Words(b))
					}
				}
				want := []string{`call call_p1 get_weather {"city":"Oslo"}`, `call call_p2 get_weather {"city":"Rome"}`, `call call_p3 get_time {}`}
				if !slices.Equal(got, want) {
					t.Errorf("%s to %s: %q", from.name, client.name, got)
				}
			}
		}
	}
}

// Blocks of a Messages stream are counted all together, and only one is open.
func trapBlockIndices(t *testing.T) {
	for _, name := range []string{"03-tool-call", "05-parallel-tools", "08-thinking", "22-interleaved-calls"} {
		for _, from := range sides() {
			_, data := frames(t, told(t, name, from, sideOf("messages"), true))
			next, open := 0, -1
			for _, frame := range data {
				ev := parsed(t, frame)
				kind := word(ev, "type")
				if !strings.HasPrefix(kind, "content_block") {
					continue
				}
				at := int(ev["index"].(float64))
				switch kind {
				case "content_block_start":
					if open >= 0 || at != next {
						t.Errorf("%s from %s: block %d opens while %d is open, after %d", name, from.name, at, open, next)
					}
					open, next = at, next+1
				default:
					if at != open {
						t.Errorf("%s from %s: %s of block %d, open is %d", name, from.name, kind, at, open)
					}
					if kind == "content_block_stop" {
						open = -1
					}
				}
			}
		}
	}
}

// Two answers at once do not know of each other.
func trapTwoAtOnce(t *testing.T) {
	for _, client := range sides() {
		head := protocol.Head{Operation: llm.Generate, Stream: true, WantUsage: true, RequestID: "req"}
		from := sideOf("messages")
		var events [2][]llm.Event
		var alone, together [2][]byte
		for i, name := range []string{"05-parallel-tools", "08-thinking"} {
			events[i] = served(from.read(t, answer{true, protocoltest.File(name, "messages.stream.sse")}), from)
			alone[i] = protocoltest.Write(t, client.codec.NewWriter(head), events[i])
		}
		writers := [2]protocol.EventWriter{client.codec.NewWriter(head), client.codec.NewWriter(head)}
		for step := range max(len(events[0]), len(events[1])) {
			for i, w := range writers {
				if step < len(events[i]) {
					var err error
					if together[i], err = w.Append(together[i], events[i][step]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for i := range alone {
			if a, b := heard(t, client, alone[i]), heard(t, client, together[i]); a != b || a == "" {
				t.Errorf("%s: %q beside another, alone %q", client.name, b, a)
			}
		}
	}
}

// Characters survive a stream that comes byte by byte.
func trapCharacters(t *testing.T) {
	for _, from := range sides() {
		body := protocoltest.File("01-plain", from.name+".stream.sse")
		events := protocoltest.Events(t, from.codec.NewReader(protocoltest.Pieces(body, 1, 1), true, from.target))
		for _, client := range sides() {
			for _, stream := range []bool{false, true} {
				out := tell(t, events, from, client, stream)
				a := protocoltest.Read(t, client.codec.NewReader(protocoltest.Pieces(out, 1, 1), stream, client.target))
				if bytes.ContainsRune(out, '\uFFFD') || len(a.Blocks) != 1 || protocoltest.Words(a.Blocks[0]) != "text 你好，世界！🚀 Hello." {
					t.Errorf("%s to %s: %+v\n%s", from.name, client.name, a.Blocks, out)
				}
			}
		}
	}
}

// Half of a character, escaped, is passed on as it came.
func trapSurrogates(t *testing.T) {
	stream := `data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"a\ud83d"}}]}` + "\n\n" +
		`data: {"id":"c","choices":[{"index":0,"delta":{"content":"\ude80b"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	for _, client := range sides() {
		for _, streamed := range []bool{false, true} {
			out := tell(t, sideOf("chat").read(t, answer{true, []byte(stream)}), sideOf("chat"), client, streamed)
			a := protocoltest.Read(t, client.codec.NewReader(bytes.NewReader(out), streamed, client.target))
			if bytes.ContainsRune(out, '\uFFFD') || len(a.Blocks) != 1 || protocoltest.Words(a.Blocks[0]) != "text a🚀b" {
				t.Errorf("%s: %s", client.name, out)
			}
		}
	}
}

// Usage in every chunk, or a chunk without choices, is not the end.
func trapEarlyUsage(t *testing.T) {
	usage := func(n int) string {
		return fmt.Sprintf(`"usage":{"prompt_tokens":3,"completion_tokens":%d}}`, n) + "\n\n"
	}
	stream := `data: {"id":"","choices":[],"prompt_filter_results":[]}` + "\n\n" +
		`data: {"id":"c","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"get","arguments":""}}]}}],` + usage(1) +
		`data: {"id":"c","choices":[],` + usage(2) +
		`data: {"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":1}"}}]}}],` + usage(3) +
		`data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],` + usage(4) + "data: [DONE]\n\n"
	for _, client := range sides() {
		out := tell(t, sideOf("chat").read(t, answer{true, []byte(stream)}), sideOf("chat"), client, true)
		a := protocoltest.Read(t, client.codec.NewReader(bytes.NewReader(out), true, client.target))
		if len(a.Blocks) != 1 || protocoltest.Words(a.Blocks[0]) != `call a get {"x":1}` || a.Usage.Output.N != 4 || a.Stop.Reason != llm.StopTools {
			t.Errorf("%s: %+v\n%s", client.name, a, out)
		}
		for _, once := range []string{"event: message_delta", "event: response.completed", `"finish_reason":"`} {
			if bytes.Count(out, []byte(once)) > 1 {
				t.Errorf("%s: more than one %s", client.name, once)
			}
		}
	}
}

// Arguments that were cut off are not told as a call to be made.
func trapCutCalls(t *testing.T) {
	for _, from := range sides() {
		for _, client := range sides() {
			for _, stream := range []bool{false, true} {
				out := string(told(t, "14-tool-truncated", from, client, stream))
				want := map[string]string{"chat": `"finish_reason":"length"`, "messages": `"stop_reason":"max_tokens"`, "responses": `"incomplete_details":{"reason":"max_output_tokens"}`}[client.name]
				if !strings.Contains(out, want) {
					t.Errorf("%s to %s: %s", from.name, client.name, out)
				}
			}
		}
	}
}

// A stream that ends before its end is a failure to every client, wherever it
// was cut.
func trapCutStreams(t *testing.T) {
	for _, from := range sides() {
		body := protocoltest.File("05-parallel-tools", from.name+".stream.sse")
		end := map[string]string{"chat": `"finish_reason":"tool_calls"`, "messages": "event: message_stop", "responses": "event: response.completed"}[from.name]
		for cut := range bytes.Index(body, []byte(end)) {
			if !bytes.HasSuffix(body[:cut], []byte("\n\n")) && cut%97 != 0 {
				continue
			}
			events := from.read(t, answer{true, body[:cut]})
			if last := events[len(events)-1]; last.Type != llm.Failed || last.Err.Kind != llm.BadUpstream {
				t.Fatalf("%s cut at %d ends with %+v", from.name, cut, last)
			}
			for _, client := range sides() {
				out := tell(t, events, from, client, true)
				back := protocoltest.Read(t, client.codec.NewReader(bytes.NewReader(out), true, client.target))
				if back.Err == nil || bytes.Contains(out, []byte("[DONE]")) || bytes.Contains(out, []byte("message_stop")) || bytes.Contains(out, []byte("response.completed")) {
					t.Fatalf("%s cut at %d, to %s: %s", from.name, cut, client.name, out)
				}
			}
		}
	}
}

// The first chunk of a Chat stream says whose words they are.
func trapRole(t *testing.T) {
	for _, name := range []string{"01-plain", "05-parallel-tools", "08-thinking"} {
		for _, from := range sides() {
			_, data := frames(t, told(t, name, from, sideOf("chat"), true))
			for i, chunk := range data[:len(data)-1] {
				for _, choice := range list(parsed(t, chunk)["choices"]) {
					if (word(choice, "delta", "role") == "assistant") != (i == 0) {
						t.Errorf("%s from %s, chunk %d: %s", name, from.name, i, chunk)
					}
				}
			}
		}
	}
}

// Thoughts are shown as thoughts, with what the client needs to send them
// back; what was asked and what was seen is carried the other way.
func trapThinkingShown(t *testing.T) {
	thoughts := map[string][]string{
		"chat":      {`"reasoning_content":"`},
		"messages":  {`"type":"thinking"`, `"signature`},
		"responses": {`"type":"reasoning"`, `_text","text":"`, `"encrypted_content":"`},
	}
	for _, from := range sides() {
		for _, client := range sides() {
			for _, stream := range []bool{false, true} {
				out := told(t, "08-thinking", from, client, stream)
				for _, want := range thoughts[client.name] {
					if !bytes.Contains(out, []byte(want)) {
						t.Errorf("%s to %s misses %s: %s", from.name, client.name, want, out)
					}
				}
			}
		}
	}
	out, _ := carried(t, sideOf("messages"), sideOf("chat"), `{"max_tokens":20000,"thinking":{"type":"enabled","budget_tokens":10240},"messages":[{"role":"user","content":[
		{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},{"type":"text","text":"q"}]}]}`)
	if !strings.Contains(out, `"reasoning_effort":"medium"`) || !strings.Contains(out, `"url":"data:image/png;base64,AAAA"`) {
		t.Error(out)
	}
}

// What real vendors leave out or send beyond their description is read.
func trapLooseWire(t *testing.T) {
	stream := `data: {"type":"response.created","response":{"id":"r","model":"g","status":"in_progress","output":[],"usage":null,"user":null}}

data: {"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"a","name":"get","arguments":""}}

data: {"type":"response.apply_patch_call_operation_diff.delta","output_index":0,"delta":"x"}

data: {"type":"response.function_call_arguments.delta","output_index":0,"item_id":"fc","delta":"{\"x\":1}"}

data: {"type":"response.function_call_arguments.done","output_index":0,"item_id":"fc","arguments":"{\"x\":1}"}

data: {"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"a","name":"get","arguments":"{\"x\":1}"}}

data: {"type":"response.completed","response":{"id":"r","status":"completed","output":[],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":2}}}

`
	from := sideOf("responses")
	for _, client := range sides() {
		for _, streamed := range []bool{false, true} {
			out := tell(t, from.read(t, answer{true, []byte(stream)}), from, client, streamed)
			a := protocoltest.Read(t, client.codec.NewReader(bytes.NewReader(out), streamed, client.target))
			if len(a.Blocks) != 1 || protocoltest.Words(a.Blocks[0]) != `call a get {"x":1}` || a.Usage.Input.N != 5 || a.Usage.CacheRead.N != 4 {
				t.Errorf("%s: %+v\n%s", client.name, a, out)
			}
		}
	}
}

// An upstream that changes the ids of its items from event to event is
// understood by the order of its items.
func trapRotatingIDs(t *testing.T) {
	stream := `data: {"type":"response.created","response":{"id":"r1","model":"g"}}

data: {"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m1","role":"assistant","content":[]}}

data: {"type":"response.content_part.added","output_index":0,"content_index":0,"item_id":"m2","part":{"type":"output_text","text":""}}

data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"m3","delta":"Hel"}

data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"item_id":"m4","delta":"lo"}

data: {"type":"response.output_text.done","output_index":0,"content_index":0,"item_id":"m5","text":"Hello"}

data: {"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"m6","role":"assistant","content":[{"type":"output_text","text":"Hello"}]}}

data: {"type":"response.completed","response":{"id":"r2","status":"completed","output":[{"type":"message","id":"m7","role":"assistant","content":[{"type":"output_text","text":"Hello"}]}]}}

`
	from := sideOf("responses")
	for _, client := range sides() {
		out := tell(t, from.read(t, answer{true, []byte(stream)}), from, client, true)
		a := protocoltest.Read(t, client.codec.NewReader(bytes.NewReader(out), true, client.target))
		if len(a.Blocks) != 1 || protocoltest.Words(a.Blocks[0]) != "text Hello" {
			t.Errorf("%s: %+v\n%s", client.name, a, out)
		}
		if client.name == "responses" {
			ids := map[string]bool{}
			_, data := frames(t, out)
			for _, frame := range data {
				if id := word(parsed(t, frame), "item_id"); id != "" {
					ids[id] = true
				}
			}
			if len(ids) != 1 {
				t.Errorf("the client sees the ids %v", ids)
			}
		}
	}
}
