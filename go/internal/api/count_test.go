package api_test

import (
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/chat"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/messages"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
	"github.com/tokligence/tokligence-gateway/go/internal/tokens/bpe"
)

func allCodecs() map[llm.Protocol]protocol.Codec {
	sealer := protocol.NewSealer(make([]byte, 32))
	return map[llm.Protocol]protocol.Codec{
		llm.Chat: chat.New(sealer), llm.Messages: messages.New(sealer), llm.Responses: responses.New(sealer), llm.Plain: chat.NewPlain(),
	}
}

const (
	inputAsk  = `{"model":"gpt-x","input":"Hi"}`
	inputSays = `{"object":"response.input_tokens","input_tokens":17}`
)

func TestCountIsForwardedAcrossProtocols(t *testing.T) {
	for name, tt := range map[string]struct {
		speaks             llm.Protocol
		path, ask          string
		answer, want, asks string
	}{
		"messages to responses": {
			llm.Responses, "/v1/messages/count_tokens", `{"model":"gpt-x","system":"Be brief.","messages":[{"role":"user","content":"Hi"}]}`,
			inputSays, `{"input_tokens":17}`, `"input":`,
		},
		"responses to messages": {llm.Messages, "/v1/responses/input_tokens", inputAsk, `{"input_tokens":17}`, inputSays, `"messages":`},
		"responses":             {llm.Responses, "/v1/responses/input_tokens", inputAsk, inputSays, inputSays, inputAsk},
	} {
		t.Run(name, func(t *testing.T) {
			up := &upstream{name: "openai", speaks: []llm.Protocol{tt.speaks}, counts: true, do: answer(200, tt.answer)}
			g := open(t, setup{codecs: allCodecs()}, up)
			got := g.ask(t, "POST", tt.path, strings.NewReader(tt.ask))
			asked, _ := up.last()
			if got.status != 200 || got.body != tt.want || !strings.Contains(asked, tt.asks) {
				t.Errorf("%d %s, asked %s", got.status, got.body, asked)
			}
			for _, member := range []string{"max_tokens", "max_output_tokens", `"stream"`, `"store"`} {
				if strings.Contains(asked, member) {
					t.Errorf("asked with %s: %s", member, asked)
				}
			}
			rows := g.drained(t)
			if len(rows) != 1 || rows[0].Operation != llm.CountTokens || !rows[0].Usage.Empty() {
				t.Errorf("rows %+v", rows)
			}
		})
	}
}

func TestCountFallsBackToTheTokenizer(t *testing.T) {
	const ask = `{"model":"gpt-x","messages":[{"role":"user","content":"Hello there, how are you?"}]}`
	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"no such path":        {404, `{"error":{"message":"Invalid URL"}}`},
		"not understood":      {400, `{"error":{"message":"Unknown parameter"}}`},
		"no such model there": {404, `{"error":{"message":"no","code":"model_not_found"}}`},
		"answers something":   {200, `{"id":"resp_1","output":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			up := &upstream{name: "openai", speaks: []llm.Protocol{llm.Responses}, counts: true, tokenizer: bpe.O200K, do: answer(tt.status, tt.body)}
			got := open(t, setup{codecs: allCodecs()}, up).ask(t, "POST", "/v1/messages/count_tokens", strings.NewReader(ask))
			if got.status != 200 || got.body != `{"input_tokens":14}` {
				t.Errorf("%d %s", got.status, got.body)
			}
			if loss := got.header.Get("X-Tokligence-Loss"); !strings.Contains(loss, bpe.O200K) {
				t.Errorf("it says %q", loss)
			}
		})
	}
}

func TestCountTellsWhatTheCounterRefuses(t *testing.T) {
	up := &upstream{name: "openai", speaks: []llm.Protocol{llm.Responses}, counts: true, do: answer(429, `{"error":{"message":"slow down"}}`)}
	g := open(t, setup{codecs: allCodecs()}, up)
	if got := g.ask(t, "POST", "/v1/messages/count_tokens", strings.NewReader(msgAsk)); got.status != 429 {
		t.Errorf("%d %s", got.status, got.body)
	}
}
