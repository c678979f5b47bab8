package store

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

type userRow struct {
	ID        string `gorm:"primaryKey"`
	OrgID     string
	TeamID    string
	Name      string
	Role      string
	Disabled  bool
	CreatedUS int64 `gorm:"column:created_us"`
}

// TableName implements gorm's tabler.
func (userRow) TableName() string { return "users" }

func rowOfUser(u *identity.User) userRow {
	return userRow{
		ID: u.ID, OrgID: u.OrgID, TeamID: storable(u.TeamID), Name: u.Name, Role: string(u.Role),
		Disabled: u.Disabled, CreatedUS: micros(u.Created),
	}
}

func (r *userRow) user() identity.User {
	return identity.User{
		ID: r.ID, OrgID: r.OrgID, TeamID: r.TeamID, Name: r.Name, Role: identity.Role(r.Role),
		Disabled: r.Disabled, Created: fromMicros(r.CreatedUS),
	}
}

func usersOf(rows []userRow) []identity.User {
	users := make([]identity.User, len(rows))
	for i := range rows {
		users[i] = rows[i].user()
	}
	return users
}

// CreateUser adds a user.
func (s *Store) CreateUser(ctx context.Context, u identity.User) error {
	return s.changeIdentity(ctx, "create user", func(tx *gorm.DB) error {
		return in[userRow](tx).insert(rowOfUser(&u))
	})
}

// ListUsers returns all users by name.
func (s *Store) ListUsers(ctx context.Context) ([]identity.User, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	rows, err := in[userRow](s.read.WithContext(ctx)).list("name", "")
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return usersOf(rows), nil
}

// FindUser returns the user with an id or a name.
func (s *Store) FindUser(ctx context.Context, idOrName string) (identity.User, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	ref := strings.ToLower(storable(idOrName))
	row, err := in[userRow](s.read.WithContext(ctx)).first("id = ? OR name = ?", ref, ref)
	if err != nil {
		return identity.User{}, fmt.Errorf("find user: %w", err)
	}
	return row.user(), nil
}

// ChangeUser changes what the change says.
func (s *Store) ChangeUser(ctx context.Context, id string, change identity.UserChange) error {
	// The id sets itself: a change of nothing still finds out who is missing.
	columns := map[string]any{"id": id}
	if change.Role != nil {
		columns["role"] = string(*change.Role)
	}
	if change.TeamID != nil {
		columns["team_id"] = storable(*change.TeamID)
	}
	if change.Disabled != nil {
		columns["disabled"] = *change.Disabled
	}
	return s.changeIdentity(ctx, "change user", func(tx *gorm.DB) error {
		return in[userRow](tx).change(id, columns)
	})
}

// DeleteUser removes a user; the database removes the keys with it.
func (s *Store) DeleteUser(ctx context.Context, id string) error {
	return s.changeIdentity(ctx, "delete user", func(tx *gorm.DB) error {
		return in[userRow](tx).remove(id)
	})
}
