package store

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
)

func item(id string) conversation.Item {
	return conversation.Item{ID: id, Body: []byte(`{"id":"` + id + `"}`)}
}

func TestThreads(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		made := conversation.Thread{ID: "conv_1", Owner: "a", Metadata: []byte(`{"ü":"1"}`), Created: at(1), Expires: at(10)}
		if err := s.SaveThread(ctx, made, []conversation.Item{item("i1"), item("i2")}); err != nil {
			t.Fatal(err)
		}
		got, err := s.FindThread(ctx, "a", "conv_1", at(9))
		if err != nil || string(got.Metadata) != string(made.Metadata) || !got.Created.Equal(at(1)) || got.Size != int64(2*len(item("i1").Body)) {
			t.Errorf("found %+v, %v", got, err)
		}
		for name, c := range map[string]struct {
			err, want error
		}{
			"of another":       {s.ChangeThread(ctx, "b", "conv_1", conversation.Change{Expires: at(10)}), conversation.ErrNotFound},
			"unknown":          {s.ChangeThread(ctx, "a", "conv_2", conversation.Change{Expires: at(10)}), conversation.ErrNotFound},
			"no item":          {s.ChangeThread(ctx, "a", "conv_1", conversation.Change{Expires: at(10), Remove: "i9"}), conversation.ErrNoItem},
			"taken":            {s.ChangeThread(ctx, "a", "conv_1", conversation.Change{Expires: at(20), Strict: true, Add: []conversation.Item{item("i8"), item("i1")}}), conversation.ErrTaken},
			"removed":          {s.ChangeThread(ctx, "a", "conv_1", conversation.Change{Expires: at(12), Remove: "i1", Metadata: []byte(`{}`)}), nil},
			"added":            {s.ChangeThread(ctx, "a", "conv_1", conversation.Change{Expires: at(12), Add: []conversation.Item{item("i3"), item("i2")}}), nil},
			"deleted by other": {s.DeleteThread(ctx, "b", "conv_1"), conversation.ErrNotFound},
		} {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%s: %v", name, c.err)
			}
		}
		got, err = s.FindThread(ctx, "a", "conv_1", at(11))
		again, err2 := s.ThreadItems(ctx, "conv_1")
		if err2 != nil || len(again) != 3 || got.Size != int64(2*len(item("i1").Body)+len(again[2].Body)) {
			t.Fatalf("of %d bytes it holds %v, %v", got.Size, again, err2)
		}
		if id := again[2].ID; id == "i2" || string(again[2].Body) != `{"id":"`+id+`"}` {
			t.Errorf("what was there already is added as %s", again[2].Body)
		}
		if err != nil || string(got.Metadata) != `{}` {
			t.Errorf("after the changes found %+v, %v", got, err)
		}
		if _, err := s.FindThread(ctx, "a", "conv_1", at(12)); !errors.Is(err, conversation.ErrNotFound) {
			t.Errorf("expired: %v", err)
		}
		items, err := s.ThreadItems(ctx, "conv_1")
		if err != nil || len(items) != 3 || items[0].ID != "i2" || items[1].ID != "i3" || string(items[1].Body) != `{"id":"i3"}` {
			t.Errorf("it holds %v, %v", items, err)
		}
		if err := s.DeleteThread(ctx, "a", "conv_1"); err != nil {
			t.Error(err)
		}
		if items, err := s.ThreadItems(ctx, "conv_1"); err != nil || len(items) != 0 {
			t.Errorf("after its deletion it holds %v, %v", items, err)
		}
	})
}

// Two instances add to one conversation: nothing is lost, nothing fails.
func TestThreadsGrowFromSeveralSides(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		if err := s.SaveThread(ctx, conversation.Thread{ID: "conv_1", Owner: "a", Created: at(1), Expires: at(10)}, nil); err != nil {
			t.Fatal(err)
		}
		var wait sync.WaitGroup
		for side, s := range []*Store{s, open()} {
			for n := range 10 {
				wait.Go(func() {
					id := strconv.Itoa(side) + "-" + strconv.Itoa(n)
					if err := s.ChangeThread(ctx, "a", "conv_1", conversation.Change{Expires: at(10), Add: []conversation.Item{item(id + "a"), item(id + "b")}}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wait.Wait()
		items, err := s.ThreadItems(ctx, "conv_1")
		if err != nil || len(items) != 40 {
			t.Fatalf("it holds %d items, %v", len(items), err)
		}
		for i := 0; i < len(items); i += 2 {
			if a, b := items[i].ID, items[i+1].ID; a[:len(a)-1] != b[:len(b)-1] {
				t.Errorf("%s is followed by %s", a, b)
			}
		}
	})
}

// However many add to a conversation at once, it does not grow beyond the bound.
func TestThreadsAreBounded(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		if err := s.SaveThread(ctx, conversation.Thread{ID: "conv_1", Owner: "a", Created: at(1), Expires: at(10)}, nil); err != nil {
			t.Fatal(err)
		}
		each := int64(len(item("i0").Body))
		var wait sync.WaitGroup
		refused := make(chan error, 8)
		for n := range 8 {
			wait.Go(func() {
				err := s.ChangeThread(ctx, "a", "conv_1", conversation.Change{
					Expires: at(20), Most: 3 * each, Add: []conversation.Item{item("i" + strconv.Itoa(n))},
				})
				if err != nil {
					refused <- err
				}
			})
		}
		wait.Wait()
		close(refused)
		n := 0
		for err := range refused {
			if n++; !errors.Is(err, conversation.ErrFull) {
				t.Error(err)
			}
		}
		got, err := s.FindThread(ctx, "a", "conv_1", at(9))
		items, _ := s.ThreadItems(ctx, "conv_1")
		if err != nil || n != 5 || len(items) != 3 || got.Size != 3*each {
			t.Errorf("%d are refused, %d are there, with %d bytes, %v", n, len(items), got.Size, err)
		}
	})
}
