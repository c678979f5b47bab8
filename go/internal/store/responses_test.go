package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
)

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
		if n, err := s.SweepResponses(ctx, at(9), 5); n != 0 || err != nil {
			t.Errorf("swept %d, %v before the time", n, err)
		}
		if n, err := s.SweepResponses(ctx, at(10), 5); n != 1 || err != nil {
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
		if n, err := s.SweepResponses(ctx, at(9), 2); n != 1 || err != nil {
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
		if n, err := s.SweepResponses(ctx, at(9), 2); n != 0 || err != nil {
			t.Errorf("swept %d again, %v", n, err)
		}
	})
}
