package config

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is something about the configuration that cannot work, or will not
// do what was meant. No part of it shows a secret.
type Problem struct {
	Key     string `json:"key,omitempty"` // the setting at fault
	Where   string `json:"where"`         // file:line, env NAME, flag --name
	Warning bool   `json:"warning"`       // works all the same
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// String puts all of it on one line.
func (p Problem) String() string {
	parts := make([]string, 0, 3)
	for _, part := range [...]string{p.Where, p.Key, strings.TrimSpace(p.Message + " " + p.Fix)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// InvalidError is the error of Load. It holds everything that was found, the
// warnings too.
type InvalidError struct {
	Problems []Problem

	reads []content // files whose change may mend it
}

// Error lists what must be mended, one line each.
func (e *InvalidError) Error() string {
	var lines []string
	for _, p := range e.Problems {
		if !p.Warning {
			lines = append(lines, p.String())
		}
	}
	if len(lines) == 1 {
		return "configuration: " + lines[0]
	}
	return fmt.Sprintf("configuration: %d problems:\n  %s", len(lines), strings.Join(lines, "\n  "))
}

// flawError is what is wrong with a value and how to mend it.
type flawError struct{ message, fix string }

func (f *flawError) Error() string { return f.message + " " + f.fix }

func flaw(message, fix string) error { return &flawError{message, fix} }

// fault adds an error about a key to the problems.
func (l *loader) fault(key string, from Source, err error) {
	var f *flawError
	if !errors.As(err, &f) {
		f = &flawError{message: err.Error()}
	}
	l.problems = append(l.problems, Problem{Key: key, Where: from.String(), Message: f.message, Fix: f.fix})
}

// warn adds a warning about a key to the problems.
func (l *loader) warn(key string, from Source, message, fix string) {
	l.problems = append(l.problems, Problem{Key: key, Where: from.String(), Warning: true, Message: message, Fix: fix})
}

// failed reports whether any problem is more than a warning.
func (l *loader) failed() bool {
	for _, p := range l.problems {
		if !p.Warning {
			return true
		}
	}
	return false
}
