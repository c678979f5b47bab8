package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

var _ conversation.Threads = (*Store)(nil)

type threadRow struct {
	ID        string `gorm:"primaryKey"`
	Owner     string
	Metadata  []byte
	Size      int64
	CreatedUS int64 `gorm:"column:created_us"`
	ExpiresUS int64 `gorm:"column:expires_us"`
}

// TableName implements gorm's tabler.
func (threadRow) TableName() string { return "conversations" }

type itemRow struct {
	Conversation string `gorm:"primaryKey"`
	ID           string `gorm:"primaryKey"`
	Place        int64
	Body         []byte
}

// TableName implements gorm's tabler.
func (itemRow) TableName() string { return "conversation_items" }

// SaveThread keeps a new conversation with its first items.
func (s *Store) SaveThread(ctx context.Context, t conversation.Thread, first []conversation.Item) error {
	err := s.transact(ctx, func(tx *gorm.DB) error {
		err := in[threadRow](tx).insert(threadRow{
			ID: storable(t.ID), Owner: storable(t.Owner), Metadata: present(t.Metadata),
			CreatedUS: micros(t.Created), ExpiresUS: micros(t.Expires),
		})
		if err != nil {
			return err
		}
		return addItems(tx, storable(t.ID), conversation.Change{Add: first, Strict: true})
	})
	return unshelved("save conversation", err)
}

// FindThread returns a conversation that has not expired to its owner.
func (s *Store) FindThread(ctx context.Context, owner, id string, now time.Time) (conversation.Thread, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	row, err := in[threadRow](s.read.WithContext(ctx)).
		first("id = ? AND owner = ? AND expires_us > ?", storable(id), storable(owner), micros(now))
	if err != nil {
		return conversation.Thread{}, unshelved("find conversation", err)
	}
	return conversation.Thread{
		ID: row.ID, Owner: row.Owner, Metadata: row.Metadata, Size: row.Size,
		Created: fromMicros(row.CreatedUS), Expires: fromMicros(row.ExpiresUS),
	}, nil
}

// ThreadItems returns the items of a conversation, oldest first.
func (s *Store) ThreadItems(ctx context.Context, id string) ([]conversation.Item, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	rows, err := in[itemRow](s.read.WithContext(ctx)).list("place", "conversation = ?", storable(id))
	if err != nil {
		return nil, unshelved("read conversation", err)
	}
	items := make([]conversation.Item, len(rows))
	for i, row := range rows {
		items[i] = conversation.Item{ID: row.ID, Body: row.Body}
	}
	return items, nil
}

// ChangeThread changes a conversation of its owner.
func (s *Store) ChangeThread(ctx context.Context, owner, id string, c conversation.Change) error {
	id = storable(id)
	err := s.transact(ctx, func(tx *gorm.DB) error {
		columns := map[string]any{"expires_us": micros(c.Expires)}
		if c.Metadata != nil {
			columns["metadata"] = c.Metadata
		}
		// The row is locked from here on: places are given out one change at a time.
		err := some(tx.Model(new(threadRow)).Where("id = ? AND owner = ?", id, storable(owner)).Updates(columns))
		if err == nil && c.Remove != "" {
			err = removeItem(tx, id, storable(c.Remove))
		}
		if err == nil {
			err = addItems(tx, id, c)
		}
		return err
	})
	return unshelved("change conversation", err)
}

func removeItem(tx *gorm.DB, thread, id string) error {
	row, err := in[itemRow](tx).first("conversation = ? AND id = ?", thread, id)
	if errors.Is(err, identity.ErrNotFound) {
		return conversation.ErrNoItem
	}
	if err != nil {
		return err
	}
	if err := tx.Where("conversation = ? AND id = ?", thread, id).Delete(new(itemRow)).Error; err != nil {
		return err
	}
	return grow(tx, thread, -int64(len(row.Body)))
}

// addItems puts items behind those that are there.
func addItems(tx *gorm.DB, thread string, c conversation.Change) error {
	if len(c.Add) == 0 {
		return nil
	}
	var last, added int64
	err := tx.Model(new(itemRow)).Where("conversation = ?", thread).Select("COALESCE(MAX(place), 0)").Scan(&last).Error
	if err != nil {
		return err
	}
	for _, item := range c.Add {
		last++
		err := addItem(tx, thread, last, item)
		if errors.Is(err, conversation.ErrTaken) && !c.Strict {
			item = item.Renamed()
			err = addItem(tx, thread, last, item)
		}
		if err != nil {
			return err
		}
		added += int64(len(item.Body))
	}
	if err := grow(tx, thread, added); err != nil || c.Most == 0 {
		return err
	}
	row, err := in[threadRow](tx).first("id = ?", thread)
	if err == nil && row.Size > c.Most {
		err = conversation.ErrFull
	}
	return err
}

func addItem(tx *gorm.DB, thread string, place int64, item conversation.Item) error {
	row := itemRow{Conversation: thread, ID: storable(item.ID), Place: place, Body: item.Body}
	n, err := in[itemRow](tx).insertNew([]itemRow{row}, "conversation", "id")
	if err == nil && n == 0 {
		err = conversation.ErrTaken
	}
	return err
}

// grow counts what a conversation holds.
func grow(tx *gorm.DB, thread string, bytes int64) error {
	return some(tx.Model(new(threadRow)).Where("id = ?", thread).Update("size", gorm.Expr("size + ?", bytes)))
}

// DeleteThread removes a conversation of its owner with its items.
func (s *Store) DeleteThread(ctx context.Context, owner, id string) error {
	err := s.transact(ctx, func(tx *gorm.DB) error {
		return some(tx.Where("id = ? AND owner = ?", storable(id), storable(owner)).Delete(new(threadRow)))
	})
	return unshelved("delete conversation", err)
}
