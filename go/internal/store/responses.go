package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

var _ conversation.Shelf = (*Store)(nil)

type responseRow struct {
	ID        string `gorm:"primaryKey"`
	Owner     string
	Provider  string
	Previous  string
	Input     []byte
	Answer    []byte
	ExpiresUS int64 `gorm:"column:expires_us"`
	LeaseUS   int64 `gorm:"column:lease_us"`
	Streamed  bool
	Cancelled bool
	Owed      bool
	Size      int64
}

// TableName implements gorm's tabler.
func (responseRow) TableName() string { return "responses" }

// SaveResponse keeps an answer.
func (s *Store) SaveResponse(ctx context.Context, r conversation.Record) error {
	row := responseRow{
		ID: storable(r.ID), Owner: storable(r.Owner), Provider: storable(r.Provider), Previous: storable(r.Previous),
		Input: present(r.Input), Answer: present(r.Answer), ExpiresUS: micros(r.Expires),
		LeaseUS: leaseOf(r), Streamed: r.Streamed, Owed: r.Owed, Size: int64(len(r.Input) + len(r.Answer)),
	}
	err := s.transact(ctx, func(tx *gorm.DB) error {
		if row.Provider == "" {
			return in[responseRow](tx).insert(row)
		}
		_, err := in[responseRow](tx).insertNew([]responseRow{row}, "id") // who had the id first keeps it
		return err
	})
	if err != nil {
		return fmt.Errorf("save response: %w", err)
	}
	return nil
}

// present is b, but never nil: the column is never null.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// FindResponse returns an answer that has not expired to its owner.
func (s *Store) FindResponse(ctx context.Context, owner, id string, now time.Time) (conversation.Record, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	row, err := in[responseRow](s.read.WithContext(ctx)).
		first("id = ? AND owner = ? AND expires_us > ?", storable(id), storable(owner), micros(now))
	if err != nil {
		return conversation.Record{}, unshelved("find response", err)
	}
	return conversation.Record{
		ID: row.ID, Owner: row.Owner, Provider: row.Provider, Previous: row.Previous, Input: row.Input, Answer: row.Answer,
		Expires: fromMicros(row.ExpiresUS), Lease: leased(row.LeaseUS), Streamed: row.Streamed, Cancelled: row.Cancelled, Owed: row.Owed,
	}, nil
}

// DeleteResponse removes an answer of its owner.
func (s *Store) DeleteResponse(ctx context.Context, owner, id string) error {
	err := s.transact(ctx, func(tx *gorm.DB) error {
		return some(tx.Where("id = ? AND owner = ?", storable(id), storable(owner)).Delete(new(responseRow)))
	})
	return unshelved("delete response", err)
}

// beyond finds the oldest beyond the bounds. Answers and conversations count
// together. It reads indexes only: the rows may be large.
const beyond = `SELECT id, kind, expires_us FROM (
	SELECT id, kind, expires_us, ROW_NUMBER() OVER own AS place, SUM(size) OVER own AS owned, SUM(size) OVER every AS held FROM (
		SELECT id, 'response' AS kind, owner, size, expires_us FROM responses
		UNION ALL SELECT id, 'conversation', owner, size, expires_us FROM conversations
	) AS kept
	WINDOW own AS (PARTITION BY owner ORDER BY expires_us DESC, id DESC), every AS (ORDER BY expires_us DESC, id DESC)
) AS placed WHERE place > ? OR owned > ? OR held > ?`

// victim is what a sweep removes.
type victim struct {
	ID        string
	Kind      string
	ExpiresUS int64 `gorm:"column:expires_us"`
}

// SweepResponses removes answers and conversations that have expired, and the
// oldest beyond the bounds. Others can write in between.
func (s *Store) SweepResponses(ctx context.Context, now time.Time, b conversation.Bounds) (conversation.Swept, error) {
	swept, err := s.sweep(ctx, now, b)
	return swept, unshelved("sweep responses", err)
}

func (s *Store) sweep(ctx context.Context, now time.Time, b conversation.Bounds) (swept conversation.Swept, err error) {
	for _, row := range []any{new(responseRow), new(threadRow)} {
		n, err := s.evict(ctx, row, "expires_us <= ?", micros(now))
		if swept.Expired += n; err != nil {
			return swept, err
		}
	}
	victims, err := s.victims(ctx, b)
	if err != nil {
		return swept, err
	}
	for kind, row := range map[string]any{"response": new(responseRow), "conversation": new(threadRow)} {
		for part := range chunks(victims[kind]) {
			ids, last := make([]string, len(part)), int64(0)
			for i, v := range part {
				ids[i], last = v.ID, max(last, v.ExpiresUS)
			}
			n, err := s.evict(ctx, row, "id IN ? AND expires_us <= ?", ids, last) // not what has been used meanwhile
			if swept.Evicted += n; err != nil {
				return swept, err
			}
		}
	}
	return swept, nil
}

// victims returns what is beyond the bounds, by its kind.
func (s *Store) victims(ctx context.Context, b conversation.Bounds) (map[string][]victim, error) {
	ctx, cancel := s.longer(ctx)
	defer cancel()
	var all []victim
	err := s.read.WithContext(ctx).Raw(beyond, b.OwnerCount, b.OwnerBytes, b.Bytes).Scan(&all).Error
	kinds := make(map[string][]victim)
	for _, v := range all {
		kinds[v.Kind] = append(kinds[v.Kind], v)
	}
	return kinds, err
}

// evict deletes rows and returns how many.
func (s *Store) evict(ctx context.Context, row any, where string, args ...any) (n int64, err error) {
	err = s.transact(ctx, func(tx *gorm.DB) error {
		done := tx.Where(where, args...).Delete(row)
		n = done.RowsAffected
		return done.Error
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// unshelved returns an error as the room of answers knows it.
func unshelved(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrNotFound):
		return conversation.ErrNotFound
	}
	return fmt.Errorf("%s: %w", what, err)
}
