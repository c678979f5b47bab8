package api_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

const (
	heldWhole  = `{"id":"%s","object":"response","status":"%s","model":"gpt-5","output":[],"error":null,"usage":{"input_tokens":7,"output_tokens":3,"total_tokens":10}}`
	heldStream = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"%[1]s\",\"model\":\"gpt-5\"}}\n\n" +
		"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n" +
		"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"%[1]s\",\"status\":\"completed\",\"usage\":{\"input_tokens\":7,\"output_tokens\":3}}}\n\n"
)

// keeper is an upstream that speaks Responses and numbers what it keeps.
type keeper struct {
	upstream
	asks []string // what it was asked, in order; guarded by mu
	ends string   // status of its answers
}

func newKeeper(name string) *keeper {
	k := &keeper{upstream: upstream{name: name, speaks: []llm.Protocol{llm.Responses, llm.Plain}}, ends: "completed"}
	n := 0
	k.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		k.mu.Lock()
		k.asks = append(k.asks, strings.TrimRight(fmt.Sprintf("%s %s%s?%s", cmp.Or(req.Method, "POST"), req.Operation, req.Path, req.Query), "?"))
		made := req.Operation == llm.Generate
		if made {
			n++
		}
		id, ends := fmt.Sprintf("resp_%s_%d", name, n), k.ends
		k.mu.Unlock()
		switch {
		case req.Operation == llm.CountTokens:
			return answer(200, `{"object":"response.input_tokens","input_tokens":11}`)(ctx, req)
		case req.Stream:
			return answer(200, fmt.Sprintf(heldStream, id), "Content-Type", "text/event-stream")(ctx, req)
		case made:
			return answer(200, fmt.Sprintf(heldWhole, id, ends))(ctx, req)
		}
		return answer(200, fmt.Sprintf(heldWhole, strings.Split(strings.Trim(req.Path, "/"), "/")[0], "failed"))(ctx, req)
	}
	return k
}

// heard returns what the keeper was asked since the last time.
func (k *keeper) heard() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.asks
	k.asks = nil
	return out
}

func TestGoingOnFromAnAnswerThatAProviderKeeps(t *testing.T) {
	for name, stream := range map[string]string{"whole": "false", "streamed": "true"} {
		t.Run(name, func(t *testing.T) {
			up, other := newKeeper("openai"), newKeeper("other")
			g := stateful(t, &up.upstream, &other.upstream)
			_, first := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"openai/gpt-5","input":"one","stream":`+stream+`}`)
			id, _ := first["id"].(string)
			if id != "resp_openai_1" {
				t.Fatalf("the first answer is %v", first)
			}
			up.heard()
			for _, c := range []struct {
				name, key, model, previous string
				status                     int
				code                       any
				asked                      int
			}{
				{"its owner", "a", "openai/gpt-5", id, 200, nil, 1},
				{"another", "b", "openai/gpt-5", id, 400, "previous_response_not_found", 0},
				{"nobody's", "a", "openai/gpt-5", "resp_none", 400, "previous_response_not_found", 0},
				{"to where it is not", "a", "other/gpt-5", id, 400, "unsupported_operation", 0},
			} {
				ask := `{"model":"` + c.model + `","input":"two","previous_response_id":"` + c.previous + `"}`
				status, got := g.asksAs(t, c.key, http.MethodPost, "/v1/responses", ask)
				var code any
				if words, _ := got["error"].(map[string]any); words != nil {
					code = words["code"]
				}
				if n := len(up.heard()); status != c.status || code != c.code || n != c.asked || len(other.heard()) != 0 {
					t.Errorf("%s: %d %v, asked %d times", c.name, status, got, n)
				}
				if sent, _ := up.last(); c.status == 200 && !strings.Contains(sent, `"input":"two","previous_response_id":"`+id+`"`) {
					t.Errorf("%s: sent was %s", c.name, sent)
				}
			}
		})
	}
}

func TestAnswersThatAProviderKeeps(t *testing.T) {
	up, other := newKeeper("openai"), newKeeper("other")
	up.ends = "queued"
	g := stateful(t, &up.upstream, &other.upstream)
	_, made := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"openai/gpt-5","input":"one","background":true}`)
	id, _ := made["id"].(string)
	if id == "" || made["status"] != "queued" {
		t.Fatalf("made was %v", made)
	}
	up.heard()
	path, sent := "/v1/responses/"+id, "recall/"+id
	for _, c := range []struct {
		name, key, method, path string
		status                  int
		want                    string
	}{
		{"another's", "b", "GET", path, 404, ""},
		{"another's items", "b", "GET", path + "/input_items", 404, ""},
		{"cancelled by another", "b", "POST", path + "/cancel", 404, ""},
		{"deleted by another", "b", "DELETE", path, 404, ""},
		{"read", "a", "GET", path + "?include[]=x&key=secret", 200, "GET " + sent + "?include%5B%5D=x"},
		{"items", "a", "GET", path + "/input_items?limit=1&after=m&order=asc", 200, "GET " + sent + "/input_items?after=m&limit=1&order=asc"},
		{"cancelled", "a", "POST", path + "/cancel", 200, "POST " + sent + "/cancel"},
		{"deleted", "a", "DELETE", path, 200, "DELETE " + sent},
	} {
		status, got := g.asksAs(t, c.key, c.method, c.path, "")
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		if asked := up.heard(); status != c.status || !slices.Equal(asked, want) || c.status == 200 && got["id"] != id {
			t.Errorf("%s: %d %v, asked %q", c.name, status, got, asked)
		}
	}
	if asked := other.heard(); len(asked) > 0 {
		t.Errorf("the other provider was asked %q", asked)
	}
	for _, row := range g.drained(t) {
		if row.Operation == llm.Recall && (!row.Usage.Empty() || row.Cost.Known || row.Outcome != ledger.Complete) {
			t.Errorf("row %+v", row)
		}
	}
	if status, _ := g.asks(t, "GET", path, ""); status != 404 {
		t.Errorf("read when deleted: %d", status)
	}
}

func TestAnAnswerThatAProviderKeepsIsStreamedAgain(t *testing.T) {
	up := newKeeper("openai")
	g := stateful(t, &up.upstream)
	const made = "resp_openai_1"
	g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"one","stream":true}`)
	up.heard()
	for _, end := range []string{"completed", "failed", "cancelled"} {
		stream := strings.Replace(fmt.Sprintf(heldStream, made), "response.completed\",", "response."+end+"\",", 1)
		up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			if req.Query != "starting_after=3&stream=true" || !req.Stream {
				t.Errorf("asked %+v", req)
			}
			return answer(200, stream, "Content-Type", "text/event-stream")(ctx, req)
		}
		got := g.ask(t, "GET", "/v1/responses/"+made+"?stream=true&starting_after=3", nil, "Authorization", "Bearer a")
		if got.status != 200 || got.body != stream {
			t.Errorf("%s: %d %s", end, got.status, got.body)
		}
	}
	for _, row := range g.drained(t) {
		if row.Operation == llm.Recall && (!row.Usage.Empty() || row.Outcome != ledger.Complete) {
			t.Errorf("row %+v", row)
		}
	}
}

// A client that loses the stream of an answer may ask for it: its id is noted
// with the first event.
func TestTheIDIsNotedBeforeTheClientSeesIt(t *testing.T) {
	up := newKeeper("openai")
	var once sync.Once
	held, release := io.Pipe()
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if req.Operation == llm.Recall {
			return answer(200, fmt.Sprintf(heldWhole, "resp_openai_1", "in_progress"))(ctx, req)
		}
		begin, _, _ := strings.Cut(fmt.Sprintf(heldStream, "resp_openai_1"), "event: response.completed")
		return &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}},
			Body: io.NopCloser(io.MultiReader(strings.NewReader(begin), held)),
		}, nil
	}
	g := stateful(t, &up.upstream)
	end := func() { once.Do(func() { _ = release.Close() }) }
	t.Cleanup(end)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", g.url+"/v1/responses", strings.NewReader(`{"model":"gpt-5","input":"x","stream":true}`))
	req.Header.Set("Authorization", "Bearer a")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	if status, got := g.asks(t, "GET", "/v1/responses/resp_openai_1", ""); status != 200 || got["status"] != "in_progress" {
		t.Errorf("%d %v", status, got)
	}
	end()
}

func TestNothingIsNotedUnlessItShould(t *testing.T) {
	up := newKeeper("openai")
	g := stateful(t, &up.upstream)
	_, made := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x","store":false}`)
	if status, _ := g.asks(t, "GET", "/v1/responses/"+made["id"].(string), ""); status != 404 {
		t.Errorf("read: %d", status)
	}
	if g.shelf.asked != 1 {
		t.Errorf("the database was asked %d times", g.shelf.asked)
	}
}

// What is counted is what would be sent.
func TestCountingWhatGoesOnFromAnAnswer(t *testing.T) {
	up := newKeeper("openai")
	up.counts = true
	g := stateful(t, &up.upstream, &upstream{name: "chat", speaks: []llm.Protocol{llm.Chat}})
	_, held := g.asks(t, "POST", "/v1/responses", `{"model":"openai/gpt-5","input":"one"}`)
	_, kept := g.asks(t, "POST", "/v1/responses", `{"model":"chat/gpt-5","input":"`+strings.Repeat("word ", 100)+`"}`)
	up.heard()
	count := func(key, model, previous string) (int, map[string]any) {
		return g.asksAs(t, key, "POST", "/v1/responses/input_tokens", `{"model":"`+model+`","input":"two","previous_response_id":"`+previous+`"}`)
	}
	if status, got := count("a", "openai/gpt-5", held["id"].(string)); status != 200 || !slices.Equal(up.heard(), []string{"POST count_tokens"}) {
		t.Errorf("at the provider: %d %v", status, got)
	}
	if status, got := count("b", "openai/gpt-5", held["id"].(string)); status != 400 || len(up.heard()) > 0 {
		t.Errorf("another's: %d %v", status, got)
	}
	if status, got := count("a", "chat/gpt-5", kept["id"].(string)); status != 200 || got["input_tokens"].(float64) < 100 {
		t.Errorf("here: %d %v", status, got)
	}
}

func TestAProviderThatKeepsNothing(t *testing.T) {
	up := newKeeper("openai")
	up.speaks = []llm.Protocol{llm.Responses}
	g := stateful(t, &up.upstream)
	_, made := g.asks(t, "POST", "/v1/responses", `{"model":"gpt-5","input":"one"}`)
	up.heard()
	for _, method := range []string{"GET", "DELETE"} {
		if status, got := g.asks(t, method, "/v1/responses/"+made["id"].(string), ""); status != 404 || len(up.heard()) > 0 {
			t.Errorf("%s: %d %v", method, status, got)
		}
	}
}

// What a stream in the background has used is booked where its end is first
// seen, by the one who began it or in a look at it.
func TestWhatAStreamInTheBackgroundUsesIsBooked(t *testing.T) {
	begin, _, _ := strings.Cut(fmt.Sprintf(heldStream, "resp_1"), "event: response.output_text")
	for name, c := range map[string]struct {
		stream string
		early  string // method of what is asked of it before the stream ends
		want   []int64
	}{
		"to its end":       {fmt.Sprintf(heldStream, "resp_1"), "", []int64{10, 0, 0}},
		"cut":              {begin, "", []int64{0, 10, 0}},
		"cut in the midst": {begin + "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n", "", []int64{0, 10, 0}},
		"seen before":      {fmt.Sprintf(heldStream, "resp_1"), "GET", []int64{0, 10, 0}},
		"deleted before":   {fmt.Sprintf(heldStream, "resp_1"), "DELETE", []int64{10, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			up := newKeeper("openai")
			g := stateful(t, &up.upstream)
			look := func(method string) {
				if status, got := g.asks(t, method, "/v1/responses/resp_1", ""); status != 200 {
					t.Errorf("read: %d %v", status, got)
				}
			}
			up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
				if req.Method == http.MethodDelete {
					return answer(200, `{"id":"resp_1","object":"response","deleted":true}`)(ctx, req)
				}
				if req.Operation == llm.Recall {
					return answer(200, fmt.Sprintf(heldWhole, "resp_1", "completed"))(ctx, req)
				}
				begun := len(begin)
				r, w := io.Pipe()
				go func() {
					_, _ = io.WriteString(w, c.stream[:begun])
					if c.early != "" {
						_, _ = io.WriteString(w, ": read so far\n\n")
						look(c.early)
					}
					_, _ = io.WriteString(w, c.stream[begun:])
					_ = w.Close()
				}()
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Body: r}, nil
			}
			g.ask(t, "POST", "/v1/responses", strings.NewReader(`{"model":"gpt-5","input":"x","background":true,"stream":true}`), "Authorization", "Bearer a")
			if c.early != "DELETE" {
				look("GET")
			}
			if c.early == "" {
				look("GET")
			}
			rows := g.drained(t)
			slices.SortFunc(rows, func(a, b ledger.Entry) int { return a.Started.Compare(b.Started) })
			var used []int64
			for _, row := range rows {
				used = append(used, row.Usage.InputTotal()+row.Usage.OutputTotal())
			}
			if !slices.Equal(used, c.want) {
				t.Errorf("booked are %v, want %v", used, c.want)
			}
		})
	}
}

// What an answer in the background has used is booked once, when a look at it
// shows its end.
func TestWhatAProviderMakesLaterIsBooked(t *testing.T) {
	for name, query := range map[string]string{"whole": "", "streamed": "?stream=true"} {
		t.Run(name, func(t *testing.T) {
			up := newKeeper("openai")
			var ended atomic.Bool
			up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
				body := `{"id":"resp_1","object":"response","status":"queued","model":"gpt-5","output":[],"error":null,"usage":null}`
				if ended.Load() {
					body = `{"id":"resp_1","object":"response","status":"completed","model":"gpt-5-x","output":[],"error":null,"usage":` +
						`{"input_tokens":7,"input_tokens_details":{"cached_tokens":2},"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":10}}`
				}
				if req.Stream {
					return answer(200, `data: {"type":"response.completed","response":`+body+"}\n\n", "Content-Type", "text/event-stream")(ctx, req)
				}
				return answer(200, body)(ctx, req)
			}
			g := stateful(t, &up.upstream)
			g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"one","background":true}`)
			g.asks(t, http.MethodGet, "/v1/responses/resp_1", "")
			ended.Store(true)
			for range 3 {
				if status := g.ask(t, http.MethodGet, "/v1/responses/resp_1"+query, nil, "Authorization", "Bearer a").status; status != 200 {
					t.Fatalf("read: %d", status)
				}
			}
			rows := g.drained(t)
			slices.SortFunc(rows, func(a, b ledger.Entry) int { return a.Started.Compare(b.Started) })
			var used []int64
			for _, row := range rows {
				used = append(used, row.Usage.InputTotal()+row.Usage.OutputTotal())
			}
			if want := []int64{0, 0, 10, 0, 0}; !slices.Equal(used, want) {
				t.Fatalf("booked are %v, want %v", used, want)
			}
			if u := rows[2].Usage; u.CacheRead.N != 2 || u.Reasoning.N != 1 || u.Source != llm.Reported || rows[2].ModelServed != "gpt-5-x" {
				t.Errorf("the row is %+v", rows[2])
			}
		})
	}
}
