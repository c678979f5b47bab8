package route

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// stage is a router with a clock, for stories of failure.
type stage struct {
	*testing.T
	*clock
	r *Router
	o Options
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, clock: newClock()}
	s.o = Options{
		Providers: keys(with("openai", "anthropic", "openrouter"), "openai#2"),
		Routes: []Rule{
			{"pool", []string{"openai"}},
			{"gpt-*", []string{"openai", "openrouter"}},
			{"claude*", []string{"anthropic", "openrouter"}},
			{"alone*", []string{"anthropic"}},
		},
		Now: s.now,
	}
	s.r = New(s.o)
	return s
}

// plan asks in a conversation that prefers openai over openai#2.
func (s *stage) plan(model string) []string {
	s.Helper()
	q := ask(model)
	q.SessionID = preferring("openai", "openai#2")
	plan, err := s.r.Plan(s.Context(), q)
	if err != nil {
		s.Fatal(err)
	}
	return steps(plan)
}

func (s *stage) want(model string, want ...string) {
	s.Helper()
	if got := s.plan(model); !slices.Equal(got, want) {
		s.Errorf("plan for %s: %v, want %v", model, got, want)
	}
}

// report tells of an attempt that took a second.
func (s *stage) report(provider, model string, e *llm.Error) {
	c := Candidate{}
	c.Target.Provider, c.Target.Model = provider, model
	s.r.Report(c, Outcome{Err: e, Total: time.Second, FirstToken: time.Second / 2})
}

func preferring(first, second string) string {
	for i := 0; ; i++ {
		if s := fmt.Sprint("session-", i); affinity(s, first) > affinity(s, second) {
			return s
		}
	}
}

func failure(kind llm.ErrorKind, status int, after time.Duration) *llm.Error {
	return &llm.Error{Kind: kind, RetryAfter: after, Upstream: &llm.Upstream{Status: status}}
}

func TestFailuresOpenACooldown(t *testing.T) {
	s := newStage(t)
	overloaded := failure(llm.Overloaded, 529, 0)
	for range 2 {
		s.report("anthropic", "claude-x", overloaded)
		s.advance(2 * time.Second)
	}
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
	s.report("anthropic", "claude-x", overloaded)
	s.want("claude-x", "openrouter/claude-x", "anthropic/claude-x")
	s.want("claude-y", "anthropic/claude-y", "openrouter/claude-y")

	s.advance(7 * time.Second) // longer than 5 s and its jitter
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
	s.want("claude-x", "openrouter/claude-x", "anthropic/claude-x") // one probe only
	s.report("anthropic", "claude-x", overloaded)                   // the probe failed: twice as long
	s.advance(7 * time.Second)
	s.want("claude-x", "openrouter/claude-x", "anthropic/claude-x")
	s.advance(6 * time.Second)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
	s.report("anthropic", "claude-x", nil)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
}

func TestProbeThatNeverReports(t *testing.T) {
	s := newStage(t)
	for range 3 {
		s.report("anthropic", "claude-x", failure(llm.Timeout, 0, 0))
	}
	s.advance(10 * time.Second)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
	s.want("claude-x", "openrouter/claude-x", "anthropic/claude-x")
	s.advance(31 * time.Second)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
}

func TestCooldownIsCapped(t *testing.T) {
	s := newStage(t)
	for range 60 {
		s.report("anthropic", "claude-x", failure(llm.Overloaded, 529, 0))
		s.advance(2 * time.Second)
	}
	s.advance(5 * time.Minute)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
}

func TestLastResort(t *testing.T) {
	s := newStage(t)
	for range 5 {
		s.report("anthropic", "alone-x", failure(llm.BadUpstream, 500, 0))
	}
	s.want("alone-x", "anthropic/alone-x")
}

func TestRetryAfter(t *testing.T) {
	s := newStage(t)
	s.report("anthropic", "claude-x", failure(llm.RateLimited, 429, 20*time.Second))
	s.want("claude-x", "openrouter/claude-x")
	s.report("anthropic", "claude-x", nil) // begun before, or beside: changes nothing
	s.want("claude-x", "openrouter/claude-x")
	s.report("openrouter", "claude-x", failure(llm.Overloaded, 503, 12*time.Second))

	_, err := s.r.Plan(t.Context(), ask("claude-x"))
	var e *llm.Error
	if !errors.As(err, &e) || e.Kind != llm.Overloaded || e.RetryAfter != 12*time.Second {
		t.Fatalf("error %v, want that of the upstream that comes back first", err)
	}
	if name, err := s.r.Answerer(ask("claude-x")); name != "anthropic" || err != nil {
		t.Errorf("a model in a cool-down is still callable: %q, %v", name, err)
	}
	s.advance(12 * time.Second)
	s.want("claude-x", "openrouter/claude-x")
	s.advance(8 * time.Second)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")

	s.report("anthropic", "alone-x", failure(llm.RateLimited, 429, 30*24*time.Hour))
	if _, err := s.r.Plan(t.Context(), ask("alone-x")); !errors.As(err, &e) || e.RetryAfter != 10*time.Minute {
		t.Errorf("a month is obeyed for %v, want the cap", e.RetryAfter)
	}
	s.want("alone-y", "anthropic/alone-y") // limits are per model
}

func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   *llm.Error
		model string // of the failure
		want  []string
		other []string // the plan for another model
		over  time.Duration
	}{
		{
			"limited", failure(llm.RateLimited, 429, 0), "pool",
			[]string{"openai#2/pool", "openai/pool"},
			[]string{"openai#2/gpt-5", "openai/gpt-5", "openrouter/gpt-5"},
			7 * time.Second,
		},
		{
			"limited for a time", failure(llm.RateLimited, 429, 9*time.Second), "pool",
			[]string{"openai#2/pool"},
			[]string{"openai#2/gpt-5", "openai/gpt-5", "openrouter/gpt-5"},
			9 * time.Second,
		},
		{
			"refused", failure(llm.BadUpstream, 401, 0), "pool",
			[]string{"openai#2/pool", "openai/pool"},
			[]string{"openai#2/gpt-5", "openrouter/gpt-5", "openai/gpt-5"},
			11 * time.Minute,
		},
		{
			"no money", failure(llm.BadUpstream, 402, 0), "pool",
			[]string{"openai#2/pool", "openai/pool"},
			[]string{"openai#2/gpt-5", "openrouter/gpt-5", "openai/gpt-5"},
			11 * time.Minute,
		},
		{
			"quota", failure(llm.QuotaExceeded, 429, 0), "pool",
			[]string{"openai#2/pool", "openai/pool"},
			[]string{"openai#2/gpt-5", "openrouter/gpt-5", "openai/gpt-5"},
			11 * time.Minute,
		},
		{
			"the request's fault", failure(llm.Invalid, 400, 0), "pool",
			[]string{"openai/pool", "openai#2/pool"},
			[]string{"openai/gpt-5", "openai#2/gpt-5", "openrouter/gpt-5"},
			0,
		},
		{
			"no such model", failure(llm.ModelNotFound, 404, 0), "pool",
			[]string{"openai/pool", "openai#2/pool"},
			[]string{"openai/gpt-5", "openai#2/gpt-5", "openrouter/gpt-5"},
			0,
		},
		{
			"the client left", failure(llm.Canceled, 0, 0), "pool",
			[]string{"openai/pool", "openai#2/pool"},
			[]string{"openai/gpt-5", "openai#2/gpt-5", "openrouter/gpt-5"},
			0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.report("openai", c.model, c.err)
			s.want("pool", c.want...)
			s.want("gpt-5", c.other...)
			s.advance(c.over)
			s.want("pool", "openai/pool", "openai#2/pool")
		})
	}
}

func TestLimitsOfCountingAreApart(t *testing.T) {
	s := newStage(t)
	q := ask("alone-x")
	q.Operation, q.Protocol = llm.CountTokens, llm.Messages
	plan, err := s.r.Plan(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	s.r.Report(plan[0], Outcome{Err: failure(llm.RateLimited, 429, time.Minute)})
	var e *llm.Error
	if _, err := s.r.Plan(t.Context(), q); !errors.As(err, &e) || e.Kind != llm.RateLimited {
		t.Errorf("error %v", err)
	}
	s.want("alone-x", "anthropic/alone-x")
}

func TestManyFailuresAtOnceAreOne(t *testing.T) {
	s := newStage(t)
	for range 500 { // all begun a second ago, before the cool-down opened
		s.report("anthropic", "claude-x", failure(llm.Overloaded, 529, 0))
	}
	s.advance(7 * time.Second)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
}

func TestOldSuccessHealsNothing(t *testing.T) {
	s := newStage(t)
	for range 3 {
		s.report("anthropic", "claude-x", failure(llm.Overloaded, 529, 0))
	}
	c := Candidate{}
	c.Target.Provider, c.Target.Model = "anthropic", "claude-x"
	s.r.Report(c, Outcome{Total: time.Minute})
	s.want("claude-x", "openrouter/claude-x", "anthropic/claude-x")
	s.advance(2 * time.Second)
	s.report("anthropic", "claude-x", nil)
	s.want("claude-x", "anthropic/claude-x", "openrouter/claude-x")
}

func TestHealthOverReload(t *testing.T) {
	s := newStage(t)
	s.report("openai", "pool", failure(llm.BadUpstream, 401, 0))
	for range 3 {
		s.report("anthropic", "claude-x", failure(llm.Overloaded, 529, 0))
	}
	next := s.o
	next.Providers = slices.Clone(next.Providers)
	next.Providers[1].Fingerprint = "another key"
	s.r.Replace(next)
	s.want("claude-x", "openrouter/claude-x", "anthropic/claude-x")
	s.want("pool", "openai/pool", "openai#2/pool")
}

func TestLoopbackPlaysItsFaultsAgain(t *testing.T) {
	s := newStage(t)
	s.report("loopback", "loopback:status=429", failure(llm.RateLimited, 429, time.Minute))
	s.want("loopback:status=429", "loopback/loopback:status=429")
}

func TestKeysTakeTurns(t *testing.T) {
	s := newStage(t)
	count := map[string]int{}
	for range 100 {
		plan, err := s.r.Plan(t.Context(), ask("pool"))
		if err != nil {
			t.Fatal(err)
		}
		count[plan[0].Target.Provider]++
		_, _ = s.r.Answerer(ask("pool"))
		s.r.Explain(ask("pool"))
	}
	if count["openai"] != 50 || count["openai#2"] != 50 {
		t.Errorf("turns %v", count)
	}
}

func TestSticky(t *testing.T) {
	two := Options{Providers: keys(with("openai"), "openai#2"), Builtin: true}
	three := Options{Providers: keys(with("openai"), "openai#2", "openai#3"), Builtin: true}
	a, b, c := New(two), New(two), New(three)
	first := func(r *Router, session string) string {
		q := ask("gpt-5")
		q.SessionID = session
		plan, err := r.Plan(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return plan[0].Target.Provider
	}
	count := map[string]int{}
	moved := 0
	for i := range 3000 {
		session := fmt.Sprint("conversation ", i)
		here, more := first(a, session), first(c, session)
		count[more]++
		if here != first(a, session) || here != first(b, session) {
			t.Fatal("a conversation changed its key")
		}
		if here != more {
			moved++
			if more != "openai#3" {
				t.Fatal("a conversation moved between keys that stayed")
			}
		}
	}
	for name, n := range count {
		if n < 850 || n > 1150 {
			t.Errorf("%s has %d of 3000 conversations", name, n)
		}
	}
	if moved > 1150 {
		t.Errorf("%d of 3000 conversations moved", moved)
	}
}

func TestHealthIsBounded(t *testing.T) {
	s := newStage(t)
	for i := range 3 * maxPlaces {
		s.report("anthropic", fmt.Sprint("claude-", i), failure(llm.Timeout, 0, 0))
		s.report("anthropic", fmt.Sprint("fine-", i), nil)
	}
	if n := len(s.r.health.bad); n > maxPlaces {
		t.Errorf("%d ailments", n)
	}
	if n := len(s.r.health.speeds); n > maxPlaces {
		t.Errorf("%d speeds", n)
	}
}

func TestHealthShown(t *testing.T) {
	s := newStage(t)
	s.report("anthropic", "claude-x", nil)
	s.report("anthropic", "claude-x", failure(llm.RateLimited, 429, time.Minute))
	got := s.r.Health()
	want := Condition{
		Provider: "anthropic", Model: "claude-x", State: "waiting", Reason: "rate_limited", Failures: 1,
		Until: s.now().Add(time.Minute), FirstToken: time.Second / 2, Total: time.Second,
	}
	if len(got) != 2 || got[0].Model != "" || got[1] != want {
		t.Errorf("health %+v", got)
	}
}

func TestBackoff(t *testing.T) {
	r := New(Options{})
	for attempt, base := range map[int]time.Duration{
		1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 4: 2 * time.Second, 20: 8 * time.Second, 500: 8 * time.Second,
	} {
		for range 50 {
			if d := r.Backoff(attempt); d < base*3/4 || d > base*5/4 || d > 8*time.Second {
				t.Fatalf("attempt %d waits %v", attempt, d)
			}
		}
	}
	if r.Attempts() != 2 {
		t.Errorf("attempts %d", r.Attempts())
	}
}

func TestConcurrent(t *testing.T) {
	s := newStage(t)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 300 {
				q := ask([]string{"pool", "gpt-5", "claude-x"}[i%3])
				plan, err := s.r.Plan(t.Context(), q)
				if err == nil {
					e := []*llm.Error{nil, failure(llm.Overloaded, 529, 0), failure(llm.RateLimited, 429, 0)}[(i+n)%3]
					s.r.Report(plan[0], Outcome{Err: e, Total: time.Millisecond})
				}
				switch i % 50 {
				case 0:
					s.r.Replace(s.o)
				case 1:
					s.r.Learn("openrouter", []string{fmt.Sprint(i)})
				case 2:
					s.r.Explain(q)
					s.r.Health()
					s.r.Known()
				}
			}
		})
	}
	wg.Wait()
}
