package messages_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// normal brings a request into the one form in which it can be compared: text
// is a block, a default is absent, neighbours of one role are one turn.
func normal(t *testing.T, body []byte) any {
	t.Helper()
	m, ok := value(t, body).(map[string]any)
	if !ok {
		t.Fatalf("no object: %s", body)
	}
	for _, name := range []string{"stream", "model"} {
		delete(m, name)
	}
	if s, ok := m["system"].(string); ok {
		m["system"] = []any{map[string]any{"type": "text", "text": s}}
	}
	if c, ok := m["tool_choice"].(map[string]any); ok && len(c) == 1 && c["type"] == "auto" {
		delete(m, "tool_choice")
	}
	if tools, ok := m["tools"].([]any); ok && len(tools) == 0 {
		delete(m, "tools")
	}
	turns, _ := m["messages"].([]any)
	for _, turn := range turns {
		normalContent(turn)
	}
	return m
}

func normalContent(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	if s, ok := m["content"].(string); ok {
		m["content"] = []any{map[string]any{"type": "text", "text": s}}
	}
	blocks, _ := m["content"].([]any)
	for _, b := range blocks {
		normalContent(b)
	}
}

func TestRequestRoundTrip(t *testing.T) {
	cases := files(t, "messages.request.json")
	cases["40-count"] = read(t, filepath.Join(fixtures, "40-small", "count_tokens.request.json"))
	for name, body := range files(t, "messages.request.expected.json") {
		cases[name+"-expected"] = body
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			req, err := codec.DecodeRequest(body)
			if err != nil {
				t.Fatal(err)
			}
			to := native()
			to.Midway = true
			to.Native = name != "02-multi-turn-cached" // its stop sequence is refused by the vendor itself
			if req.Sampling.MaxTokens == nil {
				to.MaxOutput = 0
				body = bytes.Replace(body, []byte("{"), []byte(`{"max_tokens":8192,`), 1)
			}
			if req.Reasoning != nil && req.Reasoning.Adaptive {
				to.Thinking = "adaptive"
			}
			got, findings, err := codec.EncodeRequest(req, to)
			if err != nil {
				t.Fatal(err)
			}
			if len(findings) > 0 {
				t.Errorf("findings on the way back home: %v", findings)
			}
			same(t, normal(t, got), normal(t, body))
		})
	}
}

// everything holds each field and block of the protocol once.
func everything(t *testing.T) []byte { return read(t, filepath.Join("testdata", "everything.json")) }

func TestEveryFieldComesBack(t *testing.T) {
	body := everything(t)
	req, err := codec.DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	to := native()
	to.Midway = true
	to.Thinking = ""
	got, findings, err := codec.EncodeRequest(req, to)
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) > 0 {
		t.Errorf("findings: %v", findings)
	}
	same(t, normal(t, got), normal(t, body))
}

func TestNeutralFormOfEverything(t *testing.T) {
	req, err := codec.DecodeRequest(everything(t))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, block := range req.System {
		fmt.Fprintf(&b, "system %d: %s\n", i, describe(block))
	}
	for i, turn := range req.Turns {
		for j, block := range turn.Blocks {
			fmt.Fprintf(&b, "%s %d.%d: %s\n", turn.Role, i, j, describe(block))
		}
	}
	for i, tool := range req.Tools {
		fmt.Fprintf(&b, "tool %d: %s %s deferred=%t schema=%t raw=%t\n", i, tool.Kind, tool.Name, tool.Deferred, tool.Schema != nil, tool.Raw != nil)
	}
	for _, x := range req.Extra {
		fmt.Fprintf(&b, "extra: %s %s\n", x.Field, x.Raw)
	}
	rest, err := json.Marshal(map[string]any{
		"choice": req.ToolChoice, "sampling": req.Sampling, "reasoning": req.Reasoning, "format": req.Format,
		"user": req.EndUser, "session": req.CacheKey, "tier": req.ServiceTier, "auto": req.AutoCache,
	})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := json.MarshalIndent(said(value(t, rest)), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(settings)
	protocoltest.Golden(t, "everything.neutral.txt", []byte(b.String()+"\n"))
}

// describe names what a block says, without what it does not.
func describe(b llm.Block) string {
	raw, _ := json.Marshal(b)
	var v any
	_ = json.Unmarshal(raw, &v)
	raw, _ = json.Marshal(said(v))
	return fmt.Sprintf("%T %s", b, raw)
}

// said takes empty members out of a decoded value, nil if nothing is left.
func said(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, inner := range x {
			if x[k] = said(inner); x[k] == nil {
				delete(x, k)
			}
		}
		return x
	case []any:
		for i := range x {
			x[i] = said(x[i])
		}
		return x
	case string:
		if x == "" {
			return nil
		}
	case bool:
		if !x {
			return nil
		}
	}
	return v
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ body, field, message string }{
		"empty":              {``, "", "The request body is empty; a JSON object is expected."},
		"no object":          {`[]`, "", "The request body is not valid JSON: object expected at byte 0."},
		"cut":                {`{"messages":[`, "", ""},
		"not utf-8":          {"{\"model\":\"\xff\"}", "", ""},
		"deep":               {`{"messages":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, "", ""},
		"twice":              {`{"model":"a","model":"b","messages":[]}`, "model", ""},
		"no messages":        {`{"model":"a"}`, "messages", "messages: at least one message is required"},
		"messages no list":   {`{"messages":{}}`, "messages", "messages: Input should be a valid list"},
		"message no object":  {`{"messages":["x"]}`, "messages[0]", "messages.0: Input should be a valid dictionary"},
		"no role":            {`{"messages":[{"content":"x"}]}`, "messages[0].role", "messages.0.role: Field required"},
		"odd role":           {`{"messages":[{"role":"tool","content":"x"}]}`, "messages[0].role", "messages.0.role: Input should be 'user', 'assistant' or 'system'"},
		"no content":         {`{"messages":[{"role":"user"}]}`, "messages[0].content", ""},
		"content a number":   {`{"messages":[{"role":"user","content":5}]}`, "messages[0].content", "messages.0.content: Input should be a valid list"},
		"block without type": {`{"messages":[{"role":"user","content":[{"text":"x"}]}]}`, "messages[0].content[0].type", "messages.0.content.0.type: Field required"},
		"type a number":      {`{"messages":[{"role":"user","content":[{"type":1}]}]}`, "messages[0].content[0].type", ""},
		"text missing":       {`{"messages":[{"role":"user","content":[{"type":"text"}]}]}`, "messages[0].content[0].text", ""},
		"call by user":       {`{"messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"b","input":{}}]}]}`, "messages[0].content[0]", ""},
		"result by model":    {`{"messages":[{"role":"assistant","content":[{"type":"tool_result","tool_use_id":"a"}]}]}`, "messages[0].content[0]", ""},
		"input no object":    {`{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":"x"}]}]}`, "messages[0].content[0].input", ""},
		"call without id":    {`{"messages":[{"role":"assistant","content":[{"type":"tool_use","name":"b","input":{}}]}]}`, "messages[0].content[0].id", ""},
		"result without id":  {`{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}`, "messages[0].content[0].tool_use_id", ""},
		"image no source":    {`{"messages":[{"role":"user","content":[{"type":"image"}]}]}`, "messages[0].content[0].source", ""},
		"image url a number": {`{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":1}}]}]}`, "messages[0].content[0].source.url", ""},
		"temperature":        {`{"temperature":1.5,"messages":[]}`, "temperature", "temperature: Input should be less than or equal to 1"},
		"max_tokens":         {`{"max_tokens":-1,"messages":[]}`, "max_tokens", "max_tokens: Input should be greater than or equal to 0"},
		"max_tokens text":    {`{"max_tokens":"5","messages":[]}`, "max_tokens", "max_tokens: Input should be a valid integer"},
		"small budget":       {`{"thinking":{"type":"enabled","budget_tokens":5},"messages":[]}`, "thinking.budget_tokens", ""},
		"no budget":          {`{"thinking":{"type":"enabled"},"messages":[]}`, "thinking.budget_tokens", ""},
		"odd thinking":       {`{"thinking":{"type":"deep"},"messages":[]}`, "thinking.type", ""},
		"odd choice":         {`{"tool_choice":{"type":"required"},"messages":[]}`, "tool_choice.type", ""},
		"choice of nothing":  {`{"tool_choice":{"type":"tool"},"messages":[]}`, "tool_choice.name", ""},
		"tool no schema":     {`{"tools":[{"name":"x"}],"messages":[]}`, "tools[0].input_schema", "tools.0.input_schema: Field required"},
		"odd mark":           {`{"cache_control":{"type":"forever"},"messages":[]}`, "cache_control.type", ""},
		"odd format":         {`{"output_config":{"format":{"type":"xml"}},"messages":[]}`, "output_config.format.type", ""},
		"thread":             {`{"thread":{"type":"create"},"messages":[{"role":"user","content":"x"}]}`, "thread", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := codec.DecodeRequest([]byte(c.body))
			e := invalid(t, err, c.field)
			if c.message != "" && e.Message != c.message {
				t.Errorf("message %q, want %q", e.Message, c.message)
			}
		})
	}
}

func TestThreadIsRefusedInWordsTheSDKKnows(t *testing.T) {
	_, err := codec.DecodeRequest([]byte(`{"thread":{"type":"create"},"messages":[{"role":"user","content":"x"}]}`))
	status, _, body := codec.EncodeError(llm.AsError(err), protocol.Head{RequestID: "req_1"})
	if status != 400 {
		t.Errorf("status %d", status)
	}
	same(t, at(t, value(t, body), "error", "details"), value(t, []byte(`{"error_code":"thread_unsupported_request","unsupported":["thread"]}`)))
}

func TestPeek(t *testing.T) {
	body := []byte(`{"model":"claude-x","max_tokens":32000,"stream":true,"tools":[{"name":"a"}],
		"metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s-1\"}"},"messages":[],"thread":{}}`)
	head, err := codec.Peek(llm.Generate, body)
	if err != nil {
		t.Fatal(err)
	}
	if head.Model != "claude-x" || !head.Stream || !head.Tools || head.MaxTokens != 32000 || head.SessionID != "s-1" {
		t.Errorf("got %+v", head)
	}
	if got := string(body[head.ModelAt.Start:head.ModelAt.End]); got != `"claude-x"` {
		t.Errorf("model at %q", got)
	}
	for name, c := range map[string]struct {
		op          llm.Operation
		body, field string
	}{
		"model":         {llm.Generate, `{"model":5,"max_tokens":1}`, "model"},
		"stream":        {llm.Generate, `{"stream":"yes","max_tokens":1}`, "stream"},
		"max_tokens":    {llm.Generate, `{"max_tokens":1.5}`, "max_tokens"},
		"no max_tokens": {llm.Generate, `{"model":"m","messages":[]}`, "max_tokens"},
		"tools":         {llm.CountTokens, `{"tools":{}}`, "tools"},
		"messages":      {llm.CountTokens, `{"messages":"x"}`, "messages"},
		"twice":         {llm.CountTokens, `{"model":"a","model":"b"}`, "model"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := codec.Peek(c.op, []byte(c.body))
			invalid(t, err, c.field)
		})
	}
	if _, err := codec.Peek(llm.CountTokens, []byte(`{"model":"m","messages":[]}`)); err != nil {
		t.Errorf("a count needs no max_tokens: %v", err)
	}
	if head, err := codec.Peek(llm.Generate, []byte(`{"max_tokens":1,"metadata":{"user_id":"user_ab_account__session_77"}}`)); err != nil || head.SessionID != "77" {
		t.Errorf("%+v %v", head, err)
	}
}

func BenchmarkPeek200KB(b *testing.B) {
	text, _ := json.Marshal(strings.Repeat("the quick brown fox \n", 10_000))
	body := []byte(`{"model":"claude-sonnet-4-5","max_tokens":1024,"stream":true,"messages":[{"role":"user","content":` + string(text) + `}]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.Peek(llm.Generate, body); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDecodeRequest(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join(fixtures, "*", "messages.request.json"))
	for _, p := range append(paths, filepath.Join("testdata", "everything.json")) {
		if body, err := os.ReadFile(p); err == nil {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = codec.Peek(llm.Generate, body)
		req, err := codec.DecodeRequest(body)
		if err != nil {
			if e := llm.AsError(err); e.Kind != llm.Invalid {
				t.Fatalf("%v of kind %v", err, e.Kind)
			}
			return
		}
		out, _, err := codec.EncodeRequest(req, native())
		if err == nil && !json.Valid(out) {
			t.Fatalf("not JSON: %s", out)
		}
	})
}
