package metrics

import "sync"

// series keeps the series of a vector by their labels. Every call counts in
// several, and to find them by hashing label texts costs ten times as much.
type series[Labels comparable, S any] struct {
	find func(Labels) S

	mu    sync.RWMutex
	known map[Labels]S
}

func newSeries[Labels comparable, S any](find func(Labels) S) *series[Labels, S] {
	return &series[Labels, S]{find: find, known: make(map[Labels]S)}
}

// of returns the series with these labels, which begins at zero.
func (s *series[Labels, S]) of(labels Labels) S {
	s.mu.RLock()
	one, ok := s.known[labels]
	s.mu.RUnlock()
	if ok {
		return one
	}
	one = s.find(labels)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[labels] = one
	return one
}
