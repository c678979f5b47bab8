package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

const (
	chunk  = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}` + "\n\n"
	finish = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
		`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}` + "\n\n" +
		"data: [DONE]\n\n"
	whole = `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"fine","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}`
)

// faulty plays the fault that the model is named after.
func faulty(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	stream := strings.Contains(string(body), `"stream":true`)
	kind := "application/json"
	if stream {
		kind = "text/event-stream"
	}
	w.Header().Set("Content-Type", kind)
	flush := func(text string) {
		_, _ = io.WriteString(w, text)
		_ = http.NewResponseController(w).Flush()
	}
	_, model, _ := strings.Cut(string(body), `"model":"`)
	model, _, _ = strings.Cut(model, `"`)
	switch model {
	case "stall":
		flush(map[bool]string{true: chunk, false: `{"id":`}[stream])
		<-r.Context().Done()
	case "stall-head":
		<-r.Context().Done()
	case "reset":
		flush(map[bool]string{true: chunk, false: `{"id":`}[stream])
		reset(w)
	case "reset-head":
		reset(w)
	case "html":
		w.Header().Set("Content-Type", "text/html")
		flush("<html>Welcome to nginx</html>")
	case "half-event":
		flush(chunk + chunk[:60])
	case "half-body":
		flush(whole[:60])
	case "endless":
		flush(chunk + "data: ")
		line := strings.Repeat("x", 64<<10)
		for range 1024 {
			if _, err := io.WriteString(w, line); err != nil {
				return
			}
		}
	case "no-end":
		flush(chunk)
	case "server-error":
		w.WriteHeader(http.StatusInternalServerError)
		flush(`{"error":{"message":"boom","type":"server_error","param":null,"code":null}}`)
	case "bad-key":
		w.WriteHeader(http.StatusUnauthorized)
		flush(`{"error":{"message":"Incorrect API key provided: sk-canary","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`)
	case "limited":
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(http.StatusTooManyRequests)
		flush(`{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}`)
	case "slow":
		for range 20 {
			flush(chunk)
			time.Sleep(50 * time.Millisecond)
		}
		flush(finish)
	default:
		flush(map[bool]string{true: chunk + finish, false: whole}[stream])
	}
}

// reset cuts the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// newFaulty returns the address of a provider that plays faults.
func newFaulty(t *testing.T) string {
	t.Helper()
	up := httptest.NewServer(http.HandlerFunc(faulty))
	t.Cleanup(up.Close)
	return up.URL
}

func startFaulty(t *testing.T, env ...string) *daemon.Daemon {
	t.Helper()
	return daemon.Start(t, append([]string{
		"TOKLIGENCE_OPENAI_API_KEY=sk-canary", "TOKLIGENCE_OPENAI_BASE_URL=" + newFaulty(t), "TOKLIGENCE_ROUTES=*=>openai",
		"TOKLIGENCE_ROUTING_ATTEMPTS=1", "TOKLIGENCE_ROUTING_FAILURES=1000", "TOKLIGENCE_LIMITS_FRAME_BYTES=1MiB",
		"TOKLIGENCE_PROVIDERS_OPENAI_TIMEOUT=1s", "TOKLIGENCE_PROVIDERS_OPENAI_IDLE_TIMEOUT=1s",
	}, env...)...)
}

func TestFaultyUpstreams(t *testing.T) {
	bodies := map[string]string{
		"chat":            `{"model":"%s","messages":[{"role":"user","content":"Hi"}]}`,
		"chat-stream":     `{"model":"%s","stream":true,"messages":[{"role":"user","content":"Hi"}]}`,
		"messages":        `{"model":"%s","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}`,
		"messages-stream": `{"model":"%s","max_tokens":50,"stream":true,"messages":[{"role":"user","content":"Hi"}]}`,
	}
	// The last of them speaks against the key, so nothing can follow it.
	faults := []string{
		"stall", "stall-head", "reset", "reset-head", "html", "half-event", "half-body", "endless", "no-end",
		"server-error", "limited", "fine", "bad-key",
	}
	for door, body := range bodies {
		t.Run(door, func(t *testing.T) {
			t.Parallel()
			protocol, _, _ := strings.Cut(door, "-")
			d := startFaulty(t)
			for _, fault := range faults {
				s := post(t, d, paths[protocol], fmt.Sprintf(body, fault))
				if strings.Contains(string(s.body), "sk-canary") {
					t.Errorf("%s: the provider's key is in the answer", fault)
				}
				s.golden(t, "upstream/"+door+"/"+fault)
			}
			if strings.Contains(d.Logs(), "sk-canary") {
				t.Error("the provider's key is in the log")
			}
			checkFaultRows(t, d.Ledger(t), len(faults))
		})
	}
}

// checkFaultRows wants one row for each call, and tokens in all that are
// complete.
func checkFaultRows(t *testing.T, rows []daemon.Row, calls int) {
	t.Helper()
	if len(rows) != calls {
		t.Errorf("%d rows for %d calls", len(rows), calls)
	}
	for _, row := range rows {
		if row.Outcome == "complete" && row.Input == nil {
			t.Errorf("a complete row without input tokens: %+v", row)
		}
	}
}

// TestClientLeaves hangs up in mid-stream: the row is written, and the usage
// at the end of the answer is still read.
func TestClientLeaves(t *testing.T) {
	for _, c := range []struct{ policy, source string }{{"drain", "drained"}, {"abort", "estimated"}} {
		t.Run(c.policy, func(t *testing.T) {
			d := startFaulty(t, "TOKLIGENCE_STREAM_ON_DISCONNECT="+c.policy)
			leave(t, d, `{"model":"slow","stream":true,"messages":[{"role":"user","content":"Hi"}]}`)
			deadline := time.Now().Add(10 * time.Second)
			for {
				rows := d.Ledger(t)
				if len(rows) == 1 {
					if rows[0].Outcome != "cut_by_client" || rows[0].Source != c.source {
						t.Errorf("row: %+v", rows[0])
					}
					if c.policy == "drain" && (rows[0].Output == nil || *rows[0].Output != 3) {
						t.Errorf("the usage was not read: %+v", rows[0])
					}
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d rows", len(rows))
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

// leave reads one frame and hangs up.
func leave(t *testing.T, d *daemon.Daemon, body string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL+paths["chat"], strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+daemon.Key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || !strings.HasPrefix(line, "data: ") {
		t.Fatalf("first line %q, %v", line, err)
	}
}

// TestFailover goes to the next provider where the first one fails before any
// content, inside a 200 stream too, and never after.
func TestFailover(t *testing.T) {
	var second atomic.Int64
	ok := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		second.Add(1)
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, strings.Replace(chunk, "word", "rescued", 1)+finish)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.Replace(whole, "fine", "rescued", 1))
	}))
	defer ok.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), "error-in-stream"):
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, `data: {"error":{"message":"overloaded","type":"server_error","code":"server_is_overloaded"}}`+"\n\n")
		case strings.Contains(string(body), "error-after-content"):
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, chunk+`data: {"error":{"message":"overloaded","type":"server_error","code":"server_is_overloaded"}}`+"\n\n")
		case strings.Contains(string(body), "bad-request"):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}`)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer first.Close()
	d := daemon.Start(t,
		"TOKLIGENCE_OPENAI_API_KEY=a", "TOKLIGENCE_OPENAI_BASE_URL="+first.URL, "TOKLIGENCE_GROQ_API_KEY=b", "TOKLIGENCE_GROQ_BASE_URL="+ok.URL,
		"TOKLIGENCE_ROUTES=*=>openai|groq/other", "TOKLIGENCE_ROUTING_FAILURES=1000")
	for _, c := range []struct {
		model   string
		stream  bool
		rescued bool
		rows    int
	}{
		{"unavailable", false, true, 2},
		{"unavailable", true, true, 2},
		{"error-in-stream", true, true, 2},
		{"error-after-content", true, false, 1},
		{"bad-request", false, false, 1},
	} {
		before, rows := second.Load(), len(d.Ledger(t))
		s := post(t, d, paths["chat"], fmt.Sprintf(`{"model":%q,"stream":%v,"messages":[{"role":"user","content":"Hi"}]}`, c.model, c.stream))
		if rescued := strings.Contains(string(s.body), "rescued"); rescued != c.rescued || second.Load() > before != c.rescued {
			t.Errorf("%s: %d %s", c.model, s.status, s.body)
		}
		if got := len(d.Ledger(t)) - rows; got != c.rows {
			t.Errorf("%s: %d rows, want %d", c.model, got, c.rows)
		}
		if c.rescued && !strings.Contains(s.header.Get("X-Tokligence-Route"), "groq/other") {
			t.Errorf("%s: route %q", c.model, s.header.Get("X-Tokligence-Route"))
		}
	}
}
