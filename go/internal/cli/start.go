package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/service"
)

// startFlags are those of gateway start.
type startFlags struct {
	detach    bool
	wait      time.Duration
	pidFile   string
	githubEnv bool
}

func (c *command) startCommand() *cobra.Command {
	var f startFlags
	cmd := &cobra.Command{
		Use: "start", Short: "Start the gateway in the background and wait until it is ready", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !f.detach {
				return c.serve(cmd, serveFlags{})
			}
			cfg, err := config.Load(c.configOptions(cmd)) // the daemon tells of warnings
			if err != nil {
				return err
			}
			return c.start(cmd, cfg, f)
		},
	}
	placeFlags(cmd)
	cmd.Flags().BoolVar(&f.detach, "detach", true, "run apart from this terminal; --detach=false is gateway serve")
	cmd.Flags().DurationVar(&f.wait, "wait", 10*time.Second, "how long to wait until it is ready")
	cmd.Flags().StringVar(&f.pidFile, "pid-file", "", "file for its process id, for other programs")
	cmd.Flags().BoolVar(&f.githubEnv, "github-env", false, "tell the steps that follow in a GitHub workflow where the gateway is")
	return cmd
}

// start runs a daemon for the data folder unless there is one.
func (c *command) start(cmd *cobra.Command, cfg *config.Config, f startFlags) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	args := []string{"serve", "--detached"}
	for name, value := range c.configOptions(cmd).Flags {
		args = append(args, "--"+name+"="+value)
	}
	if f.pidFile != "" {
		path, err := filepath.Abs(f.pidFile)
		if err != nil {
			return err
		}
		args = append(args, "--pid-file="+path)
	}
	r, already, err := service.Start(cmd.Context(), service.Command{
		Program: program, Args: args, DataDir: cfg.DataDir, Wait: f.wait, Stderr: c.err,
	})
	switch {
	case errors.Is(err, service.ErrNotReady):
		return fmt.Errorf("%w after %s; it goes on starting: see 'gateway status' and the log in %s", err, f.wait, cfg.Log.Dir)
	case errors.Is(err, service.ErrStopping):
		return fmt.Errorf("%w after %s; 'gateway stop' cuts its calls", err, f.wait)
	case err != nil:
		return err
	}
	if f.githubEnv {
		if err := c.tellWorkflow(cfg, r.URL); err != nil {
			return err
		}
	}
	if c.flags.json {
		return c.printJSON(struct {
			*service.Record
			Already bool `json:"already_running"`
		}{r, already})
	}
	if already {
		c.say(c.out, "The gateway is running already at %s (process %d).", r.URL, r.PID)
		if f.pidFile != "" || len(c.configOptions(cmd).Flags) > 0 {
			c.say(c.out, "It keeps the settings it was started with; to change them, run 'gateway stop' first.")
		}
		return nil
	}
	c.say(c.out, "The gateway is ready at %s (process %d).", r.URL, r.PID)
	c.say(c.out, "Its log is %s; 'gateway stop' ends it.", r.Log)
	return nil
}

// tellWorkflow writes for the further steps of a GitHub workflow what clients
// need to know.
func (c *command) tellWorkflow(cfg *config.Config, url string) error {
	path := config.WorkflowEnv()
	if path == "" {
		return usageError{errors.New("--github-env: GITHUB_ENV is not set; it is in the steps of a GitHub workflow only")}
	}
	lines := []string{"OPENAI_BASE_URL=" + url + "/v1", "ANTHROPIC_BASE_URL=" + url + "/anthropic"}
	switch key := cfg.APIKey.Reveal(); {
	case cfg.Auth.Disabled:
	case cfg.Mode == config.ModeTeam:
		c.say(c.err, "The gateway of a team asks for keys: give one to the steps that follow as OPENAI_API_KEY and ANTHROPIC_API_KEY.")
	case key != "":
		if strings.ContainsAny(key, "\r\n") {
			return errors.New("the key holds a line break, which a workflow cannot carry")
		}
		fmt.Fprintf(c.err, "::add-mask::%s\n", key) // the runner takes it out of all it shows
		lines = append(lines, "OPENAI_API_KEY="+key, "ANTHROPIC_API_KEY="+key)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("writing for the steps that follow: %w", err)
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

func (c *command) stopCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use: "stop", Short: "End the gateway that 'gateway start' began", Args: cobra.NoArgs,
		Long: fmt.Sprintf("End the gateway that 'gateway start' began, and wait until it has ended. Calls in flight may\n"+
			"go on for as long as --wait says; then they are cut, and what does not end %s later is killed.", service.Mercy),
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := c.dataDir(cmd)
			if err != nil {
				return err
			}
			r, how, err := service.Stop(cmd.Context(), dir, wait)
			if err != nil {
				return err
			}
			return c.tellStop(dir, r, how)
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long calls in flight may go on")
	return cmd
}

func (c *command) tellStop(dir string, r *service.Record, how service.Ending) error {
	word, sentence := "ended", "has ended"
	switch how {
	case service.Ended:
	case service.Cut:
		word, sentence = "cut", "has ended; calls in flight were cut"
	case service.Killed:
		word, sentence = "killed", "did not end by itself and was killed"
	}
	switch {
	case c.flags.json && r == nil:
		return c.printJSON(map[string]bool{"stopped": false})
	case c.flags.json:
		return c.printJSON(struct {
			Stopped bool   `json:"stopped"`
			PID     int    `json:"pid"`
			How     string `json:"how"`
		}{true, r.PID, word})
	case r == nil:
		c.say(c.out, "No gateway that 'gateway start' began is running on %s.", dir)
	default:
		c.say(c.out, "The gateway (process %d) %s.", r.PID, sentence)
	}
	return nil
}

// dataDir is the folder of the daemon. A configuration that is broken by now
// must not keep anyone from stopping what was started with a sound one.
func (c *command) dataDir(cmd *cobra.Command) (string, error) {
	o := c.configOptions(cmd)
	o.Offline = true
	cfg, err := config.Load(o)
	var invalid *config.InvalidError
	if errors.As(err, &invalid) {
		return config.DataDir(o)
	}
	if err != nil {
		return "", err
	}
	return cfg.DataDir, nil
}
