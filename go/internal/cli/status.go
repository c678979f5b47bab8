package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/service"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// What a gateway can be found doing.
const (
	stateRunning  = "running"  // begun by gateway start, and it is ready
	stateStarting = "starting" // or it has not said yet where it is
	stateStopping = "stopping" // or it finishes its calls
	stateDegraded = "degraded" // it runs, and something it needs does not
	stateSilent   = "silent"   // it runs, and does not answer
	stateOther    = "other"    // one answers at the configured address that something else has started
	stateStopped  = "stopped"
)

// status is what gateway status finds.
type status struct {
	State   string            `json:"state"`
	URL     string            `json:"url,omitempty"`
	PID     int               `json:"pid,omitempty"`
	Version string            `json:"version,omitempty"` // of the daemon
	Started *time.Time        `json:"started,omitempty"`
	DataDir string            `json:"data_dir"`
	Log     string            `json:"log,omitempty"`
	Checks  map[string]string `json:"checks,omitempty"`
	Error   string            `json:"error,omitempty"`
	Update  string            `json:"update,omitempty"` // a release newer than this program
}

func (c *command) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say whether a gateway runs, where and since when; exit with 0 if it is ready, else with 1", Args: cobra.NoArgs,
		RunE: c.withConfig(func(cmd *cobra.Command, cfg *config.Config, _ []string) error {
			s, err := c.look(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			s.Update = knownUpdate(cmd.Context(), cfg)
			if c.flags.json {
				err = c.printJSON(s)
			} else {
				c.showStatus(s)
			}
			if s.State != stateRunning && s.State != stateOther {
				return errors.Join(err, errTold)
			}
			return err
		}),
	}
}

// look finds the daemon of the data folder, else one at the configured address.
func (c *command) look(ctx ctxType, cfg *config.Config) (*status, error) {
	s := &status{State: stateStopped, DataDir: cfg.DataDir}
	r, err := service.Inspect(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	if r == nil {
		url := localURL(cfg.Listen)
		if code, health := s.ask(ctx, url); code != 0 && health.Version != "" {
			s.URL, s.Version = url, health.Version
			if s.State = stateOther; code != http.StatusOK {
				s.State = stateDegraded
			}
		}
		s.Error = ""
		return s, nil
	}
	s.State, s.URL, s.PID, s.Version, s.Log, s.Started = stateStarting, r.URL, r.PID, r.Version, r.Log, stamp(r.Started)
	switch {
	case r.Stopping:
		s.State = stateStopping
	case r.Ready():
		switch code, _ := s.ask(ctx, r.URL); code {
		case 0:
			s.State = stateSilent
		case http.StatusOK:
			s.State = stateRunning
		default:
			s.State = stateDegraded
		}
	}
	return s, nil
}

// knownUpdate is what the daemon's last update check found. A database that is
// away is no reason to wait for long.
func knownUpdate(ctx ctxType, cfg *config.Config) string {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	return app.KnownUpdate(ctx, cfg)
}

// health is what a daemon says at /readyz.
type health struct {
	Version string            `json:"version"`
	Checks  map[string]string `json:"checks"`
}

// ask notes what the daemon at url says of itself. Code 0: it does not answer.
func (s *status) ask(ctx ctxType, url string) (code int, h health) {
	code, body, err := askReady(ctx, url)
	if err != nil {
		s.Error = err.Error()
		return 0, h
	}
	if json.Unmarshal(body, &h) == nil && h.Version != "" {
		s.Checks = h.Checks
	}
	return code, h
}

// showStatus prints a status for people.
func (c *command) showStatus(s *status) {
	if s.Update != "" {
		defer c.say(c.out, "Version %s is out; docs/upgrading.md says how to get it.", s.Update)
	}
	switch s.State {
	case stateStopped:
		c.say(c.out, "No gateway is running on %s.", s.DataDir)
		return
	case stateOther:
		c.say(c.out, "A gateway is running at %s. 'gateway start' has not begun it, and 'gateway stop' does not end it.", s.URL)
	case stateStarting:
		c.say(c.out, "The gateway is starting (process %d).", s.PID)
	case stateStopping:
		c.say(c.out, "The gateway is stopping (process %d).", s.PID)
	case stateSilent:
		c.say(c.out, "The gateway (process %d) does not answer at %s: %s", s.PID, s.URL, s.Error)
	case stateDegraded:
		c.say(c.out, "The gateway is running at %s, and not all is well.", s.URL)
	default:
		c.say(c.out, "The gateway is running at %s.", s.URL)
	}
	rows := [][]string{{"version", s.Version}, {"data folder", s.DataDir}}
	if s.PID != 0 {
		rows = append(rows, []string{"process", fmt.Sprint(s.PID)})
	}
	if s.Started != nil {
		rows = append(rows, []string{"since", shownTime(*s.Started)})
	}
	if s.Log != "" {
		rows = append(rows, []string{"log", s.Log})
	}
	for _, part := range slices.Sorted(maps.Keys(s.Checks)) {
		if s.Checks[part] != "ok" {
			rows = append(rows, []string{part, s.Checks[part]})
		}
	}
	for _, row := range rows {
		fmt.Fprintf(c.out, "  %-12s %s\n", row[0], row[1])
	}
	if s.Version != "" && s.Version != version.Version() {
		c.say(c.out, "This program is version %s: 'gateway stop' and 'gateway start' put it to work.", version.Version())
	}
}
