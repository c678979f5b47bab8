package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

var _ conversation.Runs = (*Store)(nil)

// eventsRow is what is read of a response only where its stream is asked for.
type eventsRow struct {
	ID     string `gorm:"primaryKey"`
	Owner  string
	Events []byte
}

// TableName implements gorm's tabler.
func (eventsRow) TableName() string { return "responses" }

// leaseOf is a lease as it is kept: 0 for an answer that has ended.
func leaseOf(r conversation.Record) int64 {
	if r.Lease.IsZero() {
		return 0
	}
	return micros(r.Lease)
}

func leased(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return fromMicros(us)
}

// BeatResponse notes that an answer is still being made. It is false if that
// is to stop, or the answer is gone.
func (s *Store) BeatResponse(ctx context.Context, id string, lease time.Time, answer []byte) (bool, error) {
	err := s.transact(ctx, func(tx *gorm.DB) error {
		return some(tx.Model(new(responseRow)).Where("id = ? AND lease_us > 0 AND NOT cancelled", storable(id)).Updates(map[string]any{
			"lease_us": micros(lease), "answer": present(answer), "size": gorm.Expr("LENGTH(input) + ?", len(answer)),
		}))
	})
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	return err == nil, unshelved("keep response alive", err)
}

// EndResponse keeps an answer that has been made, with its stream.
func (s *Store) EndResponse(ctx context.Context, id string, answer, events []byte) error {
	err := s.transact(ctx, func(tx *gorm.DB) error {
		return some(tx.Model(new(responseRow)).Where("id = ?", storable(id)).Updates(map[string]any{
			"lease_us": 0, "answer": present(answer), "events": present(events),
			"size": gorm.Expr("LENGTH(input) + ?", len(answer)+len(events)),
		}))
	})
	return unshelved("end response", err)
}

// CancelResponse has an answer of its owner stopped by who makes it.
func (s *Store) CancelResponse(ctx context.Context, owner, id string) error {
	err := s.transact(ctx, func(tx *gorm.DB) error {
		return some(tx.Model(new(responseRow)).Where("id = ? AND owner = ? AND lease_us > 0", storable(id), storable(owner)).
			Update("cancelled", true))
	})
	return unshelved("cancel response", err)
}

// ResponseEvents returns the stream of an answer of its owner.
func (s *Store) ResponseEvents(ctx context.Context, owner, id string) ([]byte, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	row, err := in[eventsRow](s.read.WithContext(ctx)).first("id = ? AND owner = ?", storable(id), storable(owner))
	return row.Events, unshelved("read response", err)
}

// OweResponse notes whether what an answer of its owner has used is still to
// be booked. It is true for the first who says so.
func (s *Store) OweResponse(ctx context.Context, owner, id string, owed bool) (first bool, err error) {
	err = s.transact(ctx, func(tx *gorm.DB) error {
		own := tx.Model(new(responseRow)).Where("id = ? AND owner = ?", storable(id), storable(owner)).Session(new(gorm.Session))
		done := own.Where("owed <> ?", owed).Update("owed", owed)
		if first = done.RowsAffected > 0; first || done.Error != nil {
			return done.Error
		}
		var there int64
		if err := own.Count(&there).Error; err != nil || there > 0 {
			return err
		}
		return identity.ErrNotFound
	})
	return first && err == nil, unshelved("settle response", err)
}
