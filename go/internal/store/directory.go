package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

// revisionRow counts the changes of a topic.
type revisionRow struct {
	Topic string `gorm:"primaryKey"`
	Value int64
}

// TableName implements gorm's tabler.
func (revisionRow) TableName() string { return "revisions" }

const identityTopic = "identity"

// changeIdentity runs a change of users or keys and moves their revision in
// the same transaction. The revision moves first: its row makes changes of
// several instances wait for each other.
func (s *Store) changeIdentity(ctx context.Context, doing string, do func(tx *gorm.DB) error) error {
	err := s.transact(ctx, func(tx *gorm.DB) error {
		err := some(tx.Model(&revisionRow{}).Where("topic = ?", identityTopic).
			Update("value", gorm.Expr("value + 1")))
		if errors.Is(err, identity.ErrNotFound) {
			return errors.New("the database has no revision of users and keys")
		}
		if err != nil {
			return err
		}
		return do(tx)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// Revision changes with every change of users and keys, uses apart.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	row, err := in[revisionRow](s.read.WithContext(ctx)).first("topic = ?", identityTopic)
	if errors.Is(err, identity.ErrNotFound) {
		err = errors.New("there is none")
	}
	if err != nil {
		return 0, fmt.Errorf("read the revision of users and keys: %w", err)
	}
	return row.Value, nil
}

// Everyone returns all users and keys as of one moment.
func (s *Store) Everyone(ctx context.Context) ([]identity.User, []identity.Key, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	var users []userRow
	var keys []keyRow
	err := s.read.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if users, err = in[userRow](tx).list("id", ""); err != nil {
			return err
		}
		keys, err = in[keyRow](tx).list(keyOrder, "")
		return err
	}, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, nil, fmt.Errorf("read users and keys: %w", err)
	}
	out, err := keysOf(keys)
	return usersOf(users), out, err
}

// Touch writes when keys were last used. An older time replaces no newer one,
// and a key that is gone is no error.
func (s *Store) Touch(ctx context.Context, uses []identity.Use) error {
	byTime := map[int64][]string{} // few: uses are to the minute
	for _, u := range uses {
		at := micros(u.At)
		byTime[at] = append(byTime[at], u.KeyID)
	}
	err := s.transact(ctx, func(tx *gorm.DB) error {
		for at, ids := range byTime {
			for chunk := range slices.Chunk(ids, 1000) {
				err := tx.Model(&keyRow{}).
					Where("id IN ? AND (last_used_us IS NULL OR last_used_us < ?)", chunk, at).
					Update("last_used_us", at).Error
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write times of use: %w", err)
	}
	return nil
}

// CreateFirst adds a user and a key if there is no user at all.
func (s *Store) CreateFirst(ctx context.Context, u identity.User, k identity.Key) (bool, error) {
	row, err := rowOfKey(&k)
	if err != nil {
		return false, fmt.Errorf("create the first user: %w", err)
	}
	errTaken := errors.New("there is a user")
	err = s.changeIdentity(ctx, "create the first user", func(tx *gorm.DB) error {
		switch _, err := in[userRow](tx).first("1 = 1"); {
		case err == nil:
			return errTaken // nothing changes, the revision neither
		case !errors.Is(err, identity.ErrNotFound):
			return err
		}
		if err := in[userRow](tx).insert(rowOfUser(&u)); err != nil {
			return err
		}
		return in[keyRow](tx).insert(row)
	})
	if errors.Is(err, errTaken) {
		return false, nil
	}
	return err == nil, err
}
