package store

import (
	"errors"
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
		if n, err := s.SweepResponses(ctx, at(9)); n != 0 || err != nil {
			t.Errorf("swept %d, %v before the time", n, err)
		}
		if n, err := s.SweepResponses(ctx, at(10)); n != 1 || err != nil {
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
