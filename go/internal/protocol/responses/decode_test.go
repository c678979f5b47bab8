package responses_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// with is a request with further members.
func with(members string) []byte {
	return []byte(`{"model":"m","input":"hi",` + members + `}`)
}

// conversation is a request with these items.
func conversation(items ...string) []byte {
	return []byte(`{"model":"m","input":[` + strings.Join(items, ",") + `]}`)
}

func TestBadRequests(t *testing.T) {
	for name, c := range map[string]struct {
		body        []byte
		field, code string
	}{
		"no JSON":               {[]byte(`{"model":`), "", ""},
		"empty":                 {nil, "", ""},
		"not UTF-8":             {[]byte("{\"model\":\"\xff\"}"), "", ""},
		"too deep":              {[]byte(`{"input":` + strings.Repeat("[", 10_000)), "", ""},
		"no input":              {[]byte(`{"model":"m"}`), "input", "missing_required_parameter"},
		"null input":            {[]byte(`{"input":null}`), "input", "missing_required_parameter"},
		"input of a wrong type": {[]byte(`{"input":7}`), "input", "invalid_type"},
		"two models":            {with(`"Model":"n"`), "Model", ""},
		"earlier response":      {with(`"previous_response_id":"resp_1"`), "previous_response_id", "previous_response_not_found"},
		"conversation":          {with(`"conversation":{"id":"conv_1"}`), "conversation", "unsupported_parameter"},
		"background":            {with(`"background":true`), "background", "unsupported_parameter"},
		"stored prompt":         {with(`"prompt":{"id":"pmpt_1"}`), "prompt", "unsupported_parameter"},
		"too few tokens":        {with(`"max_output_tokens":1`), "max_output_tokens", "integer_below_min_value"},
		"tokens as text":        {with(`"max_output_tokens":"16"`), "max_output_tokens", "invalid_type"},
		"too hot":               {with(`"temperature":2.5`), "temperature", "decimal_above_max_value"},
		"top_logprobs":          {with(`"top_logprobs":21`), "top_logprobs", "invalid_value"},
		"stream as text":        {with(`"stream":"yes"`), "stream", "invalid_type"},
		"choice":                {with(`"tool_choice":"sometimes"`), "tool_choice", "invalid_value"},
		"choice without name":   {with(`"tool_choice":{"type":"function"}`), "tool_choice.name", "missing_required_parameter"},
		"tool without name":     {with(`"tools":[{"type":"function"}]`), "tools[0].name", "missing_required_parameter"},
		"tool without type":     {with(`"tools":[{"name":"f"}]`), "tools[0].type", "missing_required_parameter"},
		"tool of another shape": {with(`"tools":[{"type":"function","function":{"name":"f"}}]`), "tools[0].name", "missing_required_parameter"},
		"member of a namespace": {with(`"tools":[{"type":"namespace","name":"n","tools":[{"type":"function"}]}]`), "tools[0].tools[0].name", "missing_required_parameter"},
		"format without schema": {with(`"text":{"format":{"type":"json_schema","name":"n"}}`), "text.format.schema", "missing_required_parameter"},
		"effort as number":      {with(`"reasoning":{"effort":1}`), "reasoning.effort", "invalid_type"},
		"item without type":     {conversation(`{"id":"x"}`), "input[0].type", "missing_required_parameter"},
		"item no object":        {conversation(`"x"`), "input[0]", "invalid_type"},
		"unknown role":          {conversation(`{"role":"tool","content":"x"}`), "input[0].role", "invalid_value"},
		"no content":            {conversation(`{"role":"user"}`), "input[0].content", "missing_required_parameter"},
		"part without type":     {conversation(`{"role":"user","content":[{"text":"x"}]}`), "input[0].content[0].type", "missing_required_parameter"},
		"part without text":     {conversation(`{"role":"user","content":[{"type":"input_text"}]}`), "input[0].content[0].text", "missing_required_parameter"},
		"image of Chat's shape": {conversation(`{"role":"user","content":[{"type":"input_image","image_url":{"url":"x"}}]}`), "input[0].content[0].image_url", "invalid_type"},
		"call without id":       {conversation(`{"type":"function_call","name":"f","arguments":"{}"}`), "input[0].call_id", "missing_required_parameter"},
		"arguments as object":   {conversation(`{"type":"function_call","call_id":"c","name":"f","arguments":{}}`), "input[0].arguments", "invalid_type"},
		"output without id":     {conversation(`{"type":"function_call_output","output":"x"}`), "input[0].call_id", "missing_required_parameter"},
		"no output":             {conversation(`{"type":"function_call_output","call_id":"c"}`), "input[0].output", "missing_required_parameter"},
		"metadata":              {with(`"metadata":{"a":1}`), "metadata.a", "invalid_type"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := codec().DecodeRequest(c.body)
			var e *llm.Error
			if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Field != c.field || e.Code != c.code {
				t.Fatalf("got %#v", err)
			}
			status, _, body := codec().EncodeError(e, protocol.Head{})
			if status != 400 {
				t.Errorf("status %d", status)
			}
			valid(t, "ErrorResponse", body)
		})
	}
}

// describe writes turns down for people.
func describe(req *llm.Request) string {
	var b strings.Builder
	for _, s := range req.System {
		fmt.Fprintf(&b, "system: %s\n", protocoltest.Words(s))
	}
	for _, turn := range req.Turns {
		fmt.Fprintf(&b, "%s%s:", turn.Role, strings.TrimSuffix(" "+turn.Phase, " "))
		for _, block := range turn.Blocks {
			words := protocoltest.Words(block)
			switch x := block.(type) {
			case llm.ToolResult:
				words = "result " + x.CallID
				for _, inner := range x.Blocks {
					if ref, ok := inner.(llm.ToolReference); ok {
						words += " loads " + ref.Name
						continue
					}
					words += " " + protocoltest.Words(inner)
				}
			case llm.ToolCall:
				words = fmt.Sprintf("%s call %s %s/%s %s", x.Kind, x.ID, x.Namespace, x.Name, x.Arguments)
			case llm.Media:
				words = fmt.Sprintf("media %s %s %s%s%s", x.Kind, x.MIME, x.URL, x.FileID, x.Data)
			default:
			}
			b.WriteString(" [" + words + "]")
		}
		b.WriteByte('\n')
	}
	for _, tool := range req.Tools {
		fmt.Fprintf(&b, "tool %s %s/%s deferred %t\n", tool.Kind, tool.Namespace, tool.Name, tool.Deferred)
	}
	for _, x := range req.Extra {
		fmt.Fprintf(&b, "extra %s %s\n", x.Field, x.Raw)
	}
	return b.String()
}

func TestEverythingIsHeld(t *testing.T) {
	body := []byte(`{"model":"m","instructions":"be brief","input":[
		{"role":"developer","content":"rules"},
		{"role":"user","content":[{"type":"input_text","text":"look","prompt_cache_breakpoint":{"mode":"explicit"}},{"type":"input_image","file_id":"file_1","detail":"high"},
			{"type":"input_file","filename":"a.pdf","file_data":"JVBERg=="},{"type":"input_file","file_data":"data:text/plain;base64,eA=="},{"type":"input_audio","input_audio":{"data":"x"}}]},
		{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}],"encrypted_content":"gAAAA"},
		{"type":"message","role":"assistant","phase":"commentary","content":[{"type":"output_text","text":"working","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":1}]},{"type":"input_text","text":"odd"},{"type":"refusal","refusal":"no"}]},
		{"type":"function_call","call_id":"c1","namespace":"mcp__docs","name":"search","arguments":"{}","id":"fc_1"},
		{"type":"custom_tool_call","call_id":"c2","name":"apply","input":"raw \"text\""},
		{"type":"local_shell_call","id":"lsh_1","call_id":"c3","status":"completed","action":{"type":"exec","command":["ls"],"env":{}}},
		{"type":"shell_call","call_id":"c4","action":{"commands":["ls"],"timeout_ms":5,"max_output_length":null}},
		{"type":"apply_patch_call","call_id":"c5","status":"completed","operation":{"type":"delete_file","path":"a"}},
		{"type":"tool_search_call","call_id":"c6","execution":"client","arguments":{"goal":"g"}},
		{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"r1"}]},
		{"type":"custom_tool_call_output","call_id":"c2","output":"r2"},
		{"type":"local_shell_call_output","id":"c3","output":"{\"output\":\"x\"}"},
		{"type":"shell_call_output","call_id":"c4","max_output_length":9,"output":[{"stdout":"o","stderr":"","outcome":{"type":"exit","exit_code":0}}]},
		{"type":"apply_patch_call_output","call_id":"c5","status":"failed","output":"no such file"},
		{"type":"tool_search_output","call_id":"c6","execution":"client","status":"completed","tools":[{"type":"function","name":"found","defer_loading":true,"parameters":{"type":"object","properties":{}},"strict":true}]},
		{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}},
		{"type":"compaction","encrypted_content":"cmp"},
		{"type":"message","role":"assistant","phase":"final_answer","content":[{"type":"output_text","text":"done"}]},
		{"role":"system","content":"later rules"},
		{"type":"additional_tools","id":"at_1","role":"developer","tools":[{"type":"function","name":"extra","parameters":null}]},
		{"type":"mcp_approval_response","approval_request_id":"a","approve":true},
		{"type":"item_reference","id":"msg_9"},
		{"type":"tomorrow","x":1},
		{"role":"user","content":"go on"}],
		"tools":[{"type":"local_shell"},{"type":"shell","environment":{"type":"local"}},{"type":"shell","environment":{"type":"container_auto"}},{"type":"apply_patch"},
			{"type":"tool_search","execution":"client","description":"d","parameters":{"type":"object","properties":{}}},{"type":"tool_search"},
			{"type":"mcp","server_label":"l","server_url":"u"},{"type":"web_search"},{"type":"namespace","name":"mcp__docs","description":"Docs","tools":[{"type":"function","name":"search","parameters":{"type":"object","properties":{}}}]},
			{"type":"custom","name":"apply","format":{"type":"grammar","syntax":"lark","definition":"start: /x/"}}],
		"tool_choice":{"type":"mcp","server_label":"l"},"reasoning":{"effort":"high","summary":"auto","context":"all_turns"},
		"text":{"verbosity":"low","format":{"type":"json_object"}},"include":["web_search_call.results"],"truncation":"auto","user":"u",
		"context_management":[{"type":"compaction","compact_threshold":1000}],"client_metadata":{"a":"b"},"metadata":{"k":"v"},"service_tier":"flex","store":true,"top_logprobs":2}`)
	req := decode(t, body)
	protocoltest.Golden(t, "everything.txt", []byte(describe(req)))
	out, findings := encode(t, req, native)
	protocoltest.Golden(t, "everything.json", protocoltest.Indented(t, out))
	for _, f := range findings {
		if f.Class == llm.Lost || f.Reason != "not_supported" {
			t.Errorf("finding %s", f)
		}
	}
	again, _ := encode(t, decode(t, out), native)
	if string(again) != string(out) {
		t.Errorf("the second round differs:\n%s\n%s", again, out)
	}
}

func TestCompatibleServersGetFunctions(t *testing.T) {
	body := protocoltest.File("31-codex-to-chat", "responses.request.json")
	to := protocol.Target{Model: "gpt-oss", Origin: "lmstudio/gpt"}
	out, findings := encode(t, decode(t, body), to)
	if len(findings) != 1 || findings[0].String() != "approx; field=tools[1].format; reason=grammar_not_enforced" {
		t.Errorf("findings %v", findings)
	}
	protocoltest.Golden(t, "compatible.json", protocoltest.Indented(t, out))
	valid(t, "CreateResponse", out)
}

func TestPeek(t *testing.T) {
	body := []byte(`{"input":"hi","model":"gpt-5.5","stream":true,"tools":[{}],"max_output_tokens":99,"prompt_cache_key":"conv","reasoning":null}`)
	head, err := codec().Peek(llm.Generate, body)
	if err != nil {
		t.Fatal(err)
	}
	want := protocol.Head{
		Operation: llm.Generate, Model: "gpt-5.5", Stream: true, WantUsage: true, Tools: true, MaxTokens: 99, SessionID: "conv",
		ModelAt: protocol.Span{Start: 22, End: 31}, HistoryAt: protocol.Span{Start: 9, End: 13},
	}
	if !reflect.DeepEqual(head, want) {
		t.Errorf("got %+v", head)
	}
	for _, bad := range []string{`{"model":1}`, `{"stream":"x"}`, `{"tools":{}}`, `{"model":"a","model":"b"}`, `[]`, ``} {
		if _, err := codec().Peek(llm.Generate, []byte(bad)); llm.AsError(err).Kind != llm.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
	patched, err := codec().Patch(body, head, protocol.Target{Model: "other"})
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, piece := range patched {
		all += string(piece)
	}
	if want := strings.Replace(string(body), "gpt-5.5", "other", 1); all != want {
		t.Errorf("patched to %s", all)
	}
}
