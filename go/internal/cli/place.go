package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/logging"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
	"github.com/tokligence/tokligence-gateway/go/internal/service"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// place is where a daemon stands: on the terminal it was started from, or, if
// claim is set, detached and alone in its data folder.
type place struct {
	claim   *service.Claim
	record  service.Record
	stderr  io.Writer
	log     *slog.Logger
	settled atomic.Bool // nobody reads standard error any more
}

// takePlace makes a daemon that gateway start began the one of its data folder.
func (c *command) takePlace(cfg *config.Config, f serveFlags) (*place, error) {
	at := &place{stderr: c.err, log: slog.New(slog.DiscardHandler)}
	if !f.detached {
		return at, nil
	}
	at.record = service.Record{PID: os.Getpid(), Version: version.Version(), Started: time.Now().UTC()}
	var err error
	at.claim, err = service.NewClaim(cfg.DataDir, f.pidFile, at.record)
	return at, err
}

// openLogs opens the log. What is detached has no other place than a file.
func (at *place) openLogs(cfg *config.Config, stderr io.Writer) (*logging.Log, error) {
	o := logOptions(cfg, programDaemon, stderr)
	if at.claim != nil {
		o.File, o.Stderr = true, nil
	}
	logs, err := logging.Open(o)
	if err != nil {
		return nil, err
	}
	at.log, at.record.Log = logs.Logger, logs.Path()
	return logs, nil
}

// announce shows the first key of a team, on the terminal and nowhere else.
func (at *place) announce(token secret.Secret) {
	if !at.settled.Load() {
		_, err := fmt.Fprintf(at.stderr, "\nThe administrator's key, shown this once:\n\n  %s\n\nMake others with 'gateway users create' and 'gateway keys create'.\n\n", token.Reveal())
		if err == nil {
			return
		}
	}
	at.log.Warn("the administrator's first key cannot be shown any more; make one with 'gateway keys create'")
}

// tell writes where the daemon is, once it is ready.
func (at *place) tell(cfg *config.Config, url string) error {
	if at.claim == nil {
		return nil
	}
	at.settled.Store(true)
	at.record.URL = url
	return errors.Join(service.Settle(cfg.Log.Dir), at.claim.Tell(at.record))
}

// stopping says that no more calls are taken.
func (at *place) stopping() {
	if at.claim == nil {
		return
	}
	at.record.Stopping = true
	if err := at.claim.Tell(at.record); err != nil {
		at.log.Warn("the record of this daemon is not written", "error", err.Error())
	}
}

func (at *place) leave() error {
	if at.claim == nil {
		return nil
	}
	return at.claim.Release()
}
