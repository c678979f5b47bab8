// Package metrics counts what the gateway does, in Prometheus form. It knows
// names and labels only: no label ever holds a model, a user, a key or
// anything else that a client can choose at will.
package metrics

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// Metrics is the registry of one gateway.
type Metrics struct {
	registry *prometheus.Registry

	attempts   *series[attempt, prometheus.Counter]
	tokens     *series[class, prometheus.Counter]
	firstToken *series[string, prometheus.Observer]
	duration   *series[operation, prometheus.Observer]
	findings   *prometheus.CounterVec
	refused    *prometheus.CounterVec
	loops      *prometheus.CounterVec
	removed    *prometheus.CounterVec
	streams    prometheus.Gauge
}

// The labels of what every attempt counts.
type (
	attempt struct {
		provider string
		op       llm.Operation
		outcome  ledger.Outcome
		status   int
	}
	class     struct{ provider, name string }
	operation struct {
		provider string
		op       llm.Operation
	}
)

// seconds are the buckets of answers that may take from milliseconds to
// minutes.
var seconds = []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180}

// New returns metrics that stand at zero.
func New() *Metrics {
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tokligence_attempts_total", Help: "Attempts at upstreams, by how they ended.",
	}, []string{"provider", "operation", "outcome", "status"})
	tokens := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tokligence_tokens_total", Help: "Tokens used, by class.",
	}, []string{"provider", "class"})
	firstToken := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tokligence_first_token_seconds", Help: "Time to the first content of an answer.", Buckets: seconds,
	}, []string{"provider"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tokligence_attempt_seconds", Help: "Duration of attempts.", Buckets: seconds,
	}, []string{"provider", "operation"})
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		attempts: newSeries(func(l attempt) prometheus.Counter {
			return attempts.WithLabelValues(l.provider, string(l.op), string(l.outcome), strconv.Itoa(l.status))
		}),
		tokens:     newSeries(func(l class) prometheus.Counter { return tokens.WithLabelValues(l.provider, l.name) }),
		firstToken: newSeries(func(provider string) prometheus.Observer { return firstToken.WithLabelValues(provider) }),
		duration: newSeries(func(l operation) prometheus.Observer {
			return duration.WithLabelValues(l.provider, string(l.op))
		}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tokligence_findings_total", Help: "Fields that a translation could not carry as they were.",
		}, []string{"class"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tokligence_refused_total", Help: "Requests answered with an error, by its kind.",
		}, []string{"kind"}),
		loops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tokligence_loops_total", Help: "Calls in which an agent repeated itself, by what was done.",
		}, []string{"action"}),
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tokligence_responses_removed_total", Help: "Kept responses and conversations that were removed, by why.",
		}, []string{"reason"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tokligence_open_streams", Help: "Streams that are being answered.",
		}),
	}
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tokligence_build_info", Help: "Always 1; the label tells the version.",
		ConstLabels: prometheus.Labels{"version": version.Version()},
	}, func() float64 { return 1 })
	m.registry.MustRegister(
		attempts, tokens, firstToken, duration, m.findings, m.refused, m.loops, m.removed, m.streams, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Gauge adds a figure that is read when asked for.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Attempted counts an attempt.
func (m *Metrics) Attempted(c route.Candidate, op llm.Operation, a ledger.Attempt) {
	name := c.Provider.Name()
	m.attempts.of(attempt{name, op, a.Outcome, a.Status}).Inc()
	m.duration.of(operation{name, op}).Observe(a.Total.Seconds())
	if a.FirstToken > 0 {
		m.firstToken.of(name).Observe(a.FirstToken.Seconds())
	}
	u := &a.Usage
	for _, used := range [...]struct {
		name  string
		count llm.Count
	}{
		{"input", u.Input},
		{"cache_read", u.CacheRead},
		{"cache_write", llm.Known(u.CacheWrite5m.N + u.CacheWrite1h.N)},
		{"output", u.Output},
		{"reasoning", u.Reasoning},
		{"media", llm.Known(u.AudioIn.N + u.AudioOut.N + u.ImageIn.N + u.ImageOut.N)},
	} {
		if used.count.N > 0 {
			m.tokens.of(class{name, used.name}).Add(float64(used.count.N))
		}
	}
}

// Found counts findings of a translation.
func (m *Metrics) Found(findings []llm.Finding) {
	for _, f := range findings {
		m.findings.WithLabelValues(f.Class.String()).Inc()
	}
}

// Looped counts a call whose agent repeated itself.
func (m *Metrics) Looped(action guard.Action) { m.loops.WithLabelValues(string(action)).Inc() }

// Removed counts kept responses and conversations that have expired, and those
// that were evicted to stay within the bounds.
func (m *Metrics) Removed(expired, evicted int64) {
	m.removed.WithLabelValues("expired").Add(float64(expired))
	m.removed.WithLabelValues("evicted").Add(float64(evicted))
}

// Streams counts streams that begin (1) or end (-1).
func (m *Metrics) Streams(delta int) { m.streams.Add(float64(delta)) }

// Refused counts a request that was answered with an error.
func (m *Metrics) Refused(kind llm.ErrorKind) { m.refused.WithLabelValues(kind.String()).Inc() }
