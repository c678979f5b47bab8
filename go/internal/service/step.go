package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Step is one thing done to the system: a file written or removed, a folder
// made, or a command run.
type Step struct {
	Write  string   `json:"write,omitempty"` // file
	Text   string   `json:"text,omitempty"`  // of it
	Remove string   `json:"remove,omitempty"`
	Folder string   `json:"folder,omitempty"`
	Run    []string `json:"run,omitempty"`
	May    bool     `json:"may_fail,omitempty"` // what it undoes need not be there
}

// Do takes steps until one fails.
func Do(ctx context.Context, steps []Step) error {
	for _, s := range steps {
		if err := s.do(ctx); err != nil && !s.May {
			return err
		}
	}
	return nil
}

func (s *Step) do(ctx context.Context) error {
	switch {
	case s.Write != "":
		if err := os.MkdirAll(filepath.Dir(s.Write), 0o755); err != nil {
			return err
		}
		return os.WriteFile(s.Write, []byte(s.Text), 0o644) // read by the system, and without secrets
	case s.Folder != "":
		return os.MkdirAll(s.Folder, folderMode)
	case s.Remove != "":
		err := os.Remove(s.Remove)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	default:
		_, err := run(ctx, s.Run)
		return err
	}
}

// ErrNoTool says that the program that speaks for the system is not there.
var ErrNoTool = errors.New("this system has no such service manager; 'gateway start' needs none")

// run runs a command and returns what it said, in its error too.
func run(ctx context.Context, command []string) (said string, err error) {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	said = strings.TrimSpace(string(out))
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return said, fmt.Errorf("%s is not there: %w", command[0], ErrNoTool)
	case err != nil && said != "":
		return said, fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, said)
	case err != nil:
		return said, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	return said, nil
}
