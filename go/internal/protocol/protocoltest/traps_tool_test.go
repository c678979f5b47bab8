package protocoltest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

const tools = `"tools":[{"type":"function","name":"get","parameters":{"type":"object"}}]`

// Codex writes a message between a call and its output.
func trapMessageBeforeOutput(t *testing.T) {
	body := `{"model":"m",` + tools + `,"input":[{"role":"user","content":"q"},{"type":"function_call","call_id":"a","name":"get","arguments":"{}"},
		{"role":"assistant","content":"Looking."},{"type":"function_call_output","call_id":"a","output":"1"}]}`
	for name, want := range map[string]string{
		"chat":      "user assistant+1 calls tool",
		"messages":  "user+text assistant+text+tool_use user+tool_result",
		"responses": "user+input_text assistant+output_text function_call function_call_output",
	} {
		out, _ := carried(t, sideOf("responses"), sideOf(name), body)
		if got := shapes(t, out); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The results of parallel calls are one turn, in the order of the calls and
// before any words.
func trapResultsFirst(t *testing.T) {
	calls := `{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"get","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"get","arguments":"{}"}}]}`
	out, _ := carried(t, sideOf("chat"), sideOf("messages"), `{"model":"m","messages":[{"role":"user","content":"q"},`+calls+
		`,{"role":"tool","tool_call_id":"b","content":"B"},{"role":"tool","tool_call_id":"a","content":"A"},{"role":"user","content":"and?"}]}`)
	if got := shapes(t, out); got != "user+text assistant+tool_use+tool_use user+tool_result+tool_result+text" {
		t.Error(got)
	}
	if strings.Index(out, `"tool_use_id":"a"`) > strings.Index(out, `"tool_use_id":"b"`) {
		t.Errorf("the order of the calls is lost: %s", out)
	}
	body := `{"max_tokens":9,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"get","input":{}},{"type":"tool_use","id":"b","name":"get","input":{}}]},
		{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"A"},{"type":"tool_result","tool_use_id":"b","content":"B","is_error":true},{"type":"text","text":"and?"}]}]}`
	out, findings := carried(t, sideOf("messages"), sideOf("chat"), body)
	if got := shapes(t, out); got != "user assistant+2 calls tool tool user" || strings.Count(out, "Error: B") != 1 || !found(findings, llm.Approximated, "is_error") {
		t.Errorf("%s\n%s %v", got, out, findings)
	}
}

// What strict means when it is not said differs: in Responses, try.
func trapStrict(t *testing.T) {
	const schema = `{"type":"object","properties":{"a":{"type":"string"}}}`
	bodies := map[string]string{
		"chat":      `{"model":"m","messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":"get","parameters":` + schema + `%s}}]}`,
		"messages":  `{"max_tokens":9,"messages":[{"role":"user","content":"q"}],"tools":[{"name":"get","input_schema":` + schema + `%s}]}`,
		"responses": `{"model":"m","input":"q","tools":[{"type":"function","name":"get","parameters":` + schema + `%s}]}`,
	}
	for name, body := range bodies {
		for _, to := range sides() {
			silent, _ := carried(t, sideOf(name), to, fmt.Sprintf(body, ""))
			if strings.Contains(silent, `"strict":true`) || to.name == "responses" && name != "responses" && !strings.Contains(silent, `"strict":false`) {
				t.Errorf("%s to %s: %s", name, to.name, silent)
			}
			if said, findings := carried(t, sideOf(name), to, fmt.Sprintf(body, `,"strict":true`)); !strings.Contains(said, `"strict":true`) &&
				!found(findings, llm.Dropped, ".strict") { // Gemini has no word for it
				t.Errorf("%s to %s: %s", name, to.name, said)
			}
		}
	}
}

// Tools, what is said about their use, and the reason to stop reach the other
// side on every path.
func trapToolsOnEveryPath(t *testing.T) {
	bodies := map[string]string{
		"chat":      `{"model":"m","messages":[{"role":"user","content":"q"}],"tools":[{"type":"function","function":{"name":"get","parameters":{"type":"object"}}}],"tool_choice":{"type":"function","function":{"name":"get"}},"parallel_tool_calls":false}`,
		"messages":  `{"max_tokens":9,"messages":[{"role":"user","content":"q"}],"tools":[{"name":"get","input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"get","disable_parallel_tool_use":true}}`,
		"responses": `{"model":"m","input":"q",` + tools + `,"tool_choice":{"type":"function","name":"get"},"parallel_tool_calls":false}`,
	}
	wants := map[string][]string{
		"chat":      {`"name":"get"`, `"tool_choice":{"type":"function","function":{"name":"get"}}`, `"parallel_tool_calls":false`},
		"messages":  {`"name":"get"`, `"tool_choice":{"type":"tool","name":"get","disable_parallel_tool_use":true}`},
		"responses": {`"name":"get"`, `"tool_choice":{"type":"function","name":"get"}`, `"parallel_tool_calls":false`},
	}
	for name, body := range bodies {
		for _, to := range sides() {
			out, _ := carried(t, sideOf(name), to, body)
			for _, want := range wants[to.name] {
				if !strings.Contains(out, want) {
					t.Errorf("%s to %s misses %s: %s", name, to.name, want, out)
				}
			}
		}
	}
	for _, from := range sides() {
		events := from.read(t, answer{false, protocoltest.File("07-tool-no-args", from.name+".response.json")})
		for _, to := range sides() {
			for _, stream := range []bool{false, true} {
				told := string(tell(t, events, from, to, stream))
				want := map[string]string{"chat": `"finish_reason":"tool_calls"`, "messages": `"stop_reason":"tool_use"`, "responses": `"status":"completed"`}[to.name]
				if !strings.Contains(told, want) {
					t.Errorf("%s to %s: %s", from.name, to.name, told)
				}
			}
		}
	}
}

// The input of a custom tool is unwrapped once where a function stood in for
// the tool, and never where the model wrote it plain: it may be JSON itself.
func trapInputIsKept(t *testing.T) {
	const input = `{"code":"x"}`
	plain := `{"id":"r","model":"g","status":"completed","output":[{"type":"custom_tool_call","id":"ctc_1","call_id":"a","name":"exec","input":"{\"code\":\"x\"}"}],"usage":{}}`
	wrapped := `{"id":"m","model":"c","content":[{"type":"tool_use","id":"a","name":"exec","input":{"input":"{\"code\":\"x\"}"}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}`
	for name, body := range map[string]string{"responses": plain, "messages": wrapped} {
		events := sideOf(name).read(t, answer{false, []byte(body)})
		for i := range events {
			if call, ok := events[i].Block.(llm.ToolCall); ok && events[i].Type == llm.BlockStart {
				call.Kind = llm.CustomTool // as the client has declared it
				events[i].Block = call
			}
		}
		for _, client := range []string{"chat", "responses"} {
			for _, stream := range []bool{false, true} {
				out := tell(t, events, sideOf(name), sideOf(client), stream)
				a := protocoltest.Read(t, sideOf(client).codec.NewReader(bytes.NewReader(out), stream, sideOf(client).target))
				if call, ok := a.Blocks[0].(llm.ToolCall); !ok || call.Arguments != input || call.Kind != llm.CustomTool {
					t.Errorf("%s to %s: %+v\n%s", name, client, a.Blocks, out)
				}
			}
		}
	}
}

// A JSON Schema goes where Gemini takes one, as it is, and never where only
// the vendor's own subset of its words is known.
func trapSchemaWords(t *testing.T) {
	const words = `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","$defs":{"a":{"const":1}},"properties":{` +
		`"a":{"$ref":"#/$defs/a"},"b":{"type":["string","null"]},"c":{"oneOf":[{"type":"integer","exclusiveMinimum":0}]}},` +
		`"additionalProperties":false,"patternProperties":{"^x":{}}}`
	for _, c := range []struct{ from, body string }{
		{"chat", `"tools":[{"type":"function","function":{"name":"f","parameters":` + words + `}}],"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":` + words + `}}`},
		{"responses", `"tools":[{"type":"function","name":"f","strict":false,"parameters":` + words + `}],"text":{"format":{"type":"json_schema","name":"x","schema":` + words + `}}`},
		{"messages", `"tools":[{"name":"f","input_schema":` + words + `}],"output_config":{"format":{"type":"json_schema","schema":` + words + `}}`},
		{"gemini", `"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":` + words + `}]}],"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":` + words + `}`},
	} {
		out, _ := carried(t, sideOf(c.from), sideOf("gemini"), asking(c.from, c.body))
		for _, want := range []string{`"parametersJsonSchema":` + words, `"responseJsonSchema":` + words} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %.30s in %s", c.from, want, out)
			}
		}
		if strings.Contains(out, `"parameters":`) || strings.Contains(out, `"responseSchema":`) {
			t.Errorf("%s: %s", c.from, out)
		}
	}
}

// asking is a small request of a protocol with more members.
func asking(protocolName, more string) string {
	switch protocolName {
	case "gemini":
		return `{"contents":[{"role":"user","parts":[{"text":"q"}]}],` + more + `}`
	case "responses":
		return `{"model":"m","input":"q",` + more + `}`
	case "messages":
		return `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"q"}],` + more + `}`
	}
	return `{"model":"m","messages":[{"role":"user","content":"q"}],` + more + `}`
}
