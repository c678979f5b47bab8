package api_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

const compactAsk = `{"model":"%s","instructions":"be brief","input":[{"role":"user","content":"build it"},{"role":"assistant","content":"built"}]}`

// summary asks for one and returns the item that stands for it.
func (g *gateway) summary(t *testing.T, model string) map[string]any {
	t.Helper()
	status, got := g.asks(t, http.MethodPost, "/v1/responses/compact", strings.Replace(compactAsk, "%s", model, 1))
	output, _ := got["output"].([]any)
	if status != 200 || got["object"] != "response.compaction" || len(output) != 1 {
		t.Fatalf("%d %v", status, got)
	}
	item, _ := output[0].(map[string]any)
	if item["type"] != "compaction" || item["encrypted_content"] == "" {
		t.Fatalf("the item is %v", item)
	}
	return item
}

func TestAModelIsAskedForASummary(t *testing.T) {
	up := openAI()
	g := stateful(t, up)
	item := g.summary(t, "gpt-5")
	if sent, _ := up.last(); !strings.Contains(sent, "build it") || !strings.Contains(sent, "Write a summary") || strings.Contains(sent, `"stream":true`) {
		t.Errorf("the upstream was sent %s", sent)
	}
	status, _ := g.asks(t, http.MethodPost, "/v1/responses",
		`{"model":"gpt-5","input":[{"type":"compaction","encrypted_content":"`+item["encrypted_content"].(string)+`"},{"role":"user","content":"go on"}]}`)
	if sent, _ := up.last(); status != 200 || !strings.Contains(sent, "Hello") || !strings.Contains(sent, "go on") || strings.Contains(sent, "gw1.") {
		t.Errorf("%d, going on was sent as %s", status, sent)
	}
	status, whole := g.asks(t, http.MethodPost, "/v1/responses",
		`{"model":"gpt-5","stream":true,"store":false,"input":[{"role":"user","content":"x"},{"type":"compaction_trigger"}]}`)
	if output, _ := whole["output"].([]any); status != 200 || len(output) != 1 || output[0].(map[string]any)["type"] != "compaction" {
		t.Errorf("by a trigger: %d %v", status, whole)
	}
}

func TestAProviderMakesASummary(t *testing.T) {
	up := newKeeper("openai")
	up.compacts = true
	plain := up.do
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if req.Operation == llm.Compact {
			return answer(200, `{"id":"resp_c","object":"response.compaction","created_at":1,"output":[{"type":"compaction","id":"cmp_1","encrypted_content":"theirs"}],"usage":{"input_tokens":7,"output_tokens":3,"total_tokens":10}}`)(ctx, req)
		}
		return plain(ctx, req)
	}
	g := stateful(t, &up.upstream, &upstream{name: "chat", speaks: []llm.Protocol{llm.Chat}})
	if item := g.summary(t, "openai/gpt-5"); item["encrypted_content"] != "theirs" {
		t.Errorf("the item is %v", item)
	}
	rows := g.drained(t)
	if len(rows) != 1 || rows[0].Operation != llm.Compact || rows[0].Usage.Output.N != 3 || rows[0].Outcome != ledger.Complete {
		t.Errorf("the rows are %+v", rows)
	}
}

// A server that speaks Responses need not have this path.
func TestAProviderThatHasNoSummaries(t *testing.T) {
	up := newKeeper("openai")
	up.compacts = true
	plain := up.do
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if req.Operation == llm.Compact {
			return answer(404, `{"detail":"Not Found"}`)(ctx, req)
		}
		return plain(ctx, req)
	}
	g := stateful(t, &up.upstream)
	status, got := g.asks(t, http.MethodPost, "/v1/responses/compact", strings.Replace(compactAsk, "%s", "gpt-5", 1))
	if words, _ := got["error"].(map[string]any); status != 502 || words == nil || !strings.Contains(words["message"].(string), "did not sum") {
		t.Errorf("%d %v", status, got) // its answers hold no words
	}
	var attempts []int
	for _, row := range g.drained(t) {
		attempts = append(attempts, row.Attempt)
	}
	if !slices.Equal(attempts, []int{0, 1}) {
		t.Errorf("the attempts are %v", attempts)
	}
}
