package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/logging"
	"github.com/tokligence/tokligence-gateway/go/internal/service"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// serveFlags are those of the daemon alone.
type serveFlags struct {
	readyJSON   bool
	parentWatch string
	detached    bool   // begun by gateway start
	pidFile     string // of a detached one; "" none
}

func (c *command) serveCommand(name string) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: name, Short: "Run the gateway until it is told to stop", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serve(cmd, f) },
	}
	placeFlags(cmd)
	cmd.Flags().BoolVar(&f.readyJSON, "ready-json", false, "print one line of JSON on standard output when ready, and nothing else")
	cmd.Flags().StringVar(&f.parentWatch, "parent-watch", "", "stop when the parent says so or is gone: stdin (it closes), pid (it ends) or pid:NUMBER (it is another)")
	cmd.Flags().BoolVar(&f.detached, "detached", false, "")
	cmd.Flags().StringVar(&f.pidFile, "pid-file", "", "")
	for _, name := range [...]string{"detached", "pid-file"} {
		cmd.Flags().Lookup(name).Hidden = true // gateway start is the way to them
	}
	return cmd
}

// placeFlags are settings that every way to start a daemon has.
func placeFlags(cmd *cobra.Command) {
	cmd.Flags().String("listen", "", "address to listen on, port 0 for a free one (TOKLIGENCE_LISTEN, default 127.0.0.1:8081)")
	cmd.Flags().String("mode", "", "personal or team (TOKLIGENCE_MODE)")
}

// serve runs the daemon: until SIGTERM, SIGINT or the death of the parent. A
// second signal cuts the calls in flight.
func (c *command) serve(cmd *cobra.Command, f serveFlags) (err error) {
	b, err := findBoss(f.parentWatch, c.in)
	if err != nil {
		return err
	}
	if f.detached {
		service.Detach()
	}
	cfg, err := c.load(cmd)
	if err != nil {
		return err
	}
	at, err := c.takePlace(cfg, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, at.leave()) }()
	logs, err := at.openLogs(cfg, c.err)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	ctx, end, err := untilTold(cmd.Context(), b)
	if err != nil {
		return err
	}
	defer func() { end.release(err) }()
	a, err := app.New(ctx, app.Options{Config: cfg, Log: logs.Logger, Announce: at.announce})
	if err != nil {
		return early(ctx, err, logs.Logger)
	}
	if err := a.Start(ctx); err != nil {
		return errors.Join(early(ctx, listenHint(err, cfg), logs.Logger), a.Close())
	}
	follow := c.followConfig(ctx, cmd, cfg, a, logs)
	logs.Logger.Info("ready", "url", a.URL(), "version", version.Version(), "data_dir", cfg.DataDir)
	if err := at.tell(cfg, a.URL()); err != nil {
		logs.Logger.Warn("the record of this daemon is not written", "error", err.Error())
	}
	c.greet(a, f.readyJSON)
	if err := tuneMemory(); err != nil {
		logs.Logger.Debug("the memory of the start is kept", "error", err.Error())
	}
	err = wait(ctx, a, logs.Logger)
	at.stopping()
	follow()
	return errors.Join(err, c.shutdown(end.cut, a, logs.Logger, a.Patience()))
}

// early is what becomes of an error at the start: none is left if the start was
// called off.
func early(ctx context.Context, err error, log *slog.Logger) error {
	if ctx.Err() == nil {
		return err
	}
	log.Info("stopping before it was ready", "why", context.Cause(ctx).Error())
	return nil
}

// wait returns when the daemon is to end.
func wait(ctx context.Context, a *app.App, log *slog.Logger) error {
	select {
	case <-ctx.Done():
		log.Info("stopping", "why", context.Cause(ctx).Error())
		return nil
	case err := <-a.Failed():
		return fmt.Errorf("serving ended: %w", err)
	}
}

// shutdown ends the daemon: its calls are cut when cut ends, when a second
// signal comes and when patience does.
func (c *command) shutdown(cut context.Context, a *app.App, log *slog.Logger, patience time.Duration) error {
	again, stop := signal.NotifyContext(cut, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(again, patience)
	defer cancel()
	err := a.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		log.Warn("calls in flight were cut")
		return nil
	}
	log.Info("stopped")
	return err
}

// greet says where the gateway is.
func (c *command) greet(a *app.App, asJSON bool) {
	if asJSON {
		line, _ := json.Marshal(struct { // strings and numbers always encode
			Event   string `json:"event"`
			URL     string `json:"url"`
			Port    int    `json:"port"`
			PID     int    `json:"pid"`
			Version string `json:"version"`
		}{"ready", a.URL(), a.Port(), os.Getpid(), version.Version()})
		fmt.Fprintf(c.out, "%s\n", line)
		return
	}
	fmt.Fprintf(c.out, "Tokligence Gateway %s is ready at %s\n\n", version.Version(), a.URL())
	fmt.Fprintf(c.out, "A first request:\n\n  curl %s/v1/chat/completions -H 'content-type: application/json'%s \\\n"+
		"    -d '{\"model\":\"loopback\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n\n", a.URL(), a.KeyHint())
}

// listenHint says what to do about an address that cannot be taken.
func listenHint(err error, cfg *config.Config) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; another program, maybe another gateway, has it: stop it, or choose another address with --listen or TOKLIGENCE_LISTEN (%s now)",
			err, cfg.Listen)
	}
	return err
}

// followConfig reloads on change of the file and on SIGHUP. The function it
// returns ends that.
func (c *command) followConfig(
	ctx context.Context, cmd *cobra.Command, cfg *config.Config, a *app.App, logs *logging.Log,
) (stop func()) {
	w := config.Watch(c.configOptions(cmd), cfg, logs.Logger, func(cfg *config.Config) error {
		logs.Scrub(cfg.Secrets()...)
		if err := a.Reload(ctx, cfg); err != nil {
			return err
		}
		return logs.SetLevel(cfg.Log.Level)
	})
	hup := make(chan os.Signal, 1)
	notifyReload(hup)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				_ = w.Reload() // it has been logged
			}
		}
	}()
	return func() {
		cancel()
		<-done
		signal.Stop(hup)
		_ = w.Close() // nothing is lost by it
	}
}

// openLogs opens the log of a program as configured. A nil stderr stays clean.
func openLogs(cfg *config.Config, program string, stderr io.Writer) (*logging.Log, error) {
	return logging.Open(logOptions(cfg, program, stderr))
}

func logOptions(cfg *config.Config, program string, stderr io.Writer) logging.Options {
	return logging.Options{
		Program: program, Level: cfg.Log.Level, Format: cfg.Log.Format, File: cfg.Log.File, Dir: cfg.Log.Dir,
		MaxSize: int64(cfg.Log.MaxSize), MaxAge: cfg.Log.MaxAge, MaxFiles: cfg.Log.MaxFiles,
		Stderr: stderr, StderrFormat: cfg.Log.Stderr, Secrets: cfg.Secrets(),
	}
}
