package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	lookPause = 20 * time.Millisecond
	maxWords  = 1 << 20 // bytes
)

// ErrNotReady says that a daemon is still starting when the patience ends.
var ErrNotReady = errors.New("the gateway is not ready yet")

// Command is a daemon to be started.
type Command struct {
	Program string
	Args    []string
	DataDir string
	Wait    time.Duration // for it to be ready
	Stderr  io.Writer     // gets what it said until it was ready or ended
}

// Start runs a daemon that outlives this process and waits until it is ready.
// Already tells that another was there, or came first. With ErrNotReady the
// daemon goes on starting; with ErrEnded it has said why it does not.
func Start(ctx context.Context, c Command) (r *Record, already bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	if r, err = standing(ctx, c.DataDir); err != nil {
		return nil, false, err
	}
	if r != nil {
		r, err = await(ctx, c.DataDir, nil)
		return r, true, err
	}
	return spawn(ctx, c)
}

// standing returns the daemon there is. It waits for the end of one that is
// stopping.
func standing(ctx context.Context, dataDir string) (*Record, error) {
	r, err := Inspect(dataDir)
	if err != nil || r == nil || !r.Stopping {
		return r, err
	}
	gone, err := awaitEnd(ctx, dataDir, r.PID)
	if err == nil && !gone {
		err = ErrStopping
	}
	if err != nil {
		return nil, err
	}
	return Inspect(dataDir)
}

// ErrStopping says that another daemon is still finishing its calls.
var ErrStopping = errors.New("a gateway is still stopping there")

// spawn starts the program and waits until it, or one that came first, is ready.
func spawn(ctx context.Context, c Command) (r *Record, already bool, err error) {
	child := exec.Command(c.Program, c.Args...)
	child.SysProcAttr = apart()
	stderr, err := child.StderrPipe()
	if err != nil {
		return nil, false, err
	}
	if err := child.Start(); err != nil {
		return nil, false, fmt.Errorf("starting %s: %w", c.Program, err)
	}
	said, ended := make(chan struct{}), make(chan struct{})
	out := &words{}
	go func() { // ends with the daemon or with this process
		_, _ = io.Copy(out, stderr) // until it has settled
		close(said)
		_ = child.Wait() // what matters is that it has ended
		close(ended)
	}()
	r, err = await(ctx, c.DataDir, ended)
	if err != nil {
		return r, false, errors.Join(err, out.writeTo(c.Stderr))
	}
	last := said
	if already = r.PID != child.Process.Pid; already {
		last = ended // the other came first; this one gives up
	}
	select {
	case <-last:
	case <-ctx.Done():
	}
	if already {
		return r, true, nil
	}
	return r, false, out.writeTo(c.Stderr)
}

// ErrEnded says that a daemon ended instead of being ready. It has said why.
var ErrEnded = errors.New("the gateway ended before it was ready")

// await looks until the record names an address. A nil ended never comes.
func await(ctx context.Context, dataDir string, ended <-chan struct{}) (*Record, error) {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	gone := false
	for {
		r, err := Inspect(dataDir)
		switch {
		case err != nil:
			return nil, err
		case r != nil && r.Ready():
			return r, nil
		case r == nil && (gone || ended == nil):
			return nil, ErrEnded
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return r, ErrNotReady
			}
			return r, ctx.Err()
		case <-ended:
			gone, ended = true, nil // another may have come first: look once more
		case <-tick.C:
		}
	}
}

// words are what a daemon says before it is ready.
type words struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p[:min(len(p), maxWords-len(w.text))]...)
	return len(p), nil
}

func (w *words) writeTo(out io.Writer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := out.Write(w.text)
	return err
}

// Stop asks the daemon of a data folder to end and waits for it: for the calls
// in flight within wait, then, asked again, it cuts them, and after Mercy it is
// killed. R is nil if none ran.
func Stop(ctx context.Context, dataDir string, wait time.Duration) (r *Record, how Ending, err error) {
	r, err = identified(ctx, dataDir)
	if r == nil || err != nil {
		return nil, Ended, err
	}
	process, err := os.FindProcess(r.PID)
	if err != nil {
		return r, Ended, fmt.Errorf("finding process %d: %w", r.PID, err)
	}
	defer func() { _ = process.Release() }()
	// The process is held now. If the record is still true, it is the right one.
	for _, step := range []struct {
		how  Ending
		do   func(*os.Process) error
		wait time.Duration
	}{{Ended, ask, wait}, {Cut, ask, Mercy}, {Killed, (*os.Process).Kill, Mercy}} {
		now, err := Inspect(dataDir)
		if err != nil {
			return r, step.how, err
		}
		if now == nil || now.PID != r.PID && now.PID != 0 {
			return r, how, nil
		}
		how = step.how
		if err := step.do(process); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return r, how, fmt.Errorf("stopping process %d: %w", r.PID, err)
		}
		gone, err := awaitEndFor(ctx, dataDir, r.PID, step.wait)
		if gone {
			awaitExit(process)
		}
		if gone || err != nil {
			return r, how, err
		}
	}
	return r, how, fmt.Errorf("process %d does not end", r.PID)
}

// exitTime bounds the last moments of a process that has given its record up.
// One whose parent never buries it stays longer, and does nothing any more.
const exitTime = 500 * time.Millisecond

func awaitExit(p *os.Process) {
	for begin := time.Now(); p.Signal(syscall.Signal(0)) == nil && time.Since(begin) < exitTime; {
		time.Sleep(lookPause / 4)
	}
}

// Mercy is how long a daemon has to end once it was told to cut its calls, and
// again until it counts as not to be ended.
const Mercy = 10 * time.Second

// Ending is how a daemon came to its end.
type Ending int

// The ways to end.
const (
	Ended  Ending = iota // by itself, its calls finished
	Cut                  // by itself, calls in flight cut
	Killed               // by force
)

// identified returns the daemon there is. One that has only just begun is
// about to write its process id.
func identified(ctx context.Context, dataDir string) (*Record, error) {
	for begin := time.Now(); ; time.Sleep(lookPause) {
		r, err := Inspect(dataDir)
		switch {
		case err != nil || r == nil || r.PID != 0:
			return r, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case time.Since(begin) > Mercy:
			return nil, errors.New("the record of the gateway names no process")
		}
	}
}

func awaitEndFor(ctx context.Context, dataDir string, pid int, wait time.Duration) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return awaitEnd(ctx, dataDir, pid)
}

// awaitEnd returns when the daemon has given its record up, and false when the
// time of ctx is over.
func awaitEnd(ctx context.Context, dataDir string, pid int) (gone bool, err error) {
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for {
		r, err := Inspect(dataDir)
		if err != nil || r == nil || r.PID != pid && r.PID != 0 {
			return err == nil, err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return false, nil
			}
			return false, ctx.Err()
		case <-tick.C:
		}
	}
}
