package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// settingRow is a value that an installation has for life.
type settingRow struct {
	Name  string `gorm:"primaryKey"`
	Value []byte
}

// TableName implements gorm's tabler.
func (settingRow) TableName() string { return "settings" }

const (
	settingInstallation = "installation_id"
	settingSealKey      = "seal_key"
	sealKeyBytes        = 32
	settingUpdate       = "update_check"
)

// Installation returns the random id of this installation, the same for all
// instances on one database.
func (s *Store) Installation(ctx context.Context) (string, error) {
	id, err := s.setting(ctx, settingInstallation, func() []byte {
		return []byte(uuid.NewString())
	})
	return string(id), err
}

// SealKey returns the 32 random bytes with which all instances on one database
// seal what they give clients to keep.
func (s *Store) SealKey(ctx context.Context) (secret.Secret, error) {
	key, err := s.setting(ctx, settingSealKey, func() []byte {
		key := make([]byte, sealKeyBytes)
		_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
		return key
	})
	return secret.New(string(key)), err
}

// setting returns a setting and makes it if there is none. Of several makers
// at once one prevails.
func (s *Store) setting(ctx context.Context, name string, fresh func() []byte) ([]byte, error) {
	var row settingRow
	err := s.transact(ctx, func(tx *gorm.DB) error {
		settings := in[settingRow](tx)
		if _, err := settings.insertNew([]settingRow{{Name: name, Value: fresh()}}, "name"); err != nil {
			return err
		}
		var err error
		row, err = settings.first("name = ?", name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the setting %s: %w", name, err)
	}
	return row.Value, nil
}

// UpdateState returns what the last update check noted, nil if there was none.
func (s *Store) UpdateState(ctx context.Context) ([]byte, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	row, err := in[settingRow](s.read.WithContext(ctx)).first("name = ?", settingUpdate)
	if errors.Is(err, identity.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the setting %s: %w", settingUpdate, err)
	}
	return row.Value, nil
}

// SwapUpdateState notes fresh if the note is still old, nil for none, and
// reports whether it was. Of several instances at once one succeeds.
func (s *Store) SwapUpdateState(ctx context.Context, old, fresh []byte) (swapped bool, err error) {
	err = s.transact(ctx, func(tx *gorm.DB) error {
		var n int64
		var err error
		if old == nil {
			n, err = in[settingRow](tx).insertNew([]settingRow{{Name: settingUpdate, Value: fresh}}, "name")
		} else {
			done := tx.Model(&settingRow{}).Where("name = ? AND value = ?", settingUpdate, old).Update("value", fresh)
			n, err = done.RowsAffected, done.Error
		}
		swapped = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("write the setting %s: %w", settingUpdate, err)
	}
	return swapped, nil
}
