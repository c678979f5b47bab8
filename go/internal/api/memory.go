package api

import "sync/atomic"

// Memory is what bodies of requests, and what is kept of them for a while,
// may take together, in bytes.
type Memory struct{ used, most atomic.Int64 }

// NewMemory returns memory without a bound; the limits of a Door set it.
func NewMemory() *Memory { return new(Memory) }

// Take takes so many bytes, or none if there are not so many.
func (m *Memory) Take(bytes int64) bool {
	if most := m.most.Load(); m.used.Add(bytes) > most && most > 0 {
		m.used.Add(-bytes)
		return false
	}
	return true
}

// Give gives bytes back.
func (m *Memory) Give(bytes int64) { m.used.Add(-bytes) }

// Used is how many bytes are taken.
func (m *Memory) Used() int64 { return m.used.Load() }
