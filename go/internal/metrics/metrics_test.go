package metrics_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/metrics"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

type named string

func (n named) Name() string                                                { return string(n) }
func (named) Speaks(llm.Operation) []llm.Protocol                           { return nil }
func (named) Do(context.Context, *provider.Request) (*http.Response, error) { return nil, nil }

func TestWhatIsCountedIsServed(t *testing.T) {
	m := metrics.New()
	m.Gauge("tokligence_example", "An example.", func() float64 { return 7 })
	cand := route.Candidate{Provider: named("openai")}
	m.Attempted(cand, llm.Generate, ledger.Attempt{
		Outcome: ledger.Complete, Status: 200, FirstToken: 30 * time.Millisecond, Total: time.Second,
		Usage: llm.Usage{Input: llm.Known(12), Output: llm.Known(0), CacheWrite1h: llm.Known(5), ImageOut: llm.Known(2)},
	})
	m.Found([]llm.Finding{{Class: llm.Lost}, {Class: llm.Lost}, {Class: llm.Dropped}})
	m.Streams(1)
	m.Streams(1)
	m.Streams(-1)
	m.Refused(llm.Unauthenticated)

	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body := rec.Body.String()
	for _, want := range []string{
		`tokligence_attempts_total{operation="generate",outcome="complete",provider="openai",status="200"} 1`,
		`tokligence_tokens_total{class="input",provider="openai"} 12`,
		`tokligence_tokens_total{class="cache_write",provider="openai"} 5`,
		`tokligence_tokens_total{class="media",provider="openai"} 2`,
		`tokligence_first_token_seconds_bucket{provider="openai",le="0.1"} 1`,
		`tokligence_findings_total{class="loss"} 2`,
		`tokligence_findings_total{class="void"} 1`,
		`tokligence_refused_total{kind="unauthenticated"} 1`,
		"tokligence_open_streams 1",
		"tokligence_example 7",
		"tokligence_build_info{",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(body, `class="output"`) {
		t.Error("a class of zero tokens needs no line")
	}
}
