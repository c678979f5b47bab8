package chat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

func codec() *chat.Codec { return chat.New(protocol.NewSealer(bytes.Repeat([]byte{7}, 32))) }

func yes() *bool { b := true; return &b }

func no() *bool { b := false; return &b }

// object decodes JSON for comparison.
func object(t testing.TB, v []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(v, &out); err != nil {
		t.Fatalf("%v in %s", err, v)
	}
	return out
}

// normal takes out of a request what means the same when it is absent.
func normal(t testing.TB, body []byte) string {
	t.Helper()
	r := object(t, body)
	delete(r, "model")
	delete(r, "stream_options")
	if r["tool_choice"] == "auto" {
		delete(r, "tool_choice")
	}
	if r["parallel_tool_calls"] == true {
		delete(r, "parallel_tool_calls")
	}
	messages, _ := r["messages"].([]any)
	for _, m := range messages {
		parts, _ := m.(map[string]any)["content"].([]any)
		for _, p := range parts {
			if image, ok := p.(map[string]any)["image_url"].(map[string]any); ok && image["detail"] == "auto" {
				delete(image, "detail")
			}
		}
	}
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRequestsComeBack(t *testing.T) {
	count := 0
	for _, name := range protocoltest.Cases(t) {
		for _, file := range []string{"chat.request.json", "chat.request.expected.json"} {
			body := protocoltest.File(name, file)
			if body == nil {
				continue
			}
			count++
			t.Run(name, func(t *testing.T) {
				req, err := codec().DecodeRequest(body)
				if err != nil {
					t.Fatal(err)
				}
				target := protocol.Target{Model: "m"}
				if strings.Contains(string(body), `"role": "developer"`) {
					target.Reasoning = true
				}
				out, _, err := codec().EncodeRequest(req, target)
				if err != nil {
					t.Fatal(err)
				}
				want := normal(t, body)
				if name == "31-codex-to-chat" { // leading instructions become one message
					want = strings.Replace(want, `agent.","role":"system"},{"content":"`, `agent.\n\n`, 1)
				}
				if got := normal(t, out); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		}
	}
	if count < 15 {
		t.Errorf("only %d requests", count)
	}
}

// TestEveryField sends every field of the protocol round.
func TestEveryField(t *testing.T) {
	body := `{"model":"m","messages":[
		{"role":"system","content":"S"},
		{"role":"user","name":"ann","content":[{"type":"text","text":"look"},
			{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"low"}},
			{"type":"input_audio","input_audio":{"data":"QUJD","format":"mp3"}},
			{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"}},
			{"type":"file","file":{"file_id":"file-1"}},
			{"type":"video_url","video_url":{"url":"https://x/y.mp4"}}]},
		{"role":"assistant","content":"one","refusal":"two","audio":{"id":"audio_1"},"reasoning_content":"hm","tool_calls":[
			{"id":"a","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"sig"}}},
			{"id":"b","type":"custom","custom":{"name":"c","input":"raw"}}]},
		{"role":"tool","tool_call_id":"a","content":"A"},
		{"role":"tool","tool_call_id":"b","content":"B"},
		{"role":"assistant","content":"three","reasoning_details":[{"type":"reasoning.text","text":"t","signature":"s","index":0}]},
		{"role":"user","content":"four"}],
		"max_completion_tokens":10,"temperature":0.5,"top_p":0.25,"n":1,"stop":["a","b"],"presence_penalty":-1,"frequency_penalty":1.5,
		"logit_bias":{"50256":-100},"seed":7,"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"type":"object"},"strict":true}},
		"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":true}},
			{"type":"custom","custom":{"name":"c","description":"d","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"start: X"}}}},
			{"type":"browser","browser":{"x":1}}],
		"tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"stream":true,
		"stream_options":{"include_usage":true,"include_obfuscation":false},"reasoning_effort":"low","verbosity":"low",
		"modalities":["text","audio"],"audio":{"voice":"x","format":"wav"},"prediction":{"type":"content","content":"p"},
		"metadata":{"b":"2","a":"1"},"service_tier":"flex","user":"u","prompt_cache_key":"k","prompt_cache_retention":"24h",
		"prompt_cache_options":{"mode":"implicit"},"web_search_options":{},"moderation":{"model":"m"},"min_p":0.1}`
	req, err := codec().DecodeRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	out, findings, err := codec().EncodeRequest(req, protocol.Target{Model: "m", Quirks: protocol.Quirks{CustomTools: true}})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(body, `"n":1,`, ``, 1)
	if got, want := protocoltest.Canonical(out), protocoltest.Canonical([]byte(want)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(findings) != 0 {
		t.Errorf("findings %v", findings)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for body, want := range map[string]string{
		``:                  "The request body is empty; a JSON object is expected.||",
		`{`:                 "The request body is not valid JSON: member name expected at byte 1.||",
		`[]`:                "The request body is not valid JSON: object expected at byte 0.||",
		`{}`:                "Missing required parameter: 'messages'.|messages|missing_required_parameter",
		`"hi"`:              "The request body is not valid JSON: object expected at byte 0.||",
		`{"messages":"hi"}`: "Invalid type for 'messages': expected an array, but got a string instead.|messages|invalid_type",
		`{"messages":[]}`:   "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.|messages|empty_array",
		`{"messages":[1]}`:  "Invalid type for 'messages[0]': expected an object, but got a number instead.|messages[0]|invalid_type",
		`{"messages":[{}]}`: "Missing required parameter: 'messages[0].role'.|messages[0].role|missing_required_parameter",
		`{"messages":[{"role":"owner","content":"x"}]}`: "Invalid 'messages[0].role': supported values are: " +
			"'system', 'developer', 'user', 'assistant', 'tool' and 'function'.|messages[0].role|invalid_value",
		`{"messages":[{"role":"user"}]}`: "Missing required parameter: 'messages[0].content'.|messages[0].content|missing_required_parameter",
		`{"messages":[{"role":"user","content":{}}]}`: "Invalid type for 'messages[0].content': " +
			"expected a string or an array, but got an object instead.|messages[0].content|invalid_type",
		`{"messages":[{"role":"user","content":[{"type":7}]}]}`: "Invalid type for 'messages[0].content[0].type': " +
			"expected a string, but got a number instead.|messages[0].content[0].type|invalid_type",
		`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`: "Missing required parameter: " +
			"'messages[0].content[0].image_url'.|messages[0].content[0].image_url|missing_required_parameter",
		`{"messages":[{"role":"user","content":"x"},{"role":"assistant"}]}`:              "Missing required parameter: 'messages[1].content'.|messages[1].content|missing_required_parameter",
		`{"messages":[{"role":"tool","content":"x"}]}`:                                   "Missing required parameter: 'messages[0].tool_call_id'.|messages[0].tool_call_id|missing_required_parameter",
		`{"messages":[{"role":"assistant","tool_calls":[{"type":"function"}]}]}`:         "Missing required parameter: 'messages[0].tool_calls[0].id'.|messages[0].tool_calls[0].id|missing_required_parameter",
		`{"messages":[{"role":"user","content":"x"}],"temperature":3}`:                   "Invalid 'temperature': value above maximum. Expected a value <= 2, but got 3 instead.|temperature|above_max_value",
		`{"messages":[{"role":"user","content":"x"}],"n":0}`:                             "Invalid 'n': value below minimum. Expected a value >= 1, but got 0 instead.|n|below_min_value",
		`{"messages":[{"role":"user","content":"x"}],"stop":["1","2","3","4","5"]}`:      "Invalid 'stop': array too long. Expected an array with maximum length 4.|stop|array_above_max_length",
		`{"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function"}]}`:     "Missing required parameter: 'tools[0].function'.|tools[0].function|missing_required_parameter",
		`{"messages":[{"role":"user","content":"x"}],"tools":{}}`:                        "Invalid type for 'tools': expected an array, but got an object instead.|tools|invalid_type",
		`{"messages":[{"role":"user","content":"x"}],"tool_choice":"must"}`:              "Invalid 'tool_choice': supported values are: 'none', 'auto' and 'required'.|tool_choice|invalid_value",
		`{"messages":[{"role":"user","content":"x"}],"response_format":{"type":1}}`:      "Invalid type for 'response_format.type': expected a string, but got a number instead.|response_format.type|invalid_type",
		`{"messages":[{"role":"user","content":"x"}],"stream":1}`:                        "Invalid type for 'stream': expected a boolean, but got a number instead.|stream|invalid_type",
		`{"messages":[{"role":"user","content":"x"}],"model":"a","model":"b"}`:           `The member "model" is given more than once.|model|`,
		`{"messages":[{"role":"user","content":"x"}],"metadata":{"a":1}}`:                "Invalid type for 'metadata.a': expected a string, but got a number instead.|metadata.a|invalid_type",
		`{"messages":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`: "The request body is not valid JSON: nested too deeply at byte 1012.||",
	} {
		_, err := codec().DecodeRequest([]byte(body))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.Invalid {
			t.Errorf("%.60s: %v", body, err)
			continue
		}
		if got := e.Message + "|" + e.Field + "|" + e.Code; got != want {
			t.Errorf("%.60s\ngot  %s\nwant %s", body, got, want)
		}
	}
}

func TestPeek(t *testing.T) {
	body := `{"stream":true, "model":"gpt-5.5" ,"messages":[],"stream_options": {"include_usage":true},"tools":[{}],"max_tokens":7,"prompt_cache_key":"k"}`
	head, err := codec().Peek(llm.Generate, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if body[head.ModelAt.Start:head.ModelAt.End] != `"gpt-5.5"` || body[head.OptionsAt.Start:head.OptionsAt.End] != `{"include_usage":true}` {
		t.Errorf("spans %v %v", head.ModelAt, head.OptionsAt)
	}
	if body[head.HistoryAt.Start:head.HistoryAt.End] != `[]` {
		t.Errorf("the history is at %v", head.HistoryAt)
	}
	head.ModelAt, head.OptionsAt, head.HistoryAt = protocol.Span{}, protocol.Span{}, protocol.Span{}
	want := protocol.Head{
		Operation: llm.Generate, Model: "gpt-5.5", Stream: true, WantUsage: true, Tools: true, MaxTokens: 7, SessionID: "k",
	}
	if !reflect.DeepEqual(head, want) {
		t.Errorf("got %+v\nwant %+v", head, want)
	}
	for body, field := range map[string]string{
		`{"model":1}`:           "model",
		`{"stream":"yes"}`:      "stream",
		`{"stream_options":[]}`: "stream_options",
		`{"stream_options":{"include_usage":"yes"}}`: "stream_options.include_usage",
		`{"tools":{}}`:              "tools",
		`{"max_tokens":"many"}`:     "max_tokens",
		`{"model":"a","MODEL":"b"}`: "MODEL",
	} {
		_, err := codec().Peek(llm.Generate, []byte(body))
		if e := llm.AsError(err); e == nil || e.Kind != llm.Invalid || e.Field != field {
			t.Errorf("%s: %+v", body, e)
		}
	}
	head, err = codec().Peek(llm.Embed, []byte(`{"model":"e","input":"x","encoding_format":"base64"}`))
	if err != nil || !head.Base64 || head.Model != "e" {
		t.Errorf("embeddings: %+v %v", head, err)
	}
	if _, err = codec().Peek(llm.Embed, []byte(`{"encoding_format":"int8"}`)); llm.AsError(err).Field != "encoding_format" {
		t.Errorf("encoding: %v", err)
	}
}

func TestPatch(t *testing.T) {
	to := protocol.Target{Model: "up"}
	quiet := protocol.Target{Model: "up", Quirks: protocol.Quirks{NoStreamOptions: true}}
	for name, c := range map[string]struct {
		body, want string
		to         protocol.Target
		op         llm.Operation
	}{
		"body":             {`{"model":"a", "x":[1, 2]}`, `{"model":"up", "x":[1, 2]}`, to, llm.Generate},
		"nothing to do":    {`{"model":"up"}`, `{"model":"up"}`, to, llm.Generate},
		"stream":           {`{"model":"a","stream":true}`, `{"stream_options":{"include_usage":true},"model":"up","stream":true}`, to, llm.Generate},
		"no model":         {`{"stream":true}`, `{"model":"up","stream_options":{"include_usage":true},"stream":true}`, to, llm.Generate},
		"asked":            {`{"model":"a","stream":true,"stream_options":{"include_usage":true}}`, `{"model":"up","stream":true,"stream_options":{"include_usage":true}}`, to, llm.Generate},
		"refused":          {`{"stream_options":{"include_usage": false,"x":1},"model":"a","stream":true}`, `{"stream_options":{"include_usage": true,"x":1},"model":"up","stream":true}`, to, llm.Generate},
		"other option":     {`{"model":"a","stream":true,"stream_options":{"x":1}}`, `{"model":"up","stream":true,"stream_options":{"include_usage":true,"x":1}}`, to, llm.Generate},
		"empty options":    {`{"model":"a","stream":true,"stream_options":{ }}`, `{"model":"up","stream":true,"stream_options":{"include_usage":true }}`, to, llm.Generate},
		"null options":     {`{"model":"a","stream":true,"stream_options":null}`, `{"model":"up","stream":true,"stream_options":{"include_usage":true}}`, to, llm.Generate},
		"quirk":            {`{"model":"a","stream":true}`, `{"model":"up","stream":true}`, quiet, llm.Generate},
		"quirk, first":     {`{"stream_options" : {"include_usage":true} , "model":"a","stream":true}`, `{ "model":"up","stream":true}`, quiet, llm.Generate},
		"quirk, last":      {`{"model":"a","stream":true , "stream\u005foptions":{"include_usage":true} }`, `{"model":"up","stream":true  }`, quiet, llm.Generate},
		"embeddings":       {`{"model":"a","input":"x","stream":true}`, `{"model":"up","input":"x","stream":true}`, to, llm.Embed},
		"stream options 2": {`{"stream":true,"stream_options":{"a":"}"},"model":"a"}`, `{"stream":true,"stream_options":{"include_usage":true,"a":"}"},"model":"up"}`, to, llm.Generate},
	} {
		t.Run(name, func(t *testing.T) {
			head, err := codec().Peek(c.op, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			out, err := codec().Patch([]byte(c.body), head, c.to)
			if err != nil {
				t.Fatal(err)
			}
			got := bytes.Join(out, nil)
			if string(got) != c.want || !json.Valid(got) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestModels(t *testing.T) {
	cards := []protocol.ModelCard{{ID: "vendor/a:b\"", OwnedBy: "x"}}
	got := string(codec().EncodeModels(cards, nil))
	if want := `{"object":"list","data":[{"id":"vendor/a:b\"","object":"model","created":0,"owned_by":"x"}]}`; got != want {
		t.Errorf("got %s", got)
	}
	if got := string(codec().EncodeModels(nil, nil)); got != `{"object":"list","data":[]}` {
		t.Errorf("empty list: %s", got)
	}
	want := object(t, protocoltest.File("40-small", "models.openai.json"))["data"].([]any)[0].(map[string]any)
	entry := object(t, codec().EncodeModel(protocol.ModelCard{ID: want["id"].(string), OwnedBy: "openai", Created: unix(1776000000)}))
	if fmt.Sprint(entry) != fmt.Sprint(want) {
		t.Errorf("got %v want %v", entry, want)
	}
}
