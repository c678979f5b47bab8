package gemini_test

import (
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// TestRepeatedCallIDs has a history from a server that begins to count its
// calls anew in each answer.
func TestRepeatedCallIDs(t *testing.T) {
	said := func(role llm.Role, b llm.Block) llm.Turn { return llm.Turn{Role: role, Blocks: []llm.Block{b}} }
	req := &llm.Request{Model: "m", Turns: []llm.Turn{said(llm.User, llm.Text{Text: "go"})}}
	for _, name := range []string{"first", "second"} {
		req.Turns = append(req.Turns,
			said(llm.Assistant, llm.ToolCall{ID: "call_0", Name: name, Kind: llm.FunctionTool, Arguments: "{}"}),
			said(llm.User, llm.ToolResult{CallID: "call_0", Kind: llm.FunctionTool, Blocks: []llm.Block{llm.Text{Text: name + " done"}}}))
	}
	body, _, err := codec().EncodeRequest(req, protocol.Target{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		want := `{"functionResponse":{"id":"call_0","name":"` + name + `","response":{"output":"` + name + ` done"}}}`
		if !strings.Contains(string(body), want) {
			t.Errorf("%s\nhas no %s", body, want)
		}
	}
}

// TestThinkingBudget stays within what every model that thinks by budget takes.
func TestThinkingBudget(t *testing.T) {
	for name, c := range map[string]struct {
		asked  llm.Reasoning
		want   string
		approx bool
	}{
		"off":          {llm.Reasoning{Disabled: true}, `"thinkingBudget":0`, false},
		"least":        {llm.Reasoning{Effort: "minimal"}, `"thinkingBudget":1024`, false},
		"most":         {llm.Reasoning{Effort: "xhigh"}, `"thinkingBudget":24576`, false},
		"as asked":     {llm.Reasoning{Budget: ptr(4000)}, `"thinkingBudget":4000`, false},
		"too few":      {llm.Reasoning{Budget: ptr(100)}, `"thinkingBudget":512`, true},
		"too many":     {llm.Reasoning{Budget: ptr(31999)}, `"thinkingBudget":24576`, true},
		"as it thinks": {llm.Reasoning{Adaptive: true}, `"thinkingBudget":-1`, false},
		"the model's":  {llm.Reasoning{Budget: ptr(-1)}, `"thinkingBudget":-1`, false},
	} {
		t.Run(name, func(t *testing.T) {
			req := &llm.Request{Model: "m", Reasoning: &c.asked, Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "go"}}}}}
			body, findings, err := codec().EncodeRequest(req, protocol.Target{Thinking: "budget"})
			if err != nil || !strings.Contains(string(body), c.want) {
				t.Errorf("%s, %v, want %s", body, err, c.want)
			}
			if got := len(findings) > 0; got != c.approx {
				t.Errorf("findings %v", findings)
			}
		})
	}
}

func ptr(n int) *int { return &n }

// TestThinkingThatCannotBeSwitchedOff sends the least a model takes, whatever
// way the client says that it wants none.
func TestThinkingThatCannotBeSwitchedOff(t *testing.T) {
	for name, asked := range map[string]llm.Reasoning{
		"disabled": {Disabled: true}, "no effort": {Effort: "none"}, "no budget": {Budget: ptr(0)},
	} {
		t.Run(name, func(t *testing.T) {
			req := &llm.Request{Model: "m", Reasoning: &asked, Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "go"}}}}}
			body, findings, err := codec().EncodeRequest(req, protocol.Target{Thinking: "budget", LeastThought: 128})
			if err != nil || !strings.Contains(string(body), `"thinkingBudget":128`) {
				t.Errorf("%s, %v", body, err)
			}
			if len(findings) != 1 || findings[0].Class != llm.Approximated || findings[0].Reason != "lowest_effort" {
				t.Errorf("findings %v", findings)
			}
		})
	}
}

// TestMediaInResults puts what has no place inside a result behind all of them.
func TestMediaInResults(t *testing.T) {
	req := &llm.Request{Model: "m", Turns: []llm.Turn{
		{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "go"}}},
		{Role: llm.Assistant, Blocks: []llm.Block{
			llm.ToolCall{ID: "a", Name: "f", Kind: llm.FunctionTool, Arguments: "{}"}, llm.ToolCall{ID: "b", Name: "f", Kind: llm.FunctionTool, Arguments: "{}"},
		}},
		{Role: llm.User, Blocks: []llm.Block{
			llm.ToolResult{CallID: "a", Blocks: []llm.Block{
				llm.Media{Kind: llm.Image, URL: "https://host.test/a.png"}, llm.Media{Kind: llm.Image, MIME: "image/png", Data: "AAAA"}, llm.Media{Kind: llm.Document, Text: "words"},
			}},
			llm.ToolResult{CallID: "b", Blocks: []llm.Block{llm.Text{Text: "done"}}},
		}},
	}}
	body, _, err := codec().EncodeRequest(req, protocol.Target{})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"role":"user","parts":[` +
		`{"functionResponse":{"id":"a","name":"f","response":{"output":"words"},"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}},` +
		`{"functionResponse":{"id":"b","name":"f","response":{"output":"done"}}},` +
		`{"fileData":{"mimeType":"image/png","fileUri":"https://host.test/a.png"}}]}`
	if !strings.Contains(string(body), want) {
		t.Errorf("%s\nhas no %s", body, want)
	}
}

// TestFormatBesideFunctions asks models for JSON in words where they refuse a
// format together with functions: those before the ones that think by levels.
func TestFormatBesideFunctions(t *testing.T) {
	functions := []llm.Tool{{Kind: llm.FunctionTool, Name: "f"}}
	schema := llm.Format{Schema: []byte(`{"type":"object"}`)}
	for name, c := range map[string]struct {
		thinking string
		format   llm.Format
		tools    []llm.Tool
		finding  string // empty: the format is sent
	}{
		"older":            {"budget", schema, functions, "schema_by_instruction"},
		"older, any JSON":  {"none", llm.Format{}, functions, "json_by_instruction"},
		"older, no tools":  {"budget", schema, nil, ""},
		"newer":            {"adaptive", schema, functions, ""},
		"nothing is known": {"", schema, functions, ""},
	} {
		t.Run(name, func(t *testing.T) {
			req := &llm.Request{
				Model: "m", Format: &c.format, Tools: c.tools,
				Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "go"}}}},
			}
			body, findings, err := codec().EncodeRequest(req, protocol.Target{Thinking: c.thinking})
			if err != nil {
				t.Fatal(err)
			}
			sent, told := strings.Contains(string(body), "responseMimeType"), strings.Contains(string(body), "Answer with")
			if sent != (c.finding == "") || told == sent {
				t.Errorf("%s", body)
			}
			if c.finding != "" && (len(findings) != 1 || findings[0].Reason != c.finding) || c.finding == "" && len(findings) > 0 {
				t.Errorf("findings %v", findings)
			}
		})
	}
}
