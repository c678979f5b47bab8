package upstreamtest_test

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/catalog"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
	"github.com/tokligence/tokligence-gateway/go/internal/upstreamtest"
)

const key = "sk-preset-0123456789"

// bench is a preset and a server that behaves as its vendor.
type bench struct {
	preset provider.Preset
	up     *provider.HTTP
	srv    *upstreamtest.Server
	router *route.Router
	codecs map[llm.Protocol]protocol.Codec
	model  string
}

// setUp wires a preset as the gateway does.
func setUp(t *testing.T, preset provider.Preset, known *catalog.Catalog, reply upstreamtest.Reply) *bench {
	t.Helper()
	like := preset.Name
	switch like {
	case "openai-compatible":
		like = "vllm"
	case "anthropic-compatible":
		like = "anthropic"
	}
	srv := upstreamtest.New(t, upstreamtest.Script{Like: like, Key: key, Reply: reply})
	up, err := provider.New(provider.Settings{Preset: preset.Name, BaseURL: srv.URL, Key: secret.New(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = up.Close() })
	sealer := protocol.NewSealer([]byte("0123456789abcdef0123456789abcdef"))
	b := &bench{
		preset: preset, up: up, srv: srv, model: preset.Defaults.Large,
		codecs: map[llm.Protocol]protocol.Codec{
			llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer), llm.Responses: responses.New(sealer),
		},
	}
	if b.model == "" {
		b.model = "some-model"
	}
	b.router = route.New(route.Options{
		Routes: []route.Rule{{Match: "*", Targets: []string{preset.Name}}}, Catalog: known,
		Providers: []route.ProviderInfo{{
			Name: preset.Name, Preset: preset.Name, Provider: up, Ready: true, Native: preset.Native, Quirks: up.Quirks(),
		}},
	})
	return b
}

// target is the model as an encoder of this protocol sees it.
func (b *bench) target(t *testing.T, name llm.Protocol) protocol.Target {
	t.Helper()
	plan, err := b.router.Plan(t.Context(), route.Query{
		Principal: identity.LocalOwner(), Protocol: name, Operation: llm.Generate, Model: b.model,
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan[0].Target
}

// ask encodes a call, sends it and returns the answer.
func (b *bench) ask(t *testing.T, req *llm.Request, name llm.Protocol) *http.Response {
	t.Helper()
	body, _, err := b.codecs[name].EncodeRequest(req, b.target(t, name))
	if err != nil {
		t.Fatalf("encoding for %s: %v", name, err)
	}
	resp, err := b.up.Do(t.Context(), &provider.Request{
		Operation: llm.Generate, Protocol: name, Model: b.model, Stream: req.Stream,
		Header: http.Header{"Authorization": {"Bearer tok_client"}, "X-Api-Key": {"tok_client"}}, Body: net.Buffers{body},
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// spoken are the protocols that the scripted vendors play. Google's own has a
// vendor of its own, see TestGeminiPaths.
func spoken(up *provider.HTTP) []llm.Protocol {
	return slices.DeleteFunc(slices.Clone(up.Speaks(llm.Generate)), func(name llm.Protocol) bool { return name == llm.Gemini })
}

func each(t *testing.T, f func(t *testing.T, preset provider.Preset, known *catalog.Catalog)) {
	known, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, preset := range provider.Presets() {
		t.Run(preset.Name, func(t *testing.T) { f(t, preset, known) })
	}
}

// weather is a call with much that vendors differ in: instructions, sampling,
// tools that must be used, and a limit.
func weather(stream bool) *llm.Request {
	limit, cool, seed := 2000, 0.2, int64(7)
	strict, parallel := true, false
	return &llm.Request{
		Model: "client-model", Stream: stream,
		System: []llm.Block{llm.Text{Text: "Be brief."}},
		Turns:  []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Text{Text: "Weather in Oslo?"}}}},
		Tools: []llm.Tool{{
			Kind: llm.FunctionTool, Name: "get_weather", Description: "Current weather",
			Schema: []byte(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`), Strict: &strict,
		}},
		ToolChoice: &llm.ToolChoice{Mode: llm.ToolsAny, Parallel: &parallel},
		Sampling:   llm.Sampling{MaxTokens: &limit, Temperature: &cool, Seed: &seed, Stop: []string{"END"}},
		EndUser:    "user-7", CacheKey: "conversation-7",
	}
}

// Every preset is understood by its vendor: address, credential, request,
// answer whole and streamed, in every protocol that it lists.
func TestPresets(t *testing.T) {
	reply := upstreamtest.Reply{
		Text: "Let me look that up. ", Thought: "The user wants weather.", Input: 30, Cached: 10, Output: 9,
		Calls: []upstreamtest.ToolCall{
			{ID: "call12345", Name: "get_weather", Arguments: `{"city": "Oslo"}`},
			{ID: "call67890", Name: "get_weather", Arguments: `{"city": "Rome"}`},
		},
	}
	each(t, func(t *testing.T, preset provider.Preset, known *catalog.Catalog) {
		b := setUp(t, preset, known, reply)
		for _, name := range spoken(b.up) {
			for _, stream := range []bool{false, true} {
				resp := b.ask(t, weather(stream), name)
				if why := b.srv.Last(t).Refused; why != "" || resp.StatusCode != http.StatusOK {
					t.Errorf("%s, stream %v: status %d: %s\n%s", name, stream, resp.StatusCode, why, b.srv.Last(t).Raw)
					continue
				}
				answer := protocoltest.Read(t, b.codecs[name].NewReader(resp.Body, stream, b.target(t, name)))
				_ = resp.Body.Close()
				checkAnswer(t, name, answer, reply)
			}
		}
		checkLeaks(t, b.srv)
	})
}

func checkAnswer(t *testing.T, name llm.Protocol, got protocoltest.Answer, want upstreamtest.Reply) {
	t.Helper()
	var said, thought string
	var calls []upstreamtest.ToolCall
	for _, block := range got.Blocks {
		switch block := block.(type) {
		case llm.Text:
			said += block.Text
		case llm.Thought:
			thought += block.Text
		case llm.ToolCall:
			calls = append(calls, upstreamtest.ToolCall{ID: block.ID, Name: block.Name, Arguments: block.Arguments})
		default:
			t.Errorf("%s: a block %T", name, block)
		}
	}
	if strings.TrimSpace(said) != strings.TrimSpace(want.Text) {
		t.Errorf("%s: it said %q", name, said)
	}
	if thought != "" && strings.TrimSpace(thought) != want.Thought {
		t.Errorf("%s: it thought %q", name, thought)
	}
	if len(calls) != len(want.Calls) {
		t.Errorf("%s: calls %+v", name, calls)
	}
	for i := range min(len(calls), len(want.Calls)) {
		if squeeze(calls[i].Arguments) != squeeze(want.Calls[i].Arguments) || calls[i].Name != want.Calls[i].Name || calls[i].ID == "" {
			t.Errorf("%s: call %+v, want %+v", name, calls[i], want.Calls[i])
		}
	}
	if got.Err != nil || got.Stop.Reason != llm.StopTools {
		t.Errorf("%s: it ended with %+v, %v", name, got.Stop, got.Err)
	}
	u := got.Usage
	if u.InputTotal() != int64(want.Input) || u.CacheRead.N != int64(want.Cached) || u.OutputTotal() != int64(want.Output) || u.Source != llm.Reported {
		t.Errorf("%s: usage %+v", name, u)
	}
}

func squeeze(s string) string { return strings.ReplaceAll(s, " ", "") }

// checkLeaks looks for the client's credential in all that was sent.
func checkLeaks(t *testing.T, srv *upstreamtest.Server) {
	t.Helper()
	for _, c := range srv.Calls() {
		for name, values := range c.Header {
			if strings.Contains(strings.Join(values, " "), "tok_client") {
				t.Errorf("the client's key travels in %s", name)
			}
		}
	}
}

// A refused key, a limit and a breakdown are read as what they are.
func TestPresetErrors(t *testing.T) {
	kinds := map[int]llm.ErrorKind{429: llm.RateLimited, 500: llm.BadUpstream, 400: llm.Invalid}
	each(t, func(t *testing.T, preset provider.Preset, known *catalog.Catalog) {
		b := setUp(t, preset, known, upstreamtest.Reply{})
		for _, name := range spoken(b.up) {
			for status, kind := range kinds {
				b.srv.Break(upstreamtest.Fault{Status: status, RetryAfter: "7", Message: "so it is"})
				resp := b.ask(t, weather(false), name)
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				e := b.codecs[name].DecodeError(resp.StatusCode, resp.Header, body)
				if resp.StatusCode != status || e.Kind != kind || e.RetryAfter.Seconds() != 7 && status == 429 {
					t.Errorf("%s: status %d is read as %s, retry after %v: %s", name, status, e.Kind, e.RetryAfter, body)
				}
			}
		}
		stranger, err := provider.New(provider.Settings{Preset: preset.Name, BaseURL: b.srv.URL, Key: secret.New("sk-wrong-0123456789")})
		if err != nil {
			t.Fatal(err)
		}
		b.up = stranger
		for _, name := range spoken(stranger) {
			resp := b.ask(t, weather(false), name)
			body, _ := io.ReadAll(resp.Body)
			if e := b.codecs[name].DecodeError(resp.StatusCode, resp.Header, body); resp.StatusCode != 401 || e.Kind != llm.BadUpstream {
				t.Errorf("%s: a wrong key is %d, read as %s", name, resp.StatusCode, e.Kind)
			}
		}
	})
}

func TestPresetModels(t *testing.T) {
	each(t, func(t *testing.T, preset provider.Preset, known *catalog.Catalog) {
		b := setUp(t, preset, known, upstreamtest.Reply{})
		got, err := b.up.Models(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"model-large", "model-small"}
		if preset.List == "" {
			want = []string{preset.Defaults.Large, preset.Defaults.Small}
		}
		ids := make([]string, len(got))
		for i := range got {
			ids[i] = got[i].ID
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%v, want %v", ids, want)
		}
	})
}

func TestPresetEmbeddings(t *testing.T) {
	each(t, func(t *testing.T, preset provider.Preset, known *catalog.Catalog) {
		b := setUp(t, preset, known, upstreamtest.Reply{})
		for _, name := range b.up.Speaks(llm.Embed) {
			if name == llm.Gemini {
				continue // nobody here speaks Google's own protocol
			}
			resp, err := b.up.Do(t.Context(), &provider.Request{
				Operation: llm.Embed, Protocol: name, Body: net.Buffers{[]byte(`{"model":"e","input":["a","b"]}`)},
			})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK || strings.Count(string(body), `"embedding":[`) != 2 {
				t.Errorf("%d %s, %v", resp.StatusCode, body, err)
			}
		}
	})
}

// The models that stand in for others are real, and their price is known
// where the vendor has one for us.
func TestPresetDefaults(t *testing.T) {
	each(t, func(t *testing.T, preset provider.Preset, known *catalog.Catalog) {
		for _, id := range []string{preset.Defaults.Large, preset.Defaults.Small} {
			if id == "" {
				continue
			}
			if m, ok := known.Find(preset.Name, id); !ok || m.Price == nil {
				t.Errorf("%s is not in the price table", id)
			}
		}
	})
}

// Every case of the fixtures, in the words of every client, is encoded for
// every preset in a form that its vendor accepts.
func TestPresetsAcceptAllCases(t *testing.T) {
	each(t, func(t *testing.T, preset provider.Preset, known *catalog.Catalog) {
		b := setUp(t, preset, known, upstreamtest.Reply{})
		for _, folder := range protocoltest.Cases(t) {
			for _, client := range []llm.Protocol{llm.Chat, llm.Messages, llm.Responses} {
				short, _ := strings.CutPrefix(string(client), "openai-")
				short, _ = strings.CutPrefix(short, "anthropic-")
				text := protocoltest.File(folder, short+".request.json")
				if text == nil {
					continue
				}
				for _, name := range spoken(b.up) {
					req, err := b.codecs[client].DecodeRequest(text)
					if err != nil {
						t.Fatalf("%s in %s: %v", folder, client, err)
					}
					b.accepts(t, folder, client, name, req)
				}
			}
		}
	})
}

func (b *bench) accepts(t *testing.T, folder string, client, name llm.Protocol, req *llm.Request) {
	t.Helper()
	body, _, err := b.codecs[name].EncodeRequest(req, b.target(t, name))
	if folder == "32-codex-compaction" && client == llm.Responses && name != llm.Responses {
		if e := llm.AsError(err); err == nil || e.Kind != llm.Invalid {
			t.Errorf("%s, to %s: %v; no other protocol can compact", folder, name, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%s, %s to %s: %v", folder, client, name, err)
		return
	}
	resp, err := b.up.Do(t.Context(), &provider.Request{
		Operation: llm.Generate, Protocol: name, Stream: req.Stream, Body: net.Buffers{body},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if why := b.srv.Last(t).Refused; why != "" {
		t.Errorf("%s, %s to %s: %s", folder, client, name, why)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
}

// The quirks of a preset are not there for show: without them its vendor
// refuses.
func TestPresetsNeedTheirQuirks(t *testing.T) {
	needy := []string{"gemini", "deepseek", "mistral", "moonshot", "zhipu", "dashscope", "xai"}
	each(t, func(t *testing.T, preset provider.Preset, known *catalog.Catalog) {
		if !slices.Contains(needy, preset.Name) {
			t.Skip("its rules are those of all compatible servers")
		}
		b := setUp(t, preset, known, upstreamtest.Reply{})
		plain := b.target(t, llm.Chat)
		plain.Quirks = protocol.Quirks{}
		body, _, err := b.codecs[llm.Chat].EncodeRequest(weather(true), plain)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := b.up.Do(t.Context(), &provider.Request{
			Operation: llm.Generate, Protocol: llm.Chat, Stream: true, Body: net.Buffers{body},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b.srv.Last(t).Refused == "" || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d: it is accepted: %s", resp.StatusCode, body)
		}
	})
}
