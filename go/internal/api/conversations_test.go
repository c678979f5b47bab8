package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/provider"
)

// talk is a conversation in memory.
type talk struct {
	thread conversation.Thread
	items  []conversation.Item
}

func (s *shelf) SaveThread(_ context.Context, t conversation.Thread, first []conversation.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.talks[t.ID] = &talk{t, first}
	return s.broke
}

func (s *shelf) talk(owner, id string) (*talk, error) {
	t := s.talks[id]
	switch {
	case s.broke != nil:
		return nil, s.broke
	case t == nil || t.thread.Owner != owner:
		return nil, conversation.ErrNotFound
	}
	return t, nil
}

func (s *shelf) FindThread(_ context.Context, owner, id string, _ time.Time) (conversation.Thread, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.talk(owner, id)
	if err != nil {
		return conversation.Thread{}, err
	}
	t.thread.Size = 0
	for _, item := range t.items {
		t.thread.Size += int64(len(item.Body))
	}
	return t.thread, nil
}

func (s *shelf) ThreadItems(_ context.Context, id string) ([]conversation.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.talks[id].items), s.broke
}

func (s *shelf) ChangeThread(_ context.Context, owner, id string, c conversation.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.talk(owner, id)
	if err != nil {
		return err
	}
	if c.Metadata != nil {
		t.thread.Metadata = c.Metadata
	}
	at := slices.IndexFunc(t.items, func(i conversation.Item) bool { return i.ID == c.Remove })
	if c.Remove != "" && at < 0 {
		return conversation.ErrNoItem
	}
	if at >= 0 {
		t.items = slices.Delete(t.items, at, at+1)
	}
	size := int64(0)
	for _, item := range slices.Concat(t.items, c.Add) {
		size += int64(len(item.Body))
	}
	if c.Most > 0 && size > c.Most {
		return conversation.ErrFull
	}
	for _, item := range c.Add {
		there := slices.ContainsFunc(t.items, func(i conversation.Item) bool { return i.ID == item.ID })
		if there && c.Strict {
			return conversation.ErrTaken
		}
		if there {
			item = item.Renamed()
		}
		t.items = append(t.items, item)
	}
	return nil
}

func (s *shelf) DeleteThread(_ context.Context, owner, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.talk(owner, id)
	if err == nil {
		delete(s.talks, id)
	}
	return err
}

// begun makes a conversation and returns its path.
func (g *gateway) begun(t *testing.T, body string) (id, path string) {
	t.Helper()
	status, made := g.asks(t, http.MethodPost, "/v1/conversations", body)
	id, _ = made["id"].(string)
	if status != 200 || made["object"] != "conversation" || !strings.HasPrefix(id, "conv_") || made["created_at"] == nil || made["metadata"] == nil {
		t.Fatalf("%d %v", status, made)
	}
	return id, "/v1/conversations/" + id
}

func TestConversationObjects(t *testing.T) {
	g := stateful(t, openAI())
	_, path := g.begun(t, `{"metadata":{"topic":"demo"},"items":[{"role":"user","content":"one"},{"id":"mine","type":"function_call_output","call_id":"c","output":"x"}]}`)
	for _, c := range []struct {
		name, key, method, path, body string
		status                        int
		member                        string
		want                          any
	}{
		{"read", "a", "GET", path, "", 200, "object", "conversation"},
		{"another's", "b", "GET", path, "", 404, "", nil},
		{"another's items", "b", "GET", path + "/items", "", 404, "", nil},
		{"changed by another", "b", "POST", path, `{"metadata":{}}`, 404, "", nil},
		{"added to by another", "b", "POST", path + "/items", `{"items":[{"role":"user","content":"x"}]}`, 404, "", nil},
		{"deleted by another", "b", "DELETE", path, "", 404, "", nil},
		{"a page", "a", "GET", path + "/items?limit=1&order=asc", "", 200, "has_more", true},
		{"the latest", "a", "GET", path + "/items?limit=1", "", 200, "first_id", "mine"},
		{"after nothing", "a", "GET", path + "/items?after=x", "", 400, "", nil},
		{"an item", "a", "GET", path + "/items/mine?include=message.output_text.logprobs", "", 200, "output", "x"},
		{"no such item", "a", "GET", path + "/items/none", "", 404, "", nil},
		{"labelled", "a", "POST", path, `{"metadata":{"a":"b"}}`, 200, "object", "conversation"},
		{"no label", "a", "POST", path, `{}`, 400, "", nil},
		{"labels of a wrong type", "a", "POST", path, `{"metadata":{"a":1}}`, 400, "", nil},
		{"a long label", "a", "POST", path, `{"metadata":{"a":"` + strings.Repeat("ü", 513) + `"}}`, 400, "", nil},
		{"added", "a", "POST", path + "/items", `{"items":[{"role":"assistant","content":"two"}]}`, 200, "object", "list"},
		{"added twice", "a", "POST", path + "/items", `{"items":[{"id":"mine","role":"user","content":"x"}]}`, 400, "", nil},
		{"none added", "a", "POST", path + "/items", `{"items":[]}`, 400, "", nil},
		{"no list", "a", "POST", path + "/items", `{"items":"x"}`, 400, "", nil},
		{"no item", "a", "POST", path + "/items", `{"items":["x"]}`, 400, "", nil},
		{"an item without a type", "a", "POST", path + "/items", `{"items":[{"content":"x"}]}`, 400, "", nil},
		{"no JSON", "a", "POST", path + "/items", `{"items":[}`, 400, "", nil},
		{"too much", "a", "POST", path + "/items", `{"items":[{"role":"user","content":"` + strings.Repeat("x", 1<<16) + `"}]}`, 400, "", nil},
		{"an item removed", "a", "DELETE", path + "/items/mine", "", 200, "object", "conversation"},
		{"an item removed twice", "a", "DELETE", path + "/items/mine", "", 404, "", nil},
		{"deleted", "a", "DELETE", path, "", 200, "object", "conversation.deleted"},
		{"read when deleted", "a", "GET", path, "", 404, "", nil},
		{"answered when deleted", "a", "POST", "/v1/responses", `{"model":"gpt-5","input":"x","conversation":"` + strings.TrimPrefix(path, "/v1/conversations/") + `"}`, 404, "", nil},
	} {
		status, got := g.asksAs(t, c.key, c.method, c.path, c.body)
		words, _ := got["error"].(map[string]any)
		if status != c.status || c.member != "" && got[c.member] != c.want || status >= 400 && words["message"] == "" {
			t.Errorf("%s: %d %v", c.name, status, got)
		}
	}
}

// said are the words of a conversation, oldest first.
func (g *gateway) said(t *testing.T, path string) []string {
	t.Helper()
	_, page := g.asks(t, http.MethodGet, path+"/items?order=asc&limit=100", "")
	var out []string
	for _, item := range page["data"].([]any) {
		message := item.(map[string]any)
		if message["id"] == "" || message["type"] != "message" || message["status"] != "completed" {
			t.Errorf("an item is %v", message)
		}
		part := message["content"].([]any)[0].(map[string]any)
		out = append(out, fmt.Sprint(message["role"], " ", part["text"]))
	}
	return out
}

func TestAnswersAreAddedToTheirConversation(t *testing.T) {
	for name, stream := range map[string]string{"whole": "false", "streamed": "true"} {
		t.Run(name, func(t *testing.T) {
			up := openAI()
			g := stateful(t, up)
			id, path := g.begun(t, `{"items":[{"role":"user","content":"zero"}]}`)
			for _, c := range []struct{ input, conversation string }{
				{`"one"`, `"` + id + `"`}, {`[{"role":"user","content":"two"}]`, `{"id":"` + id + `"}`},
			} {
				status, got := g.asks(t, http.MethodPost, "/v1/responses",
					`{"model":"gpt-5","input":`+c.input+`,"conversation":`+c.conversation+`,"stream":`+stream+`}`)
				if named, _ := got["conversation"].(map[string]any); status != 200 || named["id"] != id {
					t.Fatalf("%d %v", status, got)
				}
			}
			want := []string{"user zero", "user one", "assistant Hello", "user two", "assistant Hello"}
			if got := g.said(t, path); !slices.Equal(got, want) {
				t.Errorf("the conversation holds %q", got)
			}
			sent, _ := up.last()
			var body struct {
				Messages []struct{ Role, Content string }
			}
			if err := json.Unmarshal([]byte(sent), &body); err != nil || len(body.Messages) != 4 || body.Messages[3].Content != "two" {
				t.Errorf("the upstream was sent %s", sent)
			}
			status, got := g.asksAs(t, "b", http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x","conversation":"`+id+`"}`)
			if status != 404 {
				t.Errorf("another's: %d %v", status, got)
			}
			status, got = g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"x","conversation":"`+id+`","previous_response_id":"resp_1"}`)
			if words, _ := got["error"].(map[string]any); status != 400 || !strings.Contains(words["message"].(string), "Mutually exclusive") {
				t.Errorf("with a previous answer: %d %v", status, got)
			}
		})
	}
}

// A provider that speaks Responses is given the conversation as well, and its
// answer is added.
func TestAConversationAtAProviderOfTheProtocol(t *testing.T) {
	up := newKeeper("openai")
	g := stateful(t, &up.upstream)
	id, path := g.begun(t, ``)
	up.do = answer(200, `{"id":"resp_1","object":"response","status":"completed","model":"gpt-5","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"error":null,"usage":{"input_tokens":7,"output_tokens":3,"total_tokens":10}}`)
	for _, input := range []string{"one", "two"} {
		if status, got := g.asks(t, http.MethodPost, "/v1/responses", `{"model":"gpt-5","input":"`+input+`","conversation":"`+id+`"}`); status != 200 {
			t.Fatalf("%d %v", status, got)
		}
	}
	if sent, _ := up.last(); strings.Contains(sent, `"conversation"`) || !strings.Contains(sent, `"text":"one"`) || !strings.Contains(sent, "msg_1") {
		t.Errorf("the upstream was sent %s", sent)
	}
	if got := g.said(t, path); !slices.Equal(got, []string{"user one", "assistant Hi", "user two", "assistant Hi"}) { // the ids are the same
		t.Errorf("the conversation holds %q", got)
	}
}

// An item whose id is taken by the request's own input, or by what was added
// meanwhile, is added all the same.
func TestIDsThatAreTaken(t *testing.T) {
	up := newKeeper("openai")
	g := stateful(t, &up.upstream)
	id, path := g.begun(t, ``)
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if status, got := g.asks(t, "POST", path+"/items", `{"items":[{"id":"msg_0","role":"user","content":"zero"}]}`); status != 200 {
			t.Errorf("added meanwhile: %d %v", status, got)
		}
		return answer(200, `{"id":"resp_1","object":"response","status":"completed","model":"gpt-5","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi","annotations":[]}]}],"error":null,"usage":{"input_tokens":7,"output_tokens":3,"total_tokens":10}}`)(ctx, req)
	}
	ask := `{"model":"gpt-5","input":[{"id":"msg_0","role":"user","content":"one"},{"id":"msg_1","role":"user","content":"two"}],"conversation":"` + id + `"}`
	if status, got := g.asks(t, http.MethodPost, "/v1/responses", ask); status != 200 {
		t.Fatalf("%d %v", status, got)
	}
	if got := g.said(t, path); !slices.Equal(got, []string{"user zero", "user one", "user two", "assistant Hi"}) {
		t.Errorf("the conversation holds %q", got)
	}
}

func TestConversationsAreCounted(t *testing.T) {
	g := stateful(t, &upstream{name: "chat", speaks: []llm.Protocol{llm.Chat}})
	id, path := g.begun(t, `{"items":[{"role":"user","content":"`+strings.Repeat("word ", 100)+`"}]}`)
	status, got := g.asks(t, "POST", "/v1/responses/input_tokens", `{"model":"gpt-5","input":"two","conversation":"`+id+`"}`)
	if status != 200 || got["input_tokens"].(float64) < 100 {
		t.Errorf("%d %v", status, got)
	}
	if n := len(g.said(t, path)); n != 1 {
		t.Errorf("counting left %d items", n)
	}
}

// What others add meanwhile counts: an exchange may go over the bound, but
// only one does, and then the client is told.
func TestConversationsAreBounded(t *testing.T) {
	up := openAI()
	g := stateful(t, up)
	id, path := g.begun(t, `{"items":[{"role":"user","content":"`+strings.Repeat("x", 30000)+`"}]}`)
	more := `{"items":[{"role":"user","content":"` + strings.Repeat("x", 30000) + `"}]}`
	up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
		if status, got := g.asks(t, "POST", path+"/items", more); status != 200 {
			t.Errorf("added meanwhile: %d %v", status, got)
		}
		return answer(200, chatAnswer)(ctx, req)
	}
	ask := `{"model":"gpt-5","input":"` + strings.Repeat("x", 10000) + `","conversation":"` + id + `"}`
	for n, want := range []int{200, 400} {
		if status, got := g.asks(t, "POST", "/v1/responses", ask); status != want {
			t.Errorf("exchange %d: %d %v", n, status, got)
		}
	}
	if got := g.said(t, path); len(got) != 4 {
		t.Errorf("the conversation holds %d items", len(got))
	}
	if status, got := g.asks(t, "POST", path+"/items", `{"items":[{"role":"user","content":"x"}]}`); status != 400 {
		t.Errorf("added to what is full: %d %v", status, got)
	}
}

// A conversation that is written out takes memory until it is answered, also
// in the background.
func TestWhatIsWrittenOutTakesMemory(t *testing.T) {
	for _, members := range []string{``, `,"background":true`} {
		up := openAI()
		g := stateful(t, up)
		g.door.SetLimits(api.Limits{BodyMemory: 90 << 10})
		id, _ := g.begun(t, `{"items":[{"role":"user","content":"`+strings.Repeat("x", 40<<10)+`"}]}`)
		ask := `{"model":"gpt-5","input":"one","conversation":"` + id + `"`
		came, hold := make(chan struct{}, 4), make(chan struct{})
		up.do = func(ctx context.Context, req *provider.Request) (*http.Response, error) {
			came <- struct{}{}
			<-hold
			return answer(200, chatAnswer)(ctx, req)
		}
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() {
				if status, got := g.asks(t, "POST", "/v1/responses", ask+members+`}`); status != 200 {
					t.Errorf("%d %v", status, got)
				}
			})
			<-came
		}
		status, got := g.asks(t, "POST", "/v1/responses", ask+`}`)
		if words, _ := got["error"].(map[string]any); status != 503 || words["code"] != "body_memory" {
			t.Errorf("with %q: one too many is %d %v", members, status, words)
		}
		close(hold)
		wait.Wait()
		for g.room.Running() > 0 {
			time.Sleep(time.Millisecond)
		}
		g.door.SetLimits(api.Limits{}) // what is kept has room
	}
}
