package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// LocalUser is the id of the owner of a personal gateway.
const LocalUser = "local"

// LocalOwner is the principal of a personal gateway and of whoever works on
// the database directly, which only its owner can.
func LocalOwner() Principal {
	return Principal{
		OrgID: DefaultOrg, UserID: LocalUser, KeyID: LocalUser, KeyName: LocalUser,
		Role: Root, Scopes: Root.Scopes(),
	}
}

// Registry holds the use cases on users and keys. Every method takes who
// asks; nobody grants or touches more than their own role covers.
type Registry struct {
	store Store
	now   func() time.Time
}

// NewRegistry returns the use cases on a store.
func NewRegistry(store Store) *Registry { return &Registry{store: store, now: time.Now} }

// NewUser is a user to create. An empty role is Ordinary.
type NewUser struct {
	Name   string
	TeamID string
	Role   Role
}

// CreateUser adds a user.
func (r *Registry) CreateUser(ctx context.Context, by Principal, n NewUser) (User, error) {
	if err := needs(by, ScopeUsers); err != nil {
		return User{}, err
	}
	if n.Role == "" {
		n.Role = Ordinary
	}
	if err := grantable(by, n.Role); err != nil {
		return User{}, err
	}
	name, err := userName(n.Name)
	if err != nil {
		return User{}, err
	}
	u := User{
		ID: newID(), OrgID: orDefault(by.OrgID, DefaultOrg), TeamID: n.TeamID,
		Name: name, Role: n.Role, Created: r.now().UTC().Truncate(time.Microsecond),
	}
	if err := r.store.CreateUser(ctx, u); err != nil {
		return User{}, failed("create the user", "user "+name, err)
	}
	return u, nil
}

// ListUsers returns all users, or the asking one if that is all it may see.
func (r *Registry) ListUsers(ctx context.Context, by Principal) ([]User, error) {
	users, err := r.store.ListUsers(ctx)
	if err != nil {
		return nil, failed("list users", "users", err)
	}
	if by.Has(ScopeUsers) {
		return users, nil
	}
	own := users[:0]
	for _, u := range users {
		if u.ID == by.UserID {
			own = append(own, u)
		}
	}
	return own, nil
}

// FindUser returns a user by id or name.
func (r *Registry) FindUser(ctx context.Context, by Principal, idOrName string) (User, error) {
	u, err := r.store.FindUser(ctx, idOrName)
	if err == nil && u.ID != by.UserID && !by.Has(ScopeUsers) {
		err = ErrNotFound // whether it exists is none of their business
	}
	if err != nil {
		return User{}, failed("find the user", fmt.Sprintf("user %q", idOrName), err)
	}
	return u, nil
}

// ChangeUser changes role, team or standing of a user, named by id or name.
func (r *Registry) ChangeUser(ctx context.Context, by Principal, idOrName string, c UserChange) (User, error) {
	u, err := r.governed(ctx, by, idOrName)
	if err != nil {
		return User{}, err
	}
	if c.Role != nil {
		if err := grantable(by, *c.Role); err != nil {
			return User{}, err
		}
	}
	if c.Role != nil && *c.Role != Root || c.Disabled != nil && *c.Disabled {
		if err := r.notLastRoot(ctx, u); err != nil {
			return User{}, err
		}
	}
	if err := r.store.ChangeUser(ctx, u.ID, c); err != nil {
		return User{}, failed("change the user", "user "+u.Name, err)
	}
	return r.FindUser(ctx, by, u.ID)
}

// DeleteUser removes a user and all keys. What they used stays in the ledger.
func (r *Registry) DeleteUser(ctx context.Context, by Principal, idOrName string) (User, error) {
	u, err := r.governed(ctx, by, idOrName)
	if err != nil {
		return User{}, err
	}
	if err := r.notLastRoot(ctx, u); err != nil {
		return User{}, err
	}
	if err := r.store.DeleteUser(ctx, u.ID); err != nil {
		return User{}, failed("delete the user", "user "+u.Name, err)
	}
	return u, nil
}

// Bootstrap creates the user root with one key if there are no users yet, and
// returns that key. Otherwise ok is false.
func (r *Registry) Bootstrap(ctx context.Context) (token secret.Secret, ok bool, err error) {
	now := r.now().UTC().Truncate(time.Microsecond)
	u := User{ID: newID(), OrgID: DefaultOrg, Name: string(Root), Role: Root, Created: now}
	token = mint()
	k := Key{
		ID: newID(), UserID: u.ID, Name: "first start", Prefix: shownPart(token),
		Digest: DigestOf(token.Reveal()), Created: now,
	}
	ok, err = r.store.CreateFirst(ctx, u, k)
	if err != nil || !ok {
		return secret.Secret{}, false, failed("create the first administrator", "user root", err)
	}
	return token, true, nil
}

// governed returns a user whom the principal may act on.
func (r *Registry) governed(ctx context.Context, by Principal, idOrName string) (User, error) {
	if err := needs(by, ScopeUsers); err != nil {
		return User{}, err
	}
	u, err := r.FindUser(ctx, by, idOrName)
	if err != nil {
		return User{}, err
	}
	return u, above(by, u)
}

func (r *Registry) notLastRoot(ctx context.Context, u User) error {
	if u.Role != Root || u.Disabled {
		return nil
	}
	users, err := r.store.ListUsers(ctx)
	if err != nil {
		return failed("list users", "users", err)
	}
	for _, other := range users {
		if other.ID != u.ID && other.Role == Root && !other.Disabled {
			return nil
		}
	}
	return llm.Errorf(llm.Invalid, "user %s is the last one with role root: give the role to another user first", u.Name)
}

func above(by Principal, u User) error {
	if !by.Role.Covers(u.Role) {
		return llm.Errorf(llm.Forbidden, "user %s has role %s, which is above yours", u.Name, u.Role)
	}
	return nil
}

func grantable(by Principal, role Role) error {
	switch {
	case !role.Valid():
		return llm.InvalidField("role", "there is no role %q: use root, admin or user", role)
	case !by.Role.Covers(role):
		return llm.Errorf(llm.Forbidden, "role %s is above yours: nobody grants more than their own role", role)
	}
	return nil
}

func needs(by Principal, scope string) error {
	if !by.Has(scope) {
		return llm.Errorf(llm.Forbidden, "this needs the scope %s, which role %q does not have", scope, by.Role)
	}
	return nil
}

const maxName = 64

// userName returns the name as kept: lower case, so that two users never
// differ by case alone.
func userName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	switch {
	case name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName:
		return "", llm.InvalidField("name", "a user name has 1 to %d characters", maxName)
	case name == LocalUser:
		return "", llm.InvalidField("name", "the name %q is kept for the owner of a personal gateway", name)
	}
	if _, err := uuid.Parse(name); err == nil {
		return "", llm.InvalidField("name", "a user name must not look like an id")
	}
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._@+-", c) {
			return "", llm.InvalidField("name", "a user name has letters, digits and . _ @ + - only, not %q", c)
		}
	}
	return name, nil
}

// failed says a store's answer in words for a client.
func failed(doing, what string, err error) error {
	var known *llm.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return &llm.Error{Kind: llm.NotFound, Message: "there is no " + what, Err: err}
	case errors.Is(err, ErrNameTaken):
		return &llm.Error{Kind: llm.Invalid, Field: "name", Code: "name_taken", Message: what + " exists already", Err: err}
	case errors.As(err, &known):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, context.Canceled):
		return llm.AsError(err)
	}
	return unavailable("cannot "+doing+": the database does not answer", err)
}

func unavailable(message string, err error) *llm.Error {
	return &llm.Error{Kind: llm.Unavailable, Code: "database_unavailable", Message: message, RetryAfter: time.Second, Err: err}
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// newID returns a UUIDv7. Its only failure is a broken random source, which
// ends the process before it gets here.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
