package protocoltest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// rule is one line of how requests are translated: what a client says, and
// what becomes of it at a protocol. A rule that refuses names the field.
type rule struct {
	from, to, said string
	sent           string
	found          string // one finding, as in the header
	refused        string // the field
}

// asked puts members or parts into a small request of a protocol.
func asked(from, said string) string {
	content := `"q"`
	if strings.HasPrefix(said, "{") {
		content, said = "["+said+"]", ""
	}
	if said != "" {
		said = "," + said
	}
	switch from {
	case "chat":
		return `{"model":"m","messages":[{"role":"user","content":` + content + `}]` + said + `}`
	case "messages":
		return `{"model":"m","max_tokens":900,"messages":[{"role":"user","content":` + content + `}]` + said + `}`
	case "gemini":
		return `{"contents":[{"role":"user","parts":` + strings.Replace(content, `"q"`, `[{"text":"q"}]`, 1) + `}]` + said + `}`
	default:
		return `{"model":"m","input":[{"role":"user","content":` + content + `}]` + said + `}`
	}
}

func rules() []rule {
	const (
		image    = `{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}}`
		pdf      = `{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"},"title":"T.pdf"}`
		search   = `"tools":[{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"web_search"}`
		two      = `"tools":[{"type":"function","function":{"name":"a"}},{"type":"function","function":{"name":"b"}}],`
		subset   = two + `"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"a"}}]}}`
		function = `"tools":[{"name":"a","input_schema":{"type":"object"}},`
	)
	return []rule{
		{from: "chat", to: "messages", said: `"n":2`, refused: "n"},
		{from: "chat", to: "responses", said: `"n":2`, refused: "n"},
		{from: "chat", to: "messages", said: `"seed":3`, found: "void; field=seed; reason=not_supported"},
		{from: "chat", to: "responses", said: `"seed":3`, found: "void; field=seed; reason=not_supported"},
		{from: "chat", to: "messages", said: `"logit_bias":{"1":2}`, found: "loss; field=logit_bias; reason=not_supported"},
		{from: "chat", to: "responses", said: `"logit_bias":{"1":2}`, found: "loss; field=logit_bias; reason=not_supported"},
		{from: "chat", to: "messages", said: `"presence_penalty":1`, found: "approx; field=presence_penalty; reason=not_supported"},
		{from: "chat", to: "responses", said: `"verbosity":"low"`, sent: `"text":{"verbosity":"low"}`},
		{from: "chat", to: "messages", said: `"verbosity":"low"`, found: "void; field=verbosity; reason=not_supported"},
		{from: "chat", to: "messages", said: `"metadata":{"a":"b"}`, found: "void; field=metadata; reason=not_supported"},
		{from: "chat", to: "messages", said: `"service_tier":"flex"`, found: "void; field=service_tier; reason=not_supported"},
		{from: "chat", to: "messages", said: `"service_tier":"default"`, sent: `"service_tier":"standard_only"`},
		{from: "messages", to: "responses", said: `"service_tier":"standard_only"`, sent: `"service_tier":"default"`},
		{from: "chat", to: "messages", said: `"user":"u"`, sent: `"metadata":{"user_id":"u"}`},
		{from: "messages", to: "chat", said: `"metadata":{"user_id":"u"}`, sent: `"safety_identifier":"u"`},
		{from: "messages", to: "responses", said: `"metadata":{"user_id":"u"}`, sent: `"safety_identifier":"u"`},
		{from: "messages", to: "chat", said: `"top_k":3`, found: "void; field=top_k; reason=not_supported"},
		{from: "messages", to: "responses", said: `"stop_sequences":["x"]`, found: "loss; field=stop_sequences; reason=not_supported"},
		{from: "chat", to: "messages", said: `"stop":["x"]`, sent: `"stop_sequences":["x"]`},
		{from: "chat", to: "messages", said: `"response_format":{"type":"json_object"}`, found: "approx; field=response_format; reason=json_by_instruction"},

		{from: "chat", to: "messages", said: `{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}`, refused: "messages[0].content[0]"},
		{from: "chat", to: "responses", said: `{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}`, refused: "messages[0].content[0]"},
		{from: "chat", to: "messages", said: `{"type":"image_url","image_url":{"url":"data:image/bmp;base64,AAAA"}}`, refused: "messages[0].content[0]"},
		{from: "chat", to: "messages", said: image, sent: `{"type":"url","url":"https://x/y.png"}`, found: "void; field=messages[0].content[0].detail; reason=not_supported"},
		{from: "responses", to: "chat", said: `{"type":"input_image","image_url":"https://x/y.png","detail":"original"}`, sent: `"detail":"high"`},
		{from: "responses", to: "chat", said: `{"type":"input_file","file_url":"https://x/a.pdf"}`, found: "loss; field=input[0].content[0]; reason=document_by_url"},
		{from: "responses", to: "messages", said: `{"type":"input_file","file_url":"https://x/a.pdf"}`, sent: `{"type":"document","source":{"type":"url","url":"https://x/a.pdf"}}`},
		{from: "chat", to: "messages", said: `{"type":"file","file":{"file_id":"file-1"}}`, refused: "messages[0].content[0]"},
		{from: "messages", to: "chat", said: `{"type":"document","source":{"type":"file","file_id":"f1"}}`, refused: "messages[0].content[0]"},
		{from: "messages", to: "chat", said: pdf, sent: `{"filename":"T.pdf","file_data":"data:application/pdf;base64,AAAA"}`},
		{from: "messages", to: "responses", said: pdf, sent: `"filename":"T.pdf","file_data":"data:application/pdf;base64,AAAA"`},
		{from: "messages", to: "chat", said: `{"type":"search_result","source":"https://x","title":"T","content":[{"type":"text","text":"hello"}]}`, sent: `T\n\nhttps://x\n\nhello`},
		{from: "messages", to: "responses", said: `{"type":"container_upload","file_id":"f1"}`, refused: "messages[0].content[0]"},

		{from: "messages", to: "responses", said: search, sent: `"tool_choice":{"type":"web_search"}`, found: "approx; field=tools[0]; reason=web_search_of_the_upstream"},
		{from: "messages", to: "chat", said: search, refused: "tool_choice"},
		{from: "responses", to: "messages", said: `"tools":[{"type":"web_search"}],"tool_choice":"required"`, refused: "tool_choice"},
		{from: "messages", to: "chat", said: function + `{"type":"of_tomorrow_20270101","name":"x"}]`, found: "loss; field=tools[1]; reason=hosted_tool_not_supported"},
		{from: "messages", to: "responses", said: function + `{"type":"of_tomorrow_20270101","name":"x"}]`, found: "loss; field=tools[1]; reason=not_supported"},
		{from: "messages", to: "chat", said: function + `{"type":"bash_20250124","name":"bash"}]`, sent: `"properties":{"command":{"type":"string"}`},
		{from: "messages", to: "chat", said: function + `{"name":"d","defer_loading":true,"input_schema":{"type":"object"}}]`, found: "approx; field=tools[1]; reason=deferred_tool_withheld"},
		{from: "messages", to: "chat", said: `"container":"c"`, refused: "container"},
		{from: "messages", to: "responses", said: `"mcp_servers":[{"type":"url","url":"https://x","name":"n"}]`, refused: "mcp_servers"},
		{from: "chat", to: "messages", said: subset, sent: `"tool_choice":{"type":"any"}`, found: "approx; field=tools[1].function; reason=not_among_allowed_tools"},
		{from: "chat", to: "responses", said: subset, sent: `"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"a"}]}`},
		{from: "chat", to: "messages", said: two + `"tool_choice":"none","parallel_tool_calls":false`, sent: `"tool_choice":{"type":"none"}`},

		{from: "messages", to: "chat", said: `"output_config":{"effort":"low"}`, sent: `"reasoning_effort":"low"`},
		{from: "messages", to: "chat", said: `"thinking":{"type":"adaptive"}`, sent: `"reasoning_effort":"high"`},
		{from: "messages", to: "chat", said: `"thinking":{"type":"disabled"}`, sent: `"reasoning_effort":"low"`, found: "approx; field=thinking; reason=lowest_effort"},
		{from: "messages", to: "responses", said: `"thinking":{"type":"disabled"}`, sent: `"effort":"low"`, found: "approx; field=thinking; reason=lowest_effort"},
		{from: "chat", to: "messages", said: `"reasoning_effort":"none"`, sent: `"thinking":{"type":"disabled"}`},
		{from: "chat", to: "messages", said: `"reasoning_effort":"xhigh"`, sent: `"thinking":{"type":"enabled","budget_tokens":32768}`},
		{from: "messages", to: "responses", said: `"thinking":{"type":"adaptive","display":"omitted"}`, sent: `"reasoning":{"effort":"high"}`},
	}
}

// TestTables holds translated requests against the tables of the rules, a
// line for each.
func TestTables(t *testing.T) {
	for _, r := range rules() {
		t.Run(fmt.Sprintf("%s-to-%s %.60s", r.from, r.to, r.said), func(t *testing.T) {
			to := sideOf(r.to)
			req, err := sideOf(r.from).codec.DecodeRequest([]byte(asked(r.from, r.said)))
			if err != nil {
				t.Fatal(err)
			}
			out, findings, err := to.codec.EncodeRequest(req, to.target)
			if r.refused != "" {
				if e := llm.AsError(err); e == nil || e.Kind != llm.Invalid || e.Field != r.refused {
					t.Errorf("got %s %v, want a refusal of %s", out, err, r.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(out), r.sent) {
				t.Errorf("%s is not in %s", r.sent, out)
			}
			got := make([]string, len(findings))
			for i, f := range findings {
				got[i] = f.String()
			}
			if all := strings.Join(got, ", "); all != r.found {
				t.Errorf("found %q, want %q", all, r.found)
			}
		})
	}
}

// TestSearchesOfTheVendor carries a conversation in which the vendor searched:
// what it found is in its answer, and nothing of meaning is lost.
func TestSearchesOfTheVendor(t *testing.T) {
	for _, to := range []string{"chat", "messages"} {
		out, findings := carried(t, sideOf("responses"), sideOf(to), `{"model":"m","input":[{"role":"user","content":"q"},
			{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"x"}},
			{"role":"assistant","content":"found"},{"role":"user","content":"r"}]}`)
		if len(findings) != 1 || findings[0].Class != llm.Dropped || findings[0].Field != "input[1]" || !strings.Contains(out, "found") {
			t.Errorf("%s: %s %v", to, out, findings)
		}
	}
}
