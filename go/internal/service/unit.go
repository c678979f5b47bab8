package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Unit is a gateway as one system would keep it running: the steps to take, and
// how to see what has become of it.
type Unit struct {
	File      string // the unit; "" where the system keeps it
	Install   []Step
	Uninstall []Step
	Start     []Step
	Stop      []Step
	Hint      string // what a person is to know once it is installed

	query []string
	read  func(said string, err error) State
}

// Options say what is to run, and for whom.
type Options struct {
	Program string            // path
	Flags   map[string]string // of gateway serve, by name
	System  bool              // for the machine, not for one user
	Home    string            // of the user
	Config  string            // folder for the configuration of the user
	UID     int
	Data    string // data folder where the system offers none; "" its own
}

// State is what a system says of a unit.
type State struct {
	Installed bool   `json:"installed"`
	Running   bool   `json:"running"`
	PID       int    `json:"pid,omitempty"`
	Word      string `json:"word,omitempty"` // the system's own
}

// New makes the unit for an operating system, by Go's name for it.
func New(goos string, o Options) (*Unit, error) {
	switch goos {
	case "linux":
		return Systemd(o)
	case "darwin":
		return Launchd(o)
	case "windows":
		return SCM(o)
	}
	return nil, fmt.Errorf("services are not known on %s; 'gateway start' needs none", goos)
}

// State asks the system.
func (u *Unit) State(ctx context.Context) (State, error) {
	said, err := run(ctx, u.query)
	if errors.Is(err, ErrNoTool) {
		return State{}, err
	}
	s := u.read(said, err)
	if u.File != "" && !s.Installed {
		_, err := os.Stat(u.File)
		s.Installed = !errors.Is(err, fs.ErrNotExist)
	}
	return s, nil
}

// replaceOnce puts text in the place of what stands once in a unit.
func replaceOnce(unit, old, text string) (string, error) {
	if strings.Count(unit, old) != 1 {
		return "", fmt.Errorf("the unit does not hold %q once", old)
	}
	return strings.Replace(unit, old, text, 1), nil
}

// field returns what follows the name in a line that begins with it.
func field(said, name string) string {
	for line := range strings.Lines(said) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func count(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}
