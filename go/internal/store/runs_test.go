package store

import (
	"errors"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
)

func TestResponsesInTheMaking(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		rec := conversation.Record{
			ID: "resp_1", Owner: "a", Input: []byte(`[]`), Answer: []byte(`{"s":1}`), Expires: at(50), Lease: at(5), Streamed: true,
		}
		for _, id := range []string{"resp_1", "resp_2"} {
			rec.ID = id
			if err := s.SaveResponse(ctx, rec); err != nil {
				t.Fatal(err)
			}
		}
		wanted, err := s.BeatResponse(ctx, "resp_1", at(8), []byte(`{"s":2}`))
		if !wanted || err != nil {
			t.Errorf("alive: %v, %v", wanted, err)
		}
		got, err := s.FindResponse(ctx, "a", "resp_1", at(9))
		if err != nil || !got.Lease.Equal(at(8)) || string(got.Answer) != `{"s":2}` || !got.Streamed || got.Cancelled {
			t.Errorf("found %+v, %v", got, err)
		}
		if err := s.EndResponse(ctx, "resp_1", []byte(`{"s":3}`), []byte("event: ü\n\n")); err != nil {
			t.Fatal(err)
		}
		got, err = s.FindResponse(ctx, "a", "resp_1", at(9))
		if err != nil || !got.Lease.IsZero() || string(got.Answer) != `{"s":3}` {
			t.Errorf("ended, found %+v, %v", got, err)
		}
		if events, err := s.ResponseEvents(ctx, "a", "resp_1"); err != nil || string(events) != "event: ü\n\n" {
			t.Errorf("its events are %q, %v", events, err)
		}
		if events, err := s.ResponseEvents(ctx, "a", "resp_2"); err != nil || len(events) != 0 {
			t.Errorf("before its end they are %q, %v", events, err)
		}
		var size int64
		if err := s.read.Raw("SELECT size FROM responses WHERE id = 'resp_1'").Scan(&size).Error; err != nil || size != 2+7+11 {
			t.Errorf("its size is %d, %v", size, err)
		}
		for name, err := range map[string]error{
			"cancelled when ended":  s.CancelResponse(ctx, "a", "resp_1"),
			"cancelled by another":  s.CancelResponse(ctx, "b", "resp_2"),
			"unknown ended":         s.EndResponse(ctx, "resp_3", nil, nil),
			"the events of another": func() error { _, err := s.ResponseEvents(ctx, "b", "resp_1"); return err }(),
		} {
			if !errors.Is(err, conversation.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := s.CancelResponse(ctx, "a", "resp_2"); err != nil {
			t.Error(err)
		}
		for _, id := range []string{"resp_1", "resp_2", "resp_3"} {
			if wanted, err := s.BeatResponse(ctx, id, at(9), nil); wanted || err != nil {
				t.Errorf("%s is wanted: %v, %v", id, wanted, err)
			}
		}
	})
}
