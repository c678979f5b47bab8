package messages_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func turn(role llm.Role, blocks ...llm.Block) llm.Turn { return llm.Turn{Role: role, Blocks: blocks} }

func text(s string) llm.Text { return llm.Text{Text: s} }

func call(id, args string) llm.ToolCall {
	return llm.ToolCall{ID: id, Name: "f", Arguments: args, Kind: llm.FunctionTool}
}

func result(id, s string) llm.ToolResult {
	return llm.ToolResult{CallID: id, Blocks: []llm.Block{text(s)}}
}

func function(name string) llm.Tool {
	return llm.Tool{Kind: llm.FunctionTool, Name: name, Schema: json.RawMessage(`{"type":"object"}`)}
}

// shorthand writes messages in short: "user: text a | result x=1".
func shorthand(t *testing.T, m map[string]any) []string {
	t.Helper()
	var out []string
	turns, _ := m["messages"].([]any)
	for _, turn := range turns {
		role, _ := at(t, turn, "role").(string)
		blocks, _ := at(t, turn, "content").([]any)
		var parts []string
		for _, b := range blocks {
			kind, _ := at(t, b, "type").(string)
			switch kind {
			case "text":
				parts = append(parts, "text "+at(t, b, "text").(string))
			case "tool_use":
				input, _ := json.Marshal(at(t, b, "input"))
				parts = append(parts, "call "+at(t, b, "id").(string)+string(input))
			case "tool_result":
				part := "result " + at(t, b, "tool_use_id").(string)
				if at(t, b, "is_error") != nil {
					part += "!"
				}
				if s, ok := at(t, b, "content").(string); ok {
					part += "=" + s
				}
				parts = append(parts, part)
			default:
				parts = append(parts, kind)
			}
		}
		out = append(out, role+": "+strings.Join(parts, " | "))
	}
	return out
}

func TestTurns(t *testing.T) {
	for name, c := range map[string]struct {
		turns    []llm.Turn
		midway   bool
		prefill  bool
		want     []string
		findings []string
	}{
		"results of one turn join, and come first": {
			turns: []llm.Turn{
				turn(llm.User, text("q")), turn(llm.Assistant, call("a", "{}"), call("b", `{"x":1}`)),
				turn(llm.User, text("by the way"), result("b", "2")), turn(llm.User, result("a", "1")), turn(llm.User, text("and?")),
			},
			want: []string{"user: text q", "assistant: call a{} | call b{\"x\":1}", "user: result a=1 | result b=2 | text by the way | text and?"},
		},
		"an assistant message between call and output": {
			turns: []llm.Turn{
				turn(llm.User, text("q")), turn(llm.Assistant, call("a", "")), turn(llm.Assistant, text("Looking")), turn(llm.User, result("a", "1")),
			},
			want: []string{"user: text q", "assistant: call a{} | text Looking", "user: result a=1"},
		},
		"a result that came late": {
			turns: []llm.Turn{
				turn(llm.User, text("q")), turn(llm.Assistant, call("a", "")), turn(llm.User, text("wait")), turn(llm.Assistant, text("ok")), turn(llm.User, result("a", "1"), text("go")),
			},
			want:     []string{"user: text q", "assistant: call a{}", "user: result a=1 | text wait", "assistant: text ok", "user: text go"},
			findings: []string{"approx turns[4].blocks[0] tool_result_moved_to_its_call"},
		},
		"missing result": {
			turns:    []llm.Turn{turn(llm.User, text("q")), turn(llm.Assistant, call("a", "")), turn(llm.User, text("never mind"))},
			want:     []string{"user: text q", "assistant: call a{}", "user: result a!=(no result: tool call was interrupted) | text never mind"},
			findings: []string{"approx turns[1].blocks[0] tool_result_missing"},
		},
		"missing result at the end": {
			turns:    []llm.Turn{turn(llm.User, text("q")), turn(llm.Assistant, call("a", ""))},
			want:     []string{"user: text q", "assistant: call a{}", "user: result a!=(no result: tool call was interrupted)"},
			findings: []string{"approx turns[1].blocks[0] tool_result_missing"},
		},
		"orphan result": {
			turns:    []llm.Turn{turn(llm.User, result("z", "9"), text("q"))},
			want:     []string{"user: text Result of the tool call z: | text 9 | text q"},
			findings: []string{"approx turns[0].blocks[0] tool_result_without_call"},
		},
		"one id used twice": {
			turns: []llm.Turn{
				turn(llm.User, text("q")), turn(llm.Assistant, call("call_0", "")), turn(llm.User, result("call_0", "1")),
				turn(llm.Assistant, call("call_0", "")), turn(llm.User, result("call_0", "2")),
			},
			want: []string{
				"user: text q", "assistant: call call_0{}", "user: result call_0=1",
				"assistant: call " + protocol.CallID("call_0#2") + "{}", "user: result " + protocol.CallID("call_0#2") + "=2",
			},
		},
		"odd ids": {
			turns: []llm.Turn{turn(llm.User, text("q")), turn(llm.Assistant, call("functions.f:0", "")), turn(llm.User, result("functions.f:0", "1"))},
			want:  []string{"user: text q", "assistant: call " + protocol.CallID("functions.f:0") + "{}", "user: result " + protocol.CallID("functions.f:0") + "=1"},
		},
		"arguments that are no object": {
			turns: []llm.Turn{
				turn(llm.User, text("q")), turn(llm.Assistant, call("a", `{"x":`), llm.ToolCall{ID: "b", Name: "p", Arguments: "raw\n", Kind: llm.CustomTool}),
				turn(llm.User, result("a", "1"), result("b", "2")),
			},
			want:     []string{"user: text q", `assistant: call a{"_raw":"{\"x\":"} | call b{"input":"raw\n"}`, "user: result a=1 | result b=2"},
			findings: []string{"approx turns[1].blocks[0] arguments_are_no_json_object"},
		},
		"assistant first": {
			turns:    []llm.Turn{turn(llm.Assistant, text("hello")), turn(llm.User, text("hi"))},
			want:     []string{"user: text (continued)", "assistant: text hello", "user: text hi"},
			findings: []string{"approx turns[0] user_turn_put_first"},
		},
		"blank text": {
			turns: []llm.Turn{turn(llm.User, text(" \n"), text("q")), turn(llm.Assistant, text("")), turn(llm.User, text("r"))},
			want:  []string{"user: text q | text r"},
		},
		"instruction in mid-conversation": {
			turns:  []llm.Turn{turn(llm.User, text("q")), turn(llm.Developer, text("be brief")), turn(llm.Assistant, text("a")), turn(llm.User, text("r"))},
			midway: true,
			want:   []string{"user: text q", "system: text be brief", "assistant: text a", "user: text r"},
		},
		"instruction where it may not stand": {
			turns:    []llm.Turn{turn(llm.Developer, text("be brief")), turn(llm.User, text("q")), turn(llm.Assistant, call("a", "")), turn(llm.Developer, text("hurry")), turn(llm.User, result("a", "1"))},
			midway:   true,
			want:     []string{"user: text <system-reminder>be brief</system-reminder> | text q", "assistant: call a{}", "user: result a=1 | text <system-reminder>hurry</system-reminder>"},
			findings: []string{"approx turns[0] system_role_as_text", "approx turns[3] system_role_as_text"},
		},
		"instruction for a model without": {
			turns:    []llm.Turn{turn(llm.User, text("q")), turn(llm.Developer, text("be brief")), turn(llm.Assistant, text("a")), turn(llm.User, text("r"))},
			want:     []string{"user: text q | text <system-reminder>be brief</system-reminder>", "assistant: text a", "user: text r"},
			findings: []string{"approx turns[1] system_role_as_text"},
		},
		"prefill": {
			turns:   []llm.Turn{turn(llm.User, text("q")), turn(llm.Assistant, text("The answer is \n"))},
			prefill: true,
			want:    []string{"user: text q", "assistant: text The answer is"},
		},
		"prefill for a model without": {
			turns:    []llm.Turn{turn(llm.User, text("q")), turn(llm.Assistant, text("The answer is"))},
			want:     []string{"user: text q", "assistant: text The answer is", "user: text Go on with your answer exactly where it stops. Do not repeat what it says already."},
			findings: []string{"approx turns[1] prefill_as_instruction"},
		},
		"paused turn": {
			turns: []llm.Turn{turn(llm.User, text("q")), turn(llm.Assistant, llm.Opaque{Origin: llm.Messages, Field: "server_tool_use", Raw: json.RawMessage(`{"type":"server_tool_use"}`)})},
			want:  []string{"user: text q", "assistant: server_tool_use"},
		},
		"names and refusals": {
			turns:    []llm.Turn{{Role: llm.User, Name: "ann", Blocks: []llm.Block{text("q")}}, turn(llm.Assistant, llm.Refusal{Text: "no"}), turn(llm.User, text("r"))},
			want:     []string{"user: text ann: q", "assistant: text no", "user: text r"},
			findings: []string{"approx turns[0].name name_in_text", "approx turns[1].blocks[0] refusal_as_text"},
		},
		"blocks of others": {
			turns:    []llm.Turn{turn(llm.User, text("q"), llm.Opaque{Origin: llm.Responses, Field: "web_search_call", Raw: json.RawMessage(`{}`)})},
			want:     []string{"user: text q"},
			findings: []string{"void turns[0].blocks[1] not_supported"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			to := native()
			to.Midway, to.Prefill = c.midway, c.prefill
			m, notes := encode(t, &llm.Request{Turns: c.turns, Tools: []llm.Tool{function("f")}}, to)
			if got := shorthand(t, m); !slices.Equal(got, c.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
			}
			if !slices.Equal(notes, c.findings) && len(notes)+len(c.findings) > 0 {
				t.Errorf("findings %q, want %q", notes, c.findings)
			}
		})
	}
}

func TestNothingToSayIsRefused(t *testing.T) {
	_, _, err := codec.EncodeRequest(&llm.Request{Turns: []llm.Turn{turn(llm.User, text(" "))}}, native())
	invalid(t, err, "messages")
}

func TestSettings(t *testing.T) {
	type findings = []string
	for name, c := range map[string]struct {
		change   func(*llm.Request, *protocol.Target)
		want     string // members that must be there, null for those that must not
		findings findings
	}{
		"the model's maximum": {func(r *llm.Request, to *protocol.Target) {}, `{"max_tokens":64000,"model":"claude-sonnet-4-5","stream":null}`, nil},
		"no maximum known":    {func(r *llm.Request, to *protocol.Target) { to.MaxOutput = 0 }, `{"max_tokens":8192}`, nil},
		"above the maximum":   {func(r *llm.Request, to *protocol.Target) { r.Sampling.MaxTokens = ptr(100_000) }, `{"max_tokens":64000}`, findings{"approx max_tokens clamped"}},
		"zero is zero":        {func(r *llm.Request, to *protocol.Target) { r.Sampling.MaxTokens = ptr(0) }, `{"max_tokens":0}`, nil},
		"stream":              {func(r *llm.Request, to *protocol.Target) { r.Stream = true }, `{"stream":true}`, nil},
		"temperature clamped": {func(r *llm.Request, to *protocol.Target) { r.Sampling.Temperature = ptr(1.7) }, `{"temperature":1}`, findings{"approx temperature clamped"}},
		"temperature of zero": {func(r *llm.Request, to *protocol.Target) { r.Sampling.Temperature = ptr(0.0) }, `{"temperature":0}`, nil},
		"not beside top_p": {func(r *llm.Request, to *protocol.Target) {
			r.Sampling.Temperature, r.Sampling.TopP = ptr(0.5), ptr(0.5)
		}, `{"temperature":0.5,"top_p":null}`, findings{"void top_p not_beside_temperature"}},
		"top_p alone": {func(r *llm.Request, to *protocol.Target) { r.Sampling.TopP, r.Sampling.TopK = ptr(0.5), ptr(3) }, `{"top_p":0.5,"top_k":3}`, nil},
		"no sampling": {func(r *llm.Request, to *protocol.Target) {
			to.Reasoning = true
			r.Sampling.Temperature, r.Sampling.TopP, r.Sampling.TopK = ptr(0.5), ptr(0.5), ptr(3)
		}, `{"temperature":null,"top_p":null,"top_k":null}`, findings{"void temperature not_supported", "void top_p not_supported", "void top_k not_supported"}},
		"no sampling but 1": {func(r *llm.Request, to *protocol.Target) { to.Reasoning = true; r.Sampling.Temperature = ptr(1.0) }, `{"temperature":1}`, nil},
		"stops":             {func(r *llm.Request, to *protocol.Target) { r.Sampling.Stop = []string{"\n", "END"} }, `{"stop_sequences":["END"]}`, findings{"void stop[0] whitespace_only"}},
		"what has no word": {func(r *llm.Request, to *protocol.Target) {
			s := &r.Sampling
			s.N, s.Seed, s.PresencePenalty, s.FrequencyPenalty, s.Logprobs = ptr(1), ptr(int64(4)), ptr(0.1), ptr(0.0), ptr(true)
			s.LogitBias = json.RawMessage(`{"5":1}`)
			r.Verbosity, r.CacheKey, r.Store, r.Metadata = "low", "k", ptr(true), map[string]string{"a": "b"}
		}, `{}`, findings{
			"approx presence_penalty not_supported", "void seed not_supported", "loss logprobs not_supported", "loss logit_bias not_supported",
			"void verbosity not_supported", "void metadata not_supported", "void store not_supported", "void prompt_cache_key not_supported",
		}},
		"end user":       {func(r *llm.Request, to *protocol.Target) { r.EndUser = "u1" }, `{"metadata":{"user_id":"u1"}}`, nil},
		"tier":           {func(r *llm.Request, to *protocol.Target) { r.ServiceTier = "default" }, `{"service_tier":"standard_only"}`, nil},
		"tier of others": {func(r *llm.Request, to *protocol.Target) { r.ServiceTier = "flex" }, `{"service_tier":null}`, findings{"void service_tier not_supported"}},
		"refused field": {func(r *llm.Request, to *protocol.Target) {
			r.EndUser, to.Quirks.DropFields = "u1", []string{"metadata"}
		}, `{"metadata":null}`, findings{"void metadata refused_by_upstream"}},
		"fields of others": {func(r *llm.Request, to *protocol.Target) {
			r.Extra = []llm.Opaque{{Origin: llm.Chat, Field: "prediction", Raw: json.RawMessage(`{}`)}, {Origin: llm.Chat, Field: "web_search_options", Raw: json.RawMessage(`{}`)}}
		}, `{"prediction":null}`, findings{"void prediction not_supported", "loss web_search_options not_supported"}},
		"automatic cache": {func(r *llm.Request, to *protocol.Target) { r.AutoCache = &llm.CacheMark{TTL: "1h", Scope: "global"} }, `{"cache_control":{"type":"ephemeral","ttl":"1h","scope":"global"}}`, nil},
		"no scope elsewhere": {func(r *llm.Request, to *protocol.Target) {
			to.Native = false
			r.AutoCache = &llm.CacheMark{Scope: "global"}
		}, `{"cache_control":{"type":"ephemeral"}}`, nil},

		"effort as budget":      {effort("medium", "budget"), `{"thinking":{"type":"enabled","budget_tokens":10240},"output_config":null}`, nil},
		"effort as adaptive":    {effort("minimal", "adaptive"), `{"thinking":{"type":"adaptive"},"output_config":{"effort":"low"}}`, nil},
		"no effort":             {effort("none", "budget"), `{"thinking":{"type":"disabled"},"output_config":null}`, nil},
		"effort, thinks not":    {effort("high", "none"), `{"thinking":null,"output_config":null}`, findings{"approx reasoning model_does_not_think"}},
		"no effort, thinks not": {effort("none", "none"), `{"thinking":null}`, nil},
		"effort, unknown model": {effort("high", ""), `{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}`, nil},
		"budget as adaptive":    {budget(20_000, "adaptive"), `{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}`, nil},
		"budget of nothing":     {budget(0, "budget"), `{"thinking":{"type":"disabled"}}`, nil},
		"adaptive as budget":    {func(r *llm.Request, to *protocol.Target) { r.Reasoning = &llm.Reasoning{Adaptive: true} }, `{"thinking":{"type":"enabled","budget_tokens":24576}}`, nil},
		"a summary alone":       {func(r *llm.Request, to *protocol.Target) { r.Reasoning = &llm.Reasoning{Summary: "auto"} }, `{"thinking":null}`, nil},
		"max":                   {effort("max", "budget"), `{"thinking":{"type":"enabled","budget_tokens":63999},"max_tokens":64000}`, nil},
		"room is made for thought": {func(r *llm.Request, to *protocol.Target) {
			effort("low", "budget")(r, to)
			r.Sampling.MaxTokens = ptr(500)
		}, `{"thinking":{"type":"enabled","budget_tokens":4096},"max_tokens":5120}`, findings{"approx max_tokens raised_for_thinking"}},
		"no room for thought": {func(r *llm.Request, to *protocol.Target) { effort("low", "budget")(r, to); to.MaxOutput = 1000 }, `{"thinking":null,"max_tokens":1000}`, findings{"approx reasoning no_room_to_think"}},
		"shown when adaptive": {func(r *llm.Request, to *protocol.Target) {
			effort("high", "adaptive")(r, to)
			r.Reasoning.Summary = "auto"
		}, `{"thinking":{"type":"adaptive","display":"summarized"}}`, nil},
		"thought and sampling": {func(r *llm.Request, to *protocol.Target) {
			effort("low", "budget")(r, to)
			r.Sampling.Temperature = ptr(0.2)
		}, `{"temperature":null}`, findings{"void temperature not_supported"}},

		"schema": {func(r *llm.Request, to *protocol.Target) {
			r.Format = &llm.Format{Name: "x", Schema: json.RawMessage(`{"type":"object","properties":{"a":{"type":"object"}},"additionalProperties":false}`)}
		}, `{"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"a":{"type":"object","additionalProperties":false}},"additionalProperties":false}}}}`, findings{"approx response_format additional_properties_closed"}},
		"schema by a forced tool": {func(r *llm.Request, to *protocol.Target) {
			to.Schemas = ptr(false)
			r.Format = &llm.Format{Schema: json.RawMessage(`{"type":"object","properties":{}}`)}
		}, `{"tools":[{"name":"json_output","description":"Give the answer.","input_schema":{"type":"object","properties":{}}}],"tool_choice":{"type":"tool","name":"json_output"},"output_config":null}`, nil},
		"schema beside tools": {func(r *llm.Request, to *protocol.Target) {
			to.Schemas = ptr(false)
			r.Tools = []llm.Tool{function("f")}
			r.Format = &llm.Format{Schema: json.RawMessage(`{"type":"object","properties":{}}`)}
		}, `{"tool_choice":null,"system":[{"type":"text","text":"Answer with JSON that fits this JSON Schema and nothing else: no words around it, no code fence.\n{\"type\":\"object\",\"properties\":{}}"}]}`, findings{"approx response_format schema_by_instruction"}},
		"any JSON": {func(r *llm.Request, to *protocol.Target) { r.Format = &llm.Format{} }, `{"system":[{"type":"text","text":"Answer with one JSON value and nothing else: no words around it, no code fence."}]}`, findings{"approx response_format json_by_instruction"}},
	} {
		t.Run(name, func(t *testing.T) {
			req, to := user("q"), native()
			c.change(req, &to)
			m, notes := encode(t, req, to)
			want, _ := value(t, []byte(c.want)).(map[string]any)
			for member, v := range want {
				same(t, m[member], v)
			}
			if !slices.Equal(notes, c.findings) && len(notes)+len(c.findings) > 0 {
				t.Errorf("findings %q, want %q", notes, c.findings)
			}
		})
	}
}

func effort(e, thinking string) func(*llm.Request, *protocol.Target) {
	return func(r *llm.Request, to *protocol.Target) {
		r.Reasoning, to.Thinking = &llm.Reasoning{Effort: e}, thinking
	}
}

func budget(n int, thinking string) func(*llm.Request, *protocol.Target) {
	return func(r *llm.Request, to *protocol.Target) {
		r.Reasoning, to.Thinking = &llm.Reasoning{Budget: &n}, thinking
	}
}

func TestTools(t *testing.T) {
	type findings = []string
	search := llm.Tool{Kind: llm.HostedTool, Name: "web_search", Origin: llm.Responses, Raw: json.RawMessage(`{"type":"web_search"}`)}
	for name, c := range map[string]struct {
		tools    []llm.Tool
		choice   *llm.ToolChoice
		change   func(*protocol.Target)
		want     string
		findings findings
	}{
		"custom": {
			tools: []llm.Tool{{Kind: llm.CustomTool, Name: "p", Description: "Patch.", Grammar: &llm.Grammar{Syntax: "lark", Definition: "start: x"}}},
			want: `{"tools":[{"name":"p","description":"Patch.\n\nPut the raw text into ` + "`input`" + `. Grammar (lark):\nstart: x",
				"input_schema":{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}}]}`,
			findings: findings{"approx tools[0].format grammar_not_enforced"},
		},
		"no schema":      {tools: []llm.Tool{{Kind: llm.FunctionTool, Name: "f"}}, want: `{"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]}`},
		"schema no type": {tools: []llm.Tool{{Kind: llm.FunctionTool, Name: "f", Schema: json.RawMessage(` {"properties":{"a":{}}}`)}}, want: `{"tools":[{"name":"f","input_schema":{"type":"object","properties":{"a":{}}}}]}`},
		"empty schema":   {tools: []llm.Tool{{Kind: llm.FunctionTool, Name: "f", Schema: json.RawMessage(`{ }`)}}, want: `{"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]}`},
		"namespace":      {tools: []llm.Tool{{Kind: llm.FunctionTool, Namespace: "mcp", Name: "f", Schema: json.RawMessage(`{"type":"object"}`)}}, want: `{"tools":[{"name":"mcp__f","input_schema":{"type":"object"}}]}`},
		"strict":         {tools: []llm.Tool{{Kind: llm.FunctionTool, Name: "f", Strict: ptr(true)}}, want: `{"tools":[{"name":"f","strict":true,"input_schema":{"type":"object","properties":{}}}]}`},
		"not strict":     {tools: []llm.Tool{{Kind: llm.FunctionTool, Name: "f", Strict: ptr(false)}}, want: `{"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]}`},
		"strict refused": {
			tools: []llm.Tool{{Kind: llm.FunctionTool, Name: "f", Strict: ptr(true)}}, change: func(to *protocol.Target) { to.Quirks.NoStrict = true },
			want: `{"tools":[{"name":"f","input_schema":{"type":"object","properties":{}}}]}`, findings: findings{"void tools[0].strict not_supported"},
		},
		"local shell": {
			tools: []llm.Tool{{Kind: llm.LocalShellTool}},
			want: `{"tools":[{"name":"local_shell","input_schema":{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"}},
				"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"},"env":{"type":"object","additionalProperties":{"type":"string"}}},"required":["command"]}}]}`,
		},
		"search of another vendor": {tools: []llm.Tool{function("f"), search}, want: `{"tools":[{"name":"f","input_schema":{"type":"object"}}]}`, findings: findings{"void tools[1] web_search_not_configured"}},
		"no tool is left":          {tools: []llm.Tool{search}, choice: &llm.ToolChoice{Mode: llm.ToolsAuto}, want: `{"tools":null,"tool_choice":null}`, findings: findings{"void tools[0] web_search_not_configured"}},
		"deferred": {
			tools: []llm.Tool{function("f"), {Kind: llm.FunctionTool, Name: "g", Deferred: true, Cache: &llm.CacheMark{}}},
			want:  `{"tools":[{"name":"f","input_schema":{"type":"object"}},{"name":"g","input_schema":{"type":"object","properties":{}},"defer_loading":true}]}`,
		},
		"deferred elsewhere": {
			tools: []llm.Tool{function("f"), {Kind: llm.FunctionTool, Name: "g", Deferred: true}}, change: func(to *protocol.Target) { to.Native = false },
			want: `{"tools":[{"name":"f","input_schema":{"type":"object"}}]}`, findings: findings{"approx tools[1] deferred_tool_withheld"},
		},
		"none":        {tools: []llm.Tool{function("f")}, choice: &llm.ToolChoice{Mode: llm.ToolsNone, Parallel: ptr(false)}, want: `{"tool_choice":{"type":"none"}}`},
		"any":         {tools: []llm.Tool{function("f")}, choice: &llm.ToolChoice{Mode: llm.ToolsAny, Parallel: ptr(false)}, want: `{"tool_choice":{"type":"any","disable_parallel_tool_use":true}}`},
		"one":         {tools: []llm.Tool{function("f")}, choice: &llm.ToolChoice{Mode: llm.ToolsNamed, Names: []string{"f"}}, want: `{"tool_choice":{"type":"tool","name":"f"}}`},
		"not in rows": {tools: []llm.Tool{function("f")}, choice: &llm.ToolChoice{Parallel: ptr(false)}, want: `{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}`},
		"in rows":     {tools: []llm.Tool{function("f")}, choice: &llm.ToolChoice{Parallel: ptr(true)}, want: `{"tool_choice":null}`},
		"allowed": {
			tools: []llm.Tool{function("f"), function("g")}, choice: &llm.ToolChoice{Mode: llm.ToolsAny, Names: []string{"g"}},
			want: `{"tools":[{"name":"g","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}}`, findings: findings{"approx tools[0] not_among_allowed_tools"},
		},
		"server cannot force": {
			tools: []llm.Tool{function("f")}, choice: &llm.ToolChoice{Mode: llm.ToolsAny}, change: func(to *protocol.Target) { to.Quirks.NoForcedTool = true },
			want: `{"tool_choice":{"type":"auto"}}`, findings: findings{"approx tool_choice forced_tool_as_auto"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			req, to := user("q"), native()
			req.Tools, req.ToolChoice = c.tools, c.choice
			if c.change != nil {
				c.change(&to)
			}
			m, notes := encode(t, req, to)
			want, _ := value(t, []byte(c.want)).(map[string]any)
			for member, v := range want {
				same(t, m[member], v)
			}
			if !slices.Equal(notes, c.findings) && len(notes)+len(c.findings) > 0 {
				t.Errorf("findings %q, want %q", notes, c.findings)
			}
		})
	}
}

func TestMedia(t *testing.T) {
	for name, c := range map[string]struct {
		media llm.Media
		want  string // "" is an error
	}{
		"png":               {llm.Media{Kind: llm.Image, MIME: "image/png", Data: "AA==", Detail: "auto"}, `{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}`},
		"data url":          {llm.Media{Kind: llm.Image, URL: "data:image/webp;base64,AA=="}, `{"type":"image","source":{"type":"base64","media_type":"image/webp","data":"AA=="}}`},
		"url":               {llm.Media{Kind: llm.Image, URL: "https://example.com/a"}, `{"type":"image","source":{"type":"url","url":"https://example.com/a"}}`},
		"pdf":               {llm.Media{Kind: llm.Document, MIME: "application/pdf", Data: "AA==", Name: "n"}, `{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="},"title":"n"}`},
		"text file":         {llm.Media{Kind: llm.Document, MIME: "text/csv", Data: "YSxi"}, `{"type":"document","source":{"type":"text","media_type":"text/plain","data":"a,b"}}`},
		"text":              {llm.Media{Kind: llm.Document, Text: "words", Cite: ptr(false)}, `{"type":"document","source":{"type":"text","media_type":"text/plain","data":"words"},"citations":{"enabled":false}}`},
		"own file":          {llm.Media{Kind: llm.Document, FileID: "f", Origin: llm.Messages}, `{"type":"document","source":{"type":"file","file_id":"f"}}`},
		"file of another":   {llm.Media{Kind: llm.Document, FileID: "f", Origin: llm.Chat}, ""},
		"tiff":              {llm.Media{Kind: llm.Image, MIME: "image/tiff", Data: "AA=="}, ""},
		"word":              {llm.Media{Kind: llm.Document, MIME: "application/msword", Data: "AA=="}, ""},
		"text not base64":   {llm.Media{Kind: llm.Document, MIME: "text/plain", Data: "!"}, ""},
		"audio":             {llm.Media{Kind: llm.Audio, MIME: "audio/wav", Data: "AA=="}, ""},
		"marked for caches": {llm.Media{Kind: llm.Image, URL: "https://e", Cache: &llm.CacheMark{TTL: "5m"}}, `{"type":"image","source":{"type":"url","url":"https://e"},"cache_control":{"type":"ephemeral","ttl":"5m"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			req := &llm.Request{Turns: []llm.Turn{turn(llm.User, c.media)}}
			if c.want == "" {
				_, _, err := codec.EncodeRequest(req, native())
				invalid(t, err, "turns[0].blocks[0]")
				return
			}
			m, notes := encode(t, req, native())
			same(t, at(t, m, "messages", 0, "content", 0), value(t, []byte(c.want)))
			if len(notes) > 0 {
				t.Errorf("findings %q", notes)
			}
		})
	}
	t.Run("blind model", func(t *testing.T) {
		to := native()
		to.Vision = ptr(false)
		m, notes := encode(t, &llm.Request{Turns: []llm.Turn{turn(llm.User, llm.Media{Kind: llm.Image, URL: "https://e"})}}, to)
		if !slices.Equal(notes, []string{"loss turns[0].blocks[0] model_sees_no_images"}) || at(t, m, "messages", 0, "content", 0, "type") != "text" {
			t.Errorf("%v %v", m["messages"], notes)
		}
	})
}

func TestWhatCannotBeDoneIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*llm.Request)
		field  string
	}{
		"several answers": {func(r *llm.Request) { r.Sampling.N = ptr(2) }, "n"},
		"state elsewhere": {func(r *llm.Request) {
			r.Extra = []llm.Opaque{{Origin: llm.Responses, Field: "previous_response_id", Raw: json.RawMessage(`"r"`)}}
		}, "previous_response_id"},
		"background": {func(r *llm.Request) {
			r.Extra = []llm.Opaque{{Origin: llm.Responses, Field: "background", Raw: json.RawMessage(`true`)}}
		}, "background"},
		"tool that cannot run": {func(r *llm.Request) {
			r.Tools = []llm.Tool{{Kind: llm.HostedTool, Name: "web_search", Origin: llm.Responses, Raw: json.RawMessage(`{"type":"web_search"}`)}}
			r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsNamed, Names: []string{"web_search"}}
		}, "tool_choice"},
		"reserved name": {func(r *llm.Request) { r.Tools = []llm.Tool{function("json_output")} }, "tools[0].name"},
		"two tools of one name": {func(r *llm.Request) {
			r.Tools = []llm.Tool{function("a__b"), {Kind: llm.FunctionTool, Namespace: "a", Name: "b"}}
		}, "tools"},
	} {
		t.Run(name, func(t *testing.T) {
			req := user("q")
			c.change(req)
			_, _, err := codec.EncodeRequest(req, native())
			invalid(t, err, c.field)
		})
	}
}
