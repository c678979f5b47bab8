package identity

import (
	"context"
	"slices"
	"sync"
	"time"
)

// memory is a Store and a Source. Fail, if set, is asked before every step.
type memory struct {
	mu       sync.Mutex
	users    []User
	keys     []Key
	revision int64
	looks    int // at the whole of it
	touched  map[string]time.Time
	fail     func() error
}

func (m *memory) step(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	return f()
}

func (m *memory) change(f func() error) error {
	return m.step(func() error {
		err := f()
		if err == nil {
			m.revision++
		}
		return err
	})
}

// breakWith makes every step fail with err, or work again.
func (m *memory) breakWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = nil
	if err != nil {
		m.fail = func() error { return err }
	}
}

func (m *memory) Revision(context.Context) (n int64, err error) {
	err = m.step(func() error { n = m.revision; return nil })
	return n, err
}

func (m *memory) Everyone(context.Context) (users []User, keys []Key, err error) {
	err = m.step(func() error {
		m.looks++
		users, keys = slices.Clone(m.users), slices.Clone(m.keys)
		return nil
	})
	return users, keys, err
}

func (m *memory) Touch(_ context.Context, uses []Use) error {
	return m.step(func() error {
		if m.touched == nil {
			m.touched = map[string]time.Time{}
		}
		for _, u := range uses {
			m.touched[u.KeyID] = u.At
		}
		return nil
	})
}

func (m *memory) CreateUser(_ context.Context, u User) error {
	return m.change(func() error {
		if slices.ContainsFunc(m.users, func(o User) bool { return o.Name == u.Name }) {
			return ErrNameTaken
		}
		m.users = append(m.users, u)
		return nil
	})
}

func (m *memory) ListUsers(context.Context) (users []User, err error) {
	err = m.step(func() error { users = slices.Clone(m.users); return nil })
	return users, err
}

func (m *memory) user(ref string) int {
	return slices.IndexFunc(m.users, func(u User) bool { return u.ID == ref || u.Name == ref })
}

func (m *memory) FindUser(_ context.Context, ref string) (u User, err error) {
	err = m.step(func() error {
		i := m.user(ref)
		if i < 0 {
			return ErrNotFound
		}
		u = m.users[i]
		return nil
	})
	return u, err
}

func (m *memory) ChangeUser(_ context.Context, id string, c UserChange) error {
	return m.change(func() error {
		i := m.user(id)
		if i < 0 {
			return ErrNotFound
		}
		u := &m.users[i]
		if c.Role != nil {
			u.Role = *c.Role
		}
		if c.TeamID != nil {
			u.TeamID = *c.TeamID
		}
		if c.Disabled != nil {
			u.Disabled = *c.Disabled
		}
		return nil
	})
}

func (m *memory) DeleteUser(_ context.Context, id string) error {
	return m.change(func() error {
		i := m.user(id)
		if i < 0 {
			return ErrNotFound
		}
		m.users = slices.Delete(m.users, i, i+1)
		m.keys = slices.DeleteFunc(m.keys, func(k Key) bool { return k.UserID == id })
		return nil
	})
}

func (m *memory) CreateKey(_ context.Context, k Key) error {
	return m.change(func() error {
		if m.user(k.UserID) < 0 {
			return ErrNotFound
		}
		m.keys = append(m.keys, k)
		return nil
	})
}

func (m *memory) ListKeys(_ context.Context, user string) (keys []Key, err error) {
	err = m.step(func() error {
		for _, k := range m.keys {
			if user == "" || k.UserID == user {
				keys = append(keys, k)
			}
		}
		return nil
	})
	return keys, err
}

func (m *memory) RevokeKey(_ context.Context, id string, at time.Time) error {
	return m.change(func() error {
		i := slices.IndexFunc(m.keys, func(k Key) bool { return k.ID == id })
		if i < 0 {
			return ErrNotFound
		}
		if m.keys[i].Revoked.IsZero() {
			m.keys[i].Revoked = at
		}
		return nil
	})
}

func (m *memory) DeleteKey(_ context.Context, id string) error {
	return m.change(func() error {
		n := len(m.keys)
		m.keys = slices.DeleteFunc(m.keys, func(k Key) bool { return k.ID == id })
		if len(m.keys) == n {
			return ErrNotFound
		}
		return nil
	})
}

func (m *memory) CreateFirst(_ context.Context, u User, k Key) (ok bool, err error) {
	err = m.change(func() error {
		if len(m.users) > 0 {
			return nil
		}
		m.users, m.keys, ok = []User{u}, []Key{k}, true
		return nil
	})
	return ok, err
}

// clock is a time that moves when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}
