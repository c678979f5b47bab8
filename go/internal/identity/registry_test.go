package identity

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// house is a registry with one user of each role, and their principals.
type house struct {
	*Registry
	store *memory
	clock *clock
	who   map[Role]Principal
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{store: &memory{}, clock: newClock(), who: map[Role]Principal{}}
	h.Registry = NewRegistry(h.store)
	h.now = h.clock.now
	for _, role := range []Role{Root, Admin, Ordinary} {
		u, err := h.CreateUser(t.Context(), LocalOwner(), NewUser{Name: "the-" + string(role), Role: role})
		if err != nil {
			t.Fatal(err)
		}
		h.who[role] = Principal{OrgID: u.OrgID, UserID: u.ID, Role: role, Scopes: role.Scopes()}
	}
	return h
}

// kindOf is the kind of an error, and false for no error.
func kindOf(err error) (llm.ErrorKind, bool) {
	if err == nil {
		return 0, false
	}
	return llm.AsError(err).Kind, true
}

func wantKind(t *testing.T, what string, err error, want llm.ErrorKind) {
	t.Helper()
	if got, failed := kindOf(err); !failed || got != want {
		t.Errorf("%s: error %v, want kind %s", what, err, want)
	}
}

func TestRolesCover(t *testing.T) {
	order := []Role{Root, Admin, Ordinary}
	for i, a := range order {
		for j, b := range order {
			if got, want := a.Covers(b), i <= j; got != want {
				t.Errorf("%s covers %s: %v, want %v", a, b, got, want)
			}
		}
		if a.Covers("boss") || Role("boss").Covers(a) || Role("").Covers("") {
			t.Errorf("what is no role covers or is covered (%s)", a)
		}
		if !a.Valid() || len(a.Scopes()) == 0 {
			t.Errorf("%s is no role", a)
		}
	}
	if Role("boss").Valid() || Role("boss").Scopes() != nil {
		t.Error("boss is a role")
	}
	for role, all := range map[Role]bool{Root: true, Admin: true, Ordinary: false} {
		p := Principal{Scopes: role.Scopes()}
		if p.Has(ScopeUsers) != all || p.Has(ScopeUsageAll) != all || !p.Has(ScopeInference) || p.Has("") {
			t.Errorf("%s has the scopes %v", role, p.Scopes)
		}
		if p.Has(ScopeSystem) != (role == Root) {
			t.Errorf("%s and the scope %s", role, ScopeSystem)
		}
	}
}

func TestNobodyGrantsMoreThanTheirRole(t *testing.T) {
	for by, may := range map[Role][]Role{
		Root: {Root, Admin, Ordinary, ""}, Admin: {Admin, Ordinary, ""}, Ordinary: {},
	} {
		for _, role := range []Role{Root, Admin, Ordinary, ""} {
			h := newHouse(t)
			u, err := h.CreateUser(t.Context(), h.who[by], NewUser{Name: "new", Role: role})
			if !slices.Contains(may, role) {
				wantKind(t, string(by)+" creates "+string(role), err, llm.Forbidden)
				continue
			}
			if want := Role(orDefault(string(role), "user")); err != nil || u.Role != want {
				t.Errorf("%s creates %q: %v, role %s", by, role, err, u.Role)
			}
		}
	}
	h := newHouse(t)
	_, err := h.CreateUser(t.Context(), h.who[Root], NewUser{Name: "new", Role: "boss"})
	wantKind(t, "no role", err, llm.Invalid)
}

func TestNobodyActsOnWhoIsAbove(t *testing.T) {
	disabled, root := true, Root
	acts := map[string]func(h *house, by Principal, ref string) error{
		"change": func(h *house, by Principal, ref string) error {
			_, err := h.ChangeUser(context.Background(), by, ref, UserChange{Disabled: &disabled})
			return err
		},
		"promote": func(h *house, by Principal, ref string) error {
			_, err := h.ChangeUser(context.Background(), by, ref, UserChange{Role: &root})
			return err
		},
		"delete": func(h *house, by Principal, ref string) error {
			_, err := h.DeleteUser(context.Background(), by, ref)
			return err
		},
		"key": func(h *house, by Principal, ref string) error {
			_, _, err := h.CreateKey(context.Background(), by, NewKey{User: ref})
			return err
		},
	}
	type pair struct{ by, on Role }
	for name, act := range acts {
		want := map[pair]llm.ErrorKind{
			{Admin, Root}: llm.Forbidden, {Ordinary, Root}: llm.Forbidden, {Ordinary, Admin}: llm.Forbidden,
		}
		switch name {
		case "promote":
			want[pair{Admin, Admin}], want[pair{Admin, Ordinary}], want[pair{Ordinary, Ordinary}] = llm.Forbidden, llm.Forbidden, llm.Forbidden
		case "change", "delete":
			want[pair{Ordinary, Ordinary}] = llm.Forbidden
			want[pair{Root, Root}] = llm.Invalid // the last one
		case "key":
			// Whether others exist is none of a user's business.
			want[pair{Ordinary, Root}], want[pair{Ordinary, Admin}] = llm.NotFound, llm.NotFound
		}
		for _, by := range []Role{Root, Admin, Ordinary} {
			for _, on := range []Role{Root, Admin, Ordinary} {
				h := newHouse(t)
				err := act(h, h.who[by], "the-"+string(on))
				kind, failed := kindOf(err)
				if expected, refused := want[pair{by, on}]; failed != refused || failed && kind != expected {
					t.Errorf("%s: %s on %s: %v", name, by, on, err)
				}
			}
		}
	}
}

func TestTheLastRootStays(t *testing.T) {
	h := newHouse(t)
	ctx, root, admin, yes := t.Context(), Root, Admin, true
	for name, act := range map[string]func() error{
		"demote": func() error {
			_, err := h.ChangeUser(ctx, LocalOwner(), "the-root", UserChange{Role: &admin})
			return err
		},
		"disable": func() error {
			_, err := h.ChangeUser(ctx, LocalOwner(), "the-root", UserChange{Disabled: &yes})
			return err
		},
		"delete": func() error { _, err := h.DeleteUser(ctx, LocalOwner(), "the-root"); return err },
	} {
		wantKind(t, name, act(), llm.Invalid)
	}
	if _, err := h.ChangeUser(ctx, LocalOwner(), "the-admin", UserChange{Role: &root, Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	_, err := h.DeleteUser(ctx, LocalOwner(), "the-root")
	wantKind(t, "delete while the other root is disabled", err, llm.Invalid)
	no := false
	if _, err := h.ChangeUser(ctx, LocalOwner(), "the-admin", UserChange{Disabled: &no}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DeleteUser(ctx, LocalOwner(), "the-root"); err != nil {
		t.Errorf("delete with another root: %v", err)
	}
}

func TestUserNames(t *testing.T) {
	for name, want := range map[string]string{
		"Ann": "ann", "  bob ": "bob", "ann@example.com": "ann@example.com", "j.d_x+1-2": "j.d_x+1-2", "Łukasz": "łukasz",
		strings.Repeat("a", 64): strings.Repeat("a", 64),
		"":                      "", "   ": "", "a b": "", "a/b": "", "a\x00": "", "\xff": "", "local": "", "LOCAL": "",
		strings.Repeat("a", 65): "", "0190f5fe-7c3e-7e0a-bd44-bc4b1b9d4c0d": "", "名\u200b": "",
	} {
		h := newHouse(t)
		u, err := h.CreateUser(t.Context(), LocalOwner(), NewUser{Name: name})
		if want == "" {
			wantKind(t, name, err, llm.Invalid)
		} else if err != nil || u.Name != want {
			t.Errorf("%q: %q, %v", name, u.Name, err)
		}
	}
	h := newHouse(t)
	_, err := h.CreateUser(t.Context(), LocalOwner(), NewUser{Name: "The-Root"})
	if e := llm.AsError(err); e == nil || e.Code != "name_taken" || !errors.Is(err, ErrNameTaken) {
		t.Errorf("a name that differs in case: %v", err)
	}
}

func TestAKeyIsShownOnce(t *testing.T) {
	h := newHouse(t)
	seen := map[string]bool{}
	for range 50 {
		k, token, err := h.CreateKey(t.Context(), h.who[Ordinary], NewKey{})
		if err != nil {
			t.Fatal(err)
		}
		text := token.Reveal()
		if !strings.HasPrefix(text, "tok_") || len(text) != len("tok_")+43 || seen[text] {
			t.Fatalf("a token of %d characters, seen before: %v", len(text), seen[text])
		}
		seen[text] = true
		if k.Digest != DigestOf(text) || text[4:12] != k.Prefix || k.Name != "default" || k.Shown() != text[:12]+"..." {
			t.Errorf("key %+v", k)
		}
		if k.UserID != h.who[Ordinary].UserID || k.Models != nil || !k.Expires.IsZero() {
			t.Errorf("key %+v of nobody in particular", k)
		}
	}
	for _, k := range h.store.keys {
		if seen["tok_"+k.Prefix] {
			t.Error("the store has a whole key")
		}
	}
}

func TestKeysToCreate(t *testing.T) {
	narrow := func(p Principal, models ...string) Principal { p.Models = models; return p }
	h := newHouse(t)
	soon, past := h.clock.now().Add(time.Hour), h.clock.now()
	for name, tt := range map[string]struct {
		by   Principal
		key  NewKey
		want llm.ErrorKind
		ok   bool
	}{
		"plain":                     {by: h.who[Ordinary], ok: true},
		"until later":               {by: h.who[Ordinary], key: NewKey{Expires: soon}, ok: true},
		"until now":                 {by: h.who[Ordinary], key: NewKey{Expires: past}, want: llm.Invalid},
		"of a user who is not":      {by: h.who[Root], key: NewKey{User: "nobody"}, want: llm.NotFound},
		"name too long":             {by: h.who[Root], key: NewKey{Name: strings.Repeat("x", 65)}, want: llm.Invalid},
		"name of spaces":            {by: h.who[Root], key: NewKey{Name: "  "}, want: llm.Invalid},
		"name with a line":          {by: h.who[Root], key: NewKey{Name: "a\nb"}, want: llm.Invalid},
		"no models":                 {by: h.who[Root], key: NewKey{Models: []string{}}, ok: true},
		"empty pattern":             {by: h.who[Root], key: NewKey{Models: []string{""}}, want: llm.Invalid},
		"pattern too long":          {by: h.who[Root], key: NewKey{Models: []string{strings.Repeat("x", 257)}}, want: llm.Invalid},
		"subset":                    {by: narrow(h.who[Ordinary], "claude*"), key: NewKey{Models: []string{"claude-haiku*"}}, ok: true},
		"the same":                  {by: narrow(h.who[Ordinary], "claude*"), key: NewKey{Models: []string{"claude*"}}, ok: true},
		"other models":              {by: narrow(h.who[Ordinary], "claude*"), key: NewKey{Models: []string{"gpt-4o"}}, want: llm.Forbidden},
		"more models":               {by: narrow(h.who[Ordinary], "claude*"), key: NewKey{Models: []string{"c*"}}, want: llm.Forbidden},
		"all models":                {by: narrow(h.who[Ordinary], "claude*"), want: llm.Forbidden},
		"none, of one who has none": {by: narrow(h.who[Ordinary]), key: NewKey{Models: []string{}}, ok: true},
		"some, of one who has none": {by: Principal{UserID: h.who[Ordinary].UserID, Role: Ordinary, Scopes: Ordinary.Scopes(), Models: []string{}}, key: NewKey{Models: []string{"gpt"}}, want: llm.Forbidden},
		"without the scope":         {by: Principal{UserID: h.who[Ordinary].UserID, Role: Ordinary}, want: llm.Forbidden},
	} {
		k, token, err := h.CreateKey(t.Context(), tt.by, tt.key)
		if !tt.ok {
			wantKind(t, name, err, tt.want)
			if !token.Empty() || k.ID != "" {
				t.Errorf("%s: a key all the same", name)
			}
			continue
		}
		if err != nil || !k.Expires.Equal(tt.key.Expires) || !slices.Equal(k.Models, tt.key.Models) || (k.Models == nil) != (tt.key.Models == nil) {
			t.Errorf("%s: %+v, %v", name, k, err)
		}
	}
}

func TestKeysAreFoundToBeEnded(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	create := func(by Role, name string) (Key, string) {
		k, token, err := h.CreateKey(ctx, h.who[by], NewKey{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return k, token.Reveal()
	}
	a, token := create(Ordinary, "laptop")
	for name, ref := range map[string]string{
		"id": a.ID, "shown": a.Shown(), "prefix": a.Prefix, "the key": token, "name": "laptop",
	} {
		got, err := h.RevokeKey(ctx, h.who[Ordinary], ref)
		if err != nil || got.ID != a.ID || got.Revoked.IsZero() {
			t.Errorf("by %s: %+v, %v", name, got, err)
		}
	}
	b, _ := create(Ordinary, "laptop")
	if got, err := h.RevokeKey(ctx, h.who[Ordinary], "laptop"); err != nil || got.ID != b.ID {
		t.Errorf("a name means the live key: %+v, %v", got, err)
	}
	_, err := h.RevokeKey(ctx, h.who[Ordinary], "laptop")
	wantKind(t, "two dead keys of a name", err, llm.Invalid)
	of, _ := create(Root, "root's")
	_, err = h.RevokeKey(ctx, h.who[Ordinary], of.ID)
	wantKind(t, "a user and root's key", err, llm.NotFound)
	_, err = h.DeleteKey(ctx, h.who[Admin], of.ID)
	wantKind(t, "an admin and root's key", err, llm.Forbidden)
	if _, err = h.DeleteKey(ctx, h.who[Root], of.ID); err != nil {
		t.Error(err)
	}
	wrong := "tok_" + strings.Repeat("Z", 43)
	_, err = h.RevokeKey(ctx, h.who[Root], wrong)
	wantKind(t, "no such key", err, llm.NotFound)
	if strings.Contains(err.Error(), wrong) {
		t.Errorf("the message shows a whole key: %v", err)
	}
}

func TestWhoSeesWhom(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	for _, role := range []Role{Root, Admin, Ordinary} {
		if _, _, err := h.CreateKey(ctx, h.who[role], NewKey{}); err != nil {
			t.Fatal(err)
		}
	}
	for role, want := range map[Role]int{Root: 3, Admin: 3, Ordinary: 1} {
		users, err := h.ListUsers(ctx, h.who[role])
		if err != nil || len(users) != want {
			t.Errorf("%s sees %d users, %v", role, len(users), err)
		}
		keys, err := h.ListKeys(ctx, h.who[role], "")
		if err != nil || len(keys) != want {
			t.Errorf("%s sees %d keys, %v", role, len(keys), err)
		}
		_, err = h.ListKeys(ctx, h.who[role], "the-root")
		if _, failed := kindOf(err); failed != (role == Ordinary) {
			t.Errorf("%s and the keys of root: %v", role, err)
		}
	}
	_, err := h.ListKeys(ctx, Principal{UserID: h.who[Ordinary].UserID}, "")
	wantKind(t, "without the scope", err, llm.Forbidden)
}

func TestBootstrapOnce(t *testing.T) {
	m := &memory{}
	r := NewRegistry(m)
	token, ok, err := r.Bootstrap(t.Context())
	if err != nil || !ok || len(m.users) != 1 || m.users[0].Role != Root || m.keys[0].Digest != DigestOf(token.Reveal()) {
		t.Fatalf("first: %v %v, %+v", ok, err, m.users)
	}
	token, ok, err = r.Bootstrap(t.Context())
	if err != nil || ok || !token.Empty() || len(m.users) != 1 {
		t.Errorf("second: %v %v", ok, err)
	}
}

func TestADeadStoreIsNoRefusal(t *testing.T) {
	h, ctx := newHouse(t), t.Context()
	h.store.breakWith(io.ErrUnexpectedEOF)
	root, no := h.who[Root], false
	_, err1 := h.CreateUser(ctx, root, NewUser{Name: "x"})
	_, err2 := h.ListUsers(ctx, root)
	_, err3 := h.ChangeUser(ctx, root, "the-user", UserChange{Disabled: &no})
	_, err4 := h.DeleteUser(ctx, root, "the-user")
	_, _, err5 := h.CreateKey(ctx, root, NewKey{})
	_, err6 := h.ListKeys(ctx, root, "")
	_, err7 := h.RevokeKey(ctx, root, "x")
	_, _, err8 := h.Bootstrap(ctx)
	for i, err := range []error{err1, err2, err3, err4, err5, err6, err7, err8} {
		if e := llm.AsError(err); e == nil || e.Kind != llm.Unavailable || e.RetryAfter == 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d: %v", i+1, err)
		}
	}
	h.store.breakWith(context.Canceled)
	_, err := h.ListUsers(ctx, root)
	wantKind(t, "who has left", err, llm.Canceled)
}
