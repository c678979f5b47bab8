package gemini_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/gemini"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

func codec() *gemini.Codec { return gemini.New(protocol.NewSealer(bytes.Repeat([]byte{7}, 32))) }

// describe writes a request down for people.
func describe(req *llm.Request) []byte {
	var b bytes.Buffer
	blocks := func(role string, list []llm.Block) {
		for _, block := range list {
			words := protocoltest.Words(block)
			switch x := block.(type) {
			case llm.ToolResult:
				words = fmt.Sprintf("result of %s, failed %t", x.CallID, x.Failed)
				for _, inner := range x.Blocks {
					words += " | " + protocoltest.Words(inner)
				}
			case llm.Media:
				words = fmt.Sprintf("media %s %s %s%s%.20s", x.Kind, x.MIME, x.URL, x.FileID, x.Data)
			case llm.ToolCall:
				words += " seal " + x.Seal
			case llm.Thought:
				words += " seal " + x.Seal
			default:
			}
			fmt.Fprintf(&b, "%s: %s\n", role, words)
		}
	}
	blocks("system", req.System)
	for _, turn := range req.Turns {
		blocks(string(turn.Role), turn.Blocks)
	}
	for _, t := range req.Tools {
		fmt.Fprintf(&b, "tool: %s %s (%s) %s%s\n", t.Kind, t.Name, t.Description, t.Schema, t.Raw)
	}
	for _, v := range []any{req.ToolChoice, req.Sampling, req.Reasoning, req.Format} {
		out, err := json.Marshal(v)
		if err != nil {
			out = []byte(err.Error())
		}
		fmt.Fprintf(&b, "%T: %s\n", v, out)
	}
	for _, x := range req.Extra {
		fmt.Fprintf(&b, "extra: %s %s\n", x.Field, x.Raw)
	}
	return b.Bytes()
}

func TestRequests(t *testing.T) {
	n := 0
	for _, name := range protocoltest.Cases(t) {
		body := protocoltest.File(name, "gemini.request.json")
		if body == nil {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			req, err := codec().DecodeRequest(body)
			if err != nil {
				t.Fatal(err)
			}
			if len(req.Extra) > 0 {
				t.Errorf("not understood: %v", req.Extra)
			}
			protocoltest.Golden(t, "requests/"+name+".txt", describe(req))
		})
	}
	if n < 14 {
		t.Errorf("only %d requests", n)
	}
}

func TestBothSpellings(t *testing.T) {
	camel := `{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"QQ=="}},{"functionResponse":{"name":"f","response":{"output":"x"}}}]}],"generationConfig":{"maxOutputTokens":5,"thinkingConfig":{"thinkingBudget":0}},"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}}}`
	snake := `{"system_instruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"QQ=="}},{"function_response":{"name":"f","response":{"output":"x"}}}]}],"generation_config":{"max_output_tokens":5,"thinking_config":{"thinking_budget":0}},"tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}}}`
	var told [2]string
	for i, body := range []string{camel, snake} {
		req, err := codec().DecodeRequest([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		told[i] = string(describe(req))
	}
	if told[0] != told[1] || !strings.Contains(told[0], `"Mode":"named"`) {
		t.Errorf("camelCase:\n%s\nsnake_case:\n%s", told[0], told[1])
	}
}

func TestWholeRequest(t *testing.T) {
	body := `{"contents":[
		{"role":"user","parts":[{"text":"hi"},{"fileData":{"mimeType":"video/mp4","fileUri":"https://generativelanguage.googleapis.com/v1beta/files/x"},"videoMetadata":{"fps":2}}]},
		{"role":"model","parts":[{"text":"hm","thought":true,"thoughtSignature":"c2ln"},{"text":"so","thoughtSignature":"dHh0"},{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"name":"f"}},{"executableCode":{"language":"PYTHON","code":"1"}}]},
		{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"error":"no"}}},{"functionResponse":{"name":"f","response":{"a":1,"b":2}}}]}],
		"tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"nullable":{"type":"STRING","nullable":true},"l":{"type":"ARRAY","items":{"type":"INTEGER"},"minItems":"1"}},"propertyOrdering":["l"]}}]},{"googleSearch":{}}],
		"safetySettings":[{"category":"X"}],"cachedContent":"cachedContents/1",
		"generationConfig":{"candidateCount":2,"topK":40,"seed":7,"responseSchema":{"type":"STRING"},"responseMimeType":"application/json","thinkingConfig":{"thinkingBudget":-1,"includeThoughts":true},"speechConfig":{}}}`
	req, err := codec().DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	protocoltest.Golden(t, "requests/whole.txt", describe(req))
}

func TestBadRequests(t *testing.T) {
	for body, field := range map[string]string{
		`{}`:                            "contents",
		`{"contents":[]}`:               "contents",
		`{"contents":{}}`:               "contents",
		`{"contents":[{"parts":[{}]}]}`: "contents[0].parts[0]",
		`{"contents":[{"role":"assistant","parts":[]}]}`:                                                           "contents[0].role",
		`{"contents":[{"parts":[{"functionCall":{"name":"f","args":[]}}]}]}`:                                       "contents[0].parts[0].functionCall.args",
		`{"contents":[{"parts":[{"functionCall":{}}]}]}`:                                                           "contents[0].parts[0].functionCall.name",
		`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"topK":"4"}}`:                                  "generationConfig.topK",
		`{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"thinkingConfig":{"thinkingLevel":"SOME"}}}`:   "generationConfig.thinkingConfig.thinkingLevel",
		`{"contents":[{"parts":[{"text":"x"}]}],"tool_config":{"function_calling_config":{"mode":"SOMETIMES"}}}`:   "tool_config.function_calling_config.mode",
		`{"contents":[{"parts":[{"text":"x"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":1}]}]}`: "tools[0].functionDeclarations[0].parameters",
		`{"contents":[],"contents":[]}`:                                                                            "contents",
		`[]`:                                                                                                       "",
		`{"contents":`:                                                                                             "",
	} {
		_, err := codec().DecodeRequest([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.Invalid || e.Field != field {
			t.Errorf("%s: %#v", body, err)
		}
	}
}

type shape struct {
	Words  []string
	Seals  string
	Tokens [4]int64
	Stop   llm.StopReason
	Err    string
}

func shapeOf(a protocoltest.Answer) string {
	u := a.Usage
	s := shape{Stop: a.Stop.Reason, Tokens: [...]int64{u.InputTotal(), u.CacheRead.N, u.OutputTotal(), u.Reasoning.N}}
	for _, b := range a.Blocks {
		s.Words = append(s.Words, protocoltest.Words(b))
		switch b := b.(type) {
		case llm.Thought:
			s.Seals += b.Seal
		case llm.ToolCall:
			s.Seals += b.Seal
		default:
		}
	}
	if a.Err != nil {
		s.Err = a.Err.Kind.String() + ": " + a.Err.Message
	}
	return fmt.Sprintf("%+v", s)
}

func read(t testing.TB, body []byte, stream bool) protocoltest.Answer {
	t.Helper()
	return protocoltest.Read(t, codec().NewReader(bytes.NewReader(body), stream, protocol.Target{}))
}

func TestAnswers(t *testing.T) {
	var all bytes.Buffer
	for _, name := range protocoltest.Cases(t) {
		body, stream := protocoltest.File(name, "gemini.response.json"), protocoltest.File(name, "gemini.stream.sse")
		told := ""
		if body != nil {
			told = shapeOf(read(t, body, false))
			fmt.Fprintf(&all, "%s: %s\n", name, told)
		}
		if stream == nil {
			continue
		}
		streamed := shapeOf(read(t, stream, true))
		if body == nil {
			fmt.Fprintf(&all, "%s: %s\n", name, streamed)
		} else if streamed != told {
			t.Errorf("%s: streamed\n%s\nwhole\n%s", name, streamed, told)
		}
		for first := 1; first < len(stream); first++ {
			r := codec().NewReader(protocoltest.Pieces(stream, first, len(stream)), true, protocol.Target{})
			if got := shapeOf(protocoltest.Read(t, r)); got != streamed {
				t.Fatalf("%s cut at %d: %s", name, first, got)
			}
		}
	}
	protocoltest.Golden(t, "answers.txt", all.Bytes())
}

func TestRecordings(t *testing.T) {
	var all bytes.Buffer
	for _, r := range protocoltest.Recordings(t, false, "", "google") {
		a := read(t, r.Body, r.Stream)
		for i, b := range a.Blocks {
			if th, ok := b.(llm.Thought); ok {
				th.Seal = fmt.Sprintf("(%d bytes)", len(th.Seal))
				a.Blocks[i] = th
			}
			if call, ok := b.(llm.ToolCall); ok {
				if !json.Valid([]byte(call.Arguments)) {
					t.Errorf("%s: arguments %s", r.Name, call.Arguments)
				}
				call.Seal = fmt.Sprintf("(%d bytes)", len(call.Seal))
				a.Blocks[i] = call
			}
		}
		fmt.Fprintf(&all, "%s: %s\n", r.Name, shapeOf(a))
	}
	protocoltest.Golden(t, "recordings.txt", all.Bytes())
}

func TestTraps(t *testing.T) {
	t.Run("T5", func(t *testing.T) { // two calls of one tool stay two
		body := `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":1}}},{"functionCall":{"name":"f","args":{"a":2}}}]},"finishReason":"STOP"}]}`
		a := read(t, []byte(body), false)
		if len(a.Blocks) != 2 || a.Blocks[0].(llm.ToolCall).ID == a.Blocks[1].(llm.ToolCall).ID || a.Stop.Reason != llm.StopTools {
			t.Errorf("%+v", a)
		}
	})
	t.Run("unnamed calls", func(t *testing.T) { // the ids that calls get do not come again in the next answer
		seen := map[string]bool{}
		for _, id := range []string{"", "", `,"responseId":"a"`, `,"responseId":"b"`} {
			body := `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}},{"functionCall":{"name":"f"}}]},"finishReason":"STOP"}]` + id + `}`
			for _, b := range read(t, []byte(body), false).Blocks {
				call := b.(llm.ToolCall)
				if seen[call.ID] || protocol.CallID(call.ID) != call.ID {
					t.Errorf("id %q", call.ID)
				}
				seen[call.ID] = true
			}
		}
	})
	t.Run("T32", func(t *testing.T) { // the signature of a call is kept
		body := `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"},"thoughtSignature":"c2ln"}]},"finishReason":"STOP"}]}`
		if a := read(t, []byte(body), false); a.Blocks[0].(llm.ToolCall).Seal != "c2ln" {
			t.Errorf("%+v", a)
		}
	})
	t.Run("T50", func(t *testing.T) { // a cut stream is a failure
		a := read(t, []byte("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}\n\n"), true)
		if a.Err == nil || a.Err.Kind != llm.BadUpstream {
			t.Errorf("%+v", a)
		}
	})
	t.Run("T65", func(t *testing.T) { // a stream without SSE, and an error in an array
		a := read(t, []byte(`[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]},{"candidates":[{"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"}]}]`), false)
		if len(a.Blocks) != 1 || a.Blocks[0].(llm.Text).Text != "ab" || a.Err != nil {
			t.Errorf("%+v", a)
		}
		a = read(t, []byte(`[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"1.5s"}]}}]`), false)
		if a.Err == nil || a.Err.Kind != llm.RateLimited || a.Err.RetryAfter.Seconds() != 1.5 {
			t.Errorf("%+v", a.Err)
		}
	})
}

func TestUsage(t *testing.T) {
	body := `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":40,"toolUsePromptTokenCount":5,"candidatesTokenCount":30,"thoughtsTokenCount":7,"totalTokenCount":142,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":20}],"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":10}]}}`
	want := llm.Usage{
		Input: llm.Known(45), CacheRead: llm.Known(40), AudioIn: llm.Known(20), Output: llm.Known(20), ImageOut: llm.Known(10),
		Reasoning: llm.Known(7), Source: llm.Reported,
	}
	if got := read(t, []byte(body), false).Usage; got != want {
		t.Errorf("got %+v", got)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	for _, name := range protocoltest.Cases(f) {
		if body := protocoltest.File(name, "gemini.request.json"); body != nil {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := codec().DecodeRequest(body)
		if err != nil && llm.AsError(err).Kind != llm.Invalid {
			t.Errorf("%v", err)
		}
		if err == nil && len(req.Turns) == 0 {
			t.Error("no turns")
		}
	})
}

func FuzzReader(f *testing.F) {
	for _, name := range protocoltest.Cases(f) {
		if body := protocoltest.File(name, "gemini.stream.sse"); body != nil {
			f.Add(body, true)
		}
		if body := protocoltest.File(name, "gemini.response.json"); body != nil {
			f.Add(body, false)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		protocoltest.Read(t, codec().NewReader(bytes.NewReader(body), stream, protocol.Target{}))
	})
}

func TestPeekFindsTheHistory(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"m","contents": [{"parts":[]}],"tools":[]}`: `[{"parts":[]}]`,
		`{"systemInstruction":{"parts":[]}}`:                  ``,
		`{"contents":null}`:                                   ``,
	} {
		head, err := codec().Peek(llm.Generate, []byte(body))
		if got := body[head.HistoryAt.Start:head.HistoryAt.End]; err != nil || got != want {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
}

// FuzzPatch holds what goes to the vendor against what the client sent: it
// stays JSON, decodes to the same words, and no envelope gets through.
func FuzzPatch(f *testing.F) {
	for _, name := range protocoltest.Cases(f) {
		if body := protocoltest.File(name, "gemini.request.json"); body != nil {
			f.Add(body)
		}
	}
	sealed := base64.StdEncoding.EncodeToString([]byte(
		protocol.NewSealer(bytes.Repeat([]byte{7}, 32)).Wrap(protocol.Envelope{Origin: "a/b", Seal: "U0VBTA=="})))
	f.Add([]byte(`{"model":"models/x","contents":[{"role":"model","parts":[{"text":"t","thought":true,"thoughtSignature":"` + sealed + `"}]}]}`))
	f.Add([]byte(`{"generateContentRequest":{"model":"x","contents":[{"parts":[{"function_call":{"name":"f"},"thought_signature":"` + sealed + `"}]}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		head, err := codec().Peek(llm.Generate, body)
		if err != nil || !json.Valid(body) {
			return
		}
		parts, err := codec().Patch(body, head, protocol.Target{Model: "m", Origin: "a/c"})
		if err != nil {
			t.Fatal(err)
		}
		out := bytes.Join(parts, nil)
		if !json.Valid(out) {
			t.Fatalf("%s became %s", body, out)
		}
	})
}

func FuzzDecodeError(f *testing.F) {
	f.Add(429, []byte(`[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"1.5s"}]}}]`))
	f.Add(404, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if e := codec().DecodeError(status, nil, body); e.Message == "" || e.Upstream == nil {
			t.Errorf("%+v", e)
		}
	})
}

// An envelope is opened for the upstream it is for; for another one a thought
// goes, and a call is told to be that of another model.
func TestPatchUnseals(t *testing.T) {
	sealed := base64.StdEncoding.EncodeToString([]byte(
		protocol.NewSealer(bytes.Repeat([]byte{7}, 32)).Wrap(protocol.Envelope{Origin: "gemini/one", Seal: "U0VBTA=="})))
	body := `{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"why","thought":true,"thoughtSignature":"` + sealed +
		`"},{"functionCall":{"name":"f","args":{}},"thoughtSignature":"` + sealed + `"}]}], "x":1}`
	for origin, want := range map[string]string{
		"gemini/one": `{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"why","thought":true,"thoughtSignature":"U0VBTA=="},` +
			`{"functionCall":{"name":"f","args":{}},"thoughtSignature":"U0VBTA=="}]}], "x":1}`,
		"gemini/two": `{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[` +
			`{"functionCall":{"name":"f","args":{}},"thoughtSignature":"skip_thought_signature_validator"}]}], "x":1}`,
	} {
		parts, err := codec().Patch([]byte(body), protocol.Head{}, protocol.Target{Model: "m", Origin: origin})
		if out := string(bytes.Join(parts, nil)); err != nil || out != want {
			t.Errorf("%s: %s %v", origin, out, err)
		}
	}
}

func TestCountRequest(t *testing.T) {
	req := &llm.Request{
		System:   []llm.Block{llm.Text{Text: "Be brief."}},
		Turns:    []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "Hi"}}}},
		Sampling: llm.Sampling{MaxTokens: new(5)},
	}
	c := gemini.New(protocol.NewSealer(make([]byte, 32)))
	body, _, err := c.EncodeCountRequest(req, protocol.Target{Model: "gemini-x"})
	if err != nil {
		t.Fatal(err)
	}
	inner := jsonscan.Get(body, "generateContentRequest")
	if got, _ := jsonscan.Text(jsonscan.Get(inner, "model")); got != "models/gemini-x" || jsonscan.Valid(body) != nil {
		t.Errorf("model %q in %s", got, body)
	}
	for name, want := range map[string]bool{"contents": true, "systemInstruction": true, "generationConfig": false} {
		if got := jsonscan.Get(inner, name) != nil; got != want {
			t.Errorf("%s: %v, want %v, in %s", name, got, want, body)
		}
	}
	if n, ok := c.DecodeCount([]byte(`{"totalTokens":31}`)); n != 31 || !ok {
		t.Errorf("%d, %v", n, ok)
	}
	if n, ok := c.DecodeCount([]byte(`{"totalTokens":"31"}`)); ok {
		t.Errorf("%d of a text", n)
	}
}
