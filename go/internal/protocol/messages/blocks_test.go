package messages_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func TestName(t *testing.T) {
	if codec.Name() != llm.Messages {
		t.Errorf("got %s", codec.Name())
	}
}

func TestCitationsOfAnAnswer(t *testing.T) {
	events := mustCollect(t, frames(startFrame,
		`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"","citations":[]}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"It \u00e9"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"char_location","cited_text":"x"}}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" is."}}`,
		`{"type":"content_block_stop","index":0}`, `{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`, `{"type":"message_stop"}`), true)
	i := slices.IndexFunc(events, func(ev llm.Event) bool { return ev.Type == llm.BlockEnd })
	block, _ := events[i].Block.(llm.Text)
	if block.Text != "It é is." || len(block.Citations) != 1 || block.Citations[0].Origin != llm.Messages {
		t.Errorf("got %+v", events[i].Block)
	}
	for _, streamed := range []bool{true, false} {
		out, _ := render(t, events, protocol.Head{Stream: streamed})
		whole, _ := render(t, mustCollect(t, out, streamed), protocol.Head{})
		same(t, at(t, value(t, whole), "content"), value(t, []byte(`[{"type":"text","text":"It é is.","citations":[{"type":"char_location","cited_text":"x"}]}]`)))
	}
}

// Blocks that this codec has no name for are put together from their deltas.
func TestOpaqueBlocksOfAnAnswer(t *testing.T) {
	for name, c := range map[string]struct{ frames, want string }{
		"compaction": {
			`{"type":"content_block_start","index":0,"content_block":{"type":"compaction","content":null}}|` +
				`{"type":"content_block_delta","index":0,"delta":{"type":"compaction_delta","content":"short","encrypted_content":"e"}}`,
			`{"type":"compaction","content":"short","encrypted_content":"e"}`,
		},
		"server tool": {
			`{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}|` +
				`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"q\":"}}|` +
				`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"x\"}"}}`,
			`{"type":"server_tool_use","id":"s","name":"web_search","input":{"q":"x"}}`,
		},
		"server tool, cut": {
			`{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}|` +
				`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"q\":"}}`,
			`{"type":"server_tool_use","id":"s","name":"web_search","input":{}}`,
		},
		"of tomorrow": {
			`{"type":"content_block_start","index":0,"content_block":{}}|{"type":"content_block_delta","index":0,"delta":{"type":"x_delta","x":1}}`,
			`{"x":1}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			lines := append([]string{startFrame}, strings.Split(c.frames, "|")...)
			lines = append(lines, `{"type":"content_block_stop","index":0}`, `{"type":"message_delta","delta":{"stop_reason":"end_turn"}}`, `{"type":"message_stop"}`)
			events := mustCollect(t, frames(lines...), true)
			for _, streamed := range []bool{true, false} {
				out, _ := render(t, events, protocol.Head{Stream: streamed})
				whole, _ := render(t, mustCollect(t, out, streamed), protocol.Head{})
				same(t, at(t, value(t, whole), "content"), []any{value(t, []byte(c.want))})
			}
		})
	}
}

func TestToolsThatOnlyTheHistoryKnows(t *testing.T) {
	req := user("q")
	req.Turns = append(req.Turns, turn(llm.Assistant, call("a", "{}"), call("b", "{}")), turn(llm.User, result("a", "1"), result("b", "2")))
	m, notes := encode(t, req, native())
	same(t, m["tools"], value(t, []byte(`[{"name":"f","input_schema":{"type":"object","properties":{}}}]`)))
	same(t, m["tool_choice"], value(t, []byte(`{"type":"none"}`)))
	if !slices.Equal(notes, []string{"approx tools tools_of_the_history_declared"}) {
		t.Errorf("findings %q", notes)
	}
}

func TestInsideToolResults(t *testing.T) {
	req := user("q")
	req.Tools = []llm.Tool{function("f")}
	req.Turns = append(req.Turns, turn(llm.Assistant, call("a", "{}")), turn(llm.User, llm.ToolResult{CallID: "a", Failed: true, Cache: &llm.CacheMark{}, Blocks: []llm.Block{
		text("x"), text(" "), llm.Media{Kind: llm.Image, URL: "https://e"}, llm.Opaque{Origin: llm.Responses}, call("z", ""), llm.Refusal{Text: "no"}, llm.ToolReference{Name: "f"},
	}}))
	m, notes := encode(t, req, native())
	same(t, at(t, m, "messages", 2, "content"), value(t, []byte(`[{"type":"tool_result","tool_use_id":"a","is_error":true,"cache_control":{"type":"ephemeral"},"content":[
		{"type":"text","text":"x"},{"type":"image","source":{"type":"url","url":"https://e"}},{"type":"text","text":"no"},{"type":"tool_reference","tool_name":"f"}]}]`)))
	if !slices.Equal(notes, []string{"loss turns[2].blocks[0] not_supported", "loss turns[2].blocks[0] not_allowed_in_a_tool_result"}) {
		t.Errorf("findings %q", notes)
	}
}

func TestSystemOfOthers(t *testing.T) {
	req := user("q")
	mark := &llm.CacheMark{TTL: "1h"}
	req.System = []llm.Block{
		llm.Text{Text: "a", Cache: mark},
		text(" "),
		llm.Opaque{Origin: llm.Gemini, Field: "x"},
		llm.Opaque{Origin: llm.Chat, Field: protocol.Attribution},
		llm.Media{Kind: llm.Image},
		llm.Text{Text: "b", Cache: mark},
		llm.Text{Text: "c", Cache: mark},
		llm.Text{Text: "d", Cache: mark},
		llm.Text{Text: "e", Cache: mark},
	}
	m, notes := encode(t, req, native())
	marked := 0
	for _, b := range at(t, m, "system").([]any) {
		if at(t, b, "cache_control") != nil {
			marked++
		}
	}
	if marked != 4 || len(at(t, m, "system").([]any)) != 5 {
		t.Errorf("got %v", m["system"])
	}
	want := []string{
		"loss system[2] not_supported", "void system[3] attribution_block_removed", "loss system[4] not_supported", "void system[8] too_many_cache_breakpoints",
	}
	if !slices.Equal(notes, want) {
		t.Errorf("findings %q", notes)
	}
}

func TestBudgetsAsEffort(t *testing.T) {
	for tokens, want := range map[int]string{1024: "low", 2048: "medium", 12288: "high", 31999: "xhigh"} {
		req, to := user("q"), native()
		budget(tokens, "adaptive")(req, &to)
		m, _ := encode(t, req, to)
		if got := at(t, m, "output_config", "effort"); got != want {
			t.Errorf("%d: %v, want %s", tokens, got, want)
		}
	}
}

func TestToolsOfOtherKinds(t *testing.T) {
	for _, kind := range []llm.ToolKind{llm.LocalShellTool, llm.ShellTool, llm.PatchTool, llm.SearchTool} {
		req := user("q")
		req.Tools = []llm.Tool{{Kind: kind}}
		req.Turns = append(req.Turns, turn(llm.Assistant, llm.ToolCall{ID: "a", Kind: kind, Arguments: "{}"}), turn(llm.User, result("a", "1")))
		m, _ := encode(t, req, native())
		if at(t, m, "tools", 0, "name") != string(kind) || at(t, m, "messages", 1, "content", 0, "name") != string(kind) || at(t, m, "tools", 0, "input_schema", "type") != "object" {
			t.Errorf("%s: %v", kind, m)
		}
	}
}

func TestFieldsOfTomorrowStayWhereTheyWere(t *testing.T) {
	in := `{"max_tokens":5,"a.b":"dotted","metadata":{"user_id":"u","team":"t"},"messages":[{"role":"user","at":"noon","content":[{"type":"text","text":"q","mood":"calm"}]},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{},"toolset_name":"s"}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"r","tone":1}]}]}],"tools":[{"name":"f","input_schema":{"type":"object"},"later":1}]}`
	req, err := codec.DecodeRequest([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := encode(t, req, native())
	for want, got := range map[any]any{
		"dotted": m["a.b"], "noon": at(t, m, "messages", 0, "at"),
		"calm": at(t, m, "messages", 0, "content", 0, "mood"), "s": at(t, m, "messages", 1, "content", 0, "toolset_name"),
		json.Number("1"): at(t, m, "messages", 2, "content", 0, "content", 0, "tone"), "t": at(t, m, "metadata", "team"),
	} {
		if got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if at(t, m, "messages", 2, "content", 0, "a.b") != nil {
		t.Error("a field of the request went into a block")
	}
	if at(t, m, "tools", 0, "later") != json.Number("1") {
		t.Errorf("got %v", m["tools"])
	}
}

func TestDecodeRefusesOddBlocks(t *testing.T) {
	for name, c := range map[string]struct{ block, field string }{
		"citations no list":      {`{"type":"text","text":"x","citations":5}`, "citations"},
		"search without title":   {`{"type":"search_result","source":"s","content":[]}`, "title"},
		"search without source":  {`{"type":"search_result","title":"s","content":[]}`, "source"},
		"search of images":       {`{"type":"search_result","title":"s","source":"s","content":[{"type":"image","source":{"type":"url","url":"u"}}]}`, "content"},
		"search odd content":     {`{"type":"search_result","title":"s","source":"s","content":5}`, "content"},
		"reference to nothing":   {`{"type":"tool_reference"}`, "tool_name"},
		"document title":         {`{"type":"document","title":5,"source":{"type":"url","url":"u"}}`, "title"},
		"source without type":    {`{"type":"document","source":{}}`, "source.type"},
		"media type a number":    {`{"type":"image","source":{"type":"base64","media_type":1,"data":""}}`, "source.media_type"},
		"result content":         {`{"type":"tool_result","tool_use_id":"a","content":{}}`, "content"},
		"result failed in words": {`{"type":"tool_result","tool_use_id":"a","is_error":"yes"}`, "is_error"},
		"mark no object":         {`{"type":"text","text":"x","cache_control":true}`, "cache_control"},
		"mark ttl":               {`{"type":"text","text":"x","cache_control":{"type":"ephemeral","ttl":5}}`, "cache_control.ttl"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := codec.DecodeRequest([]byte(`{"messages":[{"role":"user","content":[` + c.block + `]}]}`))
			invalid(t, err, "messages[0].content[0]."+c.field)
		})
	}
}

// What the gateway adds itself must not pick up the client's fields.
func TestAddedBlocksHoldNothingElse(t *testing.T) {
	req, err := codec.DecodeRequest([]byte(`{"container":"c","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	m, _ := encode(t, req, native())
	same(t, at(t, m, "messages", 0, "content", 0), map[string]any{"type": "text", "text": "(continued)"})
	if at(t, m, "messages", 2, "content", 0, "container") != nil || m["container"] != "c" {
		t.Errorf("got %v", m)
	}
}
