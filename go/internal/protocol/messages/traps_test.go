package messages_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// chatMeta is how an answer of a Chat upstream begins.
func chatMeta() llm.Event {
	return llm.Event{Type: llm.Start, Meta: &llm.Meta{ID: "chatcmpl-1", Model: "gpt-x", Protocol: llm.Chat, Origin: "openai/gpt"}}
}

func begin(i int, b llm.Block) llm.Event { return llm.Event{Type: llm.BlockStart, Index: i, Block: b} }

func delta(i int, s string) llm.Event {
	return llm.Event{Type: llm.BlockDelta, Index: i, Delta: []byte(s)}
}

func end(i int) llm.Event { return llm.Event{Type: llm.BlockEnd, Index: i} }

func stop(reason llm.StopReason) llm.Event {
	return llm.Event{Type: llm.Finish, Stop: llm.Stop{Reason: reason, Raw: "as the upstream says"}}
}

func metered(u llm.Usage) llm.Event {
	u.Source = llm.Reported
	return llm.Event{Type: llm.Metered, Usage: &u}
}

// stream writes events as a stream and checks its order.
func stream(t *testing.T, events ...llm.Event) string {
	t.Helper()
	out, _ := render(t, events, protocol.Head{Stream: true, Model: "asked", RequestID: "req_1", EstimatedInput: 33})
	legalFrames(t, out)
	return string(out)
}

// body writes events as one body.
func body(t *testing.T, events ...llm.Event) any {
	t.Helper()
	out, _ := render(t, events, protocol.Head{Model: "asked", EstimatedInput: 33})
	return value(t, out)
}

func frames(lines ...string) []byte {
	return []byte("data: " + strings.Join(lines, "\n\ndata: ") + "\n\n")
}

const startFrame = `{"type":"message_start","message":{"id":"msg_1","model":"m","content":[],"usage":{"input_tokens":3,"output_tokens":1}}}`

func TestTraps(t *testing.T) {
	t.Run("T1", func(t *testing.T) { // a call without a result, a result without a call
		req := &llm.Request{Tools: []llm.Tool{function("f")}, Turns: []llm.Turn{
			turn(llm.User, text("q")), turn(llm.Assistant, call("a", "")), turn(llm.User, result("z", "1")),
		}}
		m, _ := encode(t, req, native())
		want := []string{"user: text q", "assistant: call a{}", "user: result a!=(no result: tool call was interrupted) | text Result of the tool call z: | text 1"}
		if got := shorthand(t, m); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
	t.Run("T7", func(t *testing.T) { // arguments of interleaved calls stay apart
		got := assemble(mustCollect(t, []byte(stream(t, chatMeta(), begin(0, call("a", "")), begin(1, call("b", "")),
			delta(0, `{\"x\":`), delta(1, `{\"y\":`), delta(0, `1}`), delta(1, `2}`), end(0), end(1), stop(llm.StopTools))), true))
		if len(got.Blocks) != 2 || !strings.Contains(got.Blocks[0], `{"x":1}`) || !strings.Contains(got.Blocks[1], `{"y":2}`) {
			t.Errorf("got %q", got.Blocks)
		}
	})
	t.Run("T11", func(t *testing.T) { // thinking after a tool is a block of its own
		out := stream(t, chatMeta(), begin(0, llm.Thought{}), delta(0, "a"), end(0), begin(1, call("c", "")), end(1),
			begin(2, llm.Thought{}), delta(2, "b"), end(2), begin(3, llm.Text{}), delta(3, "x"), end(3), stop(llm.StopTools))
		if strings.Count(out, `"type":"thinking","thinking":""`) != 2 || !strings.Contains(out, `"index":3,"content_block":{"type":"text"`) {
			t.Errorf("got %s", out)
		}
	})
	t.Run("T12", func(t *testing.T) { // an upstream mixes two kinds of delta in one block
		events := mustCollect(t, frames(startFrame,
			`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so"}}`,
			`{"type":"message_stop"}`), true)
		if got := assemble(events).Blocks; len(got) != 3 || !strings.Contains(got[1], "Thought") || !strings.HasSuffix(got[2], " so ") {
			t.Errorf("got %q", got)
		}
	})
	t.Run("T13", func(t *testing.T) { // a block is closed before message_delta, whatever the upstream forgot
		events := mustCollect(t, frames(startFrame,
			`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"so"}}`,
			`{"type":"message_delta","delta":{"stop_reason":"max_tokens"}}`, `{"type":"message_stop"}`), true)
		stream(t, events...)
		stream(t, chatMeta(), begin(0, llm.Text{}), delta(0, "x"), stop(llm.StopLength))
	})
	t.Run("T14", func(t *testing.T) { // nothing but message_stop; two starts; an answer begun anew
		if events := mustCollect(t, frames(`{"type":"message_stop"}`), true); events[0].Type != llm.Failed {
			t.Errorf("got %+v", events[0])
		}
		twice := mustCollect(t, frames(startFrame, startFrame, `{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}`,
			`{"type":"content_block_stop","index":0}`, `{"type":"message_stop"}`), true)
		if got := assemble(twice); len(got.Blocks) != 1 || got.Failed != "" {
			t.Errorf("got %+v", got)
		}
		for _, r := range protocoltest.Recordings(t, true, "", "anthropic") {
			if !strings.Contains(r.Name, "spliced") {
				continue
			}
			events := mustCollect(t, r.Body, true)
			last := events[len(events)-1]
			if last.Type != llm.Failed || !last.Err.Retryable() {
				t.Errorf("a spliced answer ended with %+v", last)
			}
			for _, ev := range events {
				if call, ok := ev.Block.(llm.ToolCall); ok && call.ID == "toolu_second" {
					t.Error("the second answer was spliced on")
				}
			}
		}
	})
	t.Run("T15", func(t *testing.T) { // message_start has a number, the end the true one
		out := stream(t, chatMeta(), begin(0, llm.Text{}), delta(0, "x"), end(0),
			metered(llm.Usage{Input: llm.Known(50), CacheRead: llm.Known(2048), Output: llm.Known(9)}), stop(llm.StopEnd))
		if !strings.Contains(out, `"usage":{"input_tokens":33,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}`) ||
			!strings.Contains(out, `"usage":{"input_tokens":50,"cache_creation_input_tokens":0,"cache_read_input_tokens":2048,"output_tokens":9}}`) {
			t.Errorf("got %s", out)
		}
	})
	t.Run("T18", func(t *testing.T) { // a call without arguments has the input {}
		out := stream(t, chatMeta(), begin(0, call("a", "")), end(0), stop(llm.StopTools))
		if !strings.Contains(out, `"input":{}}`) || !strings.Contains(out, `"partial_json":"{}"`) {
			t.Errorf("got %s", out)
		}
		same(t, at(t, body(t, chatMeta(), begin(0, call("a", "")), end(0), stop(llm.StopTools)), "content", 0, "input"), map[string]any{})
		for _, r := range protocoltest.Recordings(t, true, "", "anthropic") {
			if strings.Contains(r.Name, "tool-no-args") && !strings.Contains(assemble(mustCollect(t, r.Body, r.Stream)).Blocks[1], "} {}") {
				t.Errorf("%s has no {}", r.Name)
			}
		}
	})
	t.Run("T20", func(t *testing.T) { // length wins over the calls; a stop with calls is tool_use
		events := []llm.Event{chatMeta(), begin(0, call("a", "")), delta(0, `{\"x\":`), end(0)}
		if out := stream(t, append(slices.Clone(events), stop(llm.StopLength))...); !strings.Contains(out, `"stop_reason":"max_tokens"`) {
			t.Errorf("got %s", out)
		}
		cut := body(t, append(slices.Clone(events), stop(llm.StopLength))...)
		if at(t, cut, "stop_reason") != "max_tokens" || len(at(t, cut, "content").([]any)) != 0 {
			t.Errorf("got %v", cut)
		}
		whole := body(t, chatMeta(), begin(0, call("a", "")), delta(0, `{}`), end(0), stop(llm.StopEnd))
		if at(t, whole, "stop_reason") != "tool_use" {
			t.Errorf("got %v", whole)
		}
		broken := body(t, append(slices.Clone(events), stop(llm.StopTools))...)
		same(t, at(t, broken, "content", 0, "input"), map[string]any{"_raw": `{"x":`})
	})
	t.Run("T21", func(t *testing.T) { // thoughts of others are not replayed
		req := user("q")
		req.Turns = append(req.Turns, turn(llm.Assistant, llm.Thought{Text: "hm", Seal: "s", Origin: "openai/gpt"}, llm.Thought{Text: "own", Seal: "s2", Origin: "anthropic/claude"}, text("a")), turn(llm.User, text("r")))
		m, notes := encode(t, req, native())
		blocks := at(t, m, "messages", 1, "content").([]any)
		if len(blocks) != 2 || at(t, blocks[0], "signature") != "s2" || !slices.Equal(notes, []string{"void turns[1].blocks[0] foreign_reasoning"}) {
			t.Errorf("got %v %v", blocks, notes)
		}
	})
	t.Run("T22", func(t *testing.T) { // empty signatures, and envelopes that are not ours, are not sent
		other := protocol.NewSealer(bytes.Repeat([]byte{9}, 32)).Wrap(protocol.Envelope{Origin: "anthropic/claude", Seal: "x"})
		for _, seal := range []string{"", other, "gw1.x.y"} {
			raw, _ := json.Marshal(seal)
			req, err := codec.DecodeRequest([]byte(`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":` + string(raw) + `},{"type":"text","text":"a"}]},{"role":"user","content":"r"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			m, notes := encode(t, req, native())
			if len(at(t, m, "messages", 1, "content").([]any)) != 1 || len(notes) != 1 {
				t.Errorf("%q was sent: %v %v", seal, m["messages"], notes)
			}
		}
	})
	t.Run("T23", func(t *testing.T) { // the signature of a streamed thought is not lost
		events := mustCollect(t, files(t, "messages.stream.sse")["08-thinking"], true)
		i := slices.IndexFunc(events, func(ev llm.Event) bool { return ev.Type == llm.BlockEnd })
		if events[i].Seal != "Zml4dHVyZS1hbnRocm9waWMtdGhpbmtpbmctc2lnbmF0dXJl" {
			t.Errorf("got %q", events[i].Seal)
		}
	})
	t.Run("T24", func(t *testing.T) { // a thought that was cut is never signed by us
		out, _ := render(t, []llm.Event{chatMeta(), begin(0, llm.Thought{}), delta(0, "hm"), {Type: llm.Failed, Err: llm.Errorf(llm.Timeout, "slow")}}, protocol.Head{Stream: true})
		if bytes.Contains(out, []byte("signature_delta")) {
			t.Errorf("got %s", out)
		}
	})
	t.Run("T31", func(t *testing.T) { // thinking off and effort: only off is sent
		req, err := codec.DecodeRequest([]byte(`{"messages":[{"role":"user","content":"q"}],"thinking":{"type":"disabled"},"output_config":{"effort":"high"}}`))
		if err != nil {
			t.Fatal(err)
		}
		m, _ := encode(t, req, native())
		if m["output_config"] != nil || at(t, m, "thinking", "type") != "disabled" {
			t.Errorf("got %v", m)
		}
	})
	t.Run("T36", func(t *testing.T) { // no cache mark on a deferred tool, no scope on foreign ground
		req := user("q")
		req.Tools = []llm.Tool{function("f"), {Kind: llm.FunctionTool, Name: "g", Deferred: true, Cache: &llm.CacheMark{}}}
		req.System = []llm.Block{llm.Text{Text: "s", Cache: &llm.CacheMark{Scope: "global"}}}
		to := native()
		m, _ := encode(t, req, to)
		if at(t, m, "tools", 1, "cache_control") != nil || at(t, m, "system", 0, "cache_control", "scope") != "global" {
			t.Errorf("got %v", m)
		}
		to.Native = false
		m, _ = encode(t, req, to)
		if at(t, m, "system", 0, "cache_control", "scope") != nil {
			t.Errorf("got %v", m)
		}
	})
	t.Run("T37", func(t *testing.T) { // the billing line stands apart, and comes back here only
		req, err := codec.DecodeRequest(files(t, "messages.request.json")["33-claude-code"])
		if err != nil {
			t.Fatal(err)
		}
		line, ok := req.System[0].(llm.Opaque)
		if !ok || line.Origin != llm.Messages || line.Field != protocol.Attribution {
			t.Errorf("got %#v", req.System[0])
		}
		m, _ := encode(t, req, native())
		if s, _ := at(t, m, "system", 0, "text").(string); !strings.HasPrefix(s, "x-anthropic-billing-header") {
			t.Errorf("got %v", m["system"])
		}
	})
	t.Run("T38", func(t *testing.T) { // probes with max_tokens 0 and 1 are said and read exactly
		for _, n := range []int{0, 1} {
			raw, _ := json.Marshal(n)
			req, err := codec.DecodeRequest([]byte(`{"max_tokens":` + string(raw) + `,"messages":[{"role":"user","content":"quota"}]}`))
			if err != nil || req.Sampling.MaxTokens == nil || *req.Sampling.MaxTokens != n {
				t.Errorf("%d: %v %v", n, req, err)
			}
		}
	})
	t.Run("T39", func(t *testing.T) { // no forced tool beside thinking
		for _, thinking := range []string{"budget", "adaptive"} {
			req, to := user("q"), native()
			effort("high", thinking)(req, &to)
			req.Tools, req.ToolChoice = []llm.Tool{function("f")}, &llm.ToolChoice{Mode: llm.ToolsNamed, Names: []string{"f"}}
			m, notes := encode(t, req, to)
			if at(t, m, "tool_choice", "type") != "auto" || !slices.Equal(notes, []string{"approx tool_choice forced_tool_as_auto"}) {
				t.Errorf("%s: %v %v", thinking, m["tool_choice"], notes)
			}
		}
	})
	t.Run("T40", func(t *testing.T) { // a forced tool that is not there is a 400, not a choice without tools
		req := user("q")
		req.Tools = []llm.Tool{{Kind: llm.HostedTool, Name: "web_search", Origin: llm.Responses, Raw: json.RawMessage(`{"type":"web_search"}`)}}
		req.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAny}
		_, _, err := codec.EncodeRequest(req, native())
		invalid(t, err, "tool_choice")
	})
	t.Run("T41", func(t *testing.T) { // the role system in mid-conversation keeps its place
		req, err := codec.DecodeRequest(files(t, "messages.request.json")["33-claude-code"])
		if err != nil || req.Turns[1].Role != llm.Developer {
			t.Fatalf("%+v %v", req, err)
		}
		m, _ := encode(t, req, native())
		if got := shorthand(t, m)[0]; got != "user: text <system-reminder>today</system-reminder> | text Read a.txt | text <system-reminder>Available agents: none.</system-reminder>" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("T47", func(t *testing.T) { // long names are cut everywhere alike
		name := strings.Repeat("n", 70)
		req := user("q")
		req.Tools = []llm.Tool{function(name)}
		req.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsNamed, Names: []string{name}}
		req.Turns = append(req.Turns, turn(llm.Assistant, llm.ToolCall{ID: "a", Name: name, Arguments: "{}"}), turn(llm.User, result("a", "1")))
		m, _ := encode(t, req, native())
		want := protocol.ToolName(name)
		if at(t, m, "tools", 0, "name") != want || at(t, m, "tool_choice", "name") != want || at(t, m, "messages", 1, "content", 0, "name") != want {
			t.Errorf("got %v", m)
		}
	})
	t.Run("T49", func(t *testing.T) { // ids that fit pass unchanged, others are mapped
		out := stream(t, chatMeta(), begin(0, call("call_abc", "")), end(0), begin(1, call("functions.f:0", "")), end(1), stop(llm.StopTools))
		if !strings.Contains(out, `"id":"call_abc"`) || !strings.Contains(out, `"id":"`+protocol.CallID("functions.f:0")+`"`) {
			t.Errorf("got %s", out)
		}
	})
	t.Run("T56", func(t *testing.T) { // input does not count what caches gave or took
		var u llm.Usage
		events := mustCollect(t, files(t, "messages.response.json")["02-multi-turn-cached"], false)
		for _, ev := range events {
			if ev.Type == llm.Metered {
				u.Merge(ev.Usage)
			}
		}
		if u.Input.N != 52 || u.CacheRead.N != 2048 || u.InputTotal() != 2100 {
			t.Errorf("got %+v", u)
		}
	})
	t.Run("T57", func(t *testing.T) { // cache writes are told once, split or not
		events := mustCollect(t, frames(
			`{"type":"message_start","message":{"usage":{"input_tokens":1,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}}}`,
			`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"cache_creation_input_tokens":30,"output_tokens":2}}`,
			`{"type":"message_stop"}`), true)
		if got := assemble(events).Usage; got != "1 0 10 20 2 0" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("T66", func(t *testing.T) { // nothing is sent without what it belongs to
		req := user("q")
		req.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAuto, Parallel: ptr(false)}
		m, _ := encode(t, req, native())
		for _, name := range []string{"tool_choice", "tools", "system", "metadata", "stream", "thinking", "output_config"} {
			if _, ok := m[name]; ok {
				t.Errorf("%s was sent", name)
			}
		}
	})
	t.Run("T67", func(t *testing.T) { // life is shown by pings
		if got := string(codec.AppendKeepAlive(nil)); got != "event: ping\ndata: {\"type\":\"ping\"}\n\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("T71", func(t *testing.T) { // eager input may be no JSON
		events := mustCollect(t, frames(startFrame, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}`,
			`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\": tru"}}`,
			`{"type":"content_block_stop","index":0}`, `{"type":"message_delta","delta":{"stop_reason":"tool_use"}}`, `{"type":"message_stop"}`), true)
		out, findings := render(t, events, protocol.Head{})
		same(t, at(t, value(t, out), "content", 0, "input"), map[string]any{"_raw": `{"a": tru`})
		if len(findings) != 1 {
			t.Errorf("findings %v", findings)
		}
	})
	t.Run("T77", func(t *testing.T) { // a budget is switched off inside a tool loop without a signed thought
		loop := func(first llm.Block) (map[string]any, []string) {
			req, to := user("q"), native()
			effort("medium", "budget")(req, &to)
			req.Tools = []llm.Tool{function("f")}
			req.Turns = append(req.Turns, turn(llm.Assistant, first, call("a", "{}")), turn(llm.User, result("a", "1")))
			return encode(t, req, to)
		}
		m, notes := loop(text("no thought"))
		if m["thinking"] != nil || !slices.Equal(notes, []string{"approx reasoning thinking_off_inside_tool_loop_without_signed_block"}) {
			t.Errorf("got %v %v", m["thinking"], notes)
		}
		m, notes = loop(llm.Thought{Text: "hm", Seal: "s", Origin: string(llm.Messages)})
		if m["thinking"] == nil || len(notes) > 0 {
			t.Errorf("got %v %v", m["thinking"], notes)
		}
	})
}
