package store

import (
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
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

// What an answer has used is booked by one of several instances.
func TestOneClaimsAResponse(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		for _, owed := range []bool{true, false} {
			rec := conversation.Record{ID: "resp_" + strconv.FormatBool(owed), Owner: "a", Provider: "p", Expires: at(50), Owed: owed}
			if err := s.SaveResponse(ctx, rec); err != nil {
				t.Fatal(err)
			}
			if got, err := s.FindResponse(ctx, "a", rec.ID, at(9)); err != nil || got.Owed != owed {
				t.Errorf("found %+v, %v", got, err)
			}
		}
		var claims atomic.Int32
		var wait sync.WaitGroup
		for _, s := range []*Store{s, open()} {
			for range 4 {
				wait.Go(func() {
					for _, c := range [][2]string{{"b", "resp_true"}, {"a", "resp_true"}, {"a", "resp_false"}} {
						mine, err := s.OweResponse(ctx, c[0], c[1], false)
						if others := c[0] == "b"; errors.Is(err, conversation.ErrNotFound) != others || err != nil && !others {
							t.Error(err)
						}
						if mine {
							claims.Add(1)
						}
					}
				})
			}
		}
		if wait.Wait(); claims.Load() != 1 {
			t.Errorf("claimed %d times", claims.Load())
		}
	})
}
