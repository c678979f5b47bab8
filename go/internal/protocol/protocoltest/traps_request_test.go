package protocoltest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// carried translates a request and returns what the upstream is sent.
func carried(t *testing.T, from, to side, body string) (string, []llm.Finding) {
	t.Helper()
	req, err := from.codec.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	out, findings, err := to.codec.EncodeRequest(req, to.target)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), findings
}

// found reports whether a finding of a class is about a field.
func found(findings []llm.Finding, class llm.FindingClass, field string) bool {
	for _, f := range findings {
		if f.Class == class && strings.Contains(f.Field, field) {
			return true
		}
	}
	return false
}

// shapes are the roles of a conversation in order, with the kinds of what each
// turn holds.
func shapes(t *testing.T, body string) string {
	t.Helper()
	m := parsed(t, []byte(body))
	var out []string
	for _, message := range append(list(m["messages"]), list(m["input"])...) {
		shape := word(message, "role")
		if shape == "" {
			shape = word(message, "type")
		}
		for _, block := range list(member(message, "content")) {
			shape += "+" + word(block, "type")
		}
		if calls := list(member(message, "tool_calls")); len(calls) > 0 {
			shape += fmt.Sprintf("+%d calls", len(calls))
		}
		out = append(out, shape)
	}
	return strings.Join(out, " ")
}

// A reasoning item always has a summary, be it empty.
func trapNoSummary(t *testing.T) {
	out, _ := carried(t, sideOf("responses"), sideOf("responses"),
		`{"model":"m","input":[{"role":"user","content":"q"},{"type":"reasoning","encrypted_content":"AAA="},{"role":"assistant","content":"x"},{"role":"user","content":"r"}]}`)
	if !strings.Contains(out, `{"type":"reasoning","summary":[],"encrypted_content":"AAA="}`) {
		t.Error(out)
	}
}

// Fields of Anthropic's own reach no one else, and no server of its protocol
// that refuses them.
func trapForeignBetas(t *testing.T) {
	body := `{"max_tokens":9,"context_management":{"edits":[]},"messages":[{"role":"user","content":"q"}]}`
	for _, to := range sides() {
		bare := to
		bare.target.Native, bare.target.Quirks.DropFields = false, []string{"context_management"}
		for _, to := range []side{to, bare} {
			out, findings := carried(t, sideOf("messages"), to, body)
			own := to.name == "messages" && to.target.Native
			if strings.Contains(out, "context_management") != own || found(findings, llm.Dropped, "context_management") == own {
				t.Errorf("%s: %s %v", to.name, out, findings)
			}
		}
	}
}

// Claude Code asks for one token, or none, to see whether its key works.
func trapProbes(t *testing.T) {
	for tokens, wants := range map[int]map[string]string{
		0: {"chat": `"max_completion_tokens":1`, "responses": `"max_output_tokens":16`, "messages": `"max_tokens":0`},
		1: {"chat": `"max_completion_tokens":1`, "responses": `"max_output_tokens":16`, "messages": `"max_tokens":1`},
	} {
		for name, want := range wants {
			out, findings := carried(t, sideOf("messages"), sideOf(name), fmt.Sprintf(`{"max_tokens":%d,"messages":[{"role":"user","content":"quota"}]}`, tokens))
			exact := strings.HasSuffix(want, fmt.Sprintf("%q:%d", "max_tokens", tokens)) || name == "chat" && tokens == 1
			if !strings.Contains(out, want+",") && !strings.Contains(out, want+"}") || found(findings, llm.Approximated, "max_tokens") == exact {
				t.Errorf("%s %d: %s %v", name, tokens, out, findings)
			}
		}
	}
}

// An instruction in mid-conversation keeps its place.
func trapMidwayInstruction(t *testing.T) {
	bodies := map[string]string{
		"messages":  `{"max_tokens":9,"system":"S","messages":[{"role":"user","content":"q"},{"role":"system","content":"rule"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]}`,
		"chat":      `{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"q"},{"role":"developer","content":"rule"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]}`,
		"responses": `{"model":"m","instructions":"S","input":[{"role":"user","content":"q"},{"role":"developer","content":"rule"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]}`,
	}
	for name, body := range bodies {
		for to, want := range map[string]string{
			"chat":      "developer user developer assistant user",
			"responses": "user+input_text developer+input_text assistant+output_text user+input_text",
			"messages":  "user+text+text assistant+text user+text",
		} {
			out, _ := carried(t, sideOf(name), sideOf(to), body)
			if got := shapes(t, out); got != want {
				t.Errorf("%s to %s: %s", name, to, got)
			}
		}
		midway := sideOf("messages")
		midway.target.Midway = true
		out, _ := carried(t, sideOf(name), midway, body)
		if got := shapes(t, out); got != "user+text system+text assistant+text user+text" {
			t.Errorf("%s to a model that takes it: %s", name, got)
		}
	}
}

// An answer that the client has begun is gone on with, or asked for in words.
func trapPrefill(t *testing.T) {
	for name, body := range map[string]string{
		"messages":  `{"max_tokens":99,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"{ "}]}`,
		"chat":      `{"model":"m","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"{ "}]}`,
		"responses": `{"model":"m","input":[{"role":"user","content":"q"},{"role":"assistant","content":"{ "}]}`,
	} {
		for _, to := range sides() {
			for _, prefill := range []bool{true, false} {
				to.target.Prefill = prefill
				out, findings := carried(t, sideOf(name), to, body)
				got := shapes(t, out)
				last := strings.HasPrefix(got[strings.LastIndexByte(got, ' ')+1:], "assistant")
				if to.name == "gemini" {
					last = strings.LastIndex(out, `"model"`) > strings.LastIndex(out, `"user"`)
				}
				if last != prefill || len(findings) == 0 != prefill {
					t.Errorf("%s to %s, prefill %t: %s %v", name, to.name, prefill, got, findings)
				}
				if prefill && to.name == "messages" && strings.Contains(out, `{ "`) {
					t.Errorf("white space at the end is refused: %s", out)
				}
			}
		}
	}
}

// What is counted is what the client sent, with nothing of ours in it.
func trapCountIsPure(t *testing.T) {
	s := sideOf("messages")
	body := protocoltest.File("40-small", "count_tokens.request.json")
	head, err := s.codec.Peek(llm.CountTokens, body)
	if err != nil {
		t.Fatal(err)
	}
	to := s.target
	to.Model = "claude-opus-4-8"
	parts, err := s.codec.Patch(body, head, to)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Replace(body, []byte(`"claude-sonnet-4-5"`), []byte(`"claude-opus-4-8"`), 1)
	if got := bytes.Join(parts, nil); !bytes.Equal(got, want) {
		t.Errorf("%s", got)
	}
	m := s.codec.NewMeter(protocol.Head{Operation: llm.CountTokens})
	if v := m.Observe(protocoltest.File("40-small", "count_tokens.response.json")); v == protocol.Failure {
		t.Errorf("verdict %v, %v", v, m.Err())
	}
}

// A request to sum up a conversation that no one else can is refused, rather
// than answered with something else.
func trapCompaction(t *testing.T) {
	refused(t, string(protocoltest.File("32-codex-compaction", "responses.request.json")), `{"type":"compaction_trigger"}`)
}

// An item that nobody knows goes to its own protocol as it came, and is
// refused to others.
func trapUnknownItems(t *testing.T) {
	item := `{"type":"of_tomorrow","a":[1,{"b":null}]}`
	refused(t, `{"model":"m","input":[{"role":"user","content":"q"},`+item+`,{"role":"user","content":"r"}]}`, item)
}

func refused(t *testing.T, body, item string) {
	t.Helper()
	req, err := sideOf("responses").codec.DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range sides() {
		out, _, err := to.codec.EncodeRequest(req, to.target)
		if to.name != "responses" {
			if e := llm.AsError(err); e == nil || e.Kind != llm.Invalid || e.Field != "input[1]" {
				t.Errorf("%s: %s %v", to.name, out, err)
			}
		} else if err != nil || !strings.Contains(protocoltest.Canonical(out), protocoltest.Canonical([]byte(item))) {
			t.Errorf("%s: %s %v", to.name, out, err)
		}
	}
}

// Models that draw by themselves are not told how to.
func trapSampling(t *testing.T) {
	const settings = `"temperature":1.5,"top_p":0.9`
	bodies := map[string]string{
		"chat":      `{"model":"m","messages":[{"role":"user","content":"q"}],` + settings + `}`,
		"responses": `{"model":"m","input":"q",` + settings + `}`,
	}
	for name, body := range bodies {
		for _, to := range sides() {
			to.target.Reasoning = true
			out, findings := carried(t, sideOf(name), to, body)
			if strings.Contains(out, "temperature") || strings.Contains(out, "top_p") || !found(findings, llm.Dropped, "temperature") || !found(findings, llm.Dropped, "top_p") {
				t.Errorf("%s to %s: %s %v", name, to.name, out, findings)
			}
			to.target.Reasoning = false
			out, findings = carried(t, sideOf(name), to, body)
			both := strings.Contains(out, `"temperature":1.5`) && (strings.Contains(out, `"top_p":0.9`) || strings.Contains(out, `"topP":0.9`))
			clamped := strings.Contains(out, `"temperature":1`) && !strings.Contains(out, "top_p") && found(findings, llm.Approximated, "temperature")
			if to.name == "messages" && !clamped || to.name != "messages" && !both {
				t.Errorf("%s to %s: %s %v", name, to.name, out, findings)
			}
		}
	}
}

// Codex sends items that the published description does not allow.
func trapLooseItems(t *testing.T) {
	body := `{"model":"m","reasoning":null,"tools":[],"input":[{"role":"user","content":[{"type":"input_text","text":"q"}]},
		{"type":"reasoning","summary":[],"encrypted_content":"AAA="},
		{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},
		{"role":"user","content":"r"}]}`
	for _, to := range sides() {
		out, _ := carried(t, sideOf("responses"), to, body)
		if got := strings.Count(out, `"role":`); got != 3 || strings.Contains(out, "null") {
			t.Errorf("%s: %s", to.name, out)
		}
	}
}

// Every pair of protocols carries a request, an answer, a stream and an error.
func trapEveryPair(t *testing.T) {
	for _, client := range sides() {
		for _, up := range sides() {
			out, _ := carried(t, client, up, string(request("01-plain", client.name)))
			if _, err := up.codec.DecodeRequest([]byte(out)); err != nil {
				t.Errorf("%s to %s: %v", client.name, up.name, err)
			}
			for _, a := range answers("01-plain", up.name) {
				if told := tell(t, up.read(t, a), up, client, a.stream); !bytes.Contains(told, []byte("🚀")) {
					t.Errorf("%s to %s: %s", up.name, client.name, told)
				}
			}
			failure := up.codec.DecodeError(500, nil, nil)
			if status, _, body := client.codec.EncodeError(failure, protocol.Head{}); status != 500 || !bytes.Contains(body, []byte(`"error"`)) {
				t.Errorf("%s to %s: %d %s", up.name, client.name, status, body)
			}
		}
	}
}
