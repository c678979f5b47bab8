package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/responses"
)

// shelf keeps records in memory.
type shelf struct {
	mu    sync.Mutex
	kept  map[string]conversation.Record
	talks map[string]*talk
	logs  map[string][]byte
	broke error
	asked int // how often one was looked for
}

func (s *shelf) SaveResponse(_ context.Context, r conversation.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[r.ID] = r
	return s.broke
}

func (s *shelf) FindResponse(_ context.Context, owner, id string, now time.Time) (conversation.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	r, ok := s.kept[id]
	switch {
	case s.broke != nil:
		return r, s.broke
	case !ok || r.Owner != owner || !r.Expires.After(now):
		return r, conversation.ErrNotFound
	}
	return r, nil
}

func (s *shelf) DeleteResponse(_ context.Context, owner, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.kept[id]; !ok || r.Owner != owner {
		return conversation.ErrNotFound
	}
	delete(s.kept, id)
	return nil
}

func (*shelf) SweepResponses(context.Context, time.Time, conversation.Bounds) (conversation.Swept, error) {
	return conversation.Swept{}, nil
}

// stateful is a gateway that speaks Responses, whose users are their keys.
func stateful(t *testing.T, ups ...*upstream) *gateway {
	all := codecs()
	all[llm.Responses] = responses.New(protocol.NewSealer(make([]byte, 32)))
	return open(t, setup{codecs: all, loop: guard.Loop{Stop: 2}, auth: func(key string) (identity.Principal, error) {
		who := identity.LocalOwner()
		who.KeyID = key
		return who, nil
	}}, ups...)
}

// asks sends a request with the key "a" and returns the answer's members.
func (g *gateway) asks(t *testing.T, method, path, body string) (int, map[string]any) {
	t.Helper()
	return g.asksAs(t, "a", method, path, body)
}

func (g *gateway) asksAs(t *testing.T, key, method, path, body string) (int, map[string]any) {
	t.Helper()
	out := g.ask(t, method, path, strings.NewReader(body), "Authorization", "Bearer "+key)
	text := out.body
	if at := strings.LastIndex(text, "\ndata: "); at >= 0 {
		var ev struct{ Response json.RawMessage }
		if err := json.Unmarshal([]byte(text[at+len("\ndata: "):]), &ev); err != nil {
			t.Fatal(err)
		}
		text = string(ev.Response)
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return out.status, members
}

func TestGoingOnFromAnAnswer(t *testing.T) {
	for name, stream := range map[string]string{"whole": "false", "streamed": "true"} {
		t.Run(name, func(t *testing.T) {
			up := openAI()
			g := stateful(t, up)
			_, first := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","instructions":"once","input":"one","stream":`+stream+`}`)
			id, _ := first["id"].(string)
			if first["store"] != true || first["instructions"] != "once" || !strings.HasPrefix(id, "resp_") {
				t.Fatalf("the first answer is %v", first)
			}
			status, second := g.asks(t, http.MethodPost, "/v1/responses",
				`{"model":"gpt-5","input":[{"role":"user","content":"two"}],"previous_response_id":"`+id+`"}`)
			if status != 200 || second["previous_response_id"] != id || second["id"] == id {
				t.Fatalf("the second answer is %d %v", status, second)
			}
			_, _ = g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"three","previous_response_id":"`+second["id"].(string)+`"}`)
			sent, _ := up.last()
			var body struct {
				Messages []struct{ Role, Content string }
			}
			if err := json.Unmarshal([]byte(sent), &body); err != nil {
				t.Fatal(err)
			}
			var roles, words []string
			for _, m := range body.Messages {
				roles = append(roles, m.Role)
				if m.Role == "user" {
					words = append(words, m.Content)
				}
			}
			if strings.Join(roles, " ") != "user assistant user assistant user" || strings.Join(words, " ") != "one two three" {
				t.Errorf("the upstream was sent %s", sent)
			}
		})
	}
}

// TestItemsByTheirID wants an input that names items of an earlier answer to
// be as good as one that holds them, for the key that got them only.
func TestItemsByTheirID(t *testing.T) {
	up := openAI()
	g := stateful(t, up)
	_, first := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"one"}`)
	output, _ := json.Marshal(first["output"])
	id, _ := jsonscan.Text(jsonscan.Get(output[1:], "id"))
	goOn := `{"model":"gpt-5","input":[{"role":"user","content":"one"},{"type":"item_reference","id":"` + id + `"},{"role":"user","content":"two"}]}`
	status, second := g.asks(t, http.MethodPost, "/v1/responses", goOn)
	sent, _ := up.last()
	var body struct{ Messages []struct{ Role string } }
	if err := json.Unmarshal([]byte(sent), &body); err != nil || status != 200 || len(body.Messages) != 3 || body.Messages[1].Role != "assistant" {
		t.Fatalf("%d %v, the upstream was sent %s", status, second, sent)
	}
	for _, unknown := range []string{"msg_1", "msg__0", "item_reference", strings.Repeat("m_", 200)} {
		status, refused := g.asks(t, http.MethodPost, "/v1/responses",
			`{"model":"gpt-5","input":[{"type":"item_reference","id":"`+unknown+`"},{"role":"user","content":"two"}]}`)
		if text, _ := json.Marshal(refused); status != 400 || !strings.Contains(string(text), "input[0]") {
			t.Errorf("%s: %d %s", unknown, status, text)
		}
	}
	status, _ = g.asks(t, http.MethodDelete, "/v1/responses/"+first["id"].(string), "")
	if again, refused := g.asks(t, http.MethodPost, "/v1/responses", goOn); status != 200 || again != 400 {
		t.Errorf("after its deletion: %d %d %v", status, again, refused)
	}
}

// TestGoingOnFromAnEndedTurn wants the answer of the loop breaker to be as
// good to go on from as any, and the history behind it to count.
func TestGoingOnFromAnEndedTurn(t *testing.T) {
	for name, stream := range map[string]string{"whole": "false", "streamed": "true"} {
		t.Run(name, func(t *testing.T) {
			up := openAI()
			g := stateful(t, up)
			call := func(id string) string {
				return `{"type":"function_call","call_id":"` + id + `","name":"sh","arguments":"{}"},{"type":"function_call_output","call_id":"` + id + `","output":"no"}`
			}
			_, first := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","instructions":"be brief","input":[`+call("1")+`]}`)
			_, ended := g.asks(t, http.MethodPost, "/v1/responses",
				`{"model":"gpt-5","instructions":"be brief","input":[`+call("2")+`],"previous_response_id":"`+first["id"].(string)+`","stream":`+stream+`}`)
			id, _ := ended["id"].(string)
			status, read := g.asks(t, http.MethodGet, "/v1/responses/"+id, "")
			if text, _ := json.Marshal(read); status != 200 || ended["store"] != true || !strings.Contains(string(text), "has ended this turn") {
				t.Fatalf("read as %d %v", status, read)
			}
			if ended["instructions"] != "be brief" || ended["previous_response_id"] != first["id"] {
				t.Errorf("the answer repeats nothing of its request: %v", ended)
			}
			status, _ = g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"try something else","previous_response_id":"`+id+`"}`)
			if sent, _ := up.last(); status != 200 || !strings.Contains(sent, "has ended this turn") || !strings.Contains(sent, "try something else") {
				t.Errorf("%d, the upstream was sent %s", status, sent)
			}
		})
	}
}

func TestKeptAnswers(t *testing.T) {
	g := stateful(t, openAI())
	_, made := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":[{"role":"user","content":"one"},{"role":"user","content":"two"}]}`)
	path := "/v1/responses/" + made["id"].(string)
	for _, c := range []struct {
		name, key, method, path string
		status                  int
		member                  string
		want                    any
	}{
		{"another's", "b", http.MethodGet, path, 404, "", nil},
		{"another's items", "b", http.MethodGet, path + "/input_items", 404, "", nil},
		{"deleted by another", "b", http.MethodDelete, path, 404, "", nil},
		{"read", "a", http.MethodGet, path, 200, "id", made["id"]},
		{"streamed again", "a", http.MethodGet, path + "?stream=true", 400, "", nil},
		{"cancelled", "a", http.MethodPost, path + "/cancel", 400, "", nil},
		{"a page", "a", http.MethodGet, path + "/input_items?limit=1&order=asc", 200, "has_more", true},
		{"all items", "a", http.MethodGet, path + "/input_items", 200, "has_more", false},
		{"no limit", "a", http.MethodGet, path + "/input_items?limit=0", 400, "", nil},
		{"no order", "a", http.MethodGet, path + "/input_items?order=up", 400, "", nil},
		{"after nothing", "a", http.MethodGet, path + "/input_items?after=x", 400, "", nil},
		{"unknown", "a", http.MethodGet, "/v1/responses/resp_none", 404, "", nil},
		{"deleted", "a", http.MethodDelete, path, 200, "deleted", true},
		{"read when deleted", "a", http.MethodGet, path, 404, "", nil},
	} {
		status, got := g.asksAs(t, c.key, c.method, c.path, "")
		if status != c.status || c.member != "" && got[c.member] != c.want || status >= 400 && got["error"] == nil {
			t.Errorf("%s: %d %v", c.name, status, got)
		}
	}
}

func TestPagesOfInputFollowOneAnother(t *testing.T) {
	g := stateful(t, openAI())
	_, made := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":[{"role":"user","content":"1"},{"role":"user","content":"2"},{"id":"own","role":"user","content":"3"}]}`)
	var seen []string
	after := ""
	for range 4 {
		_, page := g.asks(t, http.MethodGet, "/v1/responses/"+made["id"].(string)+"/input_items?limit=1"+after, "")
		for _, item := range page["data"].([]any) {
			parts := item.(map[string]any)["content"].([]any)
			seen = append(seen, parts[0].(map[string]any)["text"].(string))
		}
		if page["has_more"] != true {
			break
		}
		after = "&after=" + page["last_id"].(string)
	}
	if strings.Join(seen, "") != "321" {
		t.Errorf("the pages hold %v", seen)
	}
}

func TestNothingIsKeptOrAskedUnlessItShould(t *testing.T) {
	g := stateful(t, openAI())
	_, made := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x","store":false}`)
	if made["store"] != false || g.shelf.asked != 0 {
		t.Errorf("the answer is %v, the database was asked %d times", made, g.shelf.asked)
	}
	if status, _ := g.asks(t, http.MethodGet, "/v1/responses/"+made["id"].(string), ""); status != 404 {
		t.Errorf("read: %d", status)
	}
	status, got := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x","previous_response_id":"resp_none"}`)
	if words, _ := got["error"].(map[string]any); status != 400 || words["code"] != "previous_response_not_found" {
		t.Errorf("an unknown answer: %d %v", status, got)
	}
	g.shelf.mu.Lock()
	g.shelf.broke = errors.New("away")
	g.shelf.mu.Unlock()
	if status, _ := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x","previous_response_id":"resp_1"}`); status != 503 {
		t.Errorf("a database that is away: %d", status)
	}
	if status, _ := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x"}`); status != 200 {
		t.Errorf("without state, a database that is away: %d", status)
	}
}
