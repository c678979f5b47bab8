package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// parentPoll is how often the parent's id is looked at.
const parentPoll = 500 * time.Millisecond

var errParentGone = errors.New("the parent process is gone")

// watchParent returns a function that returns when the parent is gone or its
// context ends. It is nil for the empty mode.
func watchParent(mode string, stdin io.Reader) (func(context.Context) error, error) {
	switch mode {
	case "":
		return nil, nil
	case "stdin":
		if f, ok := stdin.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			// To read it would stop a job in the background, and nobody holds its other end.
			return parentEnd, nil
		}
		return func(context.Context) error {
			drain(stdin)
			return errParentGone
		}, nil
	case "pid":
		return parentEnd, nil
	}
	return nil, fmt.Errorf("--parent-watch %q: it is stdin or pid", mode)
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
