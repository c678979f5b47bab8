package proxy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// wholeAnswer is what an upstream of each protocol says.
func wholeAnswer(p llm.Protocol) string {
	switch p {
	case llm.Messages:
		return `{"id":"a","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"yes"}],` +
			`"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}`
	case llm.Responses:
		return `{"id":"a","object":"response","status":"completed","model":"m","output":[{"type":"message","id":"i","role":"assistant",` +
			`"status":"completed","content":[{"type":"output_text","text":"yes","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}`
	default:
		return `{"id":"a","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"yes"},` +
			`"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`
	}
}

// TestLossIsReported names what each pair of protocols cannot carry in the
// answer's header, in the log and in the ledger, and refuses it if so told.
func TestLossIsReported(t *testing.T) {
	const (
		fromChat      = `{"model":"m","logprobs":true,"messages":[{"role":"user","content":"x"}]}`
		fromResponses = `{"model":"m","top_logprobs":3,"input":"x","tools":[{"type":"file_search","vector_store_ids":["v"]}]}`
		fromMessages  = `{"model":"m","max_tokens":99,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"code_execution_20250825","name":"code_execution"}]}`
	)
	for _, c := range []struct {
		from, to llm.Protocol
		body     string
		want     string
	}{
		{llm.Chat, llm.Responses, fromChat, "loss; field=logprobs; reason=not_supported"},
		{llm.Chat, llm.Messages, fromChat, "loss; field=logprobs; reason=not_supported"},
		{llm.Responses, llm.Chat, fromResponses, "loss; field=top_logprobs; reason=not_translated"},
		{llm.Responses, llm.Messages, fromResponses, "loss; field=top_logprobs; reason=not_supported"},
		{llm.Messages, llm.Chat, fromMessages, "loss; field=tools[0]; reason=hosted_tool_not_supported"},
		{llm.Messages, llm.Responses, fromMessages, "loss; field=tools[0]; reason=not_supported"},
	} {
		t.Run(string(c.from)+" to "+string(c.to), func(t *testing.T) {
			up := &upstream{name: "u", plays: []play{reply(200, "application/json", nil, wholeAnswer(c.to))}}
			b := newBench(t, setup{codecs: allCodecs()}, candidate(up, c.to))
			a := b.send(t, c.from, llm.Generate, c.body)
			if a.err != nil || a.status != http.StatusOK || !strings.Contains(a.body, "yes") {
				t.Fatalf("%d %v: %s", a.status, a.err, a.body)
			}
			told := strings.Join(a.header.Values("X-Tokligence-Loss"), "\n")
			if !strings.Contains(told, c.want) {
				t.Errorf("the header says %q, not %q", told, c.want)
			}
			if rows := b.rows(t, 1); rows[0].Findings == 0 {
				t.Error("the ledger counts no finding")
			}
			if b.eyes.found() == 0 {
				t.Error("the metrics count no finding")
			}
			strictly(t, b, up, c.from, c.body)
		})
	}
}

// strictly sends once more, to a gateway that refuses what would be lost.
func strictly(t *testing.T, b *bench, up *upstream, from llm.Protocol, body string) {
	t.Helper()
	before := up.count()
	b.proxy.SetPolicy(proxy.Policy{Strict: true})
	a := b.send(t, from, llm.Generate, body)
	if a.status != http.StatusBadRequest || up.count() != before {
		t.Errorf("strictly: %d, %d calls: %s", a.status, up.count()-before, a.body)
	}
}
