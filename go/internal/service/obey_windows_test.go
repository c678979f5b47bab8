package service

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows/svc"
)

// TestServantEnds has the system start again what ended by an error, unless the
// system told it to end.
func TestServantEnds(t *testing.T) {
	for name, c := range map[string]struct {
		told bool
		err  error
		own  bool
		code uint32
	}{
		"well":                {},
		"by an error":         {err: errors.New("no port"), own: true, code: failedCode},
		"told":                {told: true},
		"told and then badly": {told: true, err: errors.New("not flushed")},
	} {
		t.Run(name, func(t *testing.T) {
			s := &servant{end: func() {}, done: make(chan error, 1)}
			orders, said := make(chan svc.ChangeRequest), make(chan svc.Status, 2)
			if c.told {
				go func() {
					orders <- svc.ChangeRequest{Cmd: svc.Stop}
					s.done <- c.err
				}()
			} else {
				s.done <- c.err
			}
			if own, code := s.Execute(nil, orders, said); own != c.own || code != c.code {
				t.Errorf("%v %d", own, code)
			}
		})
	}
}
