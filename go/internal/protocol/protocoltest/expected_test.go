package protocoltest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// TestExpectedRequests holds every translated request against what the case
// itself has for that protocol, and the findings against those it lists.
func TestExpectedRequests(t *testing.T) {
	meant := departures()
	used := make(map[departure]bool)
	count := 0
	for _, name := range protocoltest.Cases(t) {
		for _, from := range sides() {
			body := request(name, from.name)
			for _, to := range sides() {
				want := request(name, to.name)
				if want == nil {
					want = protocoltest.File(name, to.name+".request.expected.json")
				}
				if body == nil || want == nil {
					continue
				}
				count++
				pair := from.name + "-to-" + to.name
				t.Run(name+"/"+pair, func(t *testing.T) {
					out, findings := convey(t, from, to, body, want)
					for _, line := range differences(normal(t, out), normal(t, want)) {
						d, ok := excused(meant, name, pair, line)
						if !ok {
							t.Error(line)
						}
						used[d] = true
					}
					warned(t, name, pair, findings)
				})
			}
		}
	}
	if count < 90 {
		t.Errorf("only %d translations compared", count)
	}
	for d := range meant {
		if !used[d] {
			t.Errorf("%+v is no departure any more", d)
		}
	}
}

// convey translates a request for the target that want was written for.
func convey(t *testing.T, from, to side, body, want []byte) ([]byte, []llm.Finding) {
	t.Helper()
	req, err := from.codec.DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	says := func(word string) bool { return bytes.Contains(want, []byte(word)) }
	target := to.target
	target.Reasoning = says(`"reasoning`)
	target.Quirks.EchoReasoning = says(`"reasoning_content"`)
	target.Quirks.NoDeveloperRole = !says(`"developer"`)
	if says(`"adaptive"`) {
		target.Thinking, target.Midway = "adaptive", true
	}
	out, findings, err := to.codec.EncodeRequest(req, target)
	if err != nil {
		t.Fatal(err)
	}
	return out, findings
}

// departure is a difference that is meant: in which cases, between which
// protocols, at which place.
type departure struct{ cases, pair, at string }

func excused(meant map[departure]string, name, pair, line string) (departure, bool) {
	at, _, _ := strings.Cut(line, ": ")
	for d := range meant {
		if ok, _ := path.Match(d.cases, name); !ok {
			continue
		}
		if ok, _ := path.Match(d.pair, pair); !ok {
			continue
		}
		if at == d.at || strings.HasPrefix(at, d.at+".") || strings.HasPrefix(at, d.at+"[") {
			return d, true
		}
	}
	return departure{}, false
}

// departures are the differences that are meant, each with its reason.
func departures() map[departure]string {
	return map[departure]string{
		{"02-*", "*-to-messages", "stop_sequences"}: "Anthropic refuses stop sequences of nothing but white space",
		{"02-*", "responses-to-chat", "stop"}:       "Responses has no stop sequences, so its request holds none",

		{"06-*", "chat-to-messages", "messages[2].content[1]"}:      "Chat cannot say that a result is an error; its text says so",
		{"06-*", "responses-to-messages", "messages[2].content[1]"}: "nor can Responses",

		{"08-*", "chat-to-responses", "reasoning.summary"}: "Chat cannot ask for a summary, and OpenAI refuses it to organisations that are not verified",
		{"09-*", "chat-to-responses", "reasoning.summary"}: "the same",

		{"09-*", "*-to-messages", "messages[1]"}: "a thought of another vendor has no signature here and is dropped whole",
		{"09-*", "*-to-messages", "thinking"}:    "and without one a tool loop cannot go on with a thinking budget",
		{"09-*", "*-to-responses", "input"}:      "a thought of another vendor has no encrypted content here and is dropped whole",

		{"11-*", "chat-to-*", "messages[2]"}: "the picture stays where Chat had to put it: any user message may look like that",
		{"11-*", "chat-to-*", "input"}:       "the same",

		{"12-*", "messages-to-*", "response_format.json_schema.name"}: "Messages has no name for a schema",
		{"12-*", "messages-to-*", "text.format.name"}:                 "the same",

		{"30-*", "responses-to-responses", "input"}: "the message between a call and its output joins the turn of the call",
		{"32-*", "responses-to-*", "include"}:       "an empty list says nothing",
		{"32-*", "responses-to-*", "tools"}:         "the same",

		{"02-*", "responses-to-gemini", "generationConfig.stopSequences"}:                 "Responses has no stop sequences, so its request holds none",
		{"04-*", "*-to-gemini", "contents[1].parts[1].thoughtSignature"}:                  "another model made the call: its signature says so",
		{"06-*", "*-to-gemini", "contents[1].parts[0].thoughtSignature"}:                  "the same",
		{"09-*", "*-to-gemini", "contents[1].parts[0].thoughtSignature"}:                  "the same",
		{"11-*", "*-to-gemini", "contents[1].parts[0].thoughtSignature"}:                  "the same",
		{"06-*", "chat-to-gemini", "contents[2].parts[1].functionResponse.response"}:      "Chat cannot say that a result is an error; its text says so",
		{"06-*", "responses-to-gemini", "contents[2].parts[1].functionResponse.response"}: "nor can Responses",
		{"11-*", "chat-to-gemini", "contents[2]"}:                                         "the picture stays where Chat had to put it",
		{"12-*", "gemini-to-*", "response_format.json_schema.name"}:                       "Gemini has no name for a schema",
		{"12-*", "gemini-to-*", "text.format.name"}:                                       "the same",
		{"09-*", "gemini-to-chat", "messages[2].reasoning_content"}:                       "a call of Gemini's came without words of thought",

		{"33-*", "messages-to-*", "safety_identifier"}: "the client's user goes on as a hash, by which the vendor can tell one from another",
	}
}

// normal reads a request and makes equal what means the same.
func normal(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	for _, name := range []string{"model", "stream", "stream_options"} {
		delete(m, name)
	}
	standard(m, "tool_choice", "auto")
	standard(m, "parallel_tool_calls", true)
	standard(m, "store", false)
	if choice, ok := m["tool_choice"].(map[string]any); ok && len(choice) == 1 && choice["type"] == "auto" {
		delete(m, "tool_choice")
	}
	listed(m, "system", "text")
	if list, ok := m["input"].([]any); ok {
		for _, item := range list {
			item := item.(map[string]any)
			delete(item, "id")
			delete(item, "status")
			alike(item, "input_text")
		}
		m["input"], m["instructions"] = underInstructions(list, m["instructions"])
	}
	if list, ok := m["messages"].([]any); ok {
		for _, message := range list {
			alike(message.(map[string]any), "text")
		}
		m["messages"] = instructed(list)
	}
	if list, ok := m["tools"].([]any); ok {
		for _, tool := range list {
			tool := tool.(map[string]any)
			standard(tool, "strict", false)
			if inner, ok := tool["function"].(map[string]any); ok {
				standard(inner, "strict", false)
			}
		}
	}
	return m
}

// standard takes out a member that has the value it has when absent.
func standard(m map[string]any, name string, value any) {
	if m[name] == value {
		delete(m, name)
	}
}

// listed makes a list of one text of a string.
func listed(m map[string]any, name, kind string) {
	if s, ok := m[name].(string); ok {
		m[name] = []any{map[string]any{"type": kind, "text": s}}
	}
}

// alike makes equal what a message may say in several ways.
func alike(m map[string]any, kind string) {
	if m["role"] == "assistant" && kind == "input_text" {
		kind = "output_text"
	}
	if m["content"] == nil {
		delete(m, "content")
	}
	listed(m, "content", kind)
	listed(m, "output", kind)
	for _, name := range []string{"content", "output"} {
		parts, _ := m[name].([]any)
		for _, part := range parts {
			part := part.(map[string]any)
			for _, empty := range []string{"annotations", "logprobs"} {
				if list, ok := part[empty].([]any); ok && len(list) == 0 {
					delete(part, empty)
				}
			}
			standard(part, "detail", "auto")
			if image, ok := part["image_url"].(map[string]any); ok {
				standard(image, "detail", "auto")
			}
			if part["type"] == "tool_result" {
				listed(part, "content", "text")
			}
		}
	}
}

// instructed joins the instructions at the head of a conversation: they are one
// message for servers that take no second.
func instructed(messages []any) []any {
	var said []any
	for len(messages) > 1 {
		head, next := messages[0].(map[string]any), messages[1].(map[string]any)
		if head["role"] != next["role"] || head["role"] != "system" && head["role"] != "developer" {
			break
		}
		text := func(m map[string]any) string { return m["content"].([]any)[0].(map[string]any)["text"].(string) }
		next["content"] = []any{map[string]any{"type": "text", "text": text(head) + "\n\n" + text(next)}}
		messages = messages[1:]
	}
	return append(said, messages...)
}

// underInstructions moves developer messages at the head of an input to the
// instructions, behind which they would be read anyway.
func underInstructions(input []any, said any) (rest []any, instructions any) {
	for len(input) > 0 && input[0].(map[string]any)["role"] == "developer" && said != nil {
		said = said.(string) + "\n\n" + input[0].(map[string]any)["content"].([]any)[0].(map[string]any)["text"].(string)
		input = input[1:]
	}
	return input, said
}

// differences lists where two values differ, as path: got, want.
func differences(got, want map[string]any) []string {
	a, b := map[string]string{}, map[string]string{}
	leaves("", got, a)
	leaves("", want, b)
	var out []string
	for at, value := range a {
		if b[at] != value {
			out = append(out, fmt.Sprintf("%s: got %s, want %s", at, value, or(b[at])))
		}
	}
	for at, value := range b {
		if _, ok := a[at]; !ok {
			out = append(out, fmt.Sprintf("%s: got nothing, want %s", at, value))
		}
	}
	slices.Sort(out)
	return out
}

func or(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func leaves(at string, v any, out map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			out[at] = "{}"
		}
		for name, member := range v {
			leaves(strings.TrimPrefix(at+"."+name, "."), member, out)
		}
	case []any:
		if len(v) == 0 {
			out[at] = "[]"
		}
		for i, element := range v {
			leaves(fmt.Sprintf("%s[%d]", at, i), element, out)
		}
	default:
		text, _ := json.Marshal(v)
		out[at] = string(text)
	}
}

// warned holds findings against those that the case lists.
func warned(t *testing.T, name, pair string, findings []llm.Finding) {
	t.Helper()
	var want []struct{ Class, Field, Reason string }
	file := protocoltest.File(name, "warnings.expected.json")
	if file == nil || !strings.HasSuffix(pair, "-to-messages") && name[:2] == "30" || pair == "messages-to-messages" {
		return // nothing is listed, or it is listed for another target
	}
	if err := json.Unmarshal(file, &want); err != nil {
		t.Fatal(err)
	}
	open := map[string]int{}
	for _, w := range want {
		if w.Reason == "system_role_as_developer" && strings.HasSuffix(pair, "-to-responses") {
			continue // there it is the same: an instruction in mid-conversation has this role
		}
		open[w.Class+" "+w.Field+" "+w.Reason]++
	}
	for _, f := range findings {
		open[f.Class.String()+" "+f.Field+" "+f.Reason]--
	}
	for finding, n := range open {
		if n != 0 {
			t.Errorf("finding %s: %+d", finding, -n)
		}
	}
}
