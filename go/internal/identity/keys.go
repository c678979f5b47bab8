package identity

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// NewKey is a key to create.
type NewKey struct {
	User    string   // id or name; "" is the asking user
	Name    string   // for people; "" is "default"
	Models  []string // allowed patterns; nil: all, empty: none
	Expires time.Time
	MayLoop bool // its calls pass the loop breaker
}

// CreateKey adds a key and returns its only copy.
func (r *Registry) CreateKey(ctx context.Context, by Principal, n NewKey) (Key, secret.Secret, error) {
	u, err := r.keyOwner(ctx, by, n.User)
	if err != nil {
		return Key{}, secret.Secret{}, err
	}
	now := r.now().UTC().Truncate(time.Microsecond)
	name := strings.TrimSpace(orDefault(n.Name, "default"))
	switch {
	case name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName ||
		strings.ContainsFunc(name, unicode.IsControl):
		err = llm.InvalidField("name", "a key name has 1 to %d printable characters", maxName)
	case !n.Expires.IsZero() && !n.Expires.After(now):
		err = llm.InvalidField("expires", "the key would have expired at %s", n.Expires.UTC().Format(time.RFC3339))
	case !within(n.Models, by.Models):
		err = llm.Errorf(llm.Forbidden, "a key cannot allow models that your own key does not allow")
	default:
		err = patterns(n.Models)
	}
	if err != nil {
		return Key{}, secret.Secret{}, err
	}
	token := mint()
	k := Key{
		ID: newID(), UserID: u.ID, Name: name, Prefix: shownPart(token), Digest: DigestOf(token.Reveal()),
		Models: n.Models, MayLoop: n.MayLoop, Created: now,
	}
	if !n.Expires.IsZero() {
		k.Expires = n.Expires.UTC().Truncate(time.Microsecond)
	}
	if err := r.store.CreateKey(ctx, k); err != nil {
		return Key{}, secret.Secret{}, failed("create the key", "user "+u.Name, err)
	}
	return k, token, nil
}

// ListKeys returns the keys of a user, or all that the principal may see.
func (r *Registry) ListKeys(ctx context.Context, by Principal, user string) ([]Key, error) {
	if user == "" && !by.Has(ScopeUsers) {
		user = by.UserID
	}
	if err := needs(by, ScopeKeys); err != nil {
		return nil, err
	}
	id := ""
	if user != "" {
		u, err := r.FindUser(ctx, by, user) // to see is not to touch: who is above is shown too
		if err != nil {
			return nil, err
		}
		id = u.ID
	}
	keys, err := r.store.ListKeys(ctx, id)
	return keys, failed("list keys", "keys", err)
}

// RevokeKey ends a key for good; it stays listed. The key is named by id, by
// its shown characters, by the key itself or by its name where that is unique.
func (r *Registry) RevokeKey(ctx context.Context, by Principal, ref string) (Key, error) {
	k, err := r.findKey(ctx, by, ref)
	if err != nil {
		return Key{}, err
	}
	at := r.now().UTC().Truncate(time.Microsecond)
	if err := r.store.RevokeKey(ctx, k.ID, at); err != nil {
		return Key{}, failed("revoke the key", "key "+k.Shown(), err)
	}
	if k.Revoked.IsZero() {
		k.Revoked = at
	}
	return k, nil
}

// DeleteKey removes a key from the list too.
func (r *Registry) DeleteKey(ctx context.Context, by Principal, ref string) (Key, error) {
	k, err := r.findKey(ctx, by, ref)
	if err != nil {
		return Key{}, err
	}
	return k, failed("delete the key", "key "+k.Shown(), r.store.DeleteKey(ctx, k.ID))
}

// keyOwner returns the user whose keys the principal wants to handle.
func (r *Registry) keyOwner(ctx context.Context, by Principal, user string) (User, error) {
	if user == "" {
		user = by.UserID
	}
	if err := needs(by, ScopeKeys); err != nil {
		return User{}, err
	}
	u, err := r.FindUser(ctx, by, user)
	if err != nil {
		return User{}, err
	}
	return u, above(by, u)
}

func (r *Registry) findKey(ctx context.Context, by Principal, ref string) (Key, error) {
	keys, err := r.ListKeys(ctx, by, "")
	if err != nil {
		return Key{}, err
	}
	found, err := pick(keys, ref, r.now())
	if err != nil {
		return Key{}, err
	}
	if found.UserID != by.UserID {
		if _, err := r.keyOwner(ctx, by, found.UserID); err != nil {
			return Key{}, err
		}
	}
	return found, nil
}

// pick finds the one key that ref means. A name means a live key before dead
// ones, so that a replaced key may have the name of its predecessor.
func pick(keys []Key, ref string, now time.Time) (Key, error) {
	shown := strings.TrimSuffix(strings.TrimPrefix(ref, keyPrefix), "...")
	digest := DigestOf(ref)
	var live, dead []Key
	for _, k := range keys {
		switch {
		case k.ID == ref, k.Digest == digest:
			return k, nil
		case k.Prefix != shown && k.Name != ref:
		case k.Live(now):
			live = append(live, k)
		default:
			dead = append(dead, k)
		}
	}
	if len(live) == 0 {
		live = dead
	}
	switch len(live) {
	case 0:
		return Key{}, &llm.Error{Kind: llm.NotFound, Message: fmt.Sprintf("there is no key %q", hush(ref)), Err: ErrNotFound}
	case 1:
		return live[0], nil
	}
	return Key{}, llm.Errorf(llm.Invalid, "%d keys are called %q: use the id", len(live), ref)
}

// hush shortens what may be a whole key: it must not show in messages.
func hush(ref string) string {
	if rest, ok := strings.CutPrefix(ref, keyPrefix); ok && len(rest) > shownChars {
		return keyPrefix + rest[:shownChars] + "..."
	}
	return ref
}

func patterns(models []string) error {
	for _, m := range models {
		if m == "" || len(m) > 256 || !utf8.ValidString(m) || strings.ContainsFunc(m, unicode.IsControl) {
			return llm.InvalidField("models", "a model pattern has 1 to 256 printable characters")
		}
	}
	return nil
}
