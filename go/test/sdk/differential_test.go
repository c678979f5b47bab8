package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// TestThereAndBack reads each recorded stream with the official client twice:
// as it is, and after it was translated to another protocol and back. What the
// client makes of the two is the same.
func TestThereAndBack(t *testing.T) {
	program := daemon.Program(t, "gateway")
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
	} {
		files, err := filepath.Glob(filepath.Join(fixtures, "*", c.own+".stream.sse"))
		if err != nil || len(files) < 10 {
			t.Fatalf("%d streams of %s, %v", len(files), c.own, err)
		}
		for _, file := range files {
			name := filepath.Base(filepath.Dir(file))
			t.Run(c.own+" by way of "+c.other+"/"+name, func(t *testing.T) {
				stream, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				away, whole := translated(t, program, c.own, c.other, stream)
				back, wholeAgain := translated(t, program, c.other, c.own, away)
				if failing := name == "21-stream-error"; whole == failing || wholeAgain == failing {
					t.Fatalf("ends well: away %v, back %v\n%s\n%s", whole, wholeAgain, away, back)
				} else if failing {
					checkFailure(t, c.own, back)
					return
				}
				if direct, round := c.read(t, stream), c.read(t, back); direct != round {
					t.Errorf("direct:\n%s\nthere and back:\n%s", direct, round)
				}
			})
		}
	}
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
func translated(t *testing.T, program, from, to string, stream []byte) ([]byte, bool) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.Command(program, "translate", "--answer", "--from", from, "--to", to, "--data-dir", t.TempDir())
	cmd.Env = []string{"HOME=" + t.TempDir()}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stream), &out, &said
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code > 1 || code < 0 {
		t.Fatalf("%v: %s", err, said.String())
	}
	return out.Bytes(), err == nil
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
// by the gateway that sealed them only.
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
	for _, block := range m.Content {
		args := ""
		if block.Type == "tool_use" {
			args = tidy(string(block.Input))
		}
		fmt.Fprintf(&b, "%s %q %q %s %s %s\n", block.Type, block.Text, block.Thinking, block.ID, block.Name, args)
	}
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
		fmt.Fprintf(&b, "%s %s %s\n", call.ID, call.Function.Name, tidy(call.Function.Arguments))
	}
	u := acc.Usage
	fmt.Fprintf(&b, "%s, %d in, %d cached, %d out\n", acc.Choices[0].FinishReason, u.PromptTokens, u.PromptTokensDetails.CachedTokens, u.CompletionTokens)
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
	for _, item := range last.Output {
		fmt.Fprintf(&b, "%s %s %s %s", item.Type, item.CallID, item.Name, tidy(item.Arguments.OfString))
		for _, part := range item.Content {
			if item.Type == "reasoning" {
				fmt.Fprintf(&b, " %q", part.Text) // Chat does not tell a summary from the thoughts themselves
				continue
			}
			fmt.Fprintf(&b, " %s %q %q", part.Type, part.Text, part.Refusal)
		}
		for _, part := range item.Summary {
			fmt.Fprintf(&b, " %q", part.Text)
		}
		b.WriteString("\n")
	}
	u := last.Usage
	fmt.Fprintf(&b, "%s %s, %d in, %d cached, %d out\n", last.Status, last.IncompleteDetails.Reason, u.InputTokens, u.InputTokensDetails.CachedTokens, u.OutputTokens)
	return b.String()
}
