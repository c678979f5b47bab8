package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
)

// roomy are bounds that nothing here reaches.
var roomy = conversation.Bounds{OwnerCount: 100, OwnerBytes: 1 << 40, Bytes: 1 << 40}

func TestResponses(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		rec := conversation.Record{
			ID: "resp_1", Owner: "key_a", Previous: "resp_0", Input: []byte(`[{"a":"ü"}]`), Answer: []byte(`{"id":"resp_1"}`), Expires: at(10),
		}
		if err := s.SaveResponse(ctx, rec); err != nil {
			t.Fatal(err)
		}
		got, err := s.FindResponse(ctx, "key_a", "resp_1", at(9))
		if err != nil || got.Previous != "resp_0" || string(got.Input) != string(rec.Input) ||
			string(got.Answer) != string(rec.Answer) || !got.Expires.Equal(rec.Expires) {
			t.Errorf("found %+v, %v", got, err)
		}
		for name, find := range map[string]func() error{
			"of another":         func() error { _, err := s.FindResponse(ctx, "key_b", "resp_1", at(9)); return err },
			"expired":            func() error { _, err := s.FindResponse(ctx, "key_a", "resp_1", at(10)); return err },
			"unknown":            func() error { _, err := s.FindResponse(ctx, "key_a", "resp_2", at(9)); return err },
			"deleted by another": func() error { return s.DeleteResponse(ctx, "key_b", "resp_1") },
		} {
			if err := find(); !errors.Is(err, conversation.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n, err := s.SweepResponses(ctx, at(9), roomy); n != (conversation.Swept{}) || err != nil {
			t.Errorf("swept %d, %v before the time", n, err)
		}
		if n, err := s.SweepResponses(ctx, at(10), roomy); n != (conversation.Swept{Expired: 1}) || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		if err := s.SaveResponse(ctx, rec); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteResponse(ctx, "key_a", "resp_1"); err != nil {
			t.Error(err)
		}
		if _, err := s.FindResponse(ctx, "key_a", "resp_1", at(9)); !errors.Is(err, conversation.ErrNotFound) {
			t.Errorf("after its deletion: %v", err)
		}
	})
}

// What is large is read only where it is asked for. In SQLite it lies before
// the size in a row, and may be megabytes.
func TestWhatIsLargeIsNotRead(t *testing.T) {
	s := migrated(t, opened(t, Options{DataDir: t.TempDir()}))
	found := s.read.ToSQL(func(tx *gorm.DB) *gorm.DB { return tx.Take(new(responseRow)) })
	if strings.Contains(found, "*") || strings.Contains(found, "events") {
		t.Errorf("to find a response: %s", found)
	}
	var plan []struct{ Detail string }
	if err := s.read.Raw("EXPLAIN QUERY PLAN "+beyond, 1, 1, 1).Scan(&plan).Error; err != nil {
		t.Fatal(err)
	}
	var covered int
	for _, step := range plan {
		if strings.Contains(step.Detail, "COVERING INDEX") {
			covered++
		}
	}
	if covered != 2 {
		t.Errorf("the sweep is %+v", plan)
	}
}

func TestHeldResponses(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		note := conversation.Record{ID: "resp_1", Owner: "key_a", Provider: "openai#2", Expires: at(10)}
		for _, owner := range []string{"key_a", "key_a", "key_b"} {
			note.Owner = owner
			if err := s.SaveResponse(ctx, note); err != nil {
				t.Fatalf("of %s: %v", owner, err)
			}
		}
		if got, err := s.FindResponse(ctx, "key_a", "resp_1", at(9)); err != nil || got.Provider != "openai#2" || len(got.Answer) != 0 {
			t.Errorf("found %+v, %v", got, err)
		}
		if _, err := s.FindResponse(ctx, "key_b", "resp_1", at(9)); !errors.Is(err, conversation.ErrNotFound) {
			t.Errorf("another took the id: %v", err)
		}
	})
}

func TestOldestResponsesGo(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		for i, owner := range []string{"a", "b", "a", "a", "b"} {
			rec := conversation.Record{ID: fmt.Sprint("resp_", i), Owner: owner, Provider: "p", Expires: at(20 - i%3)}
			if err := s.SaveResponse(ctx, rec); err != nil {
				t.Fatal(err)
			}
		}
		two := roomy
		two.OwnerCount = 2
		if n, err := s.SweepResponses(ctx, at(9), two); n != (conversation.Swept{Evicted: 1}) || err != nil {
			t.Errorf("swept %d, %v", n, err)
		}
		if _, err := s.FindResponse(ctx, "a", "resp_2", at(9)); !errors.Is(err, conversation.ErrNotFound) {
			t.Errorf("the oldest of a: %v", err)
		}
		for _, id := range []string{"resp_0", "resp_3"} {
			if _, err := s.FindResponse(ctx, "a", id, at(9)); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		if n, err := s.SweepResponses(ctx, at(9), two); n != (conversation.Swept{}) || err != nil {
			t.Errorf("swept %d again, %v", n, err)
		}
	})
}

// What takes too many bytes goes, the oldest first, whatever it is and whose.
func TestLargestStoresAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		left := func() string {
			var ids []string
			err := s.read.Raw("SELECT id FROM responses UNION ALL SELECT id FROM conversations ORDER BY id").Scan(&ids).Error
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(ids, " ")
		}
		for i, owner := range []string{"a", "b", "a", "b", "a"} {
			id := strconv.Itoa(i)
			body, expires := []byte(strings.Repeat("x", 100)), at(20+i)
			if i == 2 {
				thread := conversation.Thread{ID: id, Owner: owner, Created: at(1), Expires: expires}
				if err := s.SaveThread(ctx, thread, []conversation.Item{{ID: "i", Body: body}}); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := s.SaveResponse(ctx, conversation.Record{ID: id, Owner: owner, Input: body[:50], Answer: body[50:], Expires: expires}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			owner, all int64
			evicted    int64
			left       string
		}{
			{300, 500, 0, "0 1 2 3 4"},
			{299, 500, 1, "1 2 3 4"},
			{300, 399, 1, "2 3 4"},
			{300, 299, 1, "3 4"},
			{99, 500, 2, ""},
		} {
			n, err := s.SweepResponses(ctx, at(9), conversation.Bounds{OwnerCount: 9, OwnerBytes: c.owner, Bytes: c.all})
			if got := left(); n.Evicted != c.evicted || err != nil || got != c.left {
				t.Errorf("beyond %d and %d: %d went, %q are left, %v", c.owner, c.all, n.Evicted, got, err)
			}
		}
	})
}
