package identity

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// entrance is a directory over a house, with one key of an ordinary user.
type entrance struct {
	*house
	*Directory
	key   Key
	token string
}

func newEntrance(t *testing.T, o Options) *entrance {
	t.Helper()
	e := &entrance{house: newHouse(t)}
	k, token, err := e.CreateKey(t.Context(), e.who[Ordinary], NewKey{Name: "laptop", Models: []string{"gpt*"}})
	if err != nil {
		t.Fatal(err)
	}
	e.key, e.token = k, token.Reveal()
	o.Now = e.clock.now
	e.Directory = NewDirectory(e.house.store, o)
	return e
}

func (e *entrance) refresh(t *testing.T) {
	t.Helper()
	if err := e.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestWhoComesIn(t *testing.T) {
	const local = "my-own-key"
	none := llm.ErrorKind(255)
	for name, tt := range map[string]struct {
		opts  Options
		wants map[string]llm.ErrorKind // by credential; none: comes in
		owner bool                     // whoever comes in by another way than the key is the owner
	}{
		"personal": {
			opts: Options{Personal: true}, owner: true,
			wants: map[string]llm.ErrorKind{"": none, "anything": none, "tok_nonsense": none},
		},
		"personal with a key": {
			opts: Options{Personal: true, LocalKey: secret.New(local)}, owner: true,
			wants: map[string]llm.ErrorKind{
				"": llm.Unauthenticated, local: none, local + " ": llm.Unauthenticated, "My-own-key": llm.Unauthenticated,
				"anything": llm.Unauthenticated, "tok_nonsense": llm.Unauthenticated,
			},
		},
		"team": {
			opts:  Options{},
			wants: map[string]llm.ErrorKind{"": llm.Unauthenticated, "anything": llm.Unauthenticated, "tok_nonsense": llm.Unauthenticated},
		},
		"team, local key set": {
			opts:  Options{LocalKey: secret.New(local)},
			wants: map[string]llm.ErrorKind{local: llm.Unauthenticated, "": llm.Unauthenticated},
		},
		"team without authentication": {
			opts: Options{AuthDisabled: true, LocalKey: secret.New(local)}, owner: true,
			wants: map[string]llm.ErrorKind{"": none, "anything": none},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEntrance(t, tt.opts)
			e.refresh(t)
			for credential, want := range tt.wants {
				p, err := e.Authenticate(credential)
				if kind, failed := kindOf(err); failed != (want != none) || failed && kind != want {
					t.Errorf("%q: %v", credential, err)
				} else if !failed && (p.UserID != LocalUser || p.Role != Root || p.Models != nil) {
					t.Errorf("%q is %+v", credential, p)
				}
			}
			p, err := e.Authenticate(e.token)
			switch {
			case err != nil:
				t.Errorf("a key of the store: %v", err)
			case tt.owner && tt.opts.LocalKey.Empty() || tt.opts.AuthDisabled:
				if p.UserID != LocalUser {
					t.Errorf("a key of the store is %+v", p)
				}
			case p.UserID != e.who[Ordinary].UserID || p.KeyID != e.key.ID || p.KeyName != "laptop" || p.Role != Ordinary ||
				len(p.Models) != 1 || !p.Has(ScopeInference) || p.Has(ScopeUsers):
				t.Errorf("a key of the store is %+v", p)
			}
		})
	}
}

// TestUnknownOrUnknowable tells "no such key" from "nobody can tell".
func TestUnknownOrUnknowable(t *testing.T) {
	down := errors.New("connection refused")
	for name, tt := range map[string]struct {
		before         func(e *entrance)
		unknown, known llm.ErrorKind
		knownComesIn   bool
		ready          bool
	}{
		"fresh":      {func(e *entrance) { _ = e.Refresh(context.Background()) }, llm.Unauthenticated, 0, true, true},
		"never read": {func(*entrance) {}, llm.Unavailable, llm.Unavailable, false, false},
		"down from the start": {func(e *entrance) {
			e.house.store.breakWith(down)
			_ = e.Refresh(context.Background())
		}, llm.Unavailable, llm.Unavailable, false, false},
		"went down": {func(e *entrance) {
			_ = e.Refresh(context.Background())
			e.house.store.breakWith(down)
			e.clock.pass(time.Second)
			_ = e.Refresh(context.Background())
		}, llm.Unavailable, 0, true, true},
		"no look for long": {func(e *entrance) {
			_ = e.Refresh(context.Background())
			e.clock.pass(6 * time.Second)
		}, llm.Unavailable, 0, true, true},
		"down for too long": {func(e *entrance) {
			_ = e.Refresh(context.Background())
			e.house.store.breakWith(down)
			e.clock.pass(16 * time.Minute)
			_ = e.Refresh(context.Background())
		}, llm.Unavailable, llm.Unavailable, false, false},
		"back again": {func(e *entrance) {
			e.house.store.breakWith(down)
			_ = e.Refresh(context.Background())
			e.house.store.breakWith(nil)
			_ = e.Refresh(context.Background())
		}, llm.Unauthenticated, 0, true, true},
		"a look that was called off": {func(e *entrance) {
			_ = e.Refresh(context.Background())
			e.house.store.breakWith(context.Canceled)
			_ = e.Refresh(context.Background())
		}, llm.Unauthenticated, 0, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEntrance(t, Options{})
			tt.before(e)
			_, err := e.Authenticate("tok_unknown")
			wantKind(t, "unknown", err, tt.unknown)
			if e := llm.AsError(err); e.Kind == llm.Unavailable && e.RetryAfter == 0 {
				t.Error("no time to come back")
			}
			_, err = e.Authenticate(e.token)
			if tt.knownComesIn && err != nil {
				t.Errorf("known: %v", err)
			} else if !tt.knownComesIn {
				wantKind(t, "known", err, tt.known)
			}
			if err := e.Ready(); (err == nil) != tt.ready {
				t.Errorf("ready: %v", err)
			}
		})
	}
}

func TestDeadKeys(t *testing.T) {
	yes := true
	for name, kill := range map[string]func(e *entrance) error{
		"revoked": func(e *entrance) error {
			_, err := e.RevokeKey(context.Background(), LocalOwner(), e.key.ID)
			return err
		},
		"deleted": func(e *entrance) error {
			_, err := e.DeleteKey(context.Background(), LocalOwner(), e.key.ID)
			return err
		},
		"user disabled": func(e *entrance) error {
			_, err := e.ChangeUser(context.Background(), LocalOwner(), "the-user", UserChange{Disabled: &yes})
			return err
		},
		"user deleted": func(e *entrance) error {
			_, err := e.DeleteUser(context.Background(), LocalOwner(), "the-user")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEntrance(t, Options{})
			e.refresh(t)
			if _, err := e.Authenticate(e.token); err != nil {
				t.Fatal(err)
			}
			if err := kill(e); err != nil {
				t.Fatal(err)
			}
			e.clock.pass(time.Second)
			e.refresh(t)
			_, err := e.Authenticate(e.token)
			wantKind(t, name, err, llm.Unauthenticated)
		})
	}
}

func TestExpiryNeedsNoLook(t *testing.T) {
	e := newEntrance(t, Options{})
	_, token, err := e.CreateKey(t.Context(), e.who[Ordinary], NewKey{Expires: e.clock.now().Add(2 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	e.refresh(t)
	e.clock.pass(2*time.Second - 1)
	if _, err := e.Authenticate(token.Reveal()); err != nil {
		t.Errorf("a moment before: %v", err)
	}
	e.clock.pass(1)
	_, err = e.Authenticate(token.Reveal())
	wantKind(t, "at the time", err, llm.Unauthenticated)
}

// TestChangesAreSeenInTime follows a store by itself, in real time.
func TestChangesAreSeenInTime(t *testing.T) {
	h := newHouse(t)
	_, token, err := h.CreateKey(t.Context(), h.who[Ordinary], NewKey{})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	d := NewDirectory(h.store, Options{Poll: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	d.Start(ctx)
	d.Start(ctx) // once is enough
	cancel()     // the start is over, the following is not
	if _, err := d.Authenticate(token.Reveal()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.RevokeKey(t.Context(), LocalOwner(), token.Reveal()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err = d.Authenticate(token.Reveal()); err != nil || time.Now().After(end) {
			break
		}
	}
	wantKind(t, "revoked", err, llm.Unauthenticated)
	d.Stop()
	d.Stop()
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines more than before", n-before)
	}
	if len(h.store.touched) != 1 {
		t.Errorf("the last uses were not reported: %v", h.store.touched)
	}
}

func TestOneLookPerRevision(t *testing.T) {
	e := newEntrance(t, Options{})
	for range 5 {
		e.refresh(t)
	}
	if e.house.store.looks != 1 {
		t.Errorf("%d looks at a store that did not change", e.house.store.looks)
	}
	if _, _, err := e.CreateKey(t.Context(), e.who[Admin], NewKey{}); err != nil {
		t.Fatal(err)
	}
	e.refresh(t)
	if e.house.store.looks != 2 {
		t.Errorf("%d looks after a change", e.house.store.looks)
	}
}

func TestOpenDoorsAskNobody(t *testing.T) {
	for _, o := range []Options{{Personal: true}, {AuthDisabled: true}} {
		m := &memory{}
		m.breakWith(errors.New("not to be asked"))
		d := NewDirectory(m, o)
		d.Start(t.Context())
		if err := d.Ready(); err != nil {
			t.Error(err)
		}
		d.Stop()
	}
}

func TestUsesAreReported(t *testing.T) {
	e := newEntrance(t, Options{})
	e.refresh(t)
	use := func() {
		t.Helper()
		if _, err := e.Authenticate(e.token); err != nil {
			t.Fatal(err)
		}
	}
	first := e.clock.now().Truncate(time.Minute)
	use()
	e.refresh(t)
	if len(e.house.store.touched) != 0 {
		t.Fatal("reported before the time")
	}
	e.clock.pass(time.Minute)
	e.refresh(t)
	if got := e.house.store.touched[e.key.ID]; !got.Equal(first) {
		t.Errorf("used at %s, want %s", got, first)
	}

	// Unused: nothing is reported. The count survives a change of the store.
	clear(e.house.store.touched)
	e.clock.pass(time.Minute)
	e.refresh(t)
	if len(e.house.store.touched) != 0 {
		t.Errorf("reported what was not used: %v", e.house.store.touched)
	}
	second := e.clock.now().Truncate(time.Minute)
	use()
	if _, _, err := e.CreateKey(t.Context(), e.who[Admin], NewKey{}); err != nil {
		t.Fatal(err)
	}
	e.refresh(t)
	e.house.store.breakWith(io.ErrClosedPipe)
	e.clock.pass(time.Minute)
	_ = e.Refresh(t.Context()) // lost: tried again
	e.house.store.breakWith(nil)
	e.clock.pass(time.Minute)
	e.refresh(t)
	if got := e.house.store.touched[e.key.ID]; !got.Equal(second) {
		t.Errorf("used at %s, want %s", got, second)
	}
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	e := newEntrance(t, Options{Flush: time.Nanosecond})
	e.refresh(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				_, _ = e.Authenticate(e.token)
				_, _ = e.Authenticate("tok_other")
				e.clock.pass(time.Second)
			}
		})
		wg.Go(func() {
			for range 20 {
				_, _, _ = e.CreateKey(context.Background(), e.who[Admin], NewKey{})
				_ = e.Refresh(context.Background())
				_ = e.Ready()
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuthenticate(b *testing.B) {
	m := &memory{}
	token, _, err := NewRegistry(m).Bootstrap(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	d := NewDirectory(m, Options{})
	if err := d.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := d.Authenticate(token.Reveal()); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
