package proxy_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/gemini"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

var breaker = guard.Loop{Tell: 3, Stop: 5}

func allCodecs() map[llm.Protocol]protocol.Codec {
	sealer := protocol.NewSealer(make([]byte, 32))
	return map[llm.Protocol]protocol.Codec{
		llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer), llm.Responses: responses.New(sealer),
		llm.Gemini: gemini.New(sealer),
	}
}

// looping is a request whose agent has made one call n times.
func looping(p llm.Protocol, n int, stream bool) string {
	var items []string
	for i := range n {
		id := fmt.Sprintf("call_%d", i)
		switch p {
		case llm.Chat:
			items = append(items, `{"role":"assistant","tool_calls":[{"id":"`+id+`","type":"function","function":{"name":"sh","arguments":"{}"}}]}`,
				`{"role":"tool","tool_call_id":"`+id+`","content":"no"}`)
		case llm.Responses:
			items = append(items, `{"type":"function_call","call_id":"`+id+`","name":"sh","arguments":"{}"}`,
				`{"type":"function_call_output","call_id":"`+id+`","output":"no"}`)
		case llm.Gemini:
			items = append(items, `{"role":"model","parts":[{"functionCall":{"name":"sh","args":{}}}]}`,
				`{"role":"user","parts":[{"functionResponse":{"name":"sh","response":{"output":"no"}}}]}`)
		default:
			items = append(items, `{"role":"assistant","content":[{"type":"tool_use","id":"`+id+`","name":"sh","input":{}}]}`,
				`{"role":"user","content":[{"type":"tool_result","tool_use_id":"`+id+`","content":"no"}]}`)
		}
	}
	member, extra := "messages", ""
	switch p {
	case llm.Responses:
		member = "input"
	case llm.Messages:
		extra = `"max_tokens":9,`
	case llm.Gemini: // the path says the rest
		return `{"contents":[` + strings.Join(items, ",") + `],"x_unknown":  1,"model":"m"}`
	}
	return fmt.Sprintf(`{%s"stream":%t,"%s":[%s],"x_unknown":  1,"model":"m"}`, extra, stream, member, strings.Join(items, ","))
}

func post(t *testing.T, b *bench, p llm.Protocol, body string, query ...string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Post(b.url+"/"+string(p)+"/generate?"+strings.Join(query, "&"), "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

// TestEndOfAnEndedTurnIsKept wants what a client may go on from to be kept
// once it is written down, and before it leaves.
func TestEndOfAnEndedTurnIsKept(t *testing.T) {
	for _, stream := range []bool{false, true} {
		up := &upstream{name: "u"}
		b := newBench(t, setup{codecs: allCodecs(), policy: proxy.Policy{Loop: breaker}}, candidate(up, llm.Chat))
		kept := ""
		b.keep = func(end []byte) { kept = string(end) }
		if _, text := post(t, b, llm.Responses, looping(llm.Responses, 5, stream)); kept != text || text == "" {
			t.Errorf("stream=%t: kept %q of %q", stream, kept, text)
		}
	}
}

func TestAgentThatRepeatsItselfIsStopped(t *testing.T) {
	for _, p := range []llm.Protocol{llm.Chat, llm.Responses, llm.Messages} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/stream=%t", p, stream), func(t *testing.T) {
				up := &upstream{name: "u"}
				b := newBench(t, setup{codecs: allCodecs(), policy: proxy.Policy{Loop: breaker}}, candidate(up, p))
				resp, text := post(t, b, p, looping(p, 5, stream))
				if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Tokligence-Loop") != "ended" {
					t.Fatalf("%s %v: %s", resp.Status, resp.Header, text)
				}
				checkEnding(t, b.codecs[p], text, stream)
				if up.count() != 0 {
					t.Error("an upstream was asked")
				}
				if got := b.eyes.looped(); !slices.Equal(got, []guard.Action{guard.Stop}) {
					t.Errorf("counted %v", got)
				}
				rows := b.rows(t, 1)
				if r := rows[0]; r.Outcome != ledger.LoopEnded || r.Usage.Input.N != 0 || r.Usage.Output.N != 0 || r.Provider != "" ||
					r.BytesOut != int64(len(text)) {
					t.Errorf("the row is %+v", r)
				}
			})
		}
	}
}

// checkEnding reads the answer as a gateway before this one would.
func checkEnding(t *testing.T, codec protocol.Codec, text string, stream bool) {
	t.Helper()
	reader := codec.NewReader(strings.NewReader(text), stream, protocol.Target{})
	var words strings.Builder
	for {
		ev, err := reader.Next()
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		switch ev.Type {
		case llm.BlockDelta:
			words.Write(ev.Delta)
		case llm.Metered:
			if ev.Usage.Input.N != 0 || ev.Usage.Output.N != 0 {
				t.Errorf("usage is %+v", ev.Usage)
			}
		case llm.Failed:
			t.Fatalf("%v in %s", ev.Err, text)
		case llm.Finish:
			if ev.Stop.Reason != llm.StopEnd {
				t.Errorf("it stopped for %s", ev.Stop.Reason)
			}
			if !strings.Contains(words.String(), `\"sh\" was called 5 times`) {
				t.Errorf("it says %s", words.String())
			}
			return
		case llm.Start, llm.BlockStart, llm.BlockEnd:
		}
	}
}

func TestModelOfAnAgentThatRepeatsItselfIsTold(t *testing.T) {
	for _, p := range []llm.Protocol{llm.Chat, llm.Messages, llm.Gemini} {
		up := &upstream{name: "u", plays: []play{reply(500, "application/json", nil, `{"error":{"message":"enough"}}`)}}
		b := newBench(t, setup{codecs: allCodecs(), policy: proxy.Policy{Loop: breaker}}, candidate(up, p))
		post(t, b, p, looping(p, 2, false))
		post(t, b, p, looping(p, 3, false))
		want := strings.Replace(looping(p, 2, false), `"m"`, quoted(p), 1)
		if got := up.request(t, 0).body; got != want {
			t.Errorf("%s: two calls do not pass as they are:\n%s\n%s", p, got, want)
		}
		told := up.request(t, 1).body
		if !json.Valid([]byte(told)) || strings.Count(told, "was called 3 times") != 1 || !strings.Contains(told, `"x_unknown":  1,"model":`+quoted(p)) {
			t.Errorf("%s: the upstream got %s", p, told)
		}
		if got := b.eyes.looped(); !slices.Equal(got, []guard.Action{guard.Tell}) {
			t.Errorf("%s: counted %v", p, got)
		}
	}
}

// TestToldChatServerSeesNoUserAfterATool is about servers that refuse one.
func TestToldChatServerSeesNoUserAfterATool(t *testing.T) {
	for _, p := range []llm.Protocol{llm.Messages, llm.Responses, llm.Gemini} {
		up := &upstream{name: "u", plays: []play{whole(wholeAnswer(llm.Chat))}}
		b := newBench(t, setup{codecs: allCodecs(), policy: proxy.Policy{Loop: breaker}}, candidate(up, llm.Chat))
		post(t, b, p, looping(p, 3, false))
		var sent struct {
			Messages []struct {
				Role    string
				Content json.RawMessage
			}
		}
		if err := json.Unmarshal([]byte(up.request(t, 0).body), &sent); err != nil || len(sent.Messages) == 0 {
			t.Fatalf("%s: %v in %s", p, err, up.request(t, 0).body)
		}
		if last := sent.Messages[len(sent.Messages)-1]; last.Role != "tool" || !strings.Contains(string(last.Content), "was called 3 times") {
			t.Errorf("%s: the last message is %s %s", p, last.Role, last.Content)
		}
	}
}

// quoted is how an upstream is asked for its model.
func quoted(p llm.Protocol) string {
	if p == llm.Gemini {
		return `"models/served-by-u"`
	}
	return `"served-by-u"`
}

// TestGeminiAgentThatRepeatsItself has each of the forms in which this
// protocol answers: the path says which.
func TestGeminiAgentThatRepeatsItself(t *testing.T) {
	for _, c := range []struct{ query, kind, begins string }{
		{"", "application/json", `{"candidates":[`},
		{"stream=sse", "text/event-stream", `data: {"candidates":[`},
		{"stream=array", "application/json", `[{"candidates":[`},
	} {
		up := &upstream{name: "u"}
		b := newBench(t, setup{codecs: allCodecs(), policy: proxy.Policy{Loop: breaker}}, candidate(up, llm.Gemini))
		resp, text := post(t, b, llm.Gemini, looping(llm.Gemini, 5, false), c.query)
		if resp.Header.Get("X-Tokligence-Loop") != "ended" || resp.Header.Get("Content-Type") != c.kind || !strings.HasPrefix(text, c.begins) {
			t.Errorf("%q: %s %v: %s", c.query, resp.Status, resp.Header, text)
			continue
		}
		if c.query == "stream=array" { // its frames as events
			var frames []json.RawMessage
			if err := json.Unmarshal([]byte(text), &frames); err != nil || len(frames) < 2 {
				t.Fatalf("%v in %s", err, text)
			}
			text = ""
			for _, f := range frames {
				text += "data: " + string(f) + "\n\n"
			}
		}
		checkEnding(t, b.codecs[llm.Gemini], text, c.query != "")
		if b.rows(t, 1)[0].Outcome != ledger.LoopEnded {
			t.Errorf("%q: no row of an ended loop", c.query)
		}
	}
}

func TestKeyThatMayLoop(t *testing.T) {
	up := &upstream{name: "u", plays: []play{reply(200, "application/json", nil, wholeAnswer(llm.Chat))}}
	b := newBench(t, setup{codecs: allCodecs(), policy: proxy.Policy{Loop: breaker}}, candidate(up, llm.Chat))
	b.loops = true
	resp, text := post(t, b, llm.Chat, looping(llm.Chat, 9, false))
	if resp.StatusCode != http.StatusOK || up.count() != 1 || strings.Contains(up.request(t, 0).body, "Note from the gateway") {
		t.Errorf("%s, %d calls: %s", resp.Status, up.count(), text)
	}
}
