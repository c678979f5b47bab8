package conversation

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
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

// What is cancelled takes none of its owner's places, but one of all.
func TestPlacesOfWhatIsCancelled(t *testing.T) {
	r := room(new(bytes.Buffer), shelf{})
	r.opts.MaxRunsPerKey, r.opts.MaxRuns = 1, 2
	for _, c := range []struct {
		id, owner string
		cancel    bool
		want      llm.ErrorKind
	}{
		{id: "resp_1", owner: "a", cancel: true},
		{id: "resp_2", owner: "a"},
		{id: "resp_3", owner: "a", want: llm.RateLimited},
		{id: "resp_4", owner: "b", want: llm.Overloaded},
	} {
		run, _ := begun(1 << 20)
		run.record.ID, run.record.Owner = c.id, c.owner
		var got llm.ErrorKind
		if err := r.enter(run); err != nil {
			got = llm.AsError(err).Kind
		}
		if c.cancel {
			run.Cancel()
		}
		if got != c.want {
			t.Errorf("%s of %s: %v, want %v", c.id, c.owner, got, c.want)
		}
	}
}
