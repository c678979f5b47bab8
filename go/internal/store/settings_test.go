package store

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

func TestSettingsAreMadeOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		migrated(t, open)
		const instances = 8
		ids, keys := make([]string, instances), make([]string, instances)
		var wait sync.WaitGroup
		for i := range instances {
			s := open()
			wait.Go(func() {
				id, err := s.Installation(t.Context())
				if err != nil {
					t.Error(err)
				}
				key, err := s.SealKey(t.Context())
				if err != nil {
					t.Error(err)
				}
				ids[i], keys[i] = id, key.Reveal()
			})
		}
		wait.Wait()
		if _, err := uuid.Parse(ids[0]); err != nil {
			t.Errorf("installation id %q: %v", ids[0], err)
		}
		if len(keys[0]) != sealKeyBytes {
			t.Errorf("the seal key has %d bytes", len(keys[0]))
		}
		for i := range instances {
			if ids[i] != ids[0] || keys[i] != keys[0] {
				t.Errorf("instance %d sees other settings", i)
			}
		}
	})
}

func TestSealKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	onBoth(t, func(t *testing.T, open opener) {
		key, err := migrated(t, open).SealKey(t.Context())
		if err != nil || seen[key.Reveal()] {
			t.Errorf("not a fresh key: %v", err)
		}
		seen[key.Reveal()] = true
	})
}

// TestUpdateStateIsSwappedOnce lets one of several instances note a check.
func TestUpdateStateIsSwappedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, open opener) {
		first := migrated(t, open)
		if note, err := first.UpdateState(t.Context()); note != nil || err != nil {
			t.Fatalf("before the first check: %q %v", note, err)
		}
		var old []byte
		for _, fresh := range []string{"one", "two"} {
			const instances = 6
			var wait sync.WaitGroup
			var winners atomic.Int32
			for i := range instances {
				s := open()
				wait.Go(func() {
					swapped, err := s.SwapUpdateState(t.Context(), old, fmt.Appendf(nil, "%s %d", fresh, i))
					if err != nil {
						t.Error(err)
					}
					if swapped {
						winners.Add(1)
					}
				})
			}
			wait.Wait()
			if winners.Load() != 1 {
				t.Errorf("%d of %d noted %s", winners.Load(), instances, fresh)
			}
			note, err := first.UpdateState(t.Context())
			if err != nil || !strings.HasPrefix(string(note), fresh) {
				t.Errorf("noted %q %v", note, err)
			}
			old = note
		}
	})
}
