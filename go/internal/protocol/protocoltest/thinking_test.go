package protocoltest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
)

// sealed is the n'th signature of an upstream: long, and with characters that
// careless code would escape.
func sealed(n int) string { return fmt.Sprintf("Sig+/%d==%s", n, strings.Repeat("aB9/", 40)) }

// thinker is an upstream that thinks before each call of a tool, and wants its
// thoughts back as they were.
type thinker struct {
	target protocol.Target
	answer func(n int) string
	check  func(body []byte, turns int) error
}

func anthropicThinker() thinker {
	return thinker{
		target: protocol.Target{Provider: "anthropic", Model: "claude-x", Origin: "anthropic/claude", MaxOutput: 64000, Thinking: "budget", Native: true},
		answer: func(n int) string {
			return fmt.Sprintf(`{"id":"msg_%d","type":"message","role":"assistant","model":"claude-x","content":[`+
				`{"type":"thinking","thinking":"step %d","signature":"%s"},`+
				`{"type":"tool_use","id":"toolu_%d","name":"look","input":{"n":%d}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}`,
				n, n, sealed(n), n, n)
		},
		check: func(body []byte, turns int) error {
			var req struct {
				Thinking struct{ Type string }
				Messages []struct {
					Role    string
					Content []struct{ Type, Thinking, Signature, ID string }
				}
			}
			if err := json.Unmarshal(body, &req); err != nil {
				return err
			}
			if req.Thinking.Type != "enabled" {
				return fmt.Errorf("thinking is %q", req.Thinking.Type)
			}
			n := 0
			for _, m := range req.Messages {
				if m.Role != "assistant" {
					continue
				}
				if len(m.Content) != 2 || m.Content[0].Type != "thinking" || m.Content[0].Signature != sealed(n) ||
					m.Content[0].Thinking != fmt.Sprintf("step %d", n) || m.Content[1].Type != "tool_use" {
					return fmt.Errorf("turn %d came back as %+v", n, m.Content)
				}
				n++
			}
			if n != turns {
				return fmt.Errorf("%d turns came back, not %d", n, turns)
			}
			return nil
		},
	}
}

func openaiThinker() thinker {
	return thinker{
		target: protocol.Target{Provider: "openai", Model: "gpt-x", Origin: "openai/gpt", Reasoning: true, Native: true},
		answer: func(n int) string {
			return fmt.Sprintf(`{"id":"resp_%d","object":"response","status":"completed","model":"gpt-x","output":[`+
				`{"id":"rs_%d","type":"reasoning","summary":[{"type":"summary_text","text":"step %d"}],"encrypted_content":"%s"},`+
				`{"id":"fc_%d","type":"function_call","call_id":"call_%d","name":"look","arguments":"{\"n\":%d}","status":"completed"}],`+
				`"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}`, n, n, n, sealed(n), n, n, n)
		},
		check: func(body []byte, turns int) error {
			var req struct {
				Input []struct {
					Type             string
					EncryptedContent string `json:"encrypted_content"`
				}
			}
			if err := json.Unmarshal(body, &req); err != nil {
				return err
			}
			n := 0
			for i, item := range req.Input {
				if item.Type != "function_call" {
					continue
				}
				if i == 0 || req.Input[i-1].Type != "reasoning" || req.Input[i-1].EncryptedContent != sealed(n) {
					return fmt.Errorf("call %d comes without its reasoning: %s", n, body)
				}
				n++
			}
			if n != turns {
				return fmt.Errorf("%d turns came back, not %d", n, turns)
			}
			return nil
		},
	}
}

// agent is a client that keeps its history in its own protocol.
type agent struct {
	ask    string // the request, %s for the history
	first  string
	extend func(answer []byte) (items []string, err error)
}

func agents() map[llm.Protocol]agent {
	return map[llm.Protocol]agent{
		llm.Chat: {
			ask:   `{"model":"m","reasoning_effort":"high","tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object"}}}],"messages":[%s]}`,
			first: `{"role":"user","content":"go"}`,
			extend: func(answer []byte) ([]string, error) {
				var a struct {
					Choices []struct{ Message json.RawMessage }
				}
				var m struct {
					Calls []struct{ ID string } `json:"tool_calls"`
				}
				err := json.Unmarshal(answer, &a)
				if err == nil {
					err = json.Unmarshal(a.Choices[0].Message, &m)
				}
				if err != nil || len(m.Calls) != 1 {
					return nil, fmt.Errorf("%w: %s", err, answer)
				}
				return []string{string(a.Choices[0].Message), `{"role":"tool","tool_call_id":"` + m.Calls[0].ID + `","content":"x"}`}, nil
			},
		},
		llm.Messages: {
			ask:   `{"model":"m","max_tokens":20000,"thinking":{"type":"enabled","budget_tokens":8192},"tools":[{"name":"look","input_schema":{"type":"object"}}],"messages":[%s]}`,
			first: `{"role":"user","content":"go"}`,
			extend: func(answer []byte) ([]string, error) {
				var a struct {
					Content json.RawMessage
				}
				var blocks []struct{ Type, ID string }
				err := json.Unmarshal(answer, &a)
				if err == nil {
					err = json.Unmarshal(a.Content, &blocks)
				}
				if err != nil || len(blocks) == 0 {
					return nil, fmt.Errorf("%w: %s", err, answer)
				}
				return []string{
					`{"role":"assistant","content":` + string(a.Content) + `}`,
					`{"role":"user","content":[{"type":"tool_result","tool_use_id":"` + blocks[len(blocks)-1].ID + `","content":"x"}]}`,
				}, nil
			},
		},
		llm.Responses: {
			ask:   `{"model":"m","store":false,"include":["reasoning.encrypted_content"],"reasoning":{"effort":"high","summary":"auto"},"tools":[{"type":"function","name":"look","parameters":{"type":"object"}}],"input":[%s]}`,
			first: `{"role":"user","content":"go"}`,
			extend: func(answer []byte) ([]string, error) {
				var a struct{ Output []json.RawMessage }
				if err := json.Unmarshal(answer, &a); err != nil || len(a.Output) == 0 {
					return nil, fmt.Errorf("%w: %s", err, answer)
				}
				var items []string
				var last struct {
					CallID string `json:"call_id"`
				}
				for _, item := range a.Output {
					items = append(items, string(item))
					if err := json.Unmarshal(item, &last); err != nil {
						return nil, err
					}
				}
				return append(items, `{"type":"function_call_output","call_id":"`+last.CallID+`","output":"x"}`), nil
			},
		},
	}
}

// TestThinkingLoop runs ten turns of a tool loop for each kind of client on
// upstreams that refuse a history whose signed thoughts are not as they made
// them.
func TestThinkingLoop(t *testing.T) {
	sealer := protocol.NewSealer(make([]byte, 32))
	codecs := map[llm.Protocol]protocol.Codec{
		llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer), llm.Responses: responses.New(sealer),
	}
	upstreams := map[llm.Protocol]thinker{llm.Messages: anthropicThinker(), llm.Responses: openaiThinker()}
	for from, client := range agents() {
		for to, up := range upstreams {
			t.Run(string(from)+" on "+string(to), func(t *testing.T) {
				history := []string{client.first}
				for n := range 10 {
					body := fmt.Sprintf(client.ask, strings.Join(history, ","))
					sent, _ := sendTo(t, codecs, from, to, body, up.target)
					if err := up.check(sent, n); err != nil {
						t.Fatalf("turn %d: %v", n, err)
					}
					items, err := client.extend(answerFrom(t, codecs, from, to, up.answer(n), up.target))
					if err != nil {
						t.Fatalf("turn %d: %v", n, err)
					}
					history = append(history, items...)
				}
				elsewhere(t, codecs, from, to, fmt.Sprintf(client.ask, strings.Join(history, ",")))
			})
		}
	}
}

// elsewhere sends the history to the other vendor: no seal may reach it, and
// the client is told.
func elsewhere(t *testing.T, codecs map[llm.Protocol]protocol.Codec, from, made llm.Protocol, body string) {
	t.Helper()
	to, up := llm.Messages, anthropicThinker()
	if made == llm.Messages {
		to, up = llm.Responses, openaiThinker()
	}
	if to == from {
		return // bytes pass on that way, or it is the client's own history
	}
	sent, findings := sendTo(t, codecs, from, to, body, up.target)
	if strings.Contains(string(sent), "Sig+/") {
		t.Errorf("a seal of another vendor was sent: %s", sent)
	}
	if len(findings) == 0 {
		t.Error("nobody is told that thoughts were left out")
	}
}

func sendTo(t *testing.T, codecs map[llm.Protocol]protocol.Codec, from, to llm.Protocol, body string, target protocol.Target) ([]byte, []llm.Finding) {
	t.Helper()
	req, err := codecs[from].DecodeRequest([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	sent, findings, err := codecs[to].EncodeRequest(req, target)
	if err != nil {
		t.Fatalf("%v for %s", err, body)
	}
	return sent, findings
}

func answerFrom(t *testing.T, codecs map[llm.Protocol]protocol.Codec, from, to llm.Protocol, body string, target protocol.Target) []byte {
	t.Helper()
	reader := codecs[to].NewReader(strings.NewReader(body), false, target)
	writer := codecs[from].NewWriter(protocol.Head{Operation: llm.Generate, Model: "m"})
	var out []byte
	for {
		ev, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil || ev.Type == llm.Failed {
			t.Fatalf("%v %v in %s", err, ev.Err, body)
		}
		if ev.Type == llm.Start {
			meta := *ev.Meta
			meta.Origin = target.Origin
			ev.Meta = &meta
		}
		if out, err = writer.Append(out, ev); err != nil {
			t.Fatal(err)
		}
	}
}
