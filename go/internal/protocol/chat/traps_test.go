package chat_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

func encode(t *testing.T, req *llm.Request, to protocol.Target) string {
	t.Helper()
	out, _, err := codec().EncodeRequest(req, to)
	if err != nil {
		t.Fatal(err)
	}
	object(t, out)
	return string(out)
}

func decode(t *testing.T, body string) *llm.Request {
	t.Helper()
	req, err := codec().DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// carried writes an answer of a server of this protocol for a client of it.
func carried(t *testing.T, head protocol.Head, chunks ...string) string {
	t.Helper()
	events := protocoltest.Events(t, codec().NewReader(bytes.NewReader(stream(chunks...)), true, protocol.Target{}))
	return string(protocoltest.Write(t, codec().NewWriter(head), events))
}

func holds(t *testing.T, out, want string) {
	t.Helper()
	if !strings.Contains(out, want) {
		t.Errorf("misses %s in %s", want, out)
	}
}

func lacks(t *testing.T, out, not string) {
	t.Helper()
	if strings.Contains(out, not) {
		t.Errorf("must not hold %s: %s", not, out)
	}
}

func callOf(id string) llm.ToolCall {
	return llm.ToolCall{ID: id, Name: "f", Arguments: "{}", Kind: llm.FunctionTool}
}

func resultOf(id, words string) llm.ToolResult {
	return llm.ToolResult{CallID: id, Blocks: []llm.Block{llm.Text{Text: words}}}
}

// TestTraps are the known mistakes of translators that this package could
// make, by their numbers in the project's list.
func TestTraps(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"T1": trapResults, "T3": trapResultTurns, "T4": trapIndices, "T8": trapIndices, "T5": trapSameIndex, "T7": trapInterleaved,
		"T16": trapUsageChunk, "T17": trapEarlyUsage, "T18": trapNoArguments, "T20": trapCutCalls,
		"T21": trapForeignSeals, "T22": trapForeignSeals, "T24": trapForeignSeals, "T30": trapEchoReasoning, "T31": trapDisabledEffort,
		"T36": trapCacheMarks, "T37": trapBillingLine, "T39": trapForcedTool, "T40": trapChoiceWithoutTools, "T41": trapMidSystem,
		"T42": trapPrefill, "T44": trapCustomTools, "T45": trapWrappedInput, "T47": trapLongNames, "T48": trapResultImages,
		"T49": trapCallIDs, "T50": trapSilentEnd, "T54": trapErrorShape, "T55": trapSampling, "T56": trapUsageSums, "T57": trapUsageSums,
		"T58": trapUsageSums, "T60": trapRole, "T64": trapNoChoices, "T66": trapNulls, "T68": trapReasoning, "T71": trapPieces,
		"T72": trapEmbeddings, "T73": trapDeveloper, "T74": trapStrict, "T75": trapStops, "T78": trapThinkTags, "T80": trapLooseWire,
		"T82": trapOwnKey, "T85": trapNoModel,
	} {
		t.Run(name, test)
	}
}

func trapResults(t *testing.T) {
	out := encode(t, &llm.Request{Turns: []llm.Turn{
		said(llm.User, llm.Text{Text: "q"}, resultOf("gone", "orphan")),
		said(llm.Assistant, callOf("a"), callOf("b")),
		said(llm.User, resultOf("b", "B"), llm.Text{Text: "on"}),
	}}, protocol.Target{Native: true})
	holds(t, out, `{"role":"tool","tool_call_id":"a","content":"(no result: tool call was interrupted)"},{"role":"tool","tool_call_id":"b","content":"B"},`+
		`{"role":"user","content":"on"}`)
	holds(t, out, `[result of an earlier tool call]\norphan`)
	lacks(t, out, `"tool_call_id":"gone"`)
}

func trapResultTurns(t *testing.T) {
	req := decode(t, `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":null,"tool_calls":[
		{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"f","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"b","content":"B"},{"role":"tool","tool_call_id":"a","content":"A"},{"role":"user","content":"on"}]}`)
	if len(req.Turns) != 4 {
		t.Fatalf("%d turns", len(req.Turns))
	}
	first, _ := req.Turns[2].Blocks[0].(llm.ToolResult)
	if len(req.Turns[2].Blocks) != 2 || first.CallID != "a" || first.Name != "f" {
		t.Errorf("results %+v", req.Turns[2].Blocks)
	}
}

func trapIndices(t *testing.T) {
	var events []llm.Event
	events = append(events, llm.Event{Type: llm.Start, Meta: &llm.Meta{Protocol: llm.Messages}})
	for i, b := range []llm.Block{llm.Text{}, callOf("a"), callOf("b")} { // a text comes first
		events = append(events, llm.Event{Type: llm.BlockStart, Index: i, Block: b}, llm.Event{Type: llm.BlockDelta, Index: i, Delta: []byte("{}")},
			llm.Event{Type: llm.BlockEnd, Index: i})
	}
	events = append(events, llm.Event{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopTools}})
	out := string(protocoltest.Write(t, codec().NewWriter(protocol.Head{Stream: true}), events))
	holds(t, out, `"tool_calls":[{"index":0,"id":"a"`)
	holds(t, out, `"tool_calls":[{"index":1,"id":"b"`)
	holds(t, out, `"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]`)
}

func trapSameIndex(t *testing.T) {
	a := read(t, stream(
		delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]}`),
		delta(`{"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{\"x\":2}"}}]}`),
		finished("tool_calls"), done), true, protocol.Quirks{})
	if got := words(a); !reflect.DeepEqual(got, []string{`call a f {"x":1}`, `call b f {"x":2}`}) {
		t.Errorf("%q", got)
	}
}

func trapInterleaved(t *testing.T) {
	a := read(t, protocoltest.File("22-interleaved-calls", "chat.stream.sse"), true, protocol.Quirks{})
	want := []string{"text Two at once.", `call call_a get_weather {"city":"Oslo"}`, `call call_b get_weather {"city":"Rome"}`}
	if got := words(a); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func trapUsageChunk(t *testing.T) {
	chunks := []string{delta(`{"content":"x"}`), finished("stop"), `{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}`, done}
	holds(t, carried(t, protocol.Head{Stream: true, WantUsage: true}, chunks...), `"choices":[],"usage":{"prompt_tokens":3,`)
	lacks(t, carried(t, protocol.Head{Stream: true}, chunks...), `"usage"`)
}

func trapEarlyUsage(t *testing.T) {
	with := func(d string, n string) string {
		return `{"id":"c","choices":[{"index":0,"delta":` + d + `}],"usage":{"prompt_tokens":3,"completion_tokens":` + n + `}}`
	}
	a := read(t, stream(with(`{"content":"a"}`, "1"), `{"id":"c","choices":[]}`, with(`{"content":"b"}`, "2"), finished("stop"), done), true, protocol.Quirks{})
	if a.Usage.Output != llm.Known(2) || words(a)[0] != "text ab" {
		t.Errorf("%+v", a)
	}
}

func trapNoArguments(t *testing.T) {
	chunks := []string{delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}`), finished("tool_calls"), done}
	holds(t, carried(t, protocol.Head{}, chunks...), `"arguments":"{}"`)
	holds(t, carried(t, protocol.Head{Stream: true}, chunks...), `"function":{"arguments":"{}"}`)
	empty := callOf("a")
	empty.Arguments = ""
	out := encode(t, &llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "q"}), said(llm.Assistant, empty), said(llm.User, resultOf("a", "A"))}}, protocol.Target{})
	holds(t, out, `"arguments":"{}"`)
}

func trapCutCalls(t *testing.T) {
	out := carried(t, protocol.Head{}, delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x"}}]}`), finished("length"), done)
	holds(t, out, `"finish_reason":"length"`)
	holds(t, out, `"arguments":"{\"x"`)
	out = carried(t, protocol.Head{}, delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}`), finished("stop"), done)
	holds(t, out, `"finish_reason":"tool_calls"`)
}

func trapForeignSeals(t *testing.T) {
	for _, origin := range []string{"", "anthropic-messages", "other/model"} {
		out := encode(t, toolLoop(origin, `[{"data":"seal"}]`), protocol.Target{Origin: "or/model"})
		lacks(t, out, "seal")
		lacks(t, out, "reasoning")
	}
	call := callOf("a")
	call.Seal, call.Origin = "seal", "other/model"
	out := encode(t, &llm.Request{Turns: []llm.Turn{said(llm.Assistant, call)}}, protocol.Target{Origin: "or/model"})
	lacks(t, out, "seal")
}

func trapEchoReasoning(t *testing.T) {
	to := protocol.Target{Origin: "deepseek/x", Quirks: protocol.Quirks{EchoReasoning: true}}
	holds(t, encode(t, toolLoop("deepseek/x", ""), to), `"reasoning_content":"hm"`)
	bare := &llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "q"}), said(llm.Assistant, callOf("a")), said(llm.User, resultOf("a", "A"))}}
	holds(t, encode(t, bare, to), `"reasoning_content":" "`)
}

func trapDisabledEffort(t *testing.T) {
	req := hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Disabled: true, Effort: "high"} })
	out := encode(t, req, protocol.Target{Quirks: protocol.Quirks{ThinkingField: "deepseek"}})
	holds(t, out, `"thinking":{"type":"disabled"}`)
	lacks(t, out, "effort")
	holds(t, encode(t, req, protocol.Target{Reasoning: true}), `"reasoning_effort":"low"`)
	req.Reasoning.Effort = "none"
	holds(t, encode(t, req, protocol.Target{Reasoning: true}), `"reasoning_effort":"none"`)
}

func trapCacheMarks(t *testing.T) {
	req := hello(func(r *llm.Request) {
		withTool(r)
		mark := &llm.CacheMark{TTL: "1h", Scope: "global"}
		r.System = []llm.Block{llm.Text{Text: "S", Cache: mark}}
		r.Turns[0].Blocks = []llm.Block{llm.Text{Text: "x", Cache: mark}}
		r.Tools[0].Cache = mark
	})
	out, findings, err := codec().EncodeRequest(req, protocol.Target{Native: true})
	if err != nil || len(findings) != 3 {
		t.Errorf("%v %v", findings, err)
	}
	lacks(t, string(out), "cache")
}

func trapBillingLine(t *testing.T) {
	req := hello(func(r *llm.Request) {
		r.System = []llm.Block{llm.Opaque{Origin: llm.Messages, Field: protocol.Attribution, Raw: []byte(`{"text":"nonce"}`)}, llm.Text{Text: "S"}}
	})
	out := encode(t, req, protocol.Target{})
	lacks(t, out, "nonce")
	holds(t, out, `"content":"S"`)
}

func trapForcedTool(t *testing.T) {
	req := hello(func(r *llm.Request) {
		withTool(r)
		r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsNamed, Names: []string{"f"}}
	})
	holds(t, encode(t, req, protocol.Target{}), `"tool_choice":{"type":"function","function":{"name":"f"}}`)
	holds(t, encode(t, req, protocol.Target{Quirks: protocol.Quirks{NoForcedTool: true}}), `"tool_choice":"auto"`)
}

func trapChoiceWithoutTools(t *testing.T) {
	req := hello(func(r *llm.Request) {
		r.Tools = []llm.Tool{{Kind: llm.HostedTool, Name: "web_search", Origin: llm.Messages, Raw: []byte(`{}`)}}
		r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAuto, Parallel: no()}
	})
	out := encode(t, req, protocol.Target{Native: true})
	lacks(t, out, "tool")
	req.ToolChoice.Mode = llm.ToolsAny
	if _, _, err := codec().EncodeRequest(req, protocol.Target{}); llm.AsError(err).Field != "tool_choice" {
		t.Errorf("a tool that cannot run was forced: %v", err)
	}
}

func trapMidSystem(t *testing.T) {
	req := &llm.Request{Turns: []llm.Turn{
		said(llm.User, llm.Text{Text: "q"}), said(llm.Assistant, callOf("a")), said(llm.Developer, llm.Text{Text: "rule"}),
		said(llm.User, resultOf("a", "A"), llm.Text{Text: "on"}),
	}}
	out := encode(t, req, protocol.Target{})
	holds(t, out, `"content":"A"},{"role":"system","content":"rule"},{"role":"user","content":"on"}`)
	out = encode(t, req, protocol.Target{Quirks: protocol.Quirks{NoMidSystem: true}})
	holds(t, out, `"content":"A"},{"role":"user","content":[{"type":"text","text":"<system-reminder>\nrule\n</system-reminder>"},{"type":"text","text":"on"}]}`)
}

func trapPrefill(t *testing.T) {
	req := &llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "q"}), said(llm.Assistant, llm.Text{Text: "{"})}}
	out := encode(t, req, protocol.Target{Native: true})
	holds(t, out, `{"role":"assistant","content":"{"},{"role":"user","content":"Continue`)
}

func trapCustomTools(t *testing.T) {
	req := &llm.Request{
		Tools: []llm.Tool{{Kind: llm.CustomTool, Name: "p"}},
		Turns: []llm.Turn{said(llm.User, llm.Text{Text: "q"}), said(llm.Assistant, llm.ToolCall{ID: "a", Name: "p", Kind: llm.CustomTool, Arguments: "raw\n"})},
	}
	out := encode(t, req, protocol.Target{})
	holds(t, out, `"arguments":"{\"input\":\"raw\\n\"}"`)
	holds(t, out, protocol.CustomSchema)
	out = encode(t, req, protocol.Target{Quirks: protocol.Quirks{CustomTools: true}})
	holds(t, out, `"type":"custom","custom":{"name":"p","input":"raw\n"}`)
}

func trapWrappedInput(t *testing.T) {
	for _, arguments := range []string{`{\"input\":\"raw\"}`, `raw`, `{\"patch\":\"raw\"}`} {
		events := []llm.Event{
			{Type: llm.Start, Meta: &llm.Meta{}},
			{Type: llm.BlockStart, Block: llm.ToolCall{ID: "a", Name: "p", Kind: llm.CustomTool}},
			{Type: llm.BlockDelta, Delta: []byte(arguments)},
			{Type: llm.BlockEnd},
			{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopTools}},
		}
		holds(t, string(protocoltest.Write(t, codec().NewWriter(protocol.Head{}), events)), `"custom":{"name":"p","input":"raw"}`)
	}
}

func trapLongNames(t *testing.T) {
	long := strings.Repeat("n", 70)
	req := &llm.Request{
		Tools: []llm.Tool{{Kind: llm.FunctionTool, Namespace: "mcp", Name: long}},
		Turns: []llm.Turn{
			said(llm.User, llm.Text{Text: "q"}),
			said(llm.Assistant, llm.ToolCall{ID: "a", Namespace: "mcp", Name: long, Kind: llm.FunctionTool}),
			said(llm.User, resultOf("a", "A")),
		},
		ToolChoice: &llm.ToolChoice{Mode: llm.ToolsNamed, Names: []string{long}},
	}
	wire := protocol.ToolName("mcp__" + long)
	if out := encode(t, req, protocol.Target{}); len(wire) > 64 || strings.Count(out, `"name":"`+wire+`"`) != 3 {
		t.Errorf("%s in %s", wire, out)
	}
}

func trapResultImages(t *testing.T) {
	req := &llm.Request{Turns: []llm.Turn{
		said(llm.User, llm.Text{Text: "q"}), said(llm.Assistant, callOf("a"), callOf("b")),
		said(llm.User, llm.ToolResult{CallID: "a", Blocks: []llm.Block{llm.Media{Kind: llm.Image, MIME: "image/png", Data: "AAAA"}}}, resultOf("b", "B"), llm.Text{Text: "on"}),
	}}
	out := encode(t, req, protocol.Target{})
	holds(t, out, `"content":"[image: see next user message, a]"},{"role":"tool","tool_call_id":"b","content":"B"},{"role":"user","content":[`+
		`{"type":"text","text":"[image returned by tool call a]"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"on"}]}`)
}

func trapCallIDs(t *testing.T) {
	req := &llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "q"}), said(llm.Assistant, callOf("fc:1|x")), said(llm.User, resultOf("fc:1|x", "A"))}}
	id := protocol.CallID("fc:1|x")
	if out := encode(t, req, protocol.Target{}); strings.Count(out, `"`+id+`"`) != 2 {
		t.Errorf("%s in %s", id, out)
	}
	a := read(t, stream(delta(`{"tool_calls":[{"index":0,"id":"","function":{"name":"f"}},{"index":1,"function":{"name":"g"}}]}`), finished("stop"), done), true, protocol.Quirks{})
	one, two := a.Blocks[0].(llm.ToolCall).ID, a.Blocks[1].(llm.ToolCall).ID
	if one == "" || one == two {
		t.Errorf("ids %q %q", one, two)
	}
}

func trapSilentEnd(t *testing.T) {
	a := read(t, stream(delta(`{"content":"x"}`)), true, protocol.Quirks{})
	if a.Err == nil || a.Err.Kind != llm.BadUpstream {
		t.Errorf("%+v", a)
	}
	m := codec().NewMeter(protocol.Head{Stream: true})
	m.Observe(stream(delta(`{"content":"x"}`)))
	if m.Stop().Reason != "" {
		t.Errorf("the meter makes up an end: %+v", m.Stop())
	}
}

func trapErrorShape(t *testing.T) {
	out := string(codec().NewMeter(protocol.Head{}).AppendFailure(nil, &llm.Error{Kind: llm.Overloaded, Message: "m"}))
	if out != `data: {"error":{"message":"m","type":"server_error","param":null,"code":"server_is_overloaded"}}`+"\n\n" {
		t.Errorf("%q", out)
	}
}

func trapSampling(t *testing.T) {
	req := hello(func(r *llm.Request) {
		r.Sampling = llm.Sampling{Temperature: floatOf(0.3), TopP: floatOf(0.5), TopK: intOf(3), PresencePenalty: floatOf(1)}
	})
	out := encode(t, req, protocol.Target{Native: true, Reasoning: true})
	for _, name := range []string{"temperature", "top_p", "top_k", "penalty"} {
		lacks(t, out, name)
	}
}

func trapUsageSums(t *testing.T) {
	k := llm.Known
	u := &llm.Usage{Input: k(52), CacheRead: k(2048), CacheWrite5m: k(10), CacheWrite1h: k(5), Output: k(3), Reasoning: k(4)}
	events := []llm.Event{
		{Type: llm.Start, Meta: &llm.Meta{}},
		{Type: llm.Metered, Usage: u},
		{Type: llm.Metered, Usage: u},
		{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopEnd}},
	}
	out := protocoltest.Write(t, codec().NewWriter(protocol.Head{}), events)
	holds(t, string(out), `"usage":{"prompt_tokens":2115,"completion_tokens":7,"total_tokens":2122,`+
		`"prompt_tokens_details":{"cached_tokens":2048,"cache_write_tokens":15},"completion_tokens_details":{"reasoning_tokens":4}}`)
	back := read(t, out, false, protocol.Quirks{}).Usage
	if back.Input != u.Input || back.CacheWrite5m != k(15) || back.Output != u.Output {
		t.Errorf("%+v", back)
	}
}

func trapRole(t *testing.T) {
	out := carried(t, protocol.Head{Stream: true}, delta(`{"content":"x"}`), finished("stop"), done)
	first, _, _ := strings.Cut(out, "\n\n")
	holds(t, first, `"delta":{"role":"assistant"`)
	if strings.Count(out, `"role"`) != 1 {
		t.Errorf("the role is told more than once: %s", out)
	}
}

func trapNoChoices(t *testing.T) {
	for _, r := range protocoltest.Recordings(t, false, "data: [DONE]\n\n", "openai-chat") {
		if !r.Stream {
			continue
		}
		a := read(t, r.Body, true, protocol.Quirks{})
		if a.Err != nil || a.Meta.Model == "" || a.Meta.ID == "" || a.Usage.Input != llm.Known(15) {
			t.Errorf("%s: %+v", r.Name, a)
		}
	}
}

func trapNulls(t *testing.T) {
	req := hello(func(r *llm.Request) { r.ToolChoice = &llm.ToolChoice{Parallel: no()} })
	out := encode(t, req, protocol.Target{})
	for _, name := range []string{"null", "parallel_tool_calls", "stream", "tools"} {
		lacks(t, out, name)
	}
}

func trapReasoning(t *testing.T) {
	for _, name := range []string{"reasoning_content", "reasoning"} {
		chunks := []string{delta(`{"` + name + `":"hm"}`), delta(`{"content":"x"}`), finished("stop"), done}
		if got := words(read(t, stream(chunks...), true, protocol.Quirks{})); !reflect.DeepEqual(got, []string{"thought hm", "text x"}) {
			t.Errorf("%s: %q", name, got)
		}
		holds(t, carried(t, protocol.Head{Stream: true}, chunks...), `"delta":{"reasoning_content":"hm"}`)
	}
}

func trapPieces(t *testing.T) {
	// A surrogate pair and an escape are cut between two pieces.
	out := carried(t, protocol.Head{Stream: true},
		delta(`{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":\"\\ud83d"}}]}`),
		delta(`{"tool_calls":[{"index":0,"function":{"arguments":"\\ude80 \ud83d"}}]}`),
		delta(`{"tool_calls":[{"index":0,"function":{"arguments":"\ude80\"}"}}]}`), finished("tool_calls"), done)
	holds(t, out, `"arguments":"\\ude80 \ud83d"`)
	if got := words(read(t, []byte(out), true, protocol.Quirks{})); got[0] != `call a f {"x":"🚀 🚀"}` {
		t.Errorf("%q", got)
	}
}

func trapEmbeddings(t *testing.T) {
	out := codec().Mend(protocol.Head{Operation: llm.Embed, Base64: true}, []byte(`{"data":[{"embedding":[1,-2]}]}`))
	if string(out) != `{"data":[{"embedding":"AACAPwAAAMA="}]}` {
		t.Errorf("%s", out)
	}
}

func trapDeveloper(t *testing.T) {
	req := hello(func(r *llm.Request) { r.System = []llm.Block{llm.Text{Text: "S"}} })
	lacks(t, encode(t, req, protocol.Target{Quirks: protocol.Quirks{NoDeveloperRole: true}}), "developer")
	lacks(t, encode(t, req, protocol.Target{}), "developer")
	holds(t, encode(t, req, protocol.Target{Reasoning: true}), `"role":"developer"`)
}

func trapStrict(t *testing.T) {
	req := decode(t, `{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}}`)
	if req.Format.Strict == nil || *req.Format.Strict {
		t.Error("a schema without strict is not strict here")
	}
	lacks(t, encode(t, req, protocol.Target{Native: true}), "strict")
}

func trapStops(t *testing.T) {
	req := hello(func(r *llm.Request) { r.Sampling.Stop = []string{"1", "2", "3", "4", "5"} })
	holds(t, encode(t, req, protocol.Target{}), `"stop":["1","2","3","4"]`)
	lacks(t, encode(t, req, protocol.Target{Reasoning: true}), "stop")
}

func trapThinkTags(t *testing.T) {
	body := []byte(`{"choices":[{"message":{"content":"<think>\nhm\n</think>\n\nHi"},"finish_reason":"stop"}]}`)
	whole := read(t, body, false, protocol.Quirks{ThinkTags: true})
	cut := read(t, stream(delta(`{"content":"<think>\nhm"}`), delta(`{"content":"\n</think>\n\nHi"}`), finished("stop"), done), true, protocol.Quirks{ThinkTags: true})
	if want := []string{"thought hm\n", "text Hi"}; !reflect.DeepEqual(words(whole), want) || !reflect.DeepEqual(words(cut), want) {
		t.Errorf("%q %q", words(whole), words(cut))
	}
}

func trapLooseWire(t *testing.T) {
	a := read(t, stream(`{"choices":[{"delta":{"content":"x","tool_calls":null,"function_call":null,"audio":null}}],"usage":null,"created":"soon","id":7}`,
		`{"choices":[{"delta":null,"finish_reason":"stop"}]}`, done), true, protocol.Quirks{})
	if a.Err != nil || words(a)[0] != "text x" {
		t.Errorf("%+v", a)
	}
}

func trapOwnKey(t *testing.T) {
	for _, status := range []int{401, 402, 403} {
		e := codec().DecodeError(status, nil, []byte(`{"error":{"message":"Incorrect API key provided: sk-1","code":"invalid_api_key"}}`))
		if got, _, body := codec().EncodeError(e, protocol.Head{}); got != 502 || bytes.Contains(body, []byte("sk-")) {
			t.Errorf("%d becomes %d %s", status, got, body)
		}
	}
}

func trapNoModel(t *testing.T) {
	head, err := codec().Peek(llm.Generate, []byte(`{"messages":[]}`))
	if err != nil || head.Model != "" {
		t.Errorf("%+v %v", head, err)
	}
	decode(t, `{"messages":[{"role":"user","content":"x"}]}`)
}
