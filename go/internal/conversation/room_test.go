package conversation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// shelf holds records; only one goroutine uses it.
type shelf map[string]Record

func (s shelf) SaveResponse(_ context.Context, r Record) error { s[r.ID] = r; return nil }

func (s shelf) FindResponse(_ context.Context, owner, id string, _ time.Time) (Record, error) {
	if r, ok := s[id]; ok && r.Owner == owner {
		return r, nil
	}
	return Record{}, ErrNotFound
}

func (s shelf) DeleteResponse(_ context.Context, owner, id string) error {
	if r, ok := s[id]; !ok || r.Owner != owner {
		return ErrNotFound
	}
	delete(s, id)
	return nil
}

func (shelf) SweepResponses(context.Context, time.Time, Bounds) (Swept, error) { return Swept{}, nil }

func room(log *bytes.Buffer, s shelf) *Room {
	return New(Options{Shelf: s, Log: slog.New(slog.NewTextHandler(log, nil)), TTL: time.Hour, MaxBytes: 1000, Memory: &memory{most: 1 << 30}})
}

func answered(id string) []byte {
	return []byte(`{"id":"` + id + `","status":"completed","output":[{"type":"message","id":"o"}]}`)
}

// drained runs the room until all that waits is on the shelf.
func drained(t *testing.T, r *Room) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.Run(ctx)
}

func TestWhatWaitsIsFoundAndSavedAtTheEnd(t *testing.T) {
	var log bytes.Buffer
	s := shelf{}
	r := room(&log, s)
	r.Keep("a", "", []byte(`{"input":"x"}`), answered("resp_1"))
	r.Keep("a", "", []byte(`{"input":"x"}`), answered("resp_2"))
	if _, err := r.Find(t.Context(), "a", "resp_1"); err != nil {
		t.Error(err)
	}
	if _, err := r.Find(t.Context(), "b", "resp_1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another finds it: %v", err)
	}
	if err := r.Delete(t.Context(), "b", "resp_2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another deletes it: %v", err)
	}
	if err := r.Delete(t.Context(), "a", "resp_2"); err != nil {
		t.Error(err)
	}
	drained(t, r)
	if _, ok := s["resp_1"]; len(s) != 1 || !ok {
		t.Errorf("on the shelf are %v", s)
	}
	if len(r.waiting) != 0 {
		t.Errorf("still waiting: %v", r.waiting)
	}
}

func TestWhatIsNotKept(t *testing.T) {
	for name, c := range map[string]struct{ body, end string }{
		"failed":      {`{"input":"x"}`, `{"id":"resp_1","status":"failed"}`},
		"no id":       {`{"input":"x"}`, `{"status":"completed"}`},
		"no object":   {`{"input":"x"}`, `[]`},
		"cut frame":   {`{"input":"x"}`, "event: response.completed\ndata: {\"resp"},
		"other event": {`{"input":"x"}`, "event: e\ndata: {\"type\":\"e\"}\n\n"},
		"too large":   {`{"input":"` + strings.Repeat("x", 1000) + `"}`, string(answered("resp_1"))},
	} {
		r := room(new(bytes.Buffer), shelf{})
		r.Keep("a", "", []byte(c.body), []byte(c.end))
		if len(r.waiting) != 0 {
			t.Errorf("%s: %v", name, r.waiting)
		}
	}
}

func TestAFullRoomLosesAndSaysSo(t *testing.T) {
	keep := func(r *Room, n int) {
		r.Keep("a", "", []byte(`{"input":"x"}`), answered("resp_"+strconv.Itoa(n)))
	}
	note := func(r *Room, n int) { r.Note("a", "openai", "resp_"+strconv.Itoa(n), false) }
	for name, c := range map[string]struct {
		put  func(r *Room, n int)
		most int
	}{"answers": {keep, maxHeavy}, "notes": {note, maxWaiting}} {
		var log bytes.Buffer
		s := shelf{}
		r := room(&log, s)
		for n := range c.most {
			c.put(r, n)
		}
		c.put(r, 0) // is there already
		if log.Len() > 0 {
			t.Errorf("%s: logged was %q", name, log.String())
		}
		c.put(r, c.most)
		if !strings.Contains(log.String(), "not kept") || len(r.waiting) != c.most {
			t.Errorf("%s: %d wait, logged was %q", name, len(r.waiting), log.String())
		}
		drained(t, r)
		if len(s) != c.most || r.heavy != 0 {
			t.Errorf("%s: %d saved, %d counted", name, len(s), r.heavy)
		}
	}
}

func TestWhatWaitsTakesMemory(t *testing.T) {
	var log bytes.Buffer
	r := room(&log, shelf{})
	budget := &memory{most: 300}
	r.opts.Memory = budget
	for _, id := range []string{"resp_1", "resp_2", "resp_3"} {
		r.Keep("a", "", []byte(`{"input":"x"}`), answered(id))
	}
	if used := budget.used; used == 0 || used > 300 || len(r.waiting) == 3 || !strings.Contains(log.String(), "not kept") {
		t.Errorf("%d bytes are taken, %d wait, logged was %q", used, len(r.waiting), log.String())
	}
	if drained(t, r); budget.used != 0 {
		t.Errorf("%d bytes are still taken", budget.used)
	}
}

func TestNotes(t *testing.T) {
	s := shelf{}
	r := room(new(bytes.Buffer), s)
	r.Note("a", "openai", "resp_1", false)
	r.Note("b", "openai", "resp_1", false) // who had the id first keeps it
	r.Note("a", "openai", strings.Repeat("x", maxID+1), false)
	for _, place := range []string{"waiting", "saved"} {
		if _, provider, err := r.Expand(t.Context(), "a", "resp_1", []byte(`{"input":"x"}`)); provider != "openai" || err != nil {
			t.Errorf("%s: %q, %v", place, provider, err)
		}
		if _, _, err := r.Expand(t.Context(), "b", "resp_1", []byte(`{"input":"x"}`)); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s, another goes on from it: %v", place, err)
		}
		drained(t, r)
	}
	if len(s) != 1 {
		t.Errorf("on the shelf are %v", s)
	}
	s["resp_2"] = Record{ID: "resp_2", Owner: "a", Previous: "resp_1", Answer: answered("resp_2")}
	if _, _, err := r.Expand(t.Context(), "a", "resp_2", []byte(`{"input":"x"}`)); !errors.Is(err, ErrNotFound) {
		t.Errorf("the beginning is elsewhere: %v", err)
	}
}

func TestExpand(t *testing.T) {
	s := shelf{}
	r := room(new(bytes.Buffer), s)
	r.Keep("a", "", []byte(`{"input":"one"}`), answered("resp_1"))
	drained(t, r)
	r.Keep("a", "resp_1", []byte(`{"input":[]}`), []byte("event: response.completed\ndata: {\"response\":"+string(answered("resp_2"))+"}\n\n"))
	got, _, err := r.Expand(t.Context(), "a", "resp_2", []byte(`{"model":"m","previous_response_id":"resp_2","input":"two","n":1e2}`))
	want := `{"model":"m","input":[{"id":"msg_1_in_0","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"one"}]},` +
		`{"type":"message","id":"o"},{"type":"message","id":"o"},{"role":"user","content":"two"}],"n":1e2}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	if _, _, err := r.Expand(t.Context(), "b", "resp_2", []byte(`{}`)); !errors.Is(err, ErrNotFound) {
		t.Errorf("another goes on from it: %v", err)
	}
	s["resp_1"] = Record{ID: "resp_1", Owner: "a", Previous: "resp_1", Answer: answered("resp_1")}
	var words *llm.Error
	if _, _, err := r.Expand(t.Context(), "a", "resp_1", []byte(`{}`)); !errors.As(err, &words) || words.Kind != llm.Invalid {
		t.Errorf("a line without end: %v", err)
	}
	s["resp_3"] = Record{ID: "resp_3", Owner: "a", Answer: []byte(`{"id":"resp_3","status":"failed"}`)}
	if _, _, err := r.Expand(t.Context(), "a", "resp_3", []byte(`{}`)); !errors.As(err, &words) || !strings.Contains(words.Message, "'failed'") {
		t.Errorf("a failed answer: %v", err)
	}
	delete(s, "resp_1")
	if _, _, err := r.Expand(t.Context(), "a", "resp_2", []byte(`{}`)); !errors.Is(err, ErrNotFound) {
		t.Errorf("a line with a gap: %v", err)
	}
}

func FuzzInput(f *testing.F) {
	for _, seed := range []string{`"x"`, `[]`, `[{"role":"user","content":"a"},{"id":null,"x":1},3]`, `[{},{"id":"i"}]`, `{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if jsonscan.Valid(input) != nil {
			return
		}
		whole := list(items(asList(input), "1"))
		if !json.Valid(whole) {
			t.Fatalf("%s became %s", input, whole)
		}
		if _, err := InputItems(Record{Input: whole}, Page{Limit: 3}); err != nil {
			t.Fatal(err)
		}
	})
}
