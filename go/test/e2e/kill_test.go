// Package e2e_test looks at the programs from outside, under faults.
package e2e_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/pgtest"
	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// cycles is how often the daemon is killed under load, for each database.
const cycles = 20

func TestKillUnderLoadLosesNothing(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killUnderLoad(t, daemon.Start(t), cycles) })
	t.Run("postgres", func(t *testing.T) {
		server := pgtest.Start(t)
		killUnderLoad(t, daemon.Start(t, "TOKLIGENCE_DATABASE_URL="+server.URL), cycles)
	})
}

func killUnderLoad(t *testing.T, d *daemon.Daemon, cycles int) {
	seen := &answered{ids: map[string]bool{}}
	for range cycles {
		ctx, stop := context.WithCancel(context.Background())
		var load sync.WaitGroup
		for worker := range 8 {
			load.Go(func() { seen.load(ctx, d.URL, worker) })
		}
		time.Sleep(time.Duration(50+rand.N(400)) * time.Millisecond)
		d.Kill()
		stop()
		load.Wait()
		began := time.Now()
		d.Run(t)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("ready again after %v", took)
		}
	}
	if len(seen.ids) < 10*cycles {
		t.Fatalf("only %d answers in %d cycles: too little load to prove anything", len(seen.ids), cycles)
	}
	checkRows(t, d, seen.ids)
	t.Logf("%d answers seen to their end", len(seen.ids))
}

// answered remembers the requests whose end the client saw.
type answered struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (a *answered) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

// load sends calls until ctx ends: streamed ones and whole ones.
func (a *answered) load(ctx context.Context, url string, worker int) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	stream := worker%2 == 0
	body := `{"model":"loopback","messages":[{"role":"user","content":"count to ten, please"}]}`
	if stream {
		body = strings.Replace(body, `{`, `{"stream":true,`, 1)
	}
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer "+daemon.Key)
		resp, err := client.Do(req)
		if err != nil {
			return
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		whole := err == nil || bytes.Contains(answer, []byte("data: [DONE]\n"))
		if resp.StatusCode == http.StatusOK && whole {
			a.mu.Lock()
			a.ids[resp.Header.Get("X-Request-Id")] = true
			a.mu.Unlock()
		}
	}
}
