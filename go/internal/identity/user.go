package identity

import (
	"context"
	"errors"
	"time"
)

// User is a person or a program with a name.
type User struct {
	ID       string // UUIDv7
	OrgID    string
	TeamID   string
	Name     string // unique, lower case
	Role     Role
	Disabled bool
	Created  time.Time
}

// Key is an API key without its secret.
type Key struct {
	ID       string // UUIDv7
	UserID   string
	Name     string
	Prefix   string // the 8 characters after tok_
	Digest   Digest
	Models   []string // allowed patterns; nil: all, empty: none
	MayLoop  bool     // its calls pass the loop breaker
	Created  time.Time
	Expires  time.Time // zero: never
	Revoked  time.Time // zero: not revoked
	LastUsed time.Time // zero: never; coarse, to the minute
}

// Shown returns what may be printed of the key.
func (k *Key) Shown() string { return keyPrefix + k.Prefix + "..." }

// Live reports whether the key itself opens anything at the time.
func (k *Key) Live(now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// UserChange is what may change of a user; nil leaves it as it is.
type UserChange struct {
	Role     *Role
	TeamID   *string
	Disabled *bool
}

// Use says when a key was last used.
type Use struct {
	KeyID string
	At    time.Time
}

// What a Store answers when it is not a failure of its own.
var (
	ErrNotFound  = errors.New("not found")
	ErrNameTaken = errors.New("name is taken")
)

// Source is what a Directory reads, and the uses it reports back.
type Source interface {
	// Revision changes with every change of users and keys, uses apart.
	Revision(ctx context.Context) (int64, error)
	Everyone(ctx context.Context) ([]User, []Key, error)
	Touch(ctx context.Context, uses []Use) error
}

// Users keeps users.
type Users interface {
	CreateUser(ctx context.Context, u User) error // ErrNameTaken
	ListUsers(ctx context.Context) ([]User, error)
	FindUser(ctx context.Context, idOrName string) (User, error) // ErrNotFound
	ChangeUser(ctx context.Context, id string, change UserChange) error
	DeleteUser(ctx context.Context, id string) error // with all keys
}

// Keys keeps keys.
type Keys interface {
	CreateKey(ctx context.Context, k Key) error                   // ErrNotFound: no such user
	ListKeys(ctx context.Context, userID string) ([]Key, error)   // "": of all users
	RevokeKey(ctx context.Context, id string, at time.Time) error // keeps the first time
	DeleteKey(ctx context.Context, id string) error
}

// Store keeps users and keys.
type Store interface {
	Users
	Keys
	// CreateFirst adds the user and the key if there is no user at all, and
	// reports whether it did. Of several callers at once one succeeds.
	CreateFirst(ctx context.Context, u User, k Key) (bool, error)
}
