package sdk_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

const plain = "你好，世界！🚀 Hello."

func TestGoClients(t *testing.T) {
	d, _ := start(t)
	for _, up := range []string{"chat", "messages", "gemini"} {
		t.Run("openai on "+up, func(t *testing.T) { openaiClient(t, d, up) })
		t.Run("anthropic on "+up, func(t *testing.T) { anthropicClient(t, d, up) })
	}
}

func openaiClient(t *testing.T, d *daemon.Daemon, up string) {
	ctx := context.Background()
	client := openai.NewClient(option.WithBaseURL(d.URL+"/v1"), option.WithAPIKey(daemon.Key), option.WithMaxRetries(0))
	ask := func(model string) openai.ChatCompletionNewParams {
		return openai.ChatCompletionNewParams{
			Model: up + "-" + model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello")},
		}
	}
	whole, err := client.Chat.Completions.New(ctx, ask("case-01-plain"))
	if err != nil {
		t.Fatal(err)
	}
	if whole.Choices[0].Message.Content != plain || whole.Usage.TotalTokens != 36 {
		t.Errorf("whole: %q, %d tokens", whole.Choices[0].Message.Content, whole.Usage.TotalTokens)
	}

	stream := client.Chat.Completions.NewStreaming(ctx, ask("case-05-parallel-tools"))
	acc := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		acc.AddChunk(stream.Current())
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	var calls []string
	for _, c := range acc.Choices[0].Message.ToolCalls {
		calls = append(calls, c.ID+" "+c.Function.Name+" "+compact(t, c.Function.Arguments))
	}
	if got := strings.Join(calls, "|"); got != `call_p1 get_weather {"city":"Oslo"}|call_p2 get_weather {"city":"Rome"}|call_p3 get_time {}` {
		t.Errorf("calls: %s", got)
	}

	var refused *openai.Error
	if _, err = client.Chat.Completions.New(ctx, ask("error-rate_limit")); !errors.As(err, &refused) || refused.StatusCode != 429 {
		t.Errorf("rate limit: %v", err)
	}
	broken := client.Chat.Completions.NewStreaming(ctx, ask("midway"))
	for broken.Next() {
		_ = broken.Current()
	}
	if broken.Err() == nil {
		t.Error("an error in mid-stream went unnoticed")
	}

	r, err := client.Responses.New(ctx, responses.ResponseNewParams{
		Model: up + "-case-01-plain", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")},
		Store: openai.Bool(false),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.OutputText() != plain {
		t.Errorf("responses: %q", r.OutputText())
	}
}

func anthropicClient(t *testing.T, d *daemon.Daemon, up string) {
	ctx := context.Background()
	client := anthropic.NewClient(
		anthropicoption.WithBaseURL(d.URL+"/anthropic"), anthropicoption.WithAPIKey(daemon.Key), anthropicoption.WithMaxRetries(0))
	ask := func(model string) anthropic.MessageNewParams {
		return anthropic.MessageNewParams{
			Model: up + "-" + model, MaxTokens: 100,
			Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock("Hello"))},
		}
	}
	whole, err := client.Messages.New(ctx, ask("case-01-plain"))
	if err != nil {
		t.Fatal(err)
	}
	if whole.Content[0].Text != plain || whole.Usage.InputTokens != 24 {
		t.Errorf("whole: %q, %d tokens", whole.Content[0].Text, whole.Usage.InputTokens)
	}

	stream := client.Messages.NewStreaming(ctx, ask("case-05-parallel-tools"))
	var acc anthropic.Message
	for stream.Next() {
		if err := acc.Accumulate(stream.Current()); err != nil {
			t.Fatal(err)
		}
	}
	if stream.Err() != nil {
		t.Fatal(stream.Err())
	}
	var calls []string
	for _, block := range acc.Content {
		if block.Type == "tool_use" {
			calls = append(calls, block.ID+" "+block.Name+" "+compact(t, string(block.Input)))
		}
	}
	if got := strings.Join(calls, "|"); got != `call_p1 get_weather {"city":"Oslo"}|call_p2 get_weather {"city":"Rome"}|call_p3 get_time {}` {
		t.Errorf("calls: %s", got)
	}

	var refused *anthropic.Error
	if _, err = client.Messages.New(ctx, ask("error-overloaded")); !errors.As(err, &refused) || refused.StatusCode != 529 {
		t.Errorf("overloaded: %v", err)
	}
	broken := client.Messages.NewStreaming(ctx, ask("midway"))
	for broken.Next() {
		_ = broken.Current()
	}
	if broken.Err() == nil {
		t.Error("an error in mid-stream went unnoticed")
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
