package ledger_test

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger/ledgertest"
)

const childVariable = "LEDGER_TEST_CHILD"

func TestMain(m *testing.M) {
	if args := os.Getenv(childVariable); args != "" {
		child(strings.Split(args, "|"))
		return
	}
	os.Exit(m.Run())
}

// fileStore keeps each batch in a file, so that it outlives who wrote it.
type fileStore struct {
	ledgertest.Store
	dir string
	mu  sync.Mutex
	n   int
}

func (s *fileStore) Apply(_ context.Context, batch []ledger.Entry) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	name := filepath.Join(s.dir, fmt.Sprintf("%d-%d", os.Getpid(), s.n))
	f, err := os.Create(name + ".tmp")
	if err != nil {
		return 0, err
	}
	err = errors.Join(gob.NewEncoder(f).Encode(batch), f.Close())
	if err == nil {
		err = os.Rename(name+".tmp", name+".rows")
	}
	return len(batch), err
}

// Heads is asked for when a journal says nothing of its chain any more.
func (s *fileStore) Heads(ctx context.Context) ([]ledger.Head, error) {
	all, err := gather(s.dir)
	if err != nil {
		return nil, err
	}
	return all.Heads(ctx)
}

// gather returns all rows that file stores have in dir. The same row may have
// come several times, but always as the same.
func gather(dir string) (*ledgertest.Store, error) {
	all := &ledgertest.Store{}
	files, err := filepath.Glob(filepath.Join(dir, "*.rows"))
	if err != nil {
		return nil, err
	}
	known := map[ledger.EntryKey]ledger.Entry{}
	for _, name := range files {
		var batch []ledger.Entry
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(gob.NewDecoder(f).Decode(&batch), f.Close()); err != nil {
			return nil, err
		}
		for _, e := range batch {
			e.Started = e.Started.UTC()
			key := ledger.EntryKey{RequestID: e.RequestID, Attempt: e.Attempt}
			if old, ok := known[key]; ok && old != e {
				return nil, fmt.Errorf("two rows are called %v:\n%+v\n%+v", key, old, e)
			}
			known[key] = e
		}
		if _, err := all.Apply(context.Background(), batch); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// child records calls until it is killed, and says on its output what it has
// been promised.
func child(args []string) {
	dir, rows, name, durability, storeDown := args[0], args[1], args[2], args[3], args[4] == "down"
	store := &fileStore{dir: rows}
	var s ledger.Store = store
	if storeDown {
		s = &ledgertest.Store{}
		s.(*ledgertest.Store).Fail(func() error { return errors.New("down") })
	}
	l := ledger.New(ledger.Options{
		Dir: dir, Store: s, Durability: ledger.Durability(durability), Sweep: 5 * time.Millisecond, MaxBytes: 1 << 20,
	})
	if err := l.Start(context.Background()); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var out sync.Mutex
	say := func(words ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Fprintln(os.Stdout, words...) // one write: a line is whole or not there
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", name, w, i)
				r, err := l.Open(context.Background(), openingOf(id))
				if err != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				if i%50 == 0 { // as a call does that waits for its answer
					time.Sleep(50 * time.Millisecond)
					say("open", id)
				}
				if i%5 == 0 {
					if r.Settle(context.Background(), attemptOf(0, ledger.Failed)) == nil {
						say("row", id, 0)
					}
					if r.Settle(context.Background(), attemptOf(1, ledger.Complete)) == nil {
						say("row", id, 1)
					}
				} else if r.Settle(context.Background(), attemptOf(0, ledger.Complete)) == nil {
					say("row", id, 0)
				}
			}
		})
	}
	wg.Wait()
}

// promises are what children said before they were killed.
type promises struct {
	mu     sync.Mutex
	opened map[string]bool
	rows   map[ledger.EntryKey]bool
}

func (p *promises) listen(t *testing.T, r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		p.mu.Lock()
		switch words[0] {
		case "open":
			p.opened[words[1]] = true
		case "row":
			n, _ := strconv.Atoi(words[2])
			p.rows[ledger.EntryKey{RequestID: words[1], Attempt: n}] = true
		default:
			t.Errorf("a child says %q", lines.Text())
		}
		p.mu.Unlock()
	}
}

// TestKilledProcessesLoseNothing kills processes that record, again and
// again: what was promised is there once, and every call that was opened has
// left a row.
func TestKilledProcessesLoseNothing(t *testing.T) {
	cycles := 20
	if testing.Short() {
		cycles = 5
	}
	dir, rows := t.TempDir(), t.TempDir()
	p := &promises{opened: map[string]bool{}, rows: map[ledger.EntryKey]bool{}}
	var wg sync.WaitGroup
	for slot := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(slot)))
			for i := range cycles {
				durability, store := "normal", "up"
				if r.IntN(4) == 0 {
					durability = "sync"
				}
				if r.IntN(3) == 0 {
					store = "down"
				}
				life := time.Duration(30+r.IntN(120)) * time.Millisecond
				live(t, p, life, dir, rows, fmt.Sprintf("c%d.%d", slot, i), durability, store)
			}
		})
	}
	wg.Wait()
	promised := len(p.rows)
	if promised < 20*cycles {
		t.Errorf("the children recorded only %d rows", promised)
	}
	store, err := gather(rows)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := ledgertest.New(t, ledger.Options{Dir: dir, Store: store})
	flush(t, l)
	crashed := judge(t, p, store)
	t.Logf("%d rows promised, %d calls crashed", promised, crashed)
	v, err := l.Verify(t.Context())
	if err != nil || len(v.Faults) > 0 {
		t.Errorf("verification: %v, %v", v.Faults, err)
	}
}

func live(t *testing.T, p *promises, life time.Duration, args ...string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+strings.Join(args, "|"))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	timer := time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	p.listen(t, out)
	_ = cmd.Wait() // it was killed
}

func judge(t *testing.T, p *promises, store *ledgertest.Store) (crashed int) {
	t.Helper()
	calls := map[string]int{}
	for _, e := range store.Rows() {
		calls[e.RequestID]++
		delete(p.rows, ledger.EntryKey{RequestID: e.RequestID, Attempt: e.Attempt})
		if e.Outcome != ledger.Crashed {
			continue
		}
		crashed++
		if e.Usage.Input.N != 55 || e.ModelRequested != "gpt-x" || e.UserID != "u1" || e.Cost.Known {
			t.Errorf("the row of a crashed call is %+v", e)
		}
	}
	for key := range p.rows {
		t.Errorf("row %v was promised and is lost", key)
	}
	for id := range p.opened {
		if calls[id] == 0 {
			t.Errorf("call %s was opened and has no row", id)
		}
	}
	return crashed
}
