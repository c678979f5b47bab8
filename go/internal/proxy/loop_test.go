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
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

var breaker = guard.Loop{Tell: 3, Stop: 5}

func allCodecs() map[llm.Protocol]protocol.Codec {
	sealer := protocol.NewSealer(make([]byte, 32))
	return map[llm.Protocol]protocol.Codec{
		llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer), llm.Responses: responses.New(sealer),
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
	}
	return fmt.Sprintf(`{%s"stream":%t,"%s":[%s],"x_unknown":  1,"model":"m"}`, extra, stream, member, strings.Join(items, ","))
}

func post(t *testing.T, b *bench, p llm.Protocol, body string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Post(b.url+"/"+string(p)+"/generate", "application/json", strings.NewReader(body))
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
	for _, p := range []llm.Protocol{llm.Chat, llm.Messages} {
		up := &upstream{name: "u", plays: []play{reply(500, "application/json", nil, `{"error":{"message":"enough"}}`)}}
		b := newBench(t, setup{codecs: allCodecs(), policy: proxy.Policy{Loop: breaker}}, candidate(up, p))
		post(t, b, p, looping(p, 2, false))
		post(t, b, p, looping(p, 3, false))
		want := strings.Replace(looping(p, 2, false), `"m"`, `"served-by-u"`, 1)
		if got := up.request(t, 0).body; got != want {
			t.Errorf("%s: two calls do not pass as they are:\n%s\n%s", p, got, want)
		}
		told := up.request(t, 1).body
		if !json.Valid([]byte(told)) || strings.Count(told, "was called 3 times") != 1 || !strings.Contains(told, `"x_unknown":  1,"model":"served-by-u"`) {
			t.Errorf("%s: the upstream got %s", p, told)
		}
		if got := b.eyes.looped(); !slices.Equal(got, []guard.Action{guard.Tell}) {
			t.Errorf("%s: counted %v", p, got)
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
