package responses_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// answer makes the events of an answer of another protocol.
type answer struct{ events []llm.Event }

func from(p llm.Protocol) *answer {
	a := &answer{}
	return a.add(llm.Event{Type: llm.Start, Meta: &llm.Meta{ID: "msg_1", Model: "served", Protocol: p, Origin: "anthropic/claude"}})
}

func (a *answer) add(ev llm.Event) *answer {
	a.events = append(a.events, ev)
	return a
}

// block adds a block whose content comes in these pieces.
func (a *answer) block(index int, b llm.Block, seal string, pieces ...string) *answer {
	a.add(llm.Event{Type: llm.BlockStart, Index: index, Block: b})
	for _, p := range pieces {
		a.add(llm.Event{Type: llm.BlockDelta, Index: index, Delta: []byte(p)})
	}
	return a.add(llm.Event{Type: llm.BlockEnd, Index: index, Seal: seal})
}

func (a *answer) finish(reason llm.StopReason) []llm.Event {
	return a.add(llm.Event{Type: llm.Finish, Stop: llm.Stop{Reason: reason}}).events
}

// custom is a call to a free-form tool.
func custom(id string) llm.ToolCall {
	return llm.ToolCall{ID: id, Name: "apply_patch", Kind: llm.CustomTool}
}

func last(t *testing.T, stream []byte) map[string]any {
	t.Helper()
	all := bytes.Split(bytes.TrimSpace(stream), []byte("data: "))
	return object(t, all[len(all)-1])
}

func TestTraps(t *testing.T) {
	t.Run("T1", func(t *testing.T) { // a call without output, an output without call
		out, findings := encode(t, decode(t, conversation(
			`{"role":"user","content":"x"}`, `{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}`,
			`{"role":"user","content":"y"}`, `{"type":"function_call_output","call_id":"gone","output":"z"}`)), native)
		if s := string(out); !strings.Contains(s, `"call_id":"c1","output":"(no result: tool call was interrupted)"`) || strings.Contains(s, `"call_id":"gone"`) {
			t.Errorf("%s", s)
		}
		if len(findings) != 2 {
			t.Errorf("findings %v", findings)
		}
	})
	t.Run("T2", func(t *testing.T) { // a message between a call and its output
		req := decode(t, protocoltest.File("30-codex-to-messages", "responses.request.json"))
		want := "user: [text Create hello.txt]\nassistant: [thought ] [text Looking around.] [function call call_c1 /exec_command {\"cmd\":\"ls\"}]\nuser: [result call_c1 text README.md]\n"
		if got := describe(req); !strings.Contains(got, want) {
			t.Errorf("%s", got)
		}
		req = decode(t, conversation(
			`{"type":"function_call","call_id":"a","name":"f","arguments":"{}"}`, `{"type":"function_call","call_id":"b","name":"f","arguments":"{}"}`,
			`{"type":"function_call_output","call_id":"b","output":"1"}`, `{"role":"assistant","content":"between"}`,
			`{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}`, `{"role":"user","content":"and"}`,
			`{"type":"function_call_output","call_id":"a","output":"2"}`, `{"type":"function_call_output","call_id":"c","output":"3"}`))
		want = "assistant: [text between] [function call a /f {}] [function call b /f {}] [function call c /f {}]\nuser: [result b text 1] [result a text 2] [result c text 3]\nuser: [text and]\n"
		if got := describe(req); got != want {
			t.Errorf("%s", got)
		}
	})
	t.Run("T7", func(t *testing.T) { // calls whose pieces interleave
		call := func(id string) llm.ToolCall { return llm.ToolCall{ID: id, Name: "f", Kind: llm.FunctionTool} }
		a := from(llm.Chat)
		a.add(llm.Event{Type: llm.BlockStart, Index: 0, Block: call("a")}).add(llm.Event{Type: llm.BlockStart, Index: 1, Block: call("b")})
		for _, p := range []struct {
			index int
			piece string
		}{{0, `{\"x\"`}, {1, `{\"y\"`}, {0, `:1}`}, {1, `:2}`}} {
			a.add(llm.Event{Type: llm.BlockDelta, Index: p.index, Delta: []byte(p.piece)})
		}
		a.add(llm.Event{Type: llm.BlockEnd, Index: 1}).add(llm.Event{Type: llm.BlockEnd, Index: 0})
		stream := rewrite(t, a.finish(llm.StopTools), true)
		checkStream(t, stream)
		if got := shapeOf(read(t, stream, true)).Words; !slices.Equal(got, []string{`call a f {"x":1}`, `call b f {"y":2}`}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("T13", func(t *testing.T) { // an end with a block open
		a := from(llm.Messages).add(llm.Event{Type: llm.BlockStart, Block: llm.Text{}})
		a.add(llm.Event{Type: llm.BlockDelta, Delta: []byte("cut")})
		stream := rewrite(t, a.finish(llm.StopLength), true)
		checkStream(t, stream)
		if last(t, stream)["type"] != "response.incomplete" || !strings.Contains(string(stream), `"status":"incomplete","role":"assistant"`) {
			t.Errorf("%s", stream)
		}
	})
	t.Run("T18", func(t *testing.T) { // a call without arguments
		stream := rewrite(t, from(llm.Messages).block(0, llm.ToolCall{ID: "c", Name: "f"}, "").finish(llm.StopTools), true)
		checkStream(t, stream)
		if !strings.Contains(string(stream), `"arguments":"{}"}}`) {
			t.Errorf("%s", stream)
		}
	})
	t.Run("T19", func(t *testing.T) { // a surrogate pair over two pieces
		stream := rewrite(t, from(llm.Chat).block(0, llm.Text{}, "", `a\ud83d`, `\ude00b`).finish(llm.StopEnd), true)
		if !strings.Contains(string(stream), `"text":"a\ud83d\ude00b"`) || strings.Contains(string(stream), "\uFFFD") {
			t.Errorf("%s", stream)
		}
	})
	t.Run("T20", func(t *testing.T) { // cut arguments are not a finished call
		stream := protocoltest.File("14-tool-truncated", "responses.stream.sse")
		if a := read(t, stream, true); a.Stop.Reason != llm.StopLength {
			t.Errorf("%+v", a.Stop)
		}
	})
	t.Run("T21", func(t *testing.T) { // reasoning of another origin is dropped whole
		req := &llm.Request{Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "x"}}}, {Role: llm.Assistant, Blocks: []llm.Block{
			llm.Thought{Text: "secret", Seal: "sig", Origin: "anthropic/claude"}, llm.Thought{Text: "no seal", Origin: "deepseek/v3"}, llm.Text{Text: "y"},
		}}, {Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "z"}}}}}
		out, findings := encode(t, req, native)
		if strings.Contains(string(out), "reasoning") || len(findings) != 2 || findings[0].Class != llm.Dropped {
			t.Errorf("%s %v", out, findings)
		}
	})
	t.Run("T22", func(t *testing.T) { // an envelope that is not ours is no seal
		req := decode(t, conversation(`{"type":"reasoning","summary":[],"encrypted_content":"gw1.eyJwIjoib3BlbmFpL2dwdCJ9.AAAA"}`, `{"role":"user","content":"x"}`))
		out, findings := encode(t, req, native)
		if strings.Contains(string(out), "reasoning") || len(findings) != 1 {
			t.Errorf("%s %v", out, findings)
		}
	})
	t.Run("T23", func(t *testing.T) { // a signature travels and comes back, streamed or not
		events := from(llm.Messages).block(0, llm.Thought{}, "sig", "I ", "think").block(1, llm.Thought{Redacted: true}, "blob").
			block(2, llm.Text{}, "", "so").finish(llm.StopEnd)
		for _, stream := range []bool{true, false} {
			var items []string
			for _, b := range read(t, rewrite(t, events, stream), stream).Blocks {
				if th, ok := b.(llm.Thought); ok {
					items = append(items, fmt.Sprintf(`{"type":"reasoning","summary":[],"encrypted_content":%q}`, th.Seal))
				}
			}
			req := decode(t, conversation(append(items, `{"role":"assistant","content":"so"}`)...))
			got := fmt.Sprintf("%+v", req.Turns[0].Blocks[:2])
			want := fmt.Sprintf("%+v", []llm.Block{
				llm.Thought{Text: "I think", Seal: "sig", Origin: "anthropic/claude"},
				llm.Thought{Seal: "blob", Origin: "anthropic/claude", Redacted: true},
			})
			if got != want {
				t.Errorf("stream %t: %s", stream, got)
			}
		}
	})
	t.Run("T26", func(t *testing.T) { // sealed reasoning goes without its id
		out, _ := encode(t, decode(t, protocoltest.File("09-thinking-tool-replay", "responses.request.json")), native)
		if s := string(out); strings.Contains(s, "rs_k1") || !strings.Contains(s, `{"type":"reasoning","summary":[{"type":"summary_text","text":"I should call the tool."}],"encrypted_content":"gAAAAABfixture-openai-encrypted-reasoning"}`) {
			t.Errorf("%s", s)
		}
	})
	t.Run("T32", func(t *testing.T) { // the signature of a call comes back with it
		call := llm.ToolCall{ID: "c9", Name: "f", Kind: llm.FunctionTool}
		stream := rewrite(t, from(llm.Gemini).block(0, call, "sign", `{}`).finish(llm.StopTools), true)
		checkStream(t, stream)
		a := read(t, stream, true)
		req := decode(t, conversation(`{"type":"function_call","call_id":"c9","name":"f","arguments":"{}"}`,
			fmt.Sprintf(`{"type":"reasoning","summary":[],"encrypted_content":%q}`, a.Blocks[1].(llm.Thought).Seal),
			`{"type":"function_call_output","call_id":"c9","output":"x"}`))
		got := req.Turns[0].Blocks[0].(llm.ToolCall)
		if len(req.Turns[0].Blocks) != 1 || got.Seal != "sign" || got.Origin != "anthropic/claude" {
			t.Errorf("%+v", req.Turns[0].Blocks)
		}
	})
	t.Run("T37", func(t *testing.T) { // a client's line about itself is not sent on
		req := decode(t, conversation(`{"role":"user","content":"x"}`))
		req.System = []llm.Block{llm.Opaque{Origin: llm.Messages, Field: protocol.Attribution, Raw: json.RawMessage(`{}`)}, llm.Text{Text: "be"}}
		out, findings := encode(t, req, native)
		if !strings.Contains(string(out), `"instructions":"be"`) || len(findings) != 1 || findings[0].Reason != "attribution_block_removed" {
			t.Errorf("%s %v", out, findings)
		}
	})
	t.Run("T38", func(t *testing.T) { // a probe for one token
		one := 1
		req := decode(t, conversation(`{"role":"user","content":"x"}`))
		req.Sampling.MaxTokens = &one
		out, findings := encode(t, req, native)
		if !strings.Contains(string(out), `"max_output_tokens":16`) || len(findings) != 1 || findings[0].Class != llm.Approximated {
			t.Errorf("%s %v", out, findings)
		}
	})
	t.Run("T40", func(t *testing.T) { // no tools, no choice of one
		req := decode(t, conversation(`{"role":"user","content":"x"}`))
		req.Tools = []llm.Tool{{Kind: llm.HostedTool, Origin: llm.Messages, Name: "web_search", Raw: json.RawMessage(`{"type":"web_search_20250305","name":"web_search"}`)}}
		req.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAny}
		out, findings := encode(t, req, protocol.Target{Model: "m"})
		if strings.Contains(string(out), "tool") || len(findings) != 2 {
			t.Errorf("%s %v", out, findings)
		}
	})
	t.Run("T42", func(t *testing.T) { // an answer to be gone on with
		_, findings := encode(t, decode(t, conversation(`{"role":"user","content":"x"}`, `{"role":"assistant","content":"{"}`)), native)
		if len(findings) != 1 || findings[0].Class != llm.Approximated {
			t.Errorf("%v", findings)
		}
	})
	t.Run("T44", func(t *testing.T) { // a free-form call is one for the client, and its input raw text
		stream := rewrite(t, from(llm.Messages).block(0, custom("c"), "", `{\"inp`, `ut\": \"*** Beg`, `in\\`, `n+\\u00e`, `9 \\\"q\\\"`, `\"}`).finish(llm.StopTools), true)
		events := checkStream(t, stream)
		deltas := 0
		for _, ev := range events {
			if ev.Type == "response.custom_tool_call_input.delta" {
				deltas++
			}
		}
		a := read(t, stream, true)
		want := llm.ToolCall{ID: "c", Name: "apply_patch", Kind: llm.CustomTool, Arguments: "*** Begin\n+é \"q\""}
		got := a.Blocks[0].(llm.ToolCall)
		got.ItemID, got.Plain = "", false
		if got != want || deltas < 3 {
			t.Errorf("%+v in %d pieces", got, deltas)
		}
	})
	t.Run("T45", func(t *testing.T) { // models that wrap the input in other ways
		for said, want := range map[string]string{
			`*** Begin`:                       "*** Begin",
			`{"patch":"p\n"}`:                 "p\n",
			`{"command":["apply_patch","p"]}`: "p",
			`{"code":"x"}`:                    "x",
			"```\np\n```":                     "p\n",
			`{ const a = 1; }`:                "{ const a = 1; }",
			` { "input" : "a" }`:              "a",
			`{"input":"a` + "\n" + `b"}`:      "a\nb",
			`{"input":"back \q slash"}`:       `back \q slash`,
			`{"input":["a"]}`:                 "a",
			`{"input":"cut off`:               "cut off",
			`{"input":"\ud83d\ude00"}`:        "😀",
			``:                                "",
			`"quoted"`:                        "quoted",
			`{"input":"x","other":"ignored \" here"}`: "x",
		} {
			escaped, err := json.Marshal(said)
			if err != nil {
				t.Fatal(err)
			}
			inner := string(escaped[1 : len(escaped)-1])
			for size := 1; size < 40; size += 7 {
				var pieces []string
				for rest := inner; rest != ""; {
					n := min(size, len(rest))
					for n < len(rest) && !json.Valid([]byte(`"`+rest[:n]+`"`)) {
						n++
					}
					pieces, rest = append(pieces, rest[:n]), rest[n:]
				}
				stream := rewrite(t, from(llm.Messages).block(0, custom("c"), "", pieces...).finish(llm.StopTools), true)
				checkStream(t, stream)
				if got := read(t, stream, true).Blocks[0].(llm.ToolCall).Arguments; got != want {
					t.Errorf("%s in pieces of %d: got %q", said, size, got)
				}
			}
		}
	})
	t.Run("T46", func(t *testing.T) { // a call of a namespace has it everywhere
		call := llm.ToolCall{ID: "c", Namespace: "mcp__docs", Name: "search", Kind: llm.FunctionTool}
		stream := string(rewrite(t, from(llm.Messages).block(0, call, "", `{}`).finish(llm.StopTools), true))
		if strings.Count(stream, `"name":"search","namespace":"mcp__docs"`) != 3 || strings.Contains(stream, "mcp__docs__search") {
			t.Errorf("%s", stream)
		}
		// From this protocol the name comes flat, so that it finds its way back.
		if a := read(t, []byte(stream), true); a.Blocks[0].(llm.ToolCall).Name != "mcp__docs__search" {
			t.Errorf("%+v", a.Blocks)
		}
	})
	t.Run("T48", func(t *testing.T) { // images in results
		body := protocoltest.File("11-tool-result-image", "responses.request.json")
		to := native
		to.Quirks.TextOnlyTools = true
		out, findings := encode(t, decode(t, body), to)
		if !strings.Contains(string(out), `"output":"1x1 shot\n(see`) || !strings.Contains(string(out), `"role":"user","content":[{"type":"input_image"`) || len(findings) != 1 {
			t.Errorf("%s %v", out, findings)
		}
	})
	t.Run("T50", func(t *testing.T) { // a cut stream is a failure
		stream := protocoltest.File("01-plain", "responses.stream.sse")
		cut := stream[:bytes.Index(stream, []byte("event: response.completed"))]
		if a := read(t, cut, true); a.Err == nil || a.Err.Kind != llm.BadUpstream {
			t.Errorf("%+v", a)
		}
	})
	t.Run("T51", func(t *testing.T) { // incomplete means cut, nothing else
		for reason, want := range map[llm.StopReason]string{
			llm.StopEnd: "completed", llm.StopTools: "completed", llm.StopSequence: "completed", llm.StopPause: "completed",
			llm.StopLength: "incomplete", llm.StopContext: "incomplete", llm.StopRefusal: "incomplete",
		} {
			stream := rewrite(t, from(llm.Messages).block(0, llm.Text{}, "", "x").finish(reason), true)
			checkStream(t, stream)
			if got := last(t, stream)["type"]; got != "response."+want {
				t.Errorf("%s: %v", reason, got)
			}
		}
		stream := rewrite(t, from(llm.Messages).finish(llm.StopRefusal), true)
		checkStream(t, stream)
		if !strings.Contains(string(stream), `"error":{"code":"invalid_prompt"`) {
			t.Errorf("a refusal of the prompt: %s", stream)
		}
	})
	t.Run("T56", func(t *testing.T) { // the prompt holds what came from the cache
		a := from(llm.Messages).block(0, llm.Text{}, "", "x")
		a.add(llm.Event{Type: llm.Metered, Usage: &llm.Usage{
			Input: llm.Known(52), CacheRead: llm.Known(2000), CacheWrite5m: llm.Known(40), CacheWrite1h: llm.Known(8), Output: llm.Known(3), Reasoning: llm.Known(4),
		}})
		got := object(t, rewrite(t, a.finish(llm.StopEnd), false))["usage"]
		want := `{"input_tokens":2100,"input_tokens_details":{"cache_write_tokens":48,"cached_tokens":2000},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":2107}`
		if s := items(t, got); s != want {
			t.Errorf("%s", s)
		}
	})
	t.Run("T57", func(t *testing.T) { // tokens written to the cache are not counted twice
		body := `{"status":"completed","output":[],"usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":30,"cache_write_tokens":50},"output_tokens":5}}`
		u := read(t, []byte(body), false).Usage
		if u.Input.N != 20 || u.CacheRead.N != 30 || u.CacheWrite5m.N != 50 || u.Reasoning.Known {
			t.Errorf("%+v", u)
		}
	})
	t.Run("T59", func(t *testing.T) { // calls are in a whole answer, and there is no status for them
		body := object(t, rewrite(t, from(llm.Chat).block(0, llm.ToolCall{ID: "c", Name: "f"}, "", `{}`).finish(llm.StopTools), false))
		if body["status"] != "completed" || len(body["output"].([]any)) != 1 {
			t.Errorf("%v", body)
		}
	})
	t.Run("T61", func(t *testing.T) { // a call id that changes: the last counts
		for _, r := range protocoltest.Recordings(t, true, "", "openai-responses") {
			if strings.HasSuffix(r.Name, "openai-client-tool-search.1.chunks.txt") {
				if got := read(t, r.Body, true).Blocks[0].(llm.ToolCall); got.ID != "call_RWTIIVfxsJW9fecsg6fy23Dy" || got.Kind != llm.SearchTool {
					t.Errorf("%+v", got)
				}
				return
			}
		}
		t.Error("no recording")
	})
	t.Run("T62", func(t *testing.T) { // nothing but done events
		for _, r := range protocoltest.Recordings(t, true, "", "open-responses-responses") {
			if strings.HasSuffix(r.Name, "lmstudio-tool-call.1.chunks.txt") {
				a := read(t, r.Body, true)
				if call, ok := a.Blocks[len(a.Blocks)-1].(llm.ToolCall); !ok || !json.Valid([]byte(call.Arguments)) {
					t.Errorf("%+v", a.Blocks)
				}
				return
			}
		}
		t.Error("no recording")
	})
	t.Run("T63", func(t *testing.T) { // an error event, flat and nested
		for _, data := range []string{
			`{"type":"error","code":"rate_limit_exceeded","message":"Please try again in 1.5s.","param":null}`,
			`{"type":"error","error":{"type":"requests","code":"rate_limit_exceeded","message":"Please try again in 1.5s."}}`,
		} {
			a := read(t, []byte("event: error\ndata: "+data+"\n\n"), true)
			if a.Err == nil || a.Err.Kind != llm.RateLimited || a.Err.RetryAfter.Milliseconds() != 1500 {
				t.Errorf("%+v", a.Err)
			}
		}
	})
	t.Run("T66", func(t *testing.T) { // optional fields are not sent empty
		out, _ := encode(t, decode(t, []byte(`{"model":"m","input":"x","tools":[],"tool_choice":"auto","parallel_tool_calls":true,"reasoning":null}`)), native)
		if got := object(t, out); len(got) != 3 {
			t.Errorf("%s", out)
		}
	})
	t.Run("T70", func(t *testing.T) { // an unknown item goes back as it came
		item := `{"type":"of_tomorrow","deep":[1,{"a":null}]}`
		out, _ := encode(t, decode(t, conversation(`{"role":"user","content":"x"}`, item, `{"role":"user","content":"y"}`)), native)
		if !strings.Contains(string(out), item) {
			t.Errorf("%s", out)
		}
	})
	t.Run("T73", func(t *testing.T) { // servers that know no developer
		to := native
		to.Quirks.NoDeveloperRole = true
		out, _ := encode(t, decode(t, conversation(`{"role":"user","content":"x"}`, `{"role":"developer","content":"y"}`, `{"role":"user","content":"z"}`)), to)
		if strings.Contains(string(out), "developer") || !strings.Contains(string(out), `"role":"system"`) {
			t.Errorf("%s", out)
		}
	})
	t.Run("T74", func(t *testing.T) { // strict is always said
		req := decode(t, conversation(`{"role":"user","content":"x"}`))
		req.Tools = []llm.Tool{{Kind: llm.FunctionTool, Name: "f"}}
		out, _ := encode(t, req, native)
		if !strings.Contains(string(out), `"strict":false`) {
			t.Errorf("%s", out)
		}
	})
	t.Run("T75", func(t *testing.T) { // stop sequences cannot be carried
		req := decode(t, conversation(`{"role":"user","content":"x"}`))
		req.Sampling.Stop = []string{"END"}
		if _, findings := encode(t, req, native); len(findings) != 1 || findings[0].Class != llm.Lost {
			t.Errorf("%v", findings)
		}
	})
}
