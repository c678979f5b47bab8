package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func unix(s int64) time.Time { return time.Unix(s, 0) }

func said(role llm.Role, blocks ...llm.Block) llm.Turn { return llm.Turn{Role: role, Blocks: blocks} }

// hello is the shortest request, with changes.
func hello(change func(*llm.Request)) *llm.Request {
	r := &llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "hi"})}}
	if change != nil {
		change(r)
	}
	return r
}

func withTool(r *llm.Request) {
	r.Tools = []llm.Tool{{Kind: llm.FunctionTool, Name: "f", Schema: []byte(`{"type":"object"}`), Strict: yes()}}
}

// toolLoop is a conversation in the middle of a call, with a thought of that
// origin.
func toolLoop(origin, seal string) *llm.Request {
	return &llm.Request{Turns: []llm.Turn{
		said(llm.User, llm.Text{Text: "go"}),
		said(llm.Assistant, llm.Thought{Text: "hm", Origin: origin, Seal: seal}, llm.ToolCall{ID: "c1", Name: "f", Kind: llm.FunctionTool}),
		said(llm.User, llm.ToolResult{CallID: "c1", Blocks: []llm.Block{llm.Text{Text: "ok"}}}),
	}}
}

func intOf(n int) *int { return &n }

func floatOf(f float64) *float64 { return &f }

// TestTargets says for each trait of a target what a request must hold, must
// not hold, and what is reported.
func TestTargets(t *testing.T) {
	q := func(q protocol.Quirks) protocol.Target { return protocol.Target{Quirks: q} }
	native := protocol.Target{Native: true}
	reasoner := protocol.Target{Native: true, Reasoning: true}
	call := `"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]`
	for name, c := range map[string]struct {
		req      *llm.Request
		to       protocol.Target
		has      []string
		hasNot   []string
		findings string
	}{
		"new cap": {hello(func(r *llm.Request) { r.Sampling.MaxTokens = intOf(5) }), native, []string{`"max_completion_tokens":5`}, []string{`"max_tokens"`}, ""},
		"old cap": {hello(func(r *llm.Request) { r.Sampling.MaxTokens = intOf(5) }), q(protocol.Quirks{OldMaxTokens: true}), []string{`"max_tokens":5`}, []string{`max_completion`}, ""},
		"clamp": {
			hello(func(r *llm.Request) { r.Sampling.MaxTokens = intOf(32000) }),
			protocol.Target{MaxOutput: 16384},
			[]string{`"max_completion_tokens":16384`},
			nil, "approx; field=max_tokens; reason=clamped",
		},
		"probe": {hello(func(r *llm.Request) { r.Sampling.MaxTokens = intOf(0) }), native, []string{`"max_completion_tokens":1`}, nil, "approx; field=max_tokens; reason=raised"},
		"reasoning model": {
			hello(func(r *llm.Request) {
				r.System = []llm.Block{llm.Text{Text: "S"}}
				r.Sampling = llm.Sampling{Temperature: floatOf(0.2), TopP: floatOf(1), Stop: []string{"x"}, LogitBias: []byte(`{"1":2}`)}
			}), reasoner,
			[]string{`"role":"developer","content":"S"`, `"top_p":1`},
			[]string{`"temperature"`, `"stop"`, `logit_bias`},
			"void; field=temperature; reason=refused_by_reasoning_models loss; field=stop; reason=refused_by_reasoning_models " +
				"loss; field=logit_bias; reason=refused_by_reasoning_models",
		},
		"no developer": {
			hello(func(r *llm.Request) { r.System = []llm.Block{llm.Text{Text: "S"}} }),
			protocol.Target{Reasoning: true, Quirks: protocol.Quirks{NoDeveloperRole: true}},
			[]string{`"role":"system","content":"S"`},
			nil, "",
		},
		"no mid system": {
			&llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "a"}), said(llm.Developer, llm.Text{Text: "b"}), said(llm.User, llm.Text{Text: "c"})}},
			q(protocol.Quirks{NoMidSystem: true, StringContent: true}),
			[]string{`{"role":"user","content":"<system-reminder>\nb\n</system-reminder>\n\nc"}`},
			[]string{`"system"`},
			"approx; field=turns[1]; reason=system_role_as_user",
		},
		"no parallel": {
			hello(func(r *llm.Request) { withTool(r); r.ToolChoice = &llm.ToolChoice{Parallel: no()} }), q(protocol.Quirks{NoParallelTools: true}),
			nil,
			[]string{"parallel_tool_calls"},
			"loss; field=parallel_tool_calls; reason=not_supported",
		},
		"parallel off": {
			hello(func(r *llm.Request) { withTool(r); r.ToolChoice = &llm.ToolChoice{Parallel: no()} }), native,
			[]string{`"parallel_tool_calls":false`, `"strict":true`},
			[]string{"tool_choice"},
			"",
		},
		"no stream options": {hello(func(r *llm.Request) { r.Stream = true }), q(protocol.Quirks{NoStreamOptions: true}), []string{`"stream":true`}, []string{"stream_options"}, ""},
		"stream":            {hello(func(r *llm.Request) { r.Stream = true }), native, []string{`"stream_options":{"include_usage":true}`}, nil, ""},
		"echo": {
			toolLoop(string(llm.Chat), ""), q(protocol.Quirks{EchoReasoning: true}),
			[]string{`"reasoning_content":"hm",` + call},
			nil, "",
		},
		"echo, foreign": {
			toolLoop("anthropic-messages", "sig"), q(protocol.Quirks{EchoReasoning: true}),
			[]string{`"reasoning_content":"hm",` + call},
			[]string{"sig"},
			"approx; field=turns[1].blocks[0]; reason=foreign_reasoning_as_text",
		},
		"echo, none": {toolLoop("", ""), q(protocol.Quirks{EchoReasoning: true}), []string{`"reasoning_content"`}, nil, "approx; field=turns[1].blocks[0]; reason=foreign_reasoning_as_text"},
		"foreign thought": {
			toolLoop("anthropic-messages", "sig"),
			protocol.Target{},
			[]string{`"content":null,` + call},
			[]string{"hm", "sig"},
			"void; field=turns[1].blocks[0]; reason=foreign_reasoning",
		},
		"own seal": {
			toolLoop("or/x", `[{"type":"reasoning.encrypted","data":"d"}]`),
			protocol.Target{Origin: "or/x"},
			[]string{`"reasoning_details":[{"type":"reasoning.encrypted","data":"d"}]`},
			[]string{"reasoning_content"},
			"",
		},
		"think tags": {
			toolLoop(string(llm.Chat), ""), q(protocol.Quirks{ThinkTags: true, EchoReasoning: true}),
			[]string{`"content":"<think>\nhm\n</think>\n\n"`},
			[]string{"reasoning_content"},
			"",
		},
		"string content": {
			hello(func(r *llm.Request) {
				r.Turns[0].Blocks = []llm.Block{llm.Text{Text: "a"}, llm.Text{Text: "b"}, llm.Media{Kind: llm.Image, URL: "https://x/y"}}
			}), q(protocol.Quirks{StringContent: true}),
			[]string{`"content":"a\n\nb\n\n[image omitted: it cannot be shown to this model]"`},
			nil,
			"loss; field=turns[0].blocks[2]; reason=model_takes_no_image",
		},
		"no vision": {
			hello(func(r *llm.Request) { r.Turns[0].Blocks = []llm.Block{llm.Media{Kind: llm.Image, URL: "https://x/y"}} }),
			protocol.Target{Vision: no()},
			[]string{"[image omitted"},
			[]string{"image_url"},
			"loss; field=turns[0].blocks[0]; reason=model_takes_no_image",
		},
		"no forced tool": {
			hello(func(r *llm.Request) { withTool(r); r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAny} }), q(protocol.Quirks{NoForcedTool: true}),
			[]string{`"tool_choice":"auto"`},
			nil, "approx; field=tool_choice; reason=forced_choice_as_auto",
		},
		"any": {
			hello(func(r *llm.Request) { withTool(r); r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAny} }), q(protocol.Quirks{ToolChoiceAny: true}),
			[]string{`"tool_choice":"any"`},
			nil, "",
		},
		"no strict": {hello(withTool), q(protocol.Quirks{NoStrict: true}), nil, []string{`"strict"`}, "approx; field=tools[0].strict; reason=not_supported"},
		"mistral ids": {
			toolLoop(string(llm.Chat), ""), q(protocol.Quirks{CallIDs: "mistral"}),
			[]string{`"tool_call_id":"` + protocol.ShortCallID("c1") + `"`, `"id":"` + protocol.ShortCallID("c1") + `"`},
			nil, "",
		},
		"drop": {
			hello(func(r *llm.Request) { r.Sampling.Seed = new(int64); r.Sampling.Stop = []string{"x"} }), q(protocol.Quirks{DropFields: []string{"seed", "stop"}}),
			nil,
			[]string{`"seed"`, `"stop"`},
			"void; field=seed; reason=refused_by_provider loss; field=stop; reason=refused_by_provider",
		},
		"custom as function": {
			hello(func(r *llm.Request) {
				r.Tools = []llm.Tool{{Kind: llm.CustomTool, Name: "p", Description: "d", Grammar: &llm.Grammar{Syntax: "lark", Definition: "x"}}}
			}), native,
			[]string{`"description":"d\n\nPut the raw text into ` + "`input`" + `. Grammar (lark):\nx"`, `"parameters":` + protocol.CustomSchema},
			nil,
			"approx; field=tools[0].format; reason=grammar_not_enforced",
		},
		"custom": {
			hello(func(r *llm.Request) { r.Tools = []llm.Tool{{Kind: llm.CustomTool, Name: "p"}} }), q(protocol.Quirks{CustomTools: true}),
			[]string{`{"type":"custom","custom":{"name":"p"}}`},
			nil, "",
		},
		"effort": {hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "low"} }), reasoner, []string{`"reasoning_effort":"low"`}, nil, ""},
		"effort, no reasoner": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "low"} }), native, nil,
			[]string{"reasoning_effort"},
			"void; field=reasoning_effort; reason=model_does_not_reason",
		},
		"effort, sampling and all": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "low"} }),
			protocol.Target{Native: true, Thinking: "adaptive"},
			[]string{`"reasoning_effort":"low"`},
			nil, "",
		},
		"effort, too high": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "max"} }), q(protocol.Quirks{HighestEffortHigh: true}),
			[]string{`"reasoning_effort":"high"`},
			nil,
			"approx; field=reasoning_effort; reason=clamped",
		},
		"budget": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Budget: intOf(31999)} }), reasoner,
			[]string{`"reasoning_effort":"xhigh"`},
			nil,
			"approx; field=thinking.budget_tokens; reason=budget_as_effort",
		},
		"adaptive": {hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Adaptive: true} }), reasoner, []string{`"reasoning_effort":"high"`}, nil, ""},
		"deepseek": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "high"} }), q(protocol.Quirks{ThinkingField: "deepseek"}),
			[]string{`"thinking":{"type":"enabled"},"reasoning_effort":"high"`},
			nil, "",
		},
		"deepseek off": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Disabled: true, Effort: "high"} }), q(protocol.Quirks{ThinkingField: "deepseek"}),
			[]string{`"thinking":{"type":"disabled"}`},
			[]string{"reasoning_effort"},
			"",
		},
		"qwen": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Budget: intOf(2000)} }), q(protocol.Quirks{ThinkingField: "enable_thinking"}),
			[]string{`"enable_thinking":true,"thinking_budget":2000`},
			nil, "",
		},
		"qwen effort": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "low"} }), q(protocol.Quirks{ThinkingField: "enable_thinking"}),
			[]string{`"enable_thinking":true,"thinking_budget":4096`},
			nil, "approx; field=reasoning_effort; reason=effort_as_budget",
		},
		"qwen off": {hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "none"} }), q(protocol.Quirks{ThinkingField: "enable_thinking"}), []string{`"enable_thinking":false`}, []string{"budget"}, ""},
		"openrouter": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Budget: intOf(2000)} }), q(protocol.Quirks{ThinkingField: "openrouter"}),
			[]string{`"reasoning":{"max_tokens":2000}`},
			nil, "",
		},
		"loose schema": {
			hello(func(r *llm.Request) { r.Format = &llm.Format{Schema: []byte(`{"type":"object"}`)} }),
			protocol.Target{Schemas: no()},
			[]string{`"response_format":{"type":"json_object"}`, `"role":"system","content":"Answer with nothing but JSON`},
			nil,
			"approx; field=response_format; reason=schema_not_enforced",
		},
		"schema of another vendor": {
			hello(func(r *llm.Request) {
				r.Format = &llm.Format{Schema: []byte(`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`)}
			}), native, []string{`"name":"response"`, `"strict":true`}, nil, "",
		},
		"schema that cannot be strict": {
			hello(func(r *llm.Request) {
				r.Format = &llm.Format{Schema: []byte(`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`)}
			}), native, []string{`"json_schema"`}, []string{"strict"}, "",
		},
		"end user": {hello(func(r *llm.Request) { r.EndUser = strings.Repeat("u", 65) }), native, []string{`"safety_identifier":"`}, []string{"uuu"}, ""},
		"thinking that cannot be switched off": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Effort: "none"} }),
			protocol.Target{Thinking: "budget", LeastThought: 128},
			[]string{`"reasoning_effort":"low"`},
			nil, "approx; field=reasoning_effort; reason=lowest_effort",
		},
		"the same at OpenRouter": {
			hello(func(r *llm.Request) { r.Reasoning = &llm.Reasoning{Disabled: true} }),
			protocol.Target{LeastThought: 128, Quirks: protocol.Quirks{ThinkingField: "openrouter"}},
			[]string{`"reasoning":{"max_tokens":128}`},
			[]string{"enabled"},
			"approx; field=reasoning_effort; reason=lowest_effort",
		},
		"n":     {hello(func(r *llm.Request) { r.Sampling.N = intOf(2) }), native, nil, []string{`"n"`}, "loss; field=n; reason=one_choice"},
		"top_k": {hello(func(r *llm.Request) { r.Sampling.TopK = intOf(2) }), native, nil, []string{`top_k`}, "void; field=top_k; reason=not_supported"},
		"prefill": {
			&llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "a"}), said(llm.Assistant, llm.Text{Text: "b"})}}, native,
			[]string{`"content":"b"},{"role":"user","content":"Continue`},
			nil, "approx; field=turns[1]; reason=prefill_as_instruction",
		},
		"prefill taken": {
			&llm.Request{Turns: []llm.Turn{said(llm.User, llm.Text{Text: "a"}), said(llm.Assistant, llm.Text{Text: "b"})}},
			protocol.Target{Prefill: true},
			[]string{`"content":"b"}]`},
			nil, "",
		},
		"text document": {
			hello(func(r *llm.Request) {
				r.Turns[0].Blocks = []llm.Block{llm.Media{Kind: llm.Document, MIME: "text/plain", Data: "QUJD", Name: "n", Context: "c"}}
			}), native, []string{`"content":"Document: n\n\nc\n\nABC"`}, nil, "",
		},
		"file without a name": {
			hello(func(r *llm.Request) {
				r.Turns[0].Blocks = []llm.Block{llm.Media{Kind: llm.Document, MIME: "application/pdf", Data: "QUJD"}}
			}), native, []string{`"file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,QUJD"}`}, nil, "",
		},
		"file by address": {
			hello(func(r *llm.Request) {
				r.Turns[0].Blocks = []llm.Block{llm.Media{Kind: llm.Document, URL: "https://x/y"}}
			}), native, []string{"[document at https://x/y]"}, nil, "loss; field=turns[0].blocks[0]; reason=document_by_url",
		},
		"extra": {
			hello(func(r *llm.Request) {
				r.Extra = []llm.Opaque{{Origin: llm.Messages, Field: "of_tomorrow", Raw: []byte(`"c"`)}, {Origin: llm.Messages, Field: "context_management", Raw: []byte(`{}`)}}
			}), native, nil,
			[]string{"of_tomorrow", "context_management"},
			"loss; field=of_tomorrow; reason=not_supported void; field=context_management; reason=not_supported",
		},
		"subset": {
			hello(func(r *llm.Request) {
				r.Tools = []llm.Tool{{Kind: llm.FunctionTool, Name: "a"}, {Kind: llm.FunctionTool, Name: "b"}}
				r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAuto, Names: []string{"b"}}
			}), protocol.Target{}, []string{`"name":"b"`, `"tool_choice":"auto"`}, []string{`"name":"a"`}, "approx; field=tools[0]; reason=not_among_allowed_tools",
		},
		"subset, native": {
			hello(func(r *llm.Request) {
				r.Tools = []llm.Tool{{Kind: llm.FunctionTool, Name: "a"}, {Kind: llm.FunctionTool, Name: "b"}}
				r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAny, Names: []string{"b"}}
			}), native, []string{`"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"b"}}]}}`}, nil, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, findings, err := codec().EncodeRequest(c.req, c.to)
			if err != nil {
				t.Fatal(err)
			}
			object(t, out)
			for _, s := range c.has {
				if !strings.Contains(string(out), s) {
					t.Errorf("misses %s in %s", s, out)
				}
			}
			for _, s := range c.hasNot {
				if strings.Contains(string(out), s) {
					t.Errorf("must not hold %s: %s", s, out)
				}
			}
			if got := strings.Trim(fmt.Sprint(findings), "[]"); got != c.findings {
				t.Errorf("findings %q, want %q", got, c.findings)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		req   *llm.Request
		field string
	}{
		"forced without tools": {hello(func(r *llm.Request) { r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsAny} }), "tool_choice"},
		"forced hosted tool": {hello(func(r *llm.Request) {
			withTool(r)
			r.Tools = append(r.Tools, llm.Tool{Kind: llm.HostedTool, Name: "web_search", Origin: llm.Messages})
			r.ToolChoice = &llm.ToolChoice{Mode: llm.ToolsNamed, Names: []string{"web_search"}}
		}), "tool_choice"},
		"file elsewhere": {hello(func(r *llm.Request) {
			r.Turns[0].Blocks = []llm.Block{llm.Media{Kind: llm.Document, FileID: "f", Origin: llm.Messages}}
		}), "turns[0].blocks[0]"},
		"nothing left": {&llm.Request{Turns: []llm.Turn{said(llm.User)}}, "messages"},
		"equal names": {hello(func(r *llm.Request) {
			r.Tools = []llm.Tool{{Name: "a__b"}, {Namespace: "a", Name: "b"}}
		}), "tools"},
	} {
		_, _, err := codec().EncodeRequest(c.req, protocol.Target{Native: true})
		if e := llm.AsError(err); e == nil || e.Kind != llm.Invalid || e.Field != c.field {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
