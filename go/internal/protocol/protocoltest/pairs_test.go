package protocoltest_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/docstest"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// feature is something a client may ask for, in the words of each protocol
// that has it: members, or parts where the text begins with "{".
type feature struct {
	name                              string
	chat, responses, messages, gemini string
}

func features() []feature {
	const (
		png    = "iVBORw0KGgo="
		schema = `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`
	)
	return []feature{
		{"text", `"x_none":null`, `"x_none":null`, `"x_none":null`, `"labels":null`},
		{
			"image by content", `{"type":"image_url","image_url":{"url":"data:image/png;base64,` + png + `"}}`,
			`{"type":"input_image","image_url":"data:image/png;base64,` + png + `"}`,
			`{"type":"image","source":{"type":"base64","media_type":"image/png","data":"` + png + `"}}`,
			`{"inlineData":{"mimeType":"image/png","data":"` + png + `"}}`,
		},
		{
			"image by URL", `{"type":"image_url","image_url":{"url":"https://x/y.png"}}`, `{"type":"input_image","image_url":"https://x/y.png"}`,
			`{"type":"image","source":{"type":"url","url":"https://x/y.png"}}`, `{"fileData":{"mimeType":"image/png","fileUri":"https://x/y.png"}}`,
		},
		{
			"PDF by content", `{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}}`,
			`{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,AAAA"}`,
			`{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}`,
			`{"inlineData":{"mimeType":"application/pdf","data":"AAAA"}}`,
		},
		{"audio", `{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}`, "", "", `{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}}`},
		{"file held by the vendor", `{"type":"file","file":{"file_id":"file-1"}}`, `{"type":"input_file","file_id":"file-1"}`, `{"type":"document","source":{"type":"file","file_id":"f1"}}`, `{"fileData":{"fileUri":"files/1","mimeType":"application/pdf"}}`},
		{
			"functions", `"tools":[{"type":"function","function":{"name":"a","parameters":` + schema + `}}]`, `"tools":[{"type":"function","name":"a","parameters":` + schema + `,"strict":false}]`,
			`"tools":[{"name":"a","input_schema":` + schema + `}]`, `"tools":[{"functionDeclarations":[{"name":"a","parametersJsonSchema":` + schema + `}]}]`,
		},
		{
			"forced function", `"tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":"required"`, `"tools":[{"type":"function","name":"a","strict":false}],"tool_choice":"required"`,
			`"tools":[{"name":"a","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}`, `"tools":[{"functionDeclarations":[{"name":"a"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}`,
		},
		{"one call at a time", `"tools":[{"type":"function","function":{"name":"a"}}],"parallel_tool_calls":false`, `"tools":[{"type":"function","name":"a","strict":false}],"parallel_tool_calls":false`, `"tools":[{"name":"a","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}`, ""},
		{"web search of the vendor", "", `"tools":[{"type":"web_search"}]`, `"tools":[{"type":"web_search_20250305","name":"web_search"}]`, `"tools":[{"googleSearch":{}}]`},
		{
			"answer by a JSON Schema", `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":` + schema + `}}`, `"text":{"format":{"type":"json_schema","name":"x","schema":` + schema + `}}`,
			`"output_config":{"format":{"type":"json_schema","schema":` + schema + `}}`, `"generationConfig":{"responseMimeType":"application/json","responseJsonSchema":` + schema + `}`,
		},
		{"any JSON", `"response_format":{"type":"json_object"}`, `"text":{"format":{"type":"json_object"}}`, "", `"generationConfig":{"responseMimeType":"application/json"}`},
		{"how much to think", `"reasoning_effort":"medium"`, `"reasoning":{"effort":"medium"}`, `"thinking":{"type":"adaptive"}`, `"generationConfig":{"thinkingConfig":{"thinkingLevel":"MEDIUM"}}`},
		{"thinking off", `"reasoning_effort":"none"`, `"reasoning":{"effort":"none"}`, `"thinking":{"type":"disabled"}`, `"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}`},
		{"stop sequences", `"stop":["x"]`, "", `"stop_sequences":["x"]`, `"generationConfig":{"stopSequences":["x"]}`},
		{"temperature", `"temperature":0.5`, `"temperature":0.5`, `"temperature":0.5`, `"generationConfig":{"temperature":0.5}`},
		{"top k", "", "", `"top_k":3`, `"generationConfig":{"topK":3}`},
		{"seed", `"seed":3`, "", "", `"generationConfig":{"seed":3}`},
		{"penalties", `"presence_penalty":1`, "", "", `"generationConfig":{"presencePenalty":1}`},
		{"log probabilities", `"logprobs":true`, `"top_logprobs":2`, "", `"generationConfig":{"responseLogprobs":true}`},
		{"several answers", `"n":2`, "", "", `"generationConfig":{"candidateCount":2}`},
		{"safety settings", "", "", "", `"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"}]`},
		{"cached content of the vendor", "", "", "", `"cachedContent":"cachedContents/1"`},
	}
}

func (f feature) in(protocolName string) string {
	return map[string]string{"chat": f.chat, "responses": f.responses, "messages": f.messages, "gemini": f.gemini}[protocolName]
}

// becomes is what a target makes of a request: the worst that was found.
func becomes(t *testing.T, from, to side, f feature) string {
	t.Helper()
	if from.name == to.name {
		return "bytes"
	}
	body := []byte(asked(from.name, f.in(from.name)))
	req, err := from.codec.DecodeRequest(body)
	if err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	target := to.target
	target.Reasoning = strings.Contains(f.name, "think")
	_, findings, err := to.codec.EncodeRequest(req, target)
	if err != nil {
		return "400"
	}
	worst := llm.Finding{}
	for _, f := range findings {
		if at := unsaid(body, f.Field); at != "" {
			t.Errorf("%s of %s: the request has no %s", f, body, at)
		}
		if f.Class > worst.Class {
			worst = f
		}
	}
	if worst.Class == 0 {
		return "carried"
	}
	return fmt.Sprintf("%s, `%s`", worst.Class, worst.Reason)
}

func matrix(t *testing.T) string {
	t.Helper()
	titles := map[string]string{"chat": "Chat", "responses": "Responses", "messages": "Messages", "gemini": "Gemini"}
	var b strings.Builder
	for _, from := range sides() {
		fmt.Fprintf(&b, "\nA %s client asks for", titles[from.name])
		line := "\n|---|"
		for _, to := range sides() {
			fmt.Fprintf(&b, " | to %s", titles[to.name])
			line += "---|"
		}
		b.WriteString(" |" + line + "\n")
		for _, f := range features() {
			if f.in(from.name) == "" {
				continue
			}
			fmt.Fprintf(&b, "| %s |", f.name)
			for _, to := range sides() {
				fmt.Fprintf(&b, " %s |", becomes(t, from, to, f))
			}
			b.WriteString("\n")
		}
	}
	return strings.ReplaceAll(b.String(), "\nA ", "\n| A ") + "\n"
}

// TestMatrix writes what becomes of what a client asks for, for every pair,
// into the page on translation.
func TestMatrix(t *testing.T) {
	docstest.Table(t, "../../../../docs/translation.md",
		"<!-- matrix: made by go test ./internal/protocol/protocoltest -run TestMatrix -update -->\n", "<!-- end of matrix -->", matrix(t), flag.Lookup("update").Value.String() == "true")
}
