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

// beyond finds the oldest of a kind beyond the bounds. Answers and
// conversations count together.
const beyond = `id IN (SELECT id FROM (
	SELECT id, kind, ROW_NUMBER() OVER own AS place, SUM(size) OVER own AS owned, SUM(size) OVER every AS held FROM (
		SELECT id, 'response' AS kind, owner, size, expires_us FROM responses
		UNION ALL SELECT id, 'conversation', owner, size, expires_us FROM conversations
	) AS kept
	WINDOW own AS (PARTITION BY owner ORDER BY expires_us DESC, id DESC), every AS (ORDER BY expires_us DESC, id DESC)
) AS placed WHERE kind = ? AND (place > ? OR owned > ? OR held > ?))`

// SweepResponses removes answers and conversations that have expired, and the
// oldest beyond the bounds.
func (s *Store) SweepResponses(ctx context.Context, now time.Time, b conversation.Bounds) (conversation.Swept, error) {
	var swept conversation.Swept
	err := s.transact(ctx, func(tx *gorm.DB) error {
		for _, row := range []any{new(responseRow), new(threadRow)} {
			old := tx.Where("expires_us <= ?", micros(now)).Delete(row)
			if old.Error != nil {
				return old.Error
			}
			swept.Expired += old.RowsAffected
		}
		for kind, row := range map[string]any{"response": new(responseRow), "conversation": new(threadRow)} {
			many := tx.Where(beyond, kind, b.OwnerCount, b.OwnerBytes, b.Bytes).Delete(row)
			if many.Error != nil {
				return many.Error
			}
			swept.Evicted += many.RowsAffected
		}
		return nil
	})
	if err != nil {
		swept = conversation.Swept{} // the transaction has undone it
	}
	return swept, unshelved("sweep responses", err)
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
