package e2e_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// journals counts the folders in which processes keep their journals.
func journals(t *testing.T, d *daemon.Daemon) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(d.Dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() {
			n++
		}
	}
	return n
}

// TestTwoDaemonsAndTheCommandLine work on one data folder side by side.
func TestTwoDaemonsAndTheCommandLine(t *testing.T) {
	t.Parallel()
	one := daemon.Start(t)
	two := daemon.On(t, one.Dir)
	two.Run(t)
	seen := &steady{answered: answered{ids: map[string]bool{}}}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var load sync.WaitGroup
	for _, d := range []*daemon.Daemon{one, two} {
		for range 2 {
			load.Go(func() { seen.load(ctx, d.URL, daemon.Key) })
		}
	}
	enough := time.Now().Add(time.Minute)
	for round := 0; round < 3 || seen.count() < 100 && time.Now().Before(enough); round++ {
		for _, args := range [][]string{{"ledger", "verify"}, {"usage"}, {"users", "list"}, {"ledger", "export"}} {
			one.CLI(t, args...)
		}
	}
	one.Kill() // the other adopts what it leaves behind
	stop()
	load.Wait()
	checkRows(t, two, seen.ids)
	one.Run(t)
	eventually(t, 20*time.Second, "one journal for each daemon", func() bool { return journals(t, two) == 2 })
	checkRows(t, two, seen.ids)
	if len(seen.ids) < 100 {
		t.Errorf("only %d answers: too little load to prove anything", len(seen.ids))
	}
}

// TestSyncDurability answers only what is on stable storage.
func TestSyncDurability(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, daemon.Start(t, "TOKLIGENCE_LEDGER_DURABILITY=sync"), 3)
}
