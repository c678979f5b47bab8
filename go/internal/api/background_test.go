package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

func (s *shelf) BeatResponse(_ context.Context, id string, lease time.Time, answer []byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.kept[id]
	if !ok || rec.Cancelled || rec.Lease.IsZero() {
		return false, s.broke
	}
	rec.Lease, rec.Answer = lease, answer
	s.kept[id] = rec
	return true, s.broke
}

func (s *shelf) EndResponse(_ context.Context, id string, answer, events []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.kept[id]
	if !ok {
		return conversation.ErrNotFound
	}
	rec.Lease, rec.Answer = time.Time{}, answer
	s.kept[id], s.logs[id] = rec, events
	return s.broke
}

func (s *shelf) CancelResponse(_ context.Context, owner, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.kept[id]
	if !ok || rec.Owner != owner {
		return conversation.ErrNotFound
	}
	rec.Cancelled = true
	s.kept[id] = rec
	return s.broke
}

func (s *shelf) OweResponse(_ context.Context, owner, id string, owed bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.kept[id]
	if !ok || rec.Owner != owner {
		return false, conversation.ErrNotFound
	}
	if rec.Owed == owed {
		return false, s.broke
	}
	rec.Owed = owed
	s.kept[id] = rec
	return true, s.broke
}

func (s *shelf) ResponseEvents(_ context.Context, _, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs[id], s.broke
}

// slow is an upstream whose stream is told by hand.
type slow struct {
	upstream
	say chan string   // what it says next; closed: it ends well
	end chan struct{} // closed when it is asked no longer
}

const chatChunk = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}` + "\n\n"

func newSlow() *slow {
	s := &slow{upstream: upstream{name: "openai", speaks: []llm.Protocol{llm.Chat}}, say: make(chan string), end: make(chan struct{})}
	s.do = func(ctx context.Context, _ *provider.Request) (*http.Response, error) {
		r, w := io.Pipe()
		go func() {
			defer close(s.end)
			for {
				select {
				case words, ok := <-s.say:
					if !ok {
						_, _ = fmt.Fprintf(w, chatChunk, `{}`, `"stop"`)
						_, _ = io.WriteString(w, "data: [DONE]\n\n")
						_ = w.Close()
						return
					}
					_, _ = fmt.Fprintf(w, chatChunk, `{"role":"assistant","content":"`+words+`"}`, "null")
				case <-ctx.Done():
					_ = w.CloseWithError(ctx.Err())
					return
				}
			}
		}()
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: r}, nil
	}
	return s
}

// inBackground begins an answer and returns its path.
func (g *gateway) inBackground(t *testing.T, members string) string {
	t.Helper()
	status, made := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"one","background":true`+members+`}`)
	if status != 200 || made["status"] != "queued" || made["background"] != true || made["store"] != true {
		t.Fatalf("begun as %d %v", status, made)
	}
	return "/v1/responses/" + made["id"].(string)
}

// until asks until an answer has a status.
func (g *gateway) until(t *testing.T, path, want string) map[string]any {
	t.Helper()
	for range 2000 {
		_, got := g.asks(t, http.MethodGet, path, "")
		if got["status"] == want {
			return got
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s is never %s", path, want)
	return nil
}

func TestAnAnswerInTheBackground(t *testing.T) {
	up := newSlow()
	g := stateful(t, &up.upstream)
	path := g.inBackground(t, "")
	up.say <- "Hel"
	g.until(t, path, "in_progress")
	if status, _ := g.asksAs(t, "b", http.MethodGet, path, ""); status != 404 {
		t.Errorf("another's: %d", status)
	}
	if status, got := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x","previous_response_id":"`+strings.TrimPrefix(path, "/v1/responses/")+`"}`); status != 400 {
		t.Errorf("going on from what has not ended: %d %v", status, got)
	}
	up.say <- "lo"
	close(up.say)
	got := g.until(t, path, "completed")
	if text, _ := json.Marshal(got["output"]); !strings.Contains(string(text), `"text":"Hello"`) || got["background"] != true {
		t.Errorf("the answer is %v", got)
	}
	for g.room.Running() > 0 {
		time.Sleep(time.Millisecond)
	}
	again := g.until(t, path, "completed")
	if again["id"] != got["id"] || again["usage"] == nil {
		t.Errorf("from the database: %v", again)
	}
	if status, got := g.asks(t, http.MethodGet, path+"?stream=true", ""); status != 400 {
		t.Errorf("streamed: %d %v", status, got)
	}
	if status, got := g.asks(t, http.MethodPost, path+"/cancel", ""); status != 200 || got["status"] != "completed" {
		t.Errorf("cancelled after its end: %d %v", status, got)
	}
	rows := g.drained(t)
	if len(rows) != 1 || rows[0].Outcome != ledger.Complete {
		t.Errorf("the rows are %+v", rows)
	}
	status, items := g.asks(t, http.MethodGet, path+"/input_items", "")
	if data, _ := items["data"].([]any); status != 200 || len(data) != 1 {
		t.Errorf("its input: %d %v", status, items)
	}
}

// events reads a stream to its end and returns the sequence numbers and the
// kind of the last event.
func (g *gateway) events(t *testing.T, method, path, body string) (numbers []int, last string) {
	t.Helper()
	out := g.ask(t, method, path, strings.NewReader(body), "Authorization", "Bearer a")
	if out.status != 200 || out.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s %s is %d %s", method, path, out.status, out.body)
	}
	for line := range strings.SplitSeq(out.body, "\n") {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var ev struct {
			Type   string
			Number int `json:"sequence_number"`
		}
		if err := json.Unmarshal([]byte(data), &ev); err != nil {
			t.Fatal(err)
		}
		numbers, last = append(numbers, ev.Number), ev.Type
	}
	return numbers, last
}

func rising(t *testing.T, numbers []int, from int) {
	t.Helper()
	for i, n := range numbers {
		if n != from+i {
			t.Fatalf("the events from %d on are %v", from, numbers)
		}
	}
	if len(numbers) == 0 {
		t.Fatalf("there are no events from %d on", from)
	}
}

// A client that lost its stream goes on with it while it runs, and again when
// it has ended.
func TestAStreamIsTakenUpAgain(t *testing.T) {
	up := newSlow()
	g := stateful(t, &up.upstream)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+"/v1/responses",
		strings.NewReader(`{"model":"gpt-5","input":"one","background":true,"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer a")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 4096)
	n, err := resp.Body.Read(first) // before the provider has said anything
	if err != nil {
		t.Fatal(err)
	}
	up.say <- "Hel"
	_, rest, _ := strings.Cut(string(first[:n]), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	leave()
	resp.Body.Close()
	path := "/v1/responses/" + id
	live := make(chan []int)
	go func() {
		numbers, _ := g.events(t, http.MethodGet, path+"?stream=true&starting_after=1", "")
		live <- numbers
	}()
	up.say <- "lo"
	close(up.say)
	rising(t, <-live, 2)
	for g.room.Running() > 0 {
		time.Sleep(time.Millisecond)
	}
	all, last := g.events(t, http.MethodGet, path+"?stream=true", "")
	rising(t, all, 0)
	if last != "response.completed" {
		t.Errorf("the stream ends in %s", last)
	}
	numbers, _ := g.events(t, http.MethodGet, fmt.Sprintf("%s?stream=true&starting_after=%d", path, len(all)-2), "")
	rising(t, numbers, len(all)-1)
	if status, _ := g.asks(t, http.MethodGet, path+"?stream=true&starting_after=x", ""); status != 400 {
		t.Errorf("after x: %d", status)
	}
}

func TestAnAnswerInTheBackgroundIsCancelled(t *testing.T) {
	up := newSlow()
	g := stateful(t, &up.upstream)
	path := g.inBackground(t, "")
	up.say <- "Hel"
	status, got := g.asks(t, http.MethodPost, path+"/cancel", "")
	if status != 200 || got["status"] != "cancelled" {
		t.Fatalf("%d %v", status, got)
	}
	close(up.say) // it bills what it has said: the gateway reads on for a while
	for g.room.Running() > 0 {
		time.Sleep(time.Millisecond)
	}
	if got := g.until(t, path, "cancelled"); got["error"] != nil {
		t.Errorf("kept is %v", got)
	}
	if rows := g.drained(t); len(rows) != 1 || rows[0].Outcome != ledger.CutByClient && rows[0].Outcome != ledger.Complete {
		t.Errorf("the rows are %+v", rows)
	}
}

func TestAnAnswerInTheBackgroundIsDeleted(t *testing.T) {
	up := newSlow()
	g := stateful(t, &up.upstream)
	path := g.inBackground(t, "")
	up.say <- "Hel"
	if status, got := g.asks(t, http.MethodDelete, path, ""); status != 200 || got["deleted"] != true {
		t.Fatalf("%d %v", status, got)
	}
	if n := g.room.Running(); n != 1 { // the upstream is not done
		t.Errorf("%d are running", n)
	}
	for _, when := range []string{"while it stops", "when it has stopped"} {
		for _, c := range [][2]string{{http.MethodGet, path}, {http.MethodPost, path + "/cancel"}, {http.MethodDelete, path}} {
			if status, _ := g.asks(t, c[0], c[1], ""); status != 404 {
				t.Errorf("%s: %s is %d", when, c[0], status)
			}
		}
		if when == "while it stops" {
			close(up.say)
		}
		for g.room.Running() > 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestAFailureInTheBackgroundIsTold(t *testing.T) {
	up := openAI()
	up.do = answer(429, `{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}`)
	g := stateful(t, up)
	path := g.inBackground(t, "")
	got := g.until(t, path, "failed")
	if words, _ := got["error"].(map[string]any); words["code"] != "rate_limit_exceeded" || "/v1/responses/"+got["id"].(string) != path {
		t.Errorf("the answer is %v", got)
	}
	numbers, last := g.events(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"one","background":true,"stream":true}`)
	if rising(t, numbers, 0); len(numbers) != 3 || last != "response.failed" {
		t.Errorf("its stream is %v, and ends in %s", numbers, last)
	}
}

func TestHowManyMayBeInTheBackground(t *testing.T) {
	up := openAI()
	hold := make(chan struct{})
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return answer(200, chatAnswer)(ctx, req)
	}
	g := stateful(t, up)
	first := g.inBackground(t, "")
	g.inBackground(t, "")
	const ask = `{"model":"gpt-5","input":"one","background":true}`
	for _, c := range []struct {
		key    string
		status int
	}{{"a", 429}, {"b", 200}, {"c", 503}} {
		if status, got := g.asksAs(t, c.key, http.MethodPost, "/v1/responses", ask); status != c.status {
			t.Errorf("%s: %d %v", c.key, status, got)
		}
	}
	close(hold)
	g.until(t, first, "completed")
}

func TestWhatCannotBeInTheBackground(t *testing.T) {
	g := stateful(t, openAI())
	for name, c := range map[string]struct {
		members string
		status  int
	}{
		"not stored": {`"input":"x","store":false`, 400},
		"nonsense":   {`"input":[{"role":"user"}]`, 400},
		"too large":  {`"input":"` + strings.Repeat("x", 1<<16) + `"`, 400},
	} {
		if status, got := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","background":true,`+c.members+`}`); status != c.status {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	g.shelf.mu.Lock()
	g.shelf.broke = errors.New("away")
	g.shelf.mu.Unlock()
	if status, _ := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","background":true,"input":"x"}`); status != 503 {
		t.Errorf("a database that is away: %d", status)
	}
	if n := g.room.Running(); n != 0 {
		t.Errorf("%d are running", n)
	}
}

// What another instance makes is told by its signs of life.
func TestAnswersOfOtherInstances(t *testing.T) {
	g := stateful(t, openAI())
	const made = `{"id":"%s","object":"response","status":"in_progress","background":true,"error":null,"output":[]}`
	for id, lease := range map[string]time.Duration{"resp_alive": time.Hour, "resp_dead": -time.Second} {
		g.shelf.kept[id] = conversation.Record{
			ID: id, Owner: "a", Answer: fmt.Appendf(nil, made, id), Streamed: true,
			Lease: time.Now().Add(lease), Expires: time.Now().Add(time.Hour),
		}
	}
	if got := g.until(t, "/v1/responses/resp_dead", "failed"); got["error"] == nil {
		t.Errorf("of a dead instance: %v", got)
	}
	if numbers, last := g.events(t, http.MethodGet, "/v1/responses/resp_dead?stream=true&starting_after=7", ""); last != "response.failed" || numbers[0] != 8 {
		t.Errorf("its stream: %v, %s", numbers, last)
	}
	g.until(t, "/v1/responses/resp_alive", "in_progress")
	if status, got := g.asks(t, http.MethodPost, "/v1/responses/resp_alive/cancel", ""); status != 200 || got["status"] != "cancelled" || !g.shelf.kept["resp_alive"].Cancelled {
		t.Errorf("cancelled there: %d %v", status, got)
	}
	g.until(t, "/v1/responses/resp_alive", "cancelled")
}

// When the gateway stops, what has not ended is failed and kept so.
func TestAStopFailsWhatIsInTheBackground(t *testing.T) {
	up := newSlow()
	g := stateful(t, &up.upstream)
	path := g.inBackground(t, `,"stream":false`)
	up.say <- "Hel"
	g.until(t, path, "in_progress")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.room.Drain(ctx)
	got := g.until(t, path, "failed")
	if words, _ := got["error"].(map[string]any); !strings.Contains(words["message"].(string), "shutting down") {
		t.Errorf("the answer is %v", got)
	}
	if status, _ := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","background":true,"input":"x"}`); status != 503 {
		t.Errorf("a new one: %d", status)
	}
}

// A conversation gets what was answered in the background.
func TestAConversationInTheBackground(t *testing.T) {
	g := stateful(t, openAI())
	id, path := g.begun(t, ``)
	g.until(t, g.inBackground(t, `,"conversation":"`+id+`"`), "completed")
	if got := g.said(t, path); len(got) != 2 || got[1] != "assistant Hello" {
		t.Errorf("the conversation holds %q", got)
	}
}

// A provider of the protocol knows nothing of a conversation: the gateway
// makes the answer there too.
func TestAConversationInTheBackgroundOfAProvider(t *testing.T) {
	up := newKeeper("openai")
	g := stateful(t, &up.upstream)
	id, path := g.begun(t, ``)
	got := g.until(t, g.inBackground(t, `,"conversation":"`+id+`"`), "completed")
	if said := g.said(t, path); len(said) != 2 || said[0] != "user one" {
		t.Errorf("after %v the conversation holds %q", got, said)
	}
	if sent, _ := up.last(); strings.Contains(sent, `"background":true`) || strings.Contains(sent, `"conversation"`) {
		t.Errorf("the upstream was sent %s", sent)
	}
}

func TestWhatIsCancelledIsNotAddedToItsConversation(t *testing.T) {
	for name, stop := range map[string]func(g *gateway, path string){
		"here": func(g *gateway, path string) { g.asks(t, http.MethodPost, path+"/cancel", "") },
		"elsewhere": func(g *gateway, path string) {
			_ = g.shelf.CancelResponse(t.Context(), "a", strings.TrimPrefix(path, "/v1/responses/"))
		},
	} {
		up := newSlow()
		g := stateful(t, &up.upstream)
		id, talk := g.begun(t, ``)
		path := g.inBackground(t, `,"conversation":"`+id+`"`)
		up.say <- "Hel"
		stop(g, path)
		close(up.say) // the answer is read to its end, which is a good one
		for g.room.Running() > 0 {
			time.Sleep(time.Millisecond)
		}
		g.until(t, path, "cancelled")
		if said := g.said(t, talk); len(said) != 0 {
			t.Errorf("%s: the conversation holds %q", name, said)
		}
	}
}
