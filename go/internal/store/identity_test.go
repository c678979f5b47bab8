package store

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

func user(id, name string) identity.User {
	return identity.User{ID: id, OrgID: identity.DefaultOrg, TeamID: "red", Name: name, Role: identity.Admin, Created: at(0)}
}

func key(id, userID string) identity.Key {
	return identity.Key{
		ID: id, UserID: userID, Name: "laptop ü", Prefix: "abcdefgh", Digest: identity.DigestOf(id), Created: at(0),
	}
}

func TestUsersAndKeysComeBackAsTheyWere(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		users := []identity.User{user("1", "ann"), user("2", "bob")}
		users[1].Disabled, users[1].TeamID = true, ""
		for _, u := range users {
			if err := s.CreateUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}
		keys := []identity.Key{key("k1", "1"), key("k2", "1"), key("k3", "2"), key("k4", "2")}
		keys[0].Models, keys[0].Expires = []string{"claude*", `"gpt"`}, at(5)
		keys[1].Models, keys[1].Revoked = []string{}, at(6)
		keys[2].LastUsed = at(7)
		keys[3].Created = at(1)
		for _, k := range keys {
			if err := s.CreateKey(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		gotUsers, gotKeys, err := s.Everyone(t.Context())
		if err != nil || !reflect.DeepEqual(gotUsers, users) || !reflect.DeepEqual(gotKeys, keys) {
			t.Errorf("Everyone() = %+v\n%+v\n%v", gotUsers, gotKeys, err)
		}
		if got, err := s.ListUsers(t.Context()); err != nil || !reflect.DeepEqual(got, users) {
			t.Errorf("ListUsers() = %+v, %v", got, err)
		}
		if got, err := s.ListKeys(t.Context(), "1"); err != nil || !reflect.DeepEqual(got, keys[:2]) {
			t.Errorf("ListKeys() = %+v, %v", got, err)
		}
		for _, ref := range []string{"2", "bob", "BOB"} {
			if got, err := s.FindUser(t.Context(), ref); err != nil || got != users[1] {
				t.Errorf("FindUser(%s) = %+v, %v", ref, got, err)
			}
		}
	})
}

func TestWhatIsNotThere(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, ctx := migrated(t, open), t.Context()
		if err := s.CreateUser(ctx, user("1", "ann")); err != nil {
			t.Fatal(err)
		}
		_, notFound := s.FindUser(ctx, "nobody")
		_, badText := s.FindUser(ctx, "a\x00\xff")
		role := identity.Root
		for what, tt := range map[string]struct{ got, want error }{
			"find user":               {notFound, identity.ErrNotFound},
			"find user by bad text":   {badText, identity.ErrNotFound},
			"change user":             {s.ChangeUser(ctx, "0", identity.UserChange{Role: &role}), identity.ErrNotFound},
			"change nothing":          {s.ChangeUser(ctx, "0", identity.UserChange{}), identity.ErrNotFound},
			"change nothing of ann":   {s.ChangeUser(ctx, "1", identity.UserChange{}), nil},
			"delete user":             {s.DeleteUser(ctx, "0"), identity.ErrNotFound},
			"key of nobody":           {s.CreateKey(ctx, key("k", "0")), identity.ErrNotFound},
			"revoke key":              {s.RevokeKey(ctx, "0", at(0)), identity.ErrNotFound},
			"delete key":              {s.DeleteKey(ctx, "0"), identity.ErrNotFound},
			"name taken":              {s.CreateUser(ctx, user("2", "ann")), identity.ErrNameTaken},
			"id taken":                {s.CreateUser(ctx, user("1", "eve")), identity.ErrNameTaken},
			"use of a key that is no": {s.Touch(ctx, []identity.Use{{KeyID: "0", At: at(0)}}), nil},
		} {
			if !errors.Is(tt.got, tt.want) || tt.want == nil && tt.got != nil {
				t.Errorf("%s: error %v, want %v", what, tt.got, tt.want)
			}
		}
	})
}

func TestChangesMoveTheRevision(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s, other, ctx := migrated(t, open), open(), t.Context()
		role, team, yes := identity.Ordinary, "blue", true
		last, err := other.Revision(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name  string
			moves bool
			do    func() error
		}{
			{"create user", true, func() error { return s.CreateUser(ctx, user("1", "ann")) }},
			{"create key", true, func() error { return s.CreateKey(ctx, key("k1", "1")) }},
			{"change user", true, func() error {
				return s.ChangeUser(ctx, "1", identity.UserChange{Role: &role, TeamID: &team, Disabled: &yes})
			}},
			{"touch", false, func() error { return s.Touch(ctx, []identity.Use{{KeyID: "k1", At: at(60)}}) }},
			{"touch earlier", false, func() error { return s.Touch(ctx, []identity.Use{{KeyID: "k1", At: at(0)}}) }},
			{"revoke", true, func() error { return s.RevokeKey(ctx, "k1", at(1)) }},
			{"revoke again", true, func() error { return s.RevokeKey(ctx, "k1", at(2)) }},
			{"list", false, func() error { _, err := s.ListKeys(ctx, ""); return err }},
			{"fail", false, func() error { _ = s.CreateUser(ctx, user("1", "ann")); return nil }},
			{"not first", false, func() error {
				if made, err := s.CreateFirst(ctx, user("9", "root"), key("k9", "9")); made || err != nil {
					return fmt.Errorf("made %v, %w", made, err)
				}
				return nil
			}},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			now, err := other.Revision(ctx)
			if err != nil || (now != last) != step.moves {
				t.Errorf("%s: revision from %d to %d, %v", step.name, last, now, err)
			}
			last = now
		}
		want := user("1", "ann")
		want.Role, want.TeamID, want.Disabled = role, team, true
		if got, err := other.FindUser(ctx, "ann"); err != nil || got != want {
			t.Errorf("user %+v, %v", got, err)
		}
		keys, err := other.ListKeys(ctx, "1")
		if err != nil || len(keys) != 1 || !keys[0].Revoked.Equal(at(1)) || !keys[0].LastUsed.Equal(at(60)) {
			t.Errorf("keys %+v, %v", keys, err)
		}
		if err := s.DeleteUser(ctx, "1"); err != nil {
			t.Fatal(err)
		}
		if users, keys, err := other.Everyone(ctx); err != nil || len(users)+len(keys) > 0 {
			t.Errorf("left: %v %v %v", users, keys, err)
		}
	})
}

func TestOneFirstUser(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		migrated(t, open)
		const instances = 8
		var made [instances]bool
		var wait sync.WaitGroup
		for i := range instances {
			s := open()
			wait.Go(func() {
				var err error
				made[i], err = s.CreateFirst(t.Context(), user(fmt.Sprint(i), "root"), key(fmt.Sprint("k", i), fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		firsts := 0
		for _, m := range made {
			if m {
				firsts++
			}
		}
		users, keys, err := open().Everyone(t.Context())
		if firsts != 1 || len(users) != 1 || len(keys) != 1 || err != nil {
			t.Errorf("%d first users, %d users, %d keys, %v", firsts, len(users), len(keys), err)
		}
	})
}

// The use cases and the directory on a real store, in two instances.
func TestRegistryAndDirectory(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		registry := identity.NewRegistry(migrated(t, open))
		d := identity.NewDirectory(open(), identity.Options{})
		asks := func(credential string) (identity.Principal, error) {
			t.Helper()
			if err := d.Refresh(ctx); err != nil {
				t.Fatal(err)
			}
			return d.Authenticate(credential)
		}

		token, ok, err := registry.Bootstrap(ctx)
		if err != nil || !ok {
			t.Fatalf("Bootstrap() = %v, %v", ok, err)
		}
		if _, ok, err := registry.Bootstrap(ctx); ok || err != nil {
			t.Fatalf("second Bootstrap() = %v, %v", ok, err)
		}
		root, err := asks(token.Reveal())
		if err != nil || root.Role != identity.Root {
			t.Fatalf("root is %+v, %v", root, err)
		}
		u, err := registry.CreateUser(ctx, root, identity.NewUser{Name: "Ann", TeamID: "red"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := registry.CreateUser(ctx, root, identity.NewUser{Name: "ann"}); !errors.Is(err, identity.ErrNameTaken) {
			t.Errorf("second ann: %v", err)
		}
		k, credential, err := registry.CreateKey(ctx, root, identity.NewKey{User: "ann", Models: []string{"claude*"}})
		if err != nil {
			t.Fatal(err)
		}
		ann, err := asks(credential.Reveal())
		if err != nil || ann.UserID != u.ID || ann.TeamID != "red" || !identity.Allowed(ann, "claude-x") || identity.Allowed(ann, "gpt-x") {
			t.Errorf("ann is %+v, %v", ann, err)
		}
		if _, err := registry.RevokeKey(ctx, root, k.Shown()); err != nil {
			t.Fatal(err)
		}
		if _, err := asks(credential.Reveal()); llm.AsError(err).Kind != llm.Unauthenticated || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("a revoked key: %v", err)
		}
		if _, err := registry.DeleteUser(ctx, root, "ann"); err != nil {
			t.Fatal(err)
		}
		if _, err := asks(credential.Reveal()); llm.AsError(err).Kind != llm.Unauthenticated {
			t.Errorf("a key of nobody: %v", err)
		}
	})
}

func TestDirectoryReportsUses(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		s := migrated(t, open)
		token, _, err := identity.NewRegistry(s).Bootstrap(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d := identity.NewDirectory(s, identity.Options{Poll: time.Hour})
		d.Start(t.Context())
		if _, err := d.Authenticate(token.Reveal()); err != nil {
			t.Fatal(err)
		}
		d.Stop()
		keys, err := s.ListKeys(t.Context(), "")
		if err != nil || len(keys) != 1 || time.Since(keys[0].LastUsed) > 2*time.Minute {
			t.Errorf("keys %+v, %v", keys, err)
		}
	})
}
