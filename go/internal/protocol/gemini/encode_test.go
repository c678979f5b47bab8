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
