package protocoltest_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// thinkers are upstreams that think, speak and call a tool, and what they have
// signed or must be given back.
func thinkers() map[string]struct {
	side   side
	answer string
	keeps  string
} {
	type thinker = struct {
		side   side
		answer string
		keeps  string
	}
	router, deepseek := sideOf("chat"), sideOf("chat")
	router.target.Native, router.target.Origin = false, "openrouter/some"
	deepseek.target.Native, deepseek.target.Origin, deepseek.target.Quirks.EchoReasoning = false, "deepseek/v4", true
	const call = `"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get","arguments":"{\"x\":1}"}}]`
	return map[string]thinker{
		"messages": {
			sideOf("messages"), `{"id":"msg_1","model":"c","content":[{"type":"thinking","thinking":"I should look.","signature":"U0VBTA=="},` +
				`{"type":"text","text":"Looking."},{"type":"tool_use","id":"call_1","name":"get","input":{"x":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}`,
			`"signature":"U0VBTA=="`,
		},
		"hidden messages": {
			sideOf("messages"), `{"id":"msg_1","model":"c","content":[{"type":"redacted_thinking","data":"U0VBTA=="},` +
				`{"type":"text","text":"Looking."},{"type":"tool_use","id":"call_1","name":"get","input":{"x":1}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}`,
			`"data":"U0VBTA=="`,
		},
		"responses": {
			sideOf("responses"), `{"id":"resp_1","model":"g","status":"completed","output":[` +
				`{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"I should look."}],"encrypted_content":"U0VBTA=="},` +
				`{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Looking.","annotations":[]}]},` +
				`{"type":"function_call","id":"fc_1","call_id":"call_1","name":"get","arguments":"{\"x\":1}","status":"completed"}],"usage":{"input_tokens":1,"output_tokens":2}}`,
			`"encrypted_content":"U0VBTA=="`,
		},
		"openrouter": {
			router, `{"id":"c","model":"g","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":"Looking.",` +
				`"reasoning_details":[{"type":"reasoning.encrypted","data":"U0VBTA=="}],` + call + `}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
			`"data":"U0VBTA=="`,
		},
		"deepseek": {
			deepseek, `{"id":"c","model":"d","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":"Looking.",` +
				`"reasoning_content":"I should look.",` + call + `}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`,
			`"reasoning_content":"I should look."`,
		},
		"gemini": {
			sideOf("gemini"), `{"responseId":"r","modelVersion":"g","candidates":[{"index":0,"finishReason":"STOP","content":{"role":"model","parts":[` +
				`{"text":"I should look.","thought":true},{"text":"Looking."},` +
				`{"functionCall":{"id":"call_1","name":"get","args":{"x":1}},"thoughtSignature":"U0VBTA=="}]}}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":2}}`,
			`"thoughtSignature":"U0VBTA=="`,
		},
	}
}

// loop carries the answer of an upstream to a client, lets that go on, and
// returns the request for an upstream.
func loop(t *testing.T, from side, answerBody string, client side, stream bool, to side) string {
	t.Helper()
	events := from.read(t, answer{false, []byte(answerBody)})
	next := goOn(t, client, tell(t, events, from, client, stream), stream)
	req, err := client.codec.DecodeRequest(next)
	if err != nil {
		t.Fatalf("the client's next request: %v\n%s", err, next)
	}
	out, _, err := to.codec.EncodeRequest(req, to.target)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// eachLoop runs a loop with every upstream that thinks and every client.
func eachLoop(t *testing.T, check func(t *testing.T, name string, client side, stream bool)) {
	for name := range thinkers() {
		for _, client := range sides() {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s-%v", name, client.name, stream), func(t *testing.T) { check(t, name, client, stream) })
			}
		}
	}
}

// What an upstream signed comes back to it, whatever the client speaks,
// streamed or not.
func trapSealsReturn(t *testing.T) {
	eachLoop(t, func(t *testing.T, name string, client side, stream bool) {
		c := thinkers()[name]
		if out := loop(t, c.side, c.answer, client, stream, c.side); !strings.Contains(out, c.keeps) {
			t.Errorf("%s is lost in %s", c.keeps, out)
		}
	})
}

// It goes nowhere else: not to another vendor, nor to the same one under
// another account.
func trapSealsElsewhere(t *testing.T) {
	eachLoop(t, func(t *testing.T, name string, client side, stream bool) {
		c := thinkers()[name]
		for _, to := range sides() {
			to.target.Origin = "another/one"
			if c.side.name == client.name && client.name == to.name {
				continue // the client holds the seal in its own form; routes keep such a conversation where it is
			}
			if out := loop(t, c.side, c.answer, client, stream, to); strings.Contains(out, "U0VBTA==") || strings.Contains(out, "gw1.") {
				t.Errorf("to %s: %s", to.name, out)
			}
		}
	})
}

// Reasoning stays before what it led to, on the way there and back.
func trapReasoningInPlace(t *testing.T) {
	eachLoop(t, func(t *testing.T, name string, client side, stream bool) {
		c := thinkers()[name]
		if client.name == "responses" {
			output := responsesOutput(t, tell(t, c.side.read(t, answer{false, []byte(c.answer)}), c.side, client, stream), stream)
			var order []string
			for _, item := range output {
				order = append(order, word(item, "type"))
			}
			got := strings.Join(order, " ")
			if c.side.name == "gemini" {
				got = strings.TrimSuffix(got, " reasoning") // the signature of the call
			}
			if got != "reasoning message function_call" {
				t.Errorf("items: %s", got)
			}
		}
		out := loop(t, c.side, c.answer, client, stream, c.side)
		thought, call := strings.Index(out, c.keeps), strings.Index(out, `"call_1"`)
		// What Gemini signs is the call itself.
		if c.side.name != "chat" && c.side.name != "gemini" && (thought < 0 || thought > call || thought > strings.Index(out, "Looking.")) {
			t.Errorf("out of place in %s", out)
		}
	})
}

// A server that demands its reasoning back in a tool loop gets it, from
// clients that return only what is sealed too.
func trapReasoningEchoed(t *testing.T) {
	c := thinkers()["deepseek"]
	for _, client := range sides() {
		for _, stream := range []bool{false, true} {
			message := chatMessages(t, loop(t, c.side, c.answer, client, stream, c.side))[1]
			if word(message, "reasoning_content") != "I should look." || len(list(member(message, "tool_calls"))) != 1 {
				t.Errorf("%s %v: %v", client.name, stream, message)
			}
		}
	}
}

func chatMessages(t *testing.T, body string) []any {
	t.Helper()
	return list(parsed(t, []byte(body))["messages"])
}

// A server without reasoning items is sent none.
func trapNoReasoningItems(t *testing.T) {
	to := sideOf("responses")
	to.target.Native, to.target.Origin = false, "local/model"
	for name, c := range thinkers() {
		for _, client := range sides() {
			if c.side.name == "responses" && client.name == "responses" {
				continue // a client of that vendor gets its own items back
			}
			if out := loop(t, c.side, c.answer, client, false, to); strings.Contains(out, `"type":"reasoning"`) {
				t.Errorf("%s through %s: %s", name, client.name, out)
			}
		}
	}
}

// A signature that is no longer good is not sent: not that of another model or
// account, nor one that is none of ours. The call that must have one gets the
// vendor's stand-in; what the vendor refuses nonetheless stays a refusal that
// nobody repeats.
func trapStaleSignature(t *testing.T) {
	c := thinkers()["gemini"]
	to := sideOf("gemini")
	to.target.Origin = "another/one"
	for _, client := range sides() {
		if client.name == "gemini" {
			continue // the client holds the vendor's own signature; routes keep such a conversation where it is
		}
		for _, stream := range []bool{false, true} {
			out := loop(t, c.side, c.answer, client, stream, to)
			if strings.Contains(out, "U0VBTA==") || !strings.Contains(out, `"thoughtSignature":"skip_thought_signature_validator"`) {
				t.Errorf("%s %v: %s", client.name, stream, out)
			}
		}
	}
	forged := goOn(t, sideOf("gemini"), []byte(strings.Replace(c.answer, "U0VBTA==", "Z3cxLm5vbmUub2Ygb3Vycw==", 1)), false)
	req, err := sideOf("gemini").codec.DecodeRequest(forged)
	if err != nil {
		t.Fatal(err)
	}
	if out, _, err := to.codec.EncodeRequest(req, to.target); err != nil || strings.Contains(string(out), "Z3cxLm5vbm") {
		t.Errorf("%v %s", err, out)
	}
	refusal := `{"error":{"code":400,"message":"Invalid thought signature.","status":"INVALID_ARGUMENT"}}`
	failure := to.codec.DecodeError(400, nil, []byte(refusal))
	if failure.Kind != llm.Invalid || failure.Retryable() || failure.Message != "Invalid thought signature." {
		t.Errorf("%v %q", failure.Kind, failure.Message)
	}
}

var fittingID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// An id that another protocol does not take is mapped, and the call and its
// result keep one id on the way back. Mistral's are nine letters or digits.
func trapCallIDs(t *testing.T) {
	mistral := sideOf("chat")
	mistral.target.Native, mistral.target.Quirks.CallIDs = false, "mistral"
	answerBody := `{"id":"c","model":"g","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":null,"tool_calls":[` +
		`{"id":"functions.get:0","type":"function","function":{"name":"get","arguments":"{}"}},` +
		`{"id":"functions.get:1","type":"function","function":{"name":"get","arguments":"{}"}}]}}],"usage":{}}`
	for _, client := range sides() {
		events := sideOf("chat").read(t, answer{false, []byte(answerBody)})
		told := tell(t, events, sideOf("chat"), client, false)
		for _, b := range protocoltest.Read(t, client.codec.NewReader(bytes.NewReader(told), false, client.target)).Blocks {
			if call, ok := b.(llm.ToolCall); ok && client.name == "messages" && !fittingID.MatchString(call.ID) {
				t.Errorf("%s is given the id %q", client.name, call.ID)
			}
		}
		messages := chatMessages(t, loop(t, sideOf("chat"), answerBody, client, false, mistral))
		calls := list(member(messages[1], "tool_calls"))
		if len(calls) != 2 || len(messages) != 4 || word(calls[0], "id") == word(calls[1], "id") {
			t.Fatalf("%s: %v", client.name, messages)
		}
		for i, call := range calls {
			if id := word(call, "id"); len(id) != 9 || strings.ContainsAny(id, "_-") || word(messages[2+i], "tool_call_id") != id {
				t.Errorf("%s: call %q, result %q", client.name, id, word(messages[2+i], "tool_call_id"))
			}
		}
	}
}
