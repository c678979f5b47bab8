package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

type keyRow struct {
	ID         string `gorm:"primaryKey"`
	UserID     string
	Name       string
	Prefix     string
	Digest     []byte
	Models     *string // JSON array; nil: all
	CreatedUS  int64   `gorm:"column:created_us"`
	ExpiresUS  *int64  `gorm:"column:expires_us"`
	RevokedUS  *int64  `gorm:"column:revoked_us"`
	LastUsedUS *int64  `gorm:"column:last_used_us"`
	MayLoop    int64   // 1: its calls pass the loop breaker
}

// TableName implements gorm's tabler.
func (keyRow) TableName() string { return "api_keys" }

func rowOfKey(k *identity.Key) (keyRow, error) {
	row := keyRow{
		ID: k.ID, UserID: k.UserID, Name: storable(k.Name), Prefix: k.Prefix, Digest: k.Digest[:],
		CreatedUS: micros(k.Created), ExpiresUS: optMicros(k.Expires),
		RevokedUS: optMicros(k.Revoked), LastUsedUS: optMicros(k.LastUsed),
	}
	if k.MayLoop {
		row.MayLoop = 1
	}
	if k.Models != nil {
		list, err := json.Marshal(k.Models)
		if err != nil {
			return keyRow{}, err
		}
		text := string(list)
		row.Models = &text
	}
	return row, nil
}

func (r *keyRow) key() (identity.Key, error) {
	k := identity.Key{
		ID: r.ID, UserID: r.UserID, Name: r.Name, Prefix: r.Prefix, Created: fromMicros(r.CreatedUS),
		MayLoop: r.MayLoop != 0,
		Expires: fromOptMicros(r.ExpiresUS), Revoked: fromOptMicros(r.RevokedUS), LastUsed: fromOptMicros(r.LastUsedUS),
	}
	if copy(k.Digest[:], r.Digest) != len(k.Digest) {
		return k, fmt.Errorf("key %s: its digest has %d bytes", r.ID, len(r.Digest))
	}
	if r.Models != nil {
		// Never nil after this, which would allow all models.
		k.Models = []string{}
		if err := json.Unmarshal([]byte(*r.Models), &k.Models); err != nil || k.Models == nil {
			return k, fmt.Errorf("key %s: its list of models is broken", r.ID)
		}
	}
	return k, nil
}

func keysOf(rows []keyRow) ([]identity.Key, error) {
	keys := make([]identity.Key, len(rows))
	for i := range rows {
		var err error
		if keys[i], err = rows[i].key(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// CreateKey adds a key of a user who is there.
func (s *Store) CreateKey(ctx context.Context, k identity.Key) error {
	row, err := rowOfKey(&k)
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	return s.changeIdentity(ctx, "create key", func(tx *gorm.DB) error {
		return in[keyRow](tx).insert(row)
	})
}

const keyOrder = "created_us, id"

// ListKeys returns the keys of a user, or of all, oldest first.
func (s *Store) ListKeys(ctx context.Context, userID string) ([]identity.Key, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	where, args := "", []any(nil)
	if userID != "" {
		where, args = "user_id = ?", []any{storable(userID)}
	}
	rows, err := in[keyRow](s.read.WithContext(ctx)).list(keyOrder, where, args...)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keysOf(rows)
}

// RevokeKey ends a key. One that is revoked already keeps its time.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return s.changeIdentity(ctx, "revoke key", func(tx *gorm.DB) error {
		return in[keyRow](tx).change(id, map[string]any{
			"revoked_us": gorm.Expr("COALESCE(revoked_us, ?)", micros(at)),
		})
	})
}

// DeleteKey removes a key.
func (s *Store) DeleteKey(ctx context.Context, id string) error {
	return s.changeIdentity(ctx, "delete key", func(tx *gorm.DB) error {
		return in[keyRow](tx).remove(id)
	})
}
