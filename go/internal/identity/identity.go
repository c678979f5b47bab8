// Package identity knows users, their keys and what each may do. It keeps an
// in-memory directory for the request path and must not know where users are
// stored, how a credential travels or what a request contains.
package identity

import "slices"

// DefaultOrg is the organisation of everyone until organisations are opened.
const DefaultOrg = "default"

// Role says how much a user may administer.
type Role string

// The roles, strongest first.
const (
	Root     Role = "root"  // everything, including other administrators
	Admin    Role = "admin" // users and keys, but no root
	Ordinary Role = "user"  // own keys and own usage
)

// rank orders roles; what is no role ranks below all.
func (r Role) rank() int {
	switch r {
	case Root:
		return 3
	case Admin:
		return 2
	case Ordinary:
		return 1
	default:
		return 0
	}
}

// Valid reports whether r is a role.
func (r Role) Valid() bool { return r.rank() > 0 }

// Covers reports whether a holder of r may grant other or act on its holder:
// nobody reaches above their own role.
func (r Role) Covers(other Role) bool { return r.Valid() && other.Valid() && r.rank() >= other.rank() }

// The scopes a principal may hold. Inference is calling models, the others
// are parts of the management interface.
const (
	ScopeInference = "inference"
	ScopeUsage     = "usage"     // read one's own usage
	ScopeUsageAll  = "usage:all" // read everyone's usage
	ScopeKeys      = "keys"      // manage one's own keys
	ScopeUsers     = "users"     // manage users and everyone's keys
	ScopeSystem    = "system"    // configuration and operation
)

// Scopes returns what a role may do.
func (r Role) Scopes() []string {
	switch r {
	case Root:
		return []string{ScopeInference, ScopeUsage, ScopeKeys, ScopeUsageAll, ScopeUsers, ScopeSystem}
	case Admin:
		return []string{ScopeInference, ScopeUsage, ScopeKeys, ScopeUsageAll, ScopeUsers}
	case Ordinary:
		return []string{ScopeInference, ScopeUsage, ScopeKeys}
	default:
		return nil
	}
}

// Principal is who pays for a call. Its slices are shared: read only.
type Principal struct {
	OrgID, TeamID, UserID, KeyID, KeyName string
	Role                                  Role
	Models                                []string // allowed patterns; nil: all, empty: none
	Scopes                                []string
	MayLoop                               bool // calls of this key pass the loop breaker
}

// Has reports whether the principal holds a scope.
func (p *Principal) Has(scope string) bool { return slices.Contains(p.Scopes, scope) }
