package loopback

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

func ptr[T any](v T) *T { return &v }

// weather is a conversation with a tool, called so many times already.
func weather(calls int, more ...llm.Turn) *llm.Request {
	req := &llm.Request{
		Tools: []llm.Tool{
			{Kind: llm.HostedTool, Name: "web_search"},
			{Kind: llm.FunctionTool, Name: "weather", Schema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}`)},
			{Kind: llm.CustomTool, Name: "patch"},
		},
		Turns: []llm.Turn{user(llm.Text{Text: "rain?"})},
	}
	for range calls {
		req.Turns = append(req.Turns,
			llm.Turn{Role: llm.Assistant, Blocks: []llm.Block{llm.ToolCall{ID: "c", Name: "weather", Arguments: "{}"}}},
			user(llm.ToolResult{CallID: "c", Blocks: []llm.Block{llm.Text{Text: "wet \"and\" cold"}}}))
	}
	req.Turns = append(req.Turns, more...)
	return req
}

func choosing(mode string, names ...string) *llm.Request {
	req := weather(0)
	req.ToolChoice = &llm.ToolChoice{Mode: mode, Names: names}
	return req
}

func TestAnswers(t *testing.T) {
	bounded := func(text string, s llm.Sampling) *llm.Request {
		req := says(text)
		req.Sampling = s
		return req
	}
	formatted := says("Bonn")
	formatted.Format = &llm.Format{Schema: json.RawMessage(`{"type":"object","required":["ok"],"properties":{"ok":{"type":"boolean"}}}`)}
	loose := says(`a "quote"`)
	loose.Format = &llm.Format{}
	for _, tt := range []struct {
		name, model string
		req         *llm.Request
		want        string
	}{
		{"echo", "loopback", says("hello"), "start loopback|used 2 - -|open 0 Text|+[loopbac|+k] hello|close 0|used 2 4 0|finish end "},
		{"echo under another name", "gpt-4o", says("hi"), "start gpt-4o|used 1 - -|open 0 Text|+[loopb|+ack] hi|close 0|used 1 4 0|finish end "},
		{"nothing said", "loopback", &llm.Request{}, "start loopback|used 0 - -|open 0 Text|+[loopback] |close 0|used 0 3 0|finish end "},
		{"escapes", "loopback", says("a\n\"b\""), `start loopback|used 2 - -|open 0 Text|+[loopbac|+k] a\n\"b\"|close 0|used 2 4 0|finish end `},
		{"whole characters", "loopback:chunks=5", says("ü"), "start loopback:chunks=5|used 1 - -|open 0 Text|+[l|+oo|+pba|+ck]|+ ü|close 0|used 1 4 0|finish end "},
		{"one chunk", "loopback:chunks=1", says("hello"), "start loopback:chunks=1|used 2 - -|open 0 Text|+[loopback] hello|close 0|used 2 4 0|finish end "},
		{"an image", "loopback:chunks=1,usage=none", &llm.Request{Turns: []llm.Turn{user(llm.Media{Kind: llm.Image}, llm.Text{Text: "look"})}}, "start loopback:chunks=1,usage=none|open 0 Text|+[loopback] (image)\\nlook|close 0|finish end "},
		{"the last user, not the assistant", "loopback:chunks=1,usage=none", &llm.Request{Turns: []llm.Turn{user(llm.Text{Text: "one"}), {Role: llm.Assistant, Blocks: []llm.Block{llm.Text{Text: "two"}}}}}, "start loopback:chunks=1,usage=none|open 0 Text|+[loopback] one|close 0|finish end "},
		{"other words", "loopback:text=a%2Cb,usage=none", says("x"), "start loopback:text=a%2Cb,usage=none|open 0 Text|+a,b|close 0|finish end "},
		{"no words at all", "loopback:text=,usage=none", says("x"), "start loopback:text=,usage=none|open 0 Text|close 0|finish end "},
		{"swap", "loopback:swap=gpt-4o", says("x"), "start gpt-4o|used 1 - -|open 0 Text|+[loopback] x|close 0|used 1 3 0|finish end "},
		{"wrong usage", "loopback:usage=wrong", says("xxxx"), "start loopback:usage=wrong|used 10 - -|open 0 Text|+[loopba|+ck] xxxx|close 0|used 10 40 0|finish end "},
		{"thought", "loopback:think=hmm,chunks=1", says("x"), "start loopback:think=hmm,chunks=1|used 1 - -|open 0 Thought|+hmm|close 0bG9vcGJhY2s|open 1 Text|+[loopback] x|close 1|used 1 3 1|finish end "},
		{"refusal", "loopback:refuse,chunks=1", says("x"), "start loopback:refuse,chunks=1|used 1 - -|open 0 Refusal|+[loopback] I was told to decline.|close 0|used 1 9 0|finish refusal "},
		{"stop", "loopback:stop=length,usage=none", says("x"), "start loopback:stop=length,usage=none|open 0 Text|+[loopback] x|close 0|finish length "},
		{"pause", "loopback:stop=pause,usage=none", says("x"), "start loopback:stop=pause,usage=none|open 0 Text|+[loopback] x|close 0|finish pause "},
		{"the limit of the request", "loopback:usage=none", bounded("hello", llm.Sampling{MaxTokens: ptr(2)}), "start loopback:usage=none|open 0 Text|+[loopbac|close 0|finish length "},
		{"a limit of nothing", "loopback:usage=none", bounded("hello", llm.Sampling{MaxTokens: ptr(0)}), "start loopback:usage=none|open 0 Text|close 0|finish length "},
		{"a limit inside a character", "loopback:usage=none", bounded("ü", llm.Sampling{MaxTokens: ptr(3)}), "start loopback:usage=none|open 0 Text|+[loopback] |close 0|finish length "},
		{"a stop sequence", "loopback:usage=none", bounded("stop END here", llm.Sampling{Stop: []string{"", "END"}}), "start loopback:usage=none|open 0 Text|+[loopbac|+k] stop |close 0|finish sequence END"},
		{"a schema", "loopback:usage=none", formatted, `start loopback:usage=none|open 0 Text|+{\"ok\":true}|close 0|finish end `},
		{"any JSON", "loopback:chunks=1,usage=none", loose, `start loopback:chunks=1,usage=none|open 0 Text|+{\"loopback\":\"a \\\"quote\\\"\"}|close 0|finish end `},

		{"tools, not told", "loopback:usage=none", weather(0), "start loopback:usage=none|open 0 Text|+[loopbac|+k] rain?|close 0|finish end "},
		{"a tool", "loopback:tool=weather,chunks=1", weather(0), `start loopback:tool=weather,chunks=1|used 33 - -|open 0 ToolCall function weather|+{\"city\":\"loopback\"}|close 0|used 33 5 0|finish tools `},
		{"several", "loopback:tool=weather,chunks=1,parallel=2,usage=none", weather(0), `start loopback:tool=weather,chunks=1,parallel=2,usage=none|open 0 ToolCall function weather|+{\"city\":\"loopback\"}|close 0|open 1 ToolCall function weather|+{\"city\":\"loopback\"}|close 1|finish tools `},
		{"a custom tool", "loopback:tool=patch,usage=none", weather(0), "start loopback:tool=patch,usage=none|open 0 ToolCall custom patch|+loopback|close 0|finish tools "},
		{"a tool nobody declared", "loopback:tool=rm,usage=none", weather(0), "start loopback:tool=rm,usage=none|open 0 ToolCall function rm|+{}|close 0|finish tools "},
		{"no tools at all", "loopback:tool=weather,usage=none", says("x"), "start loopback:tool=weather,usage=none|open 0 Text|+[loopback] x|close 0|finish end "},
		{"after the result", "loopback:tool=weather,chunks=1,usage=none", weather(1), `start loopback:tool=weather,chunks=1,usage=none|open 0 Text|+[loopback] The tool weather returned: wet \"and\" cold|close 0|finish end `},
		{"again", "loopback:tool=weather,repeat=2,chunks=1,usage=none", weather(1), `start loopback:tool=weather,repeat=2,chunks=1,usage=none|open 0 ToolCall function weather|+{\"city\":\"loopback\"}|close 0|finish tools `},
		{"often enough", "loopback:tool=weather,repeat=2,chunks=1,usage=none", weather(2), `start loopback:tool=weather,repeat=2,chunks=1,usage=none|open 0 Text|+[loopback] The tool weather returned: wet \"and\" cold|close 0|finish end `},
		{"a new question", "loopback:tool=weather,chunks=1,usage=none", weather(1, user(llm.Text{Text: "and now?"})), `start loopback:tool=weather,chunks=1,usage=none|open 0 ToolCall function weather|+{\"city\":\"loopback\"}|close 0|finish tools `},
		{"demanded by name", "loopback:usage=none,chunks=1", choosing(llm.ToolsNamed, "weather"), `start loopback:usage=none,chunks=1|open 0 ToolCall function weather|+{\"city\":\"loopback\"}|close 0|finish tools `},
		{"demanded, any", "loopback:usage=none,chunks=1", choosing(llm.ToolsAny), `start loopback:usage=none,chunks=1|open 0 ToolCall function weather|+{\"city\":\"loopback\"}|close 0|finish tools `},
		{"demanded, any of some", "loopback:usage=none", choosing(llm.ToolsAny, "patch"), "start loopback:usage=none|open 0 ToolCall custom patch|+loopback|close 0|finish tools "},
		{"forbidden", "loopback:tool=weather,usage=none", choosing(llm.ToolsNone), "start loopback:tool=weather,usage=none|open 0 Text|+[loopbac|+k] rain?|close 0|finish end "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.ReplaceAll(tt.want, "|", "\n") + "\n"
			for _, stream := range []bool{true, false} {
				resp := ask(t, tt.req, stream, tt.model)
				if got := heard(t, resp); got != want || resp.StatusCode != http.StatusOK {
					t.Errorf("stream %v: status %d\n%s\nwant\n%s", stream, resp.StatusCode, got, want)
				}
			}
		})
	}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name, model  string
		header       []string
		stream       bool
		status       int
		retry        string
		want         string
		wantContains bool
	}{
		{name: "status", model: "loopback:status=503", status: 503, want: "overloaded: The loopback was told to answer with status 503."},
		{name: "status in a stream", model: "loopback:status=529", stream: true, status: 529, want: "overloaded: The loopback was told to answer with status 529."},
		{name: "a status without a name", model: "loopback:status=499", status: 499, want: "invalid: The loopback was told to answer with status 499."},
		{name: "a hint alone", model: "loopback:retry_after=3s", status: 429, retry: "3", want: "rate_limited: The loopback was told to answer with status 429."},
		{name: "a hint in seconds", model: "loopback:status=503,retry_after=7", status: 503, retry: "7", want: "overloaded: The loopback was told to answer with status 503."},
		{name: "cut", model: "loopback:cut=2,chunks=4", stream: true, status: 200, want: "start loopback:cut=2,chunks=4\nused 1 - -\nopen 0 Text\n+[lo\n+opb\n!unexpected EOF"},
		{name: "cut at once", model: "loopback:cut=0", stream: true, status: 200, want: "start loopback:cut=0\nused 1 - -\n!unexpected EOF"},
		{name: "cut, whole", model: "loopback:cut=2,chunks=4", status: 200, want: "!unexpected EOF"},
		{name: "a cut makes its pieces", model: "loopback:cut=3,usage=none", stream: true, status: 200, want: "start loopback:cut=3,usage=none\nopen 0 Text\n+[loo\n+pbac\n+k] x\n!unexpected EOF"},
		{name: "a cut behind the end", model: "loopback:cut=99,chunks=1,usage=none", stream: true, status: 200, want: "start loopback:cut=99,chunks=1,usage=none\nopen 0 Text\n+[loopback] x\nclose 0\nfinish end \n"},
		{name: "failure first", model: "loopback:error=overloaded", stream: true, status: 200, want: "start loopback:error=overloaded\nused 1 - -\nfailed overloaded\n"},
		{name: "failure later", model: "loopback:error=internal,after=1,chunks=2", stream: true, status: 200, want: "start loopback:error=internal,after=1,chunks=2\nused 1 - -\nopen 0 Text\n+[loopb\nfailed internal\n"},
		{name: "failure of a body", model: "loopback:error=rate_limited", status: 418, want: "rate_limited: The loopback was told to fail with rate_limited."},
		{name: "cut in a thought", model: "loopback:think=hm,cut=1,usage=none", stream: true, status: 200, want: "start loopback:think=hm,cut=1,usage=none\nopen 0 Thought\n+hm\n!unexpected EOF"},
		{name: "by the header", model: "loopback", header: []string{"status=500"}, status: 500, want: "internal: The loopback was told to answer with status 500."},
		{name: "the header counts more", model: "loopback:swap=a", header: []string{"swap=b, usage=none"}, status: 200, want: "start b\nopen 0 Text\n+[loopback] x\nclose 0\nfinish end \n"},
		{name: "an unknown word", model: "loopback:sing=loud", status: 418, want: `does not understand "sing=loud"`, wantContains: true},
		{name: "the grammar is told", model: "loopback", header: []string{"stall=forever"}, status: 418, want: "stall=2s", wantContains: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := ask(t, says("x"), tt.stream, tt.model, tt.header...)
			got := heard(t, resp)
			if resp.StatusCode != tt.status || resp.Header.Get("Retry-After") != tt.retry {
				t.Errorf("status %d, retry after %q", resp.StatusCode, resp.Header.Get("Retry-After"))
			}
			if got != tt.want && (!tt.wantContains || !strings.Contains(got, tt.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestBadWords(t *testing.T) {
	for _, words := range []string{
		"stall", "stall=", "stall=-1s", "stall=1h", "delay=x", "status=200", "status=600", "status=x", "cut=-1", "chunks=0", "parallel=0",
		"parallel=1000", "repeat=0", "error=boom", "stop=never", "usage=right", "tool=", "retry_after=soon", "after=-1", "=", "x",
	} {
		_, err := parseWords("loopback:"+words, nil)
		if e := llm.AsError(err); err == nil || e.Kind != llm.Invalid || !strings.Contains(e.Message, "It knows") {
			t.Errorf("%s: %v", words, err)
		}
	}
	for _, model := range []string{"loopback", "loopback:", "loopback:,", "gpt-4o", "gpt:status=500", "x/loopback:status=500"} {
		if w, err := parseWords(model, []string{""}); err != nil || w.status != 0 {
			t.Errorf("%s: %+v %v", model, w, err)
		}
	}
}

func TestStallsAndDelays(t *testing.T) {
	for _, tt := range []struct {
		name, model string
		stream      bool
		least       time.Duration
	}{
		{"at first", "loopback:stall=20ms", true, tick},
		{"a body", "loopback:stall=20ms", false, tick},
		{"in the middle", "loopback:stall=20ms,after=1,chunks=2", true, tick},
		{"before each piece", "loopback:delay=10ms,chunks=4", true, 2 * tick},
		{"before a refusal", "loopback:stall=20ms,status=429", false, tick},
		{"before a failure", "loopback:stall=20ms,error=internal", false, tick},
	} {
		start := time.Now()
		heard(t, ask(t, says("x"), tt.stream, tt.model))
		if took := time.Since(start); took < tt.least {
			t.Errorf("%s: it took %s, at least %s was ordered", tt.name, took, tt.least)
		}
	}
}

// TestPiecesComeOneByOne reads a slow stream: what is due is there before the
// next wait begins.
func TestPiecesComeOneByOne(t *testing.T) {
	resp := ask(t, says("x"), true, "loopback:stall=10m,after=1,chunks=2,usage=none")
	var got string
	buf := make([]byte, 64)
	within(t, time.Second, func() {
		for !strings.Contains(got, "+") {
			n, err := resp.Body.Read(buf)
			if err != nil {
				t.Error(err)
				return
			}
			got += string(buf[:n])
		}
	})
	if !strings.HasSuffix(got, "+[loopb\n") {
		t.Errorf("got %q", got)
	}
}

func TestNobodyWaitsAnyMore(t *testing.T) {
	before := runtime.NumGoroutine()
	p := New(map[llm.Protocol]protocol.Codec{llm.Chat: &notes{request: says("x")}}, Options{})
	req := &provider.Request{Operation: llm.Generate, Protocol: llm.Chat, Stream: true, Model: "loopback:stall=10m", Body: net.Buffers{[]byte("{}")}}

	t.Run("closed", func(t *testing.T) {
		resp, err := p.Do(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, func() {
			time.AfterFunc(tick, func() { resp.Body.Close() })
			if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a closed answer went on")
			}
			if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a closed answer went on")
			}
		})
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), tick)
		defer cancel()
		resp, err := p.Do(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, func() {
			if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	})
	t.Run("cancelled before a refusal", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		refused := *req
		refused.Model = "loopback:status=429,stall=10m"
		if _, err := p.Do(ctx, &refused); llm.AsError(err).Kind != llm.Canceled {
			t.Errorf("%v", err)
		}
	})
	for range 100 {
		resp, err := p.Do(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if after := runtime.NumGoroutine(); after > before+3 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestWhatItSpeaks(t *testing.T) {
	codec := &notes{}
	all := New(map[llm.Protocol]protocol.Codec{llm.Messages: codec, llm.Responses: codec, llm.Chat: codec}, Options{})
	few := New(map[llm.Protocol]protocol.Codec{llm.Responses: codec}, Options{})
	for _, tt := range []struct {
		p    *Provider
		op   llm.Operation
		want string
	}{
		{all, llm.Generate, "openai-chat anthropic-messages openai-responses"},
		{all, llm.Embed, "openai-chat"},
		{all, llm.CountTokens, "anthropic-messages"},
		{all, llm.ListModels, ""},
		{few, llm.Generate, "openai-responses"},
		{few, llm.Embed, ""},
		{few, llm.CountTokens, ""},
	} {
		var got []string
		for _, name := range tt.p.Speaks(tt.op) {
			got = append(got, string(name))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.op, got, tt.want)
		}
	}
	if models, err := all.Models(t.Context()); err != nil || len(models) != 1 || models[0].ID != "loopback" || all.Name() != "loopback" {
		t.Errorf("models %v %v", models, err)
	}
	_, err := few.Do(t.Context(), &provider.Request{Protocol: llm.Gemini})
	if llm.AsError(err).Kind != llm.Invalid {
		t.Errorf("%v", err)
	}
}

func TestBadRequestIsAnswered(t *testing.T) {
	p := New(map[llm.Protocol]protocol.Codec{llm.Chat: &notes{refused: llm.InvalidField("messages", "none there")}}, Options{})
	for _, op := range []llm.Operation{llm.Generate, llm.CountTokens} {
		resp, err := p.Do(t.Context(), &provider.Request{Operation: op, Protocol: llm.Chat})
		if err != nil {
			t.Fatal(err)
		}
		if got := heard(t, resp); resp.StatusCode != 418 || got != "invalid: none there" {
			t.Errorf("%s: %d %s", op, resp.StatusCode, got)
		}
	}
}

func TestCounting(t *testing.T) {
	p := New(map[llm.Protocol]protocol.Codec{llm.Messages: &notes{request: says("hello")}}, Options{
		Count: func(*llm.Request) int64 { return 42 },
	})
	for model, want := range map[string]string{"loopback": `{"input_tokens":42}`, "loopback:usage=wrong": `{"input_tokens":420}`} {
		resp, err := p.Do(t.Context(), &provider.Request{Operation: llm.CountTokens, Protocol: llm.Messages, Model: model})
		if err != nil {
			t.Fatal(err)
		}
		if got := heard(t, resp); got != want {
			t.Errorf("%s: %s", model, got)
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	p := New(map[llm.Protocol]protocol.Codec{llm.Chat: &notes{request: says("hello there")}}, Options{})
	req := &provider.Request{Operation: llm.Generate, Protocol: llm.Chat, Stream: true, Model: "loopback"}
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		resp, err := p.Do(b.Context(), req)
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := resp.Body.Read(buf); err != nil {
				break
			}
		}
		resp.Body.Close()
	}
}
