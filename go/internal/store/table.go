package store

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

// table is what is done to every table. R is its row.
type table[R any] struct{ db *gorm.DB }

func in[R any](db *gorm.DB) table[R] { return table[R]{db} }

func (t table[R]) insert(row R) error { return known(t.db.Create(&row).Error) }

// insertNew adds the rows whose key is not there yet and returns how many.
func (t table[R]) insertNew(rows []R, key ...string) (int64, error) {
	conflict := clause.OnConflict{DoNothing: true}
	for _, column := range key {
		conflict.Columns = append(conflict.Columns, clause.Column{Name: column})
	}
	var added int64
	for chunk := range chunks(rows) {
		done := t.db.Clauses(conflict).Create(&chunk)
		if done.Error != nil {
			return 0, known(done.Error)
		}
		added += done.RowsAffected
	}
	return added, nil
}

// first returns the row that matches, or identity.ErrNotFound.
func (t table[R]) first(where string, args ...any) (R, error) {
	var row R
	err := t.db.Where(where, args...).Take(&row).Error
	return row, known(err)
}

func (t table[R]) list(order, where string, args ...any) ([]R, error) {
	var rows []R
	query := t.db.Order(order)
	if where != "" {
		query = query.Where(where, args...)
	}
	err := query.Find(&rows).Error
	return rows, known(err)
}

// change sets columns of the row with an id, or returns identity.ErrNotFound.
func (t table[R]) change(id string, columns map[string]any) error {
	return some(t.db.Model(new(R)).Where("id = ?", id).Updates(columns))
}

// remove deletes the row with an id, or returns identity.ErrNotFound.
func (t table[R]) remove(id string) error {
	return some(t.db.Where("id = ?", id).Delete(new(R)))
}

func some(done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected == 0 {
		return identity.ErrNotFound
	}
	return known(done.Error)
}

// known returns an error as the rooms know it.
func known(err error) error {
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return identity.ErrNotFound
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return fmt.Errorf("%w: %w", identity.ErrNameTaken, err)
	case errors.Is(err, gorm.ErrForeignKeyViolated):
		return fmt.Errorf("%w: %w", identity.ErrNotFound, err)
	}
	return err
}

// maxChunk keeps the widest table within the parameters of a statement, of
// which SQLite takes 32,766.
const maxChunk = 128

// chunks cuts rows into pieces whose lengths are powers of two, so that few
// different statements are prepared whatever the number of rows.
func chunks[R any](rows []R) iter.Seq[[]R] {
	return func(yield func([]R) bool) {
		for size := maxChunk; size > 0; size /= 2 {
			for len(rows) >= size {
				if !yield(rows[:size]) {
					return
				}
				rows = rows[size:]
			}
		}
	}
}

// transact runs a change in a transaction of bounded time.
func (s *Store) transact(ctx context.Context, do func(tx *gorm.DB) error) error {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.write.WithContext(ctx).Transaction(do)
}
