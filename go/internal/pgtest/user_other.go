//go:build !unix

package pgtest

import (
	"errors"
	"os/exec"
)

var errNoUnix = errors.New("a PostgreSQL for tests needs a Unix system")

func own(string) error { return errNoUnix }

func unprivileged(*exec.Cmd) error { return errNoUnix }
