package tokens_test

import (
	"encoding/json"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens/bpe"
)

func TestCountRequestKnowsEveryBlock(t *testing.T) {
	tok := bpe.Find(bpe.O200K)
	const words = "Look at the weather, it's 21 °C in Zürich."
	n := tok.Count(words)
	base := llm.Request{Turns: []llm.Turn{{Role: llm.User}}}
	empty, exact := tokens.CountRequest(&base, bpe.O200K)
	if !exact || empty != 3+4 {
		t.Fatalf("an empty turn counts %d, exact %v; want 7", empty, exact)
	}
	for name, c := range map[string]struct {
		block llm.Block
		least int64
		whole bool // nothing else is counted
	}{
		"text":        {llm.Text{Text: words}, n, true},
		"refusal":     {llm.Refusal{Text: words}, n, true},
		"thinking":    {llm.Thought{Text: words}, n, true},
		"opaque":      {llm.Opaque{Raw: json.RawMessage(`"` + words + `"`)}, n, false},
		"tool call":   {llm.ToolCall{Name: "weather", Arguments: words}, n + tok.Count("weather"), false},
		"tool result": {llm.ToolResult{Blocks: []llm.Block{llm.Text{Text: words}}}, n, false},
		"document":    {llm.Media{Kind: llm.Document, Text: words}, n, true},
		"image":       {llm.Media{Kind: llm.Image, URL: "https://example.com/a.png"}, 85, false},
	} {
		t.Run(name, func(t *testing.T) {
			req := llm.Request{Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{c.block}}}}
			got, _ := tokens.CountRequest(&req, bpe.O200K)
			if got -= empty; got < c.least || c.whole && got != c.least {
				t.Errorf("it counts %d, want %d (and no more: %v)", got, c.least, c.whole)
			}
		})
	}
	tools := base
	tools.Tools = []llm.Tool{{Name: "weather", Description: words, Schema: json.RawMessage(`{"type":"object"}`)}}
	if got, _ := tokens.CountRequest(&tools, bpe.O200K); got < empty+n+tok.Count(`{"type":"object"}`) {
		t.Errorf("with a tool it counts %d", got)
	}
}

func TestCountRequestWithoutTokenizer(t *testing.T) {
	req := llm.Request{Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "Hello there"}}}}}
	got, exact := tokens.CountRequest(&req, "")
	if exact || got != tokens.EstimateRequest(&req) {
		t.Errorf("%d, exact %v", got, exact)
	}
}
