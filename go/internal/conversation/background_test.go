package conversation

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"
)

// hasty lets answers end just before they are cancelled.
type hasty struct {
	Runs

	shelf shelf
	end   func(s shelf, id string)
}

func (h hasty) CancelResponse(_ context.Context, _, id string) error {
	h.end(h.shelf, id)
	return ErrNotFound
}

func TestAnAnswerEndsBeforeItIsCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(s shelf, id string)
		want string
		err  error
	}{
		"ended":   {end: func(s shelf, id string) { s[id] = Record{ID: id, Owner: "a", Answer: answered(id)} }, want: statusCompleted},
		"deleted": {end: func(s shelf, id string) { delete(s, id) }, err: ErrNotFound},
	} {
		rec := Record{ID: "resp_1", Owner: "a", Answer: []byte(made), Lease: time.Now().Add(time.Hour)}
		s := shelf{rec.ID: rec}
		r := room(new(bytes.Buffer), s)
		r.opts.Runs = hasty{shelf: s, end: c.end}
		got, err := r.Cancel(t.Context(), rec)
		if !errors.Is(err, c.err) || statusOf(got.Answer) != c.want {
			t.Errorf("%s: %s, %v", name, got.Answer, err)
		}
	}
}
