package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

type ctxType = context.Context

// exactly wants n arguments and says which.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("%s needs %s", cmd.CommandPath(), what)}
		}
		return nil
	}
}

// configOptions says where the configuration comes from.
func (c *command) configOptions(cmd *cobra.Command) config.Options {
	flags := make(map[string]string)
	for _, name := range [...]string{"config", "data-dir", "listen", "mode"} {
		if f := cmd.Flag(name); f != nil && f.Changed {
			flags[name] = f.Value.String()
		}
	}
	return config.Options{Flags: flags, Presets: app.PresetNames(), OtherEnv: []string{"TOKLIGENCE_BINARY"}}
}

// load reads the configuration. Warnings go to people, not into output.
func (c *command) load(cmd *cobra.Command) (*config.Config, error) {
	return c.loadWith(c.configOptions(cmd))
}

func (c *command) loadWith(o config.Options) (*config.Config, error) {
	cfg, err := config.Load(o)
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings() {
		c.say(c.err, "warning: %s", w)
	}
	return cfg, nil
}

// withConfig runs a command on the configuration.
func (c *command) withConfig(run func(cmd *cobra.Command, cfg *config.Config, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		o := c.configOptions(cmd)
		o.Offline = true // only the daemon listens
		cfg, err := c.loadWith(o)
		if err != nil {
			return err
		}
		return run(cmd, cfg, args)
	}
}

// withData runs a command on the database and notes it in the log of the
// command line.
func (c *command) withData(run func(cmd *cobra.Command, d *app.Data, args []string) error) func(*cobra.Command, []string) error {
	return c.withConfig(func(cmd *cobra.Command, cfg *config.Config, args []string) (err error) {
		d, err := app.OpenData(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		log, closer := c.logFile(cfg)
		defer func() { err = errors.Join(err, closer.Close()) }()
		err = run(cmd, d, args)
		result := "done"
		if err != nil {
			result = err.Error()
		}
		log.Info("command", "command", cmd.CommandPath(), "result", result)
		return err
	})
}

// logFile opens the log of the command line. Without one, commands work too.
func (c *command) logFile(cfg *config.Config) (*slog.Logger, io.Closer) {
	logs, err := openLogs(cfg, programCLI, nil)
	if err != nil {
		c.say(c.err, "warning: no log is written: %s", err)
		return slog.New(slog.DiscardHandler), io.NopCloser(nil)
	}
	return logs.Logger, logs
}

// withFile calls write with the file at path, or with the output if path is
// "" or "-".
func (c *command) withFile(path string, write func(io.Writer) error) (err error) {
	if path == "" || path == "-" {
		return write(c.out)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
