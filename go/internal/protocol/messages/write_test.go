package messages_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// A thought of another protocol goes through the client and comes back whole.
func TestSealsTravel(t *testing.T) {
	for name, c := range map[string]struct {
		start llm.Thought
		words string
		seal  string
		want  llm.Thought
	}{
		"signed":         {llm.Thought{}, "hm", "enc", llm.Thought{Text: "hm", Seal: "enc", Origin: "openai/gpt"}},
		"unsigned":       {llm.Thought{}, "hm", "", llm.Thought{Text: "hm", Origin: "openai/gpt"}},
		"item":           {llm.Thought{ID: "rs_1"}, "hm", "enc", llm.Thought{Text: "hm", Seal: "enc", Origin: "openai/gpt", ID: "rs_1"}},
		"without words":  {llm.Thought{ID: "rs_1"}, "", "enc", llm.Thought{Seal: "enc", Origin: "openai/gpt", ID: "rs_1"}},
		"redacted":       {llm.Thought{Redacted: true}, "", "enc", llm.Thought{Seal: "enc", Origin: "openai/gpt", Redacted: true}},
		"its own words":  {llm.Thought{Raw: true}, "hm", "", llm.Thought{Text: "hm", Origin: "openai/gpt", Raw: true}},
		"nothing at all": {llm.Thought{}, "", "", llm.Thought{}},
	} {
		for _, streamed := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				events := []llm.Event{chatMeta(), begin(0, c.start)}
				if c.words != "" {
					events = append(events, delta(0, c.words))
				}
				events = append(events, llm.Event{Type: llm.BlockEnd, Seal: c.seal}, begin(1, llm.Text{}), delta(1, "a"), end(1), stop(llm.StopEnd))
				out, _ := render(t, events, protocol.Head{Stream: streamed})
				content := contentOf(t, out, streamed)
				req, err := codec.DecodeRequest([]byte(`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":` + content + `}]}`))
				if err != nil {
					t.Fatal(err)
				}
				blocks := req.Turns[1].Blocks
				if c.want == (llm.Thought{}) {
					if len(blocks) != 1 {
						t.Errorf("got %+v", blocks)
					}
					return
				}
				if len(blocks) != 2 || blocks[0] != llm.Block(c.want) {
					t.Errorf("got %+v, want %+v", blocks, c.want)
				}
			})
		}
	}
}

// Clients take the last block of an answer for what it says: a seal without
// words stands before another block, or alone, but never behind the answer.
func TestSealBehindTheAnswer(t *testing.T) {
	seal := func(i int) []llm.Event {
		return []llm.Event{begin(i, llm.Thought{Redacted: true}), {Type: llm.BlockEnd, Index: i, Seal: "enc"}}
	}
	said := []llm.Event{begin(0, llm.Text{}), delta(0, "a"), end(0)}
	for name, c := range map[string]struct {
		events []llm.Event
		kinds  string
	}{
		"behind text":           {slices.Concat(said, seal(1), []llm.Event{stop(llm.StopEnd)}), "text"},
		"between text and call": {slices.Concat(said, seal(1), []llm.Event{begin(2, llm.ToolCall{ID: "c", Name: "f"}), delta(2, "{}"), end(2), stop(llm.StopTools)}), "text redacted_thinking tool_use"},
		"two before text":       {slices.Concat(seal(0), seal(1), []llm.Event{begin(2, llm.Text{}), delta(2, "a"), end(2), stop(llm.StopEnd)}), "redacted_thinking redacted_thinking text"},
		"alone":                 {slices.Concat(seal(0), []llm.Event{stop(llm.StopLength)}), "redacted_thinking"},
	} {
		for _, streamed := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				out, _ := render(t, slices.Concat([]llm.Event{chatMeta()}, c.events), protocol.Head{Stream: streamed})
				var blocks []struct{ Type string }
				if err := json.Unmarshal([]byte(contentOf(t, out, streamed)), &blocks); err != nil {
					t.Fatal(err)
				}
				var kinds []string
				for _, b := range blocks {
					kinds = append(kinds, b.Type)
				}
				if got := strings.Join(kinds, " "); got != c.kinds {
					t.Errorf("got %s, want %s", got, c.kinds)
				}
			})
		}
	}
}

// contentOf returns the content a client would send back.
func contentOf(t *testing.T, out []byte, streamed bool) string {
	t.Helper()
	whole, _ := render(t, mustCollect(t, out, streamed), protocol.Head{})
	raw, err := json.Marshal(at(t, value(t, whole), "content"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestSealOfACallTravels(t *testing.T) {
	for _, streamed := range []bool{true, false} {
		events := []llm.Event{
			{Type: llm.Start, Meta: &llm.Meta{Protocol: llm.Gemini, Origin: "google/gemini"}},
			begin(0, call("a", "")), delta(0, "{}"),
			{Type: llm.BlockEnd, Seal: "sig"},
			begin(1, call("b", "")), end(1), stop(llm.StopTools),
		}
		out, _ := render(t, events, protocol.Head{Stream: streamed})
		req, err := codec.DecodeRequest([]byte(`{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":` + contentOf(t, out, streamed) + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		blocks := req.Turns[1].Blocks
		if len(blocks) != 2 {
			t.Fatalf("got %+v", blocks)
		}
		first, _ := blocks[0].(llm.ToolCall)
		second, _ := blocks[1].(llm.ToolCall)
		if first.Seal != "sig" || first.Origin != "google/gemini" || second.Seal != "" {
			t.Errorf("got %+v", blocks)
		}
	}
}

func TestWriterOfForeignAnswers(t *testing.T) {
	t.Run("refusal", func(t *testing.T) {
		got := body(t, chatMeta(), begin(0, llm.Refusal{}), delta(0, `I can\u0027t.`), end(0), stop(llm.StopEnd))
		if len(at(t, got, "content").([]any)) != 0 || at(t, got, "stop_reason") != "refusal" || at(t, got, "stop_details", "explanation") != "I can't." {
			t.Errorf("got %v", got)
		}
	})
	t.Run("ids and models", func(t *testing.T) {
		got := body(t, llm.Event{Type: llm.Start, Meta: &llm.Meta{Protocol: llm.Chat}}, stop(llm.StopEnd))
		if id, _ := at(t, got, "id").(string); !strings.HasPrefix(id, "msg_") || len(id) < 10 || at(t, got, "model") != "asked" {
			t.Errorf("got %v", got)
		}
		got = body(t, chatMeta(), stop(llm.StopEnd))
		if at(t, got, "id") != "msg_chatcmpl-1" || at(t, got, "model") != "gpt-x" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("stop reasons", func(t *testing.T) {
		for reason, want := range map[llm.StopReason]string{
			llm.StopEnd: "end_turn", llm.StopLength: "max_tokens", llm.StopSequence: "end_turn", llm.StopRefusal: "refusal",
			llm.StopPause: "pause_turn", llm.StopContext: "model_context_window_exceeded", llm.StopTools: "end_turn",
		} {
			if got := at(t, body(t, chatMeta(), stop(reason)), "stop_reason"); got != want {
				t.Errorf("%s: %v, want %s", reason, got, want)
			}
		}
		known := llm.Event{Type: llm.Finish, Stop: llm.Stop{Reason: llm.StopSequence, Sequence: "END"}}
		if got := body(t, chatMeta(), known); at(t, got, "stop_reason") != "stop_sequence" || at(t, got, "stop_sequence") != "END" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("usage estimated", func(t *testing.T) {
		same(t, at(t, body(t, chatMeta(), begin(0, llm.Text{}), delta(0, "12345678"), end(0), stop(llm.StopEnd)), "usage"),
			value(t, []byte(`{"input_tokens":33,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}`)))
	})
	t.Run("usage reported", func(t *testing.T) {
		same(t, at(t, body(t, chatMeta(), metered(llm.Usage{Input: llm.Known(1), CacheRead: llm.Known(2), CacheWrite5m: llm.Known(3), CacheWrite1h: llm.Known(4), Output: llm.Known(5), Reasoning: llm.Known(6)}), stop(llm.StopEnd)), "usage"),
			value(t, []byte(`{"input_tokens":1,"cache_creation_input_tokens":7,"cache_read_input_tokens":2,"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4},"output_tokens":11,"output_tokens_details":{"thinking_tokens":6}}`)))
	})
	t.Run("empty text", func(t *testing.T) {
		if out := stream(t, chatMeta(), begin(0, llm.Text{}), end(0), begin(1, llm.Text{}), delta(1, "x"), end(1), stop(llm.StopEnd)); strings.Count(out, "content_block_start\ndata") != 1 {
			t.Errorf("got %s", out)
		}
	})
	t.Run("what has no place", func(t *testing.T) {
		out, findings := render(t, []llm.Event{
			chatMeta(), begin(0, llm.Media{Kind: llm.Image}), end(0), begin(1, llm.Opaque{Origin: llm.Responses, Field: "web_search_call"}), end(1),
			begin(2, llm.Text{}), delta(2, "x"),
			{Type: llm.BlockEnd, Index: 2, Block: llm.Text{Text: "x", Citations: []llm.Opaque{{Origin: llm.Chat}}}},
			stop(llm.StopEnd),
		}, protocol.Head{Stream: true})
		legalFrames(t, out)
		if len(findings) != 3 {
			t.Errorf("findings %v", findings)
		}
	})
	t.Run("failure", func(t *testing.T) {
		failed := llm.Event{Type: llm.Failed, Err: llm.Errorf(llm.RateLimited, "slow down")}
		if out := stream(t, failed); !strings.HasPrefix(out, "event: error\n") {
			t.Errorf("got %s", out)
		}
		got := body(t, chatMeta(), begin(0, llm.Text{}), delta(0, "x"), failed)
		if at(t, got, "error", "type") != "rate_limit_error" {
			t.Errorf("got %v", got)
		}
	})
	t.Run("held too much", func(t *testing.T) {
		w := codec.NewWriter(protocol.Head{Stream: true})
		var err error
		for _, ev := range []llm.Event{chatMeta(), begin(0, call("a", "")), begin(1, call("b", "")), {Type: llm.BlockDelta, Index: 1, Delta: make([]byte, protocol.MaxHeld+1)}} {
			_, err = w.Append(nil, ev)
		}
		if !errors.Is(err, protocol.ErrHeldTooMuch) {
			t.Errorf("got %v", err)
		}
	})
}

// An answer of a model that was made to call json_output is text.
func TestForcedToolIsText(t *testing.T) {
	whole := []byte(`{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"t","name":"json_output","input":{"a": [1, "é\n"]}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":1}}`)
	streamed := frames(startFrame, `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"json_output","input":{}}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":[1,"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"\"é\\n\"]}"}}`,
		`{"type":"content_block_stop","index":0}`, `{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}`, `{"type":"message_stop"}`)
	for _, c := range []struct {
		body   []byte
		stream bool
	}{{whole, false}, {streamed, true}} {
		out, _ := render(t, mustCollect(t, c.body, c.stream), protocol.Head{})
		got := value(t, out)
		if at(t, got, "stop_reason") != "end_turn" || at(t, got, "content", 0, "type") != "text" || at(t, got, "content", 0, "text") != `{"a":[1,"é\n"]}` {
			t.Errorf("stream=%t: %s", c.stream, out)
		}
	}
}

func TestPatch(t *testing.T) {
	patch := func(t *testing.T, in string, to protocol.Target) string {
		t.Helper()
		head, err := codec.Peek(llm.CountTokens, []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		segments, err := codec.Patch([]byte(in), head, to)
		if err != nil {
			t.Fatal(err)
		}
		return string(bytes.Join(segments, nil))
	}
	wrapped := func(origin, seal string) string {
		return sealer.Wrap(protocol.Envelope{Origin: origin, Seal: seal})
	}
	thought := func(signature string) string {
		return `{"type":"thinking","thinking":"hm","signature":"` + signature + `"}`
	}
	const head, tail = `{ "thinking":{"type":"enabled","budget_tokens":1024},"model":"a" ,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[`, `]}], "x":1.0}`
	to := native()
	to.Model = "b"
	for name, c := range map[string]struct{ in, out string }{
		"model only": {head + thought("native") + `, {"type":"text","text":"a"}` + tail, strings.Replace(head, `"a"`, `"b"`, 1) + thought("native") + `, {"type":"text","text":"a"}` + tail},
		"foreign thought": {
			head + thought(wrapped("openai/gpt", "s")) + ` , {"type":"text","text":"a"}` + tail,
			strings.NewReplacer(`"a"`, `"b"`, `{"type":"enabled","budget_tokens":1024}`, `{"type":"disabled"}`).Replace(head) + `{"type":"text","text":"a"}` + tail,
		},
		"nothing but foreign thought": {
			head + `{"type":"redacted_thinking","data":"` + wrapped("openai/gpt", "s") + `"}` + tail,
			strings.NewReplacer(`"a"`, `"b"`, `{"type":"enabled","budget_tokens":1024}`, `{"type":"disabled"}`).Replace(head) + `{"type":"text","text":"(continued)"}` + tail,
		},
		"own thought, wrapped": {head + thought(wrapped("anthropic/claude", "s")) + tail, strings.Replace(head, `"a"`, `"b"`, 1) + thought("s") + tail},
		"the words in a text":  {head + `{"type":"text","text":"gw1.x"}` + tail, strings.Replace(head, `"a"`, `"b"`, 1) + `{"type":"text","text":"gw1.x"}` + tail},
	} {
		t.Run(name, func(t *testing.T) {
			if got := patch(t, c.in, to); got != c.out {
				t.Errorf("got  %s\nwant %s", got, c.out)
			}
		})
	}
}

func TestModels(t *testing.T) {
	want := read(t, fixtures+"/40-small/models.anthropic.json")
	card := protocol.ModelCard{ID: "claude-sonnet-4-5", DisplayName: "Claude Sonnet 4.5", Created: time.Date(2025, 9, 29, 0, 0, 0, 0, time.UTC), MaxInput: 200_000, MaxOutput: 64_000}
	same(t, value(t, codec.EncodeModels([]protocol.ModelCard{card}, nil)), value(t, want))
	same(t, value(t, codec.EncodeModel(card)), at(t, value(t, want), "data", 0))
	same(t, value(t, codec.EncodeModel(protocol.ModelCard{ID: "x"})), value(t, []byte(`{"type":"model","id":"x","display_name":"x","created_at":"1970-01-01T00:00:00Z","max_input_tokens":null,"max_tokens":null,"capabilities":null}`)))

	cards := []protocol.ModelCard{{ID: "a"}, {ID: "b"}, {ID: "c"}, {ID: "d"}}
	for query, want := range map[string]string{
		"":                       "abcd false",
		"limit=2":                "ab true",
		"limit=2&after_id=b":     "cd false",
		"limit=1&after_id=b":     "c true",
		"before_id=c":            "ab false",
		"limit=1&before_id=c":    "b true",
		"limit=2&before_id=a":    " false",
		"after_id=nope":          " false",
		"limit=0":                "abcd false",
		"limit=many&after_id=d":  " false",
		"limit=5000&before_id=d": "abc false",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		list := value(t, codec.EncodeModels(cards, q))
		got := ""
		for _, m := range at(t, list, "data").([]any) {
			got += at(t, m, "id").(string)
		}
		more, _ := json.Marshal(at(t, list, "has_more"))
		if got += " " + string(more); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	if got := string(codec.EncodeCount(412)); got != `{"input_tokens":412}` {
		t.Errorf("got %s", got)
	}
}
