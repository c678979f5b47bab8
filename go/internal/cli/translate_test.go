package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// runIn runs the program on an input, away from any configuration.
func runIn(t *testing.T, input string, args ...string) (code int, out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := &command{out: &stdout, err: &stderr, in: strings.NewReader(input)}
	code = c.run(context.Background(), programCLI, append(args, "--data-dir", t.TempDir()))
	return code, stdout.String(), stderr.String()
}

func TestTranslate(t *testing.T) {
	const request = `{"model":"gpt-5","input":"hi","seed":1,"logit_bias":{"1":2}}`
	const answer = `{"id":"a","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"yes"}],` +
		`"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}`
	const gemini = `{"contents":[{"role":"user","parts":[{"text":"hi"}]}],"generationConfig":{"topK":3}}`
	const geminiAnswer = `{"candidates":[{"content":{"parts":[{"text":"yes"}],"role":"model"},"finishReason":"STOP","index":0}],` +
		`"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2,"totalTokenCount":3}}`
	for _, c := range []struct {
		name  string
		input string
		args  string
		code  int
		out   []string
		err   []string
	}{
		{"for people", request, "--from responses --to messages", 0, []string{"\n  \"max_tokens\": ", `"text": "hi"`}, []string{"CLASS", "loss", "logit_bias"}},
		{"long names", request, "--from openai-responses --to openai-chat", 0, []string{`"content": "hi"`}, nil},
		{"nothing lost", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, "--from chat --to responses", 0, nil, []string{"Everything is carried"}},
		{"another model", request, "--from responses --to chat --model other", 0, []string{`"model": "other"`}, nil},
		{"the quirks of a provider", `{"model":"m","max_output_tokens":77,"input":"hi"}`, "--from responses --to chat --provider mistral", 0, []string{`"max_tokens": 77`}, nil},
		{"strict", request, "--from responses --to messages --strict", 1, nil, []string{"logit_bias", "translation.strict"}},
		{"strict, for programs", request, "--from responses --to messages --strict --json", 1, []string{`"refused"`, `"class": "loss"`}, nil},
		{"for programs", request, "--from responses --to messages --json", 0, []string{`"to": "anthropic-messages"`, `"body": {`, `"findings": [`}, nil},
		{"no request", `{"model":"m"`, "--from chat --to messages", 1, nil, []string{"not valid JSON"}},
		{"no protocol", request, "--from grpc --to chat", 2, nil, []string{"chat, responses, messages or gemini"}},
		{"to gemini", request, "--from responses --to gemini --model gemini-2.5-pro", 0, []string{`"contents": [`, `"text": "hi"`}, []string{"logit_bias"}},
		{"from gemini", gemini, "--from gemini --to chat --model other", 0, []string{`"model": "other"`, `"content": "hi"`}, []string{"void", "generationConfig.topK"}},
		{"from gemini, streamed", gemini, "--from gemini --to chat --model other --stream", 0, []string{`"stream": true`}, nil},
		{"from gemini to no model", gemini, "--from gemini --to chat", 2, nil, []string{"--model", "path"}},
		{"streamed, whatever it says", request, "--from responses --to messages --stream", 0, []string{`"stream": true`}, nil},
		{"an answer of gemini", geminiAnswer, "--answer --from gemini --to messages", 0, []string{`"stop_reason": "end_turn"`, `"text": "yes"`}, nil},
		{"a stream of gemini", "data: " + geminiAnswer + "\n\n", "--answer --from gemini --to responses", 0, []string{"event: response.completed"}, nil},
		{"an answer for gemini", answer, "--answer --from messages --to gemini", 0, []string{`"finishReason": "STOP"`}, nil},
		{"a streamed answer by flag", answer, "--answer --stream --from messages --to chat", 2, nil, []string{"--stream"}},
		{"no provider", request, "--from responses --to chat --provider nobody", 1, nil, []string{`no provider "nobody"`}},
		{"an answer", answer, "--answer --from messages --to chat", 0, []string{`"finish_reason": "stop"`, `"content": "yes"`}, nil},
		{"a stream", "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n", "--answer --from messages --to chat", 1, []string{`"message":"busy"`}, []string{"busy"}},
		{"a stream that fails, for programs", "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n", "--answer --from messages --to chat --json", 1, []string{`"stream": "data: {`, `"refused"`}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, err := runIn(t, c.input, append([]string{"translate"}, strings.Fields(c.args)...)...)
			if code != c.code {
				t.Errorf("ended with %d: %s%s", code, out, err)
			}
			for _, want := range c.out {
				if !strings.Contains(out, want) {
					t.Errorf("the output lacks %q: %s", want, out)
				}
			}
			for _, want := range c.err {
				if !strings.Contains(err, want) {
					t.Errorf("people are not told %q: %s", want, err)
				}
			}
			if strings.Contains(c.args, "--json") && !json.Valid([]byte(out)) {
				t.Errorf("no JSON: %s", out)
			}
		})
	}
}
