package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"google.golang.org/genai"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// TestThereAndBack reads each recorded stream with the official client twice:
// as it is, and after it was translated to another protocol and back. What the
// client makes of the two is the same.
func TestThereAndBack(t *testing.T) {
	cfg, err := config.Load(config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		own, other string
		read       func(*testing.T, []byte) string
	}{
		{"messages", "chat", readMessages},
		{"messages", "responses", readMessages},
		{"chat", "messages", readChat},
		{"chat", "responses", readChat},
		{"responses", "chat", readResponses},
		{"responses", "messages", readResponses},
		{"responses", "gemini", readResponses},
		{"chat", "gemini", readChat},
		{"messages", "gemini", readMessages},
		{"gemini", "chat", readGemini},
		{"gemini", "messages", readGemini},
		{"gemini", "responses", readGemini},
	} {
		for name, stream := range streams(t, c.own) {
			if lost(c.own, c.other, name) {
				continue
			}
			t.Run(c.own+" by way of "+c.other+"/"+name, func(t *testing.T) {
				own, other := protocols[c.own], protocols[c.other]
				away, whole := translated(t, cfg, own, other, stream)
				back, wholeAgain := translated(t, cfg, other, own, away)
				if failing := name == "21-stream-error"; whole == failing || wholeAgain == failing {
					t.Fatalf("ends well: away %v, back %v\n%s\n%s", whole, wholeAgain, away, back)
				} else if failing {
					checkFailure(t, c.own, back)
					return
				}
				if direct, round := c.read(t, stream), c.read(t, back); direct != alike(direct, round) {
					t.Errorf("direct:\n%s\nthere and back:\n%s", direct, round)
				}
			})
		}
	}
}

var protocols = map[string]llm.Protocol{"chat": llm.Chat, "messages": llm.Messages, "responses": llm.Responses, "gemini": llm.Gemini}

// lost are the streams that cannot come back as they went.
func lost(own, other, name string) bool {
	switch {
	case strings.Contains(name, "spliced-message-start"):
		return true // it is no answer: the upstream began anew in the middle
	case strings.Contains(name, "openai-phase"), strings.Contains(name, "openai-shell-container.1"):
		return true // many of their deltas were cut out when they were recorded
	case own == "gemini" && strings.Contains(name, "stream-tool-call-arguments"):
		return true // the official client does not join the pieces of arguments
	case name == "14-tool-truncated":
		return other == "gemini" // has no form for half of an object
	case name == "15-refusal":
		return own == "responses" && other == "gemini" // refuses the prompt there, before any answer
	}
	return false
}

// ofItsOwn marks a call of a kind that only Responses has. It comes back as one
// to a client that declared the tool; to others, as here, as a function's.
const ofItsOwn = " of its own kind"

// unreported is how an account ends where the vendor said nothing of usage,
// which the gateway estimates.
const unreported = ", 0 in, 0 cached, 0 out\n"

// alike takes from round what direct cannot have said.
func alike(direct, round string) string {
	lines := strings.Split(round, "\n")
	for own := range strings.Lines(direct) {
		id, marked := strings.CutSuffix(strings.TrimSpace(own), ofItsOwn)
		for i, line := range lines {
			if marked && strings.HasPrefix(line, id+" ") {
				lines[i] = id + ofItsOwn
			}
		}
	}
	round = strings.Join(lines, "\n")
	if strings.HasSuffix(direct, unreported) {
		round = round[:strings.LastIndex(round, ", 0 in")] + unreported
	}
	return round
}

// recorded are the folders of what real vendors sent in each protocol, and what
// ends a stream there.
func recorded(own string) (folders []string, named bool, done string) {
	switch own {
	case "chat":
		return []string{"openai-chat", "openai-compatible-chat", "deepseek-chat", "moonshotai", "alibaba", "xai"}, false, "data: [DONE]\n\n"
	case "messages":
		return []string{"anthropic"}, true, ""
	case "responses":
		return []string{"openai-responses", "open-responses-responses", "xai-responses"}, true, ""
	}
	return []string{"google"}, false, ""
}

// streams are the fixtures and the recordings of a protocol, by name.
func streams(t *testing.T, own string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, name := range protocoltest.Cases(t) {
		if stream := protocoltest.File(name, own+".stream.sse"); stream != nil {
			out[name] = stream
		}
	}
	folders, named, done := recorded(own)
	for _, r := range protocoltest.Recordings(t, named, done, folders...) {
		if r.Stream {
			out[r.Name] = r.Body
		}
	}
	if len(out) < 15 {
		t.Fatalf("%d streams of %s", len(out), own)
	}
	return out
}

// checkFailure wants a client of the protocol to be told of a failure.
func checkFailure(t *testing.T, own string, stream []byte) {
	t.Helper()
	url, ctx := serving(t, stream), context.Background()
	var err error
	switch own {
	case "messages":
		client := anthropic.NewClient(anthropicoption.WithBaseURL(url), anthropicoption.WithAPIKey("k"), anthropicoption.WithMaxRetries(0))
		s := client.Messages.NewStreaming(ctx, anthropic.MessageNewParams{MaxTokens: 9, Model: "m"})
		for s.Next() {
		}
		err = s.Err()
	case "chat":
		client := openai.NewClient(option.WithBaseURL(url), option.WithAPIKey("k"), option.WithMaxRetries(0))
		s := client.Chat.Completions.NewStreaming(ctx, openai.ChatCompletionNewParams{Model: "m"})
		for s.Next() {
		}
		err = s.Err()
	case "gemini":
		for _, failed := range geminiStream(t, url) {
			err = failed
		}
	case "responses":
		client := openai.NewClient(option.WithBaseURL(url), option.WithAPIKey("k"), option.WithMaxRetries(0))
		s := client.Responses.NewStreaming(ctx, responses.ResponseNewParams{Model: "m"})
		for s.Next() {
			if failed := s.Current(); failed.Type == "response.failed" {
				err = errors.New(failed.Response.Error.Message)
			}
		}
		err = errors.Join(err, s.Err())
	}
	if err == nil {
		t.Errorf("the client is told of no failure:\n%s", stream)
	}
}

// translated reports false for an answer that ends in a failure.
func translated(t *testing.T, cfg *config.Config, from, to llm.Protocol, stream []byte) ([]byte, bool) {
	t.Helper()
	out, err := app.TranslateAnswer(cfg, app.TranslateOptions{From: from, To: to}, stream)
	if failure := (*llm.Error)(nil); err != nil && !errors.As(err, &failure) {
		t.Fatal(err)
	}
	return out.Text, err == nil
}

// serving answers every request with a stream.
func serving(t *testing.T, stream []byte) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(stream)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// tidy leaves out the space in arguments, if they are whole.
func tidy(arguments string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(arguments)) != nil {
		return arguments
	}
	return b.String()
}

// readMessages leaves signatures out: they are sealed by the way, and opened
// by the gateway that sealed them only. What the vendor's own tools did has no
// form elsewhere; it is a finding.
func readMessages(t *testing.T, stream []byte) string {
	t.Helper()
	client := anthropic.NewClient(anthropicoption.WithBaseURL(serving(t, stream)), anthropicoption.WithAPIKey("k"), anthropicoption.WithMaxRetries(0))
	s := client.Messages.NewStreaming(context.Background(), anthropic.MessageNewParams{MaxTokens: 9, Model: "m"})
	var m anthropic.Message
	for s.Next() {
		if err := m.Accumulate(s.Current()); err != nil {
			t.Fatalf("%v in %s", err, stream)
		}
	}
	if s.Err() != nil {
		t.Fatalf("%v in %s", s.Err(), stream)
	}
	var b strings.Builder
	words := ""
	for _, block := range m.Content {
		switch block.Type {
		case "text":
			words += block.Text // in pieces where the vendor's own tools ran between them
		case "tool_use":
			fmt.Fprintf(&b, "%s %s %s\n", block.ID, block.Name, tidy(string(block.Input)))
		case "thinking":
			fmt.Fprintf(&b, "%q\n", block.Thinking)
		}
	}
	fmt.Fprintf(&b, "%q\n", words)
	fmt.Fprintf(&b, "%s, %d in, %d cached, %d out\n", m.StopReason, m.Usage.InputTokens, m.Usage.CacheReadInputTokens, m.Usage.OutputTokens)
	return b.String()
}

func readChat(t *testing.T, stream []byte) string {
	t.Helper()
	client := openai.NewClient(option.WithBaseURL(serving(t, stream)), option.WithAPIKey("k"), option.WithMaxRetries(0))
	s := client.Chat.Completions.NewStreaming(context.Background(), openai.ChatCompletionNewParams{Model: "m"})
	var acc openai.ChatCompletionAccumulator
	for s.Next() {
		acc.AddChunk(s.Current())
	}
	if s.Err() != nil || len(acc.Choices) == 0 {
		t.Fatalf("%v in %s", s.Err(), stream)
	}
	var b strings.Builder
	m := acc.Choices[0].Message
	fmt.Fprintf(&b, "%q %q\n", m.Content, m.Refusal)
	for _, call := range m.ToolCalls {
		if call.ID == "" {
			continue // a place that the upstream left free
		}
		fmt.Fprintf(&b, "%s %s %s\n", call.ID, call.Function.Name, tidy(call.Function.Arguments))
	}
	u := acc.Usage
	out := u.TotalTokens - u.PromptTokens // not all servers count their reasoning as part of the completion
	fmt.Fprintf(&b, "%s, %d in, %d cached, %d out\n", acc.Choices[0].FinishReason, u.PromptTokens, u.PromptTokensDetails.CachedTokens, out)
	return b.String()
}

// readResponses leaves out what differs between any two answers: the ids of
// items, and sealed reasoning.
func readResponses(t *testing.T, stream []byte) string {
	t.Helper()
	client := openai.NewClient(option.WithBaseURL(serving(t, stream)), option.WithAPIKey("k"), option.WithMaxRetries(0))
	s := client.Responses.NewStreaming(context.Background(), responses.ResponseNewParams{Model: "m"})
	var last responses.Response
	var live strings.Builder
	for s.Next() {
		ev := s.Current()
		switch ev.Type {
		case "response.output_text.delta":
			live.WriteString(ev.Delta)
		case "response.completed", "response.incomplete":
			last = ev.Response
		}
	}
	if s.Err() != nil || last.Status == "" {
		t.Fatalf("%v in %s", s.Err(), stream)
	}
	if live.String() != last.OutputText() {
		t.Errorf("the deltas say %q, the end %q", live.String(), last.OutputText())
	}
	var b strings.Builder
	words := ""
	for _, item := range last.Output {
		switch kind := item.Type; kind {
		case "message":
			for _, part := range item.Content {
				words += part.Text + part.Refusal
			}
		case "reasoning":
			for _, part := range item.Content {
				fmt.Fprintf(&b, "%q\n", part.Text) // Chat does not tell a summary from the thoughts themselves
			}
			for _, part := range item.Summary {
				fmt.Fprintf(&b, "%q\n", part.Text)
			}
		case "function_call":
			if item.Namespace != "" {
				fmt.Fprintf(&b, "%s%s\n", item.CallID, ofItsOwn)
				continue
			}
			fmt.Fprintf(&b, "%s %s %s\n", item.CallID, item.Name, tidy(item.Arguments.OfString))
		case "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call", "tool_search_call":
			if item.CallID != "" {
				fmt.Fprintf(&b, "%s%s\n", item.CallID, ofItsOwn)
			}
		}
	}
	fmt.Fprintf(&b, "%q\n", words)
	u := last.Usage
	fmt.Fprintf(&b, "%s %s, %d in, %d cached, %d out\n", last.Status, last.IncompleteDetails.Reason, u.InputTokens, u.InputTokensDetails.CachedTokens, u.OutputTokens)
	return b.String()
}

func geminiStream(t *testing.T, url string) iter.Seq2[*genai.GenerateContentResponse, error] {
	t.Helper()
	client, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: "k", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: url},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.Models.GenerateContentStream(context.Background(), "m", genai.Text("q"), nil)
}

// readGemini leaves signatures out, as readMessages does.
func readGemini(t *testing.T, stream []byte) string {
	t.Helper()
	var words, thoughts, calls strings.Builder
	reason, usage := genai.FinishReason(""), &genai.GenerateContentResponseUsageMetadata{}
	for r, err := range geminiStream(t, serving(t, stream)) {
		if err != nil {
			t.Fatalf("%v in %s", err, stream)
		}
		if r.UsageMetadata != nil {
			usage = r.UsageMetadata
		}
		for _, c := range r.Candidates {
			if c.FinishReason != "" {
				reason = c.FinishReason
			}
			if c.Content == nil {
				continue
			}
			for _, part := range c.Content.Parts {
				switch {
				case part.FunctionCall != nil:
					args, err := json.Marshal(part.FunctionCall.Args)
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&calls, "%s %s\n", part.FunctionCall.Name, args)
				case part.Thought:
					thoughts.WriteString(part.Text)
				default:
					words.WriteString(part.Text)
				}
			}
		}
	}
	return fmt.Sprintf("%q %q\n%s%s, %d in, %d cached, %d out, %d thought\n", words.String(), thoughts.String(), calls.String(), reason,
		usage.PromptTokenCount, usage.CachedContentTokenCount, usage.CandidatesTokenCount, usage.ThoughtsTokenCount)
}
