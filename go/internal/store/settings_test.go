package store

import (
	"sync"
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
