package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
)

// How often the parent's id is looked at.
const (
	parentPoll  = 500 * time.Millisecond
	partingPoll = 50 * time.Millisecond // once standard input has ended: what dies closes its files first
)

var errParentGone = errors.New("the parent process is gone")

// boss is who began the daemon, and may end it.
type boss struct {
	input  io.Reader // its end is the order to stop; nil: there is none
	parent parent
}

// findBoss returns whom the daemon obeys in a mode, nil for the empty one. It is
// to be called first of all, since the parent may be gone any time.
func findBoss(mode string, stdin io.Reader) (*boss, error) {
	kind, number, named := strings.Cut(mode, ":")
	pid := os.Getppid()
	if named {
		var err error
		if pid, err = strconv.Atoi(number); err != nil || pid <= 0 || kind != "pid" {
			return nil, wrongMode(mode)
		}
	}
	switch kind {
	case "":
		return nil, nil
	case "stdin":
		if f, ok := stdin.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			// To read it would stop a job in the background, and nobody holds its other end.
			stdin = nil
		}
		return &boss{input: stdin, parent: holdParent(pid)}, nil
	case "pid":
		return &boss{parent: holdParent(pid)}, nil
	}
	return nil, wrongMode(mode)
}

func wrongMode(mode string) error {
	return usageError{fmt.Errorf("--parent-watch %q: it is stdin, pid or pid:NUMBER", mode)}
}

// sip is how much of standard input is read at a time. Nothing is expected
// there; what comes without end must not keep a core busy.
const (
	sip      = 4 << 10 // bytes
	sipPause = 10 * time.Millisecond
)

// drain reads to the end, any end.
func drain(r io.Reader) {
	buf := make([]byte, sip)
	for {
		if _, err := r.Read(buf); err != nil {
			return
		}
		time.Sleep(sipPause)
	}
}
