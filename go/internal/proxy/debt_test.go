package proxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// TestAClaimThatLedToNothing breaks the ledger before the end of an answer
// whose usage is owed: another call must be able to book it.
func TestAClaimThatLedToNothing(t *testing.T) {
	for name, broken := range map[string]bool{"broken": true, "whole": false} {
		t.Run(name, func(t *testing.T) {
			var b *bench
			stop := func() {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				if err := b.ledger.Stop(ctx); err != nil {
					t.Error(err)
				}
			}
			if !broken {
				stop = func() {}
			}
			s := parts(llm.Chat)
			b = newBench(t, setup{}, candidate(&upstream{name: "up", plays: []play{stream(s.preamble, s.first, stop, s.rest+s.end)}}, llm.Chat))
			claims, noted := make(chan int, 4), false
			b.also = func(call *proxy.Call) {
				call.Head.Background = true
				call.Note = func(_, _ string, owed bool) *proxy.Debt {
					noted = owed
					return &proxy.Debt{Claim: func() bool { claims <- 1; return true }, Return: func() { claims <- -1 }}
				}
			}
			b.ask(t, llm.Chat, true)
			close(claims)
			var open, sum int
			for c := range claims {
				open, sum = open+1, sum+c
			}
			want := 1
			if broken {
				want = 0
			}
			if !noted || open == 0 || sum != want {
				t.Errorf("noted %v, %d claims that leave %d, want %d", noted, open, sum, want)
			}
		})
	}
}
