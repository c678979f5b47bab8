package identity

import (
	"context"
	"crypto/subtle"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// snapshot is everyone as of one revision of the store. It never changes, the
// times of use apart.
type snapshot struct {
	revision int64
	keys     map[Digest]*holder
}

// holder is a key together with the principal it stands for.
type holder struct {
	digest    Digest
	principal Principal
	expires   time.Time // zero: never
	refusal   *llm.Error
	used      *atomic.Int64 // Unix minutes; 0: not since the start
	reported  int64         // the use last written to the store; the poller's own
}

// take reads everyone. The revision is read first, so that a change during
// the reading is seen as a change next time.
func take(ctx context.Context, source Source, revision int64, last *snapshot) (*snapshot, error) {
	users, keys, err := source.Everyone(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*User, len(users))
	for i := range users {
		byID[users[i].ID] = &users[i]
	}
	next := &snapshot{revision: revision, keys: make(map[Digest]*holder, len(keys))}
	for i := range keys {
		if u := byID[keys[i].UserID]; u != nil {
			next.keys[keys[i].Digest] = hold(&keys[i], u, last)
		}
	}
	return next, nil
}

func hold(k *Key, u *User, last *snapshot) *holder {
	h := &holder{
		digest: k.Digest, expires: k.Expires, used: new(atomic.Int64),
		principal: Principal{
			OrgID: u.OrgID, TeamID: u.TeamID, UserID: u.ID, KeyID: k.ID, KeyName: k.Name,
			Role: u.Role, Models: k.Models, Scopes: u.Role.Scopes(), MayLoop: k.MayLoop,
		},
	}
	switch {
	case !k.Revoked.IsZero():
		h.refusal = unauthenticated("This API key was revoked.")
	case u.Disabled:
		h.refusal = unauthenticated("The user of this API key is disabled.")
	}
	if last != nil {
		if old := last.keys[k.Digest]; old != nil && old.principal.KeyID == k.ID {
			h.used, h.reported = old.used, old.reported
		}
	}
	return h
}

// find returns the holder of a credential, or nil.
func (s *snapshot) find(digest Digest) *holder {
	h := s.keys[digest]
	if h == nil || subtle.ConstantTimeCompare(h.digest[:], digest[:]) != 1 {
		return nil
	}
	return h
}

// admit returns the principal unless the key is dead, and notes the use.
func (h *holder) admit(now time.Time) (Principal, error) {
	if h.refusal != nil {
		return Principal{}, h.refusal
	}
	if !h.expires.IsZero() && !now.Before(h.expires) {
		return Principal{}, unauthenticated(
			fmt.Sprintf("This API key expired at %s.", h.expires.UTC().Format(time.RFC3339)))
	}
	// Coarse on purpose: a store a minute, not one a request on a shared line.
	if minute := now.Unix() / 60; h.used.Load() != minute {
		h.used.Store(minute)
	}
	return h.principal, nil
}

// uses returns what was used since it was last asked.
func (s *snapshot) uses() (uses []Use, holders []*holder) {
	for _, h := range s.keys {
		if minute := h.used.Load(); minute != h.reported {
			uses = append(uses, Use{KeyID: h.principal.KeyID, At: time.Unix(minute*60, 0).UTC()})
			holders = append(holders, h)
		}
	}
	return uses, holders
}

func unauthenticated(message string) *llm.Error {
	return &llm.Error{Kind: llm.Unauthenticated, Code: "invalid_api_key", Message: message}
}
