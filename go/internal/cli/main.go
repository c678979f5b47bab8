// Package cli is the command line: it reads flags, calls one room for each
// command and prints what comes back. It must not decide anything that a
// room could decide, and keeps no state.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// The programs. Both are one file under two names.
const (
	programCLI    = "gateway"
	programDaemon = "gatewayd"
)

// Main runs the program that argv[0] names, else the one called name, and
// returns its exit code: 0 done, 1 failed, 2 misused.
func Main(name string, argv []string) int {
	base := strings.TrimSuffix(filepath.Base(argv[0]), ".exe")
	if base == programCLI || base == programDaemon {
		name = base
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := &command{out: os.Stdout, err: os.Stderr, in: os.Stdin}
	return c.run(ctx, name, argv[1:])
}

// command is what all commands share.
type command struct {
	out, err io.Writer
	in       io.Reader
	flags    globalFlags
	started  bool // a command was understood and runs
}

type globalFlags struct {
	config  string
	dataDir string
	json    bool
}

// errTold is an error whose words have been printed already.
var errTold = errors.New("told")

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (c *command) run(ctx context.Context, name string, args []string) int {
	root := c.root()
	if name == programDaemon {
		root = c.daemon()
	}
	trust()
	root.SetArgs(args)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.SetIn(c.in)
	c.watchStart(root)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errTold):
		return 1
	case errors.As(err, &usage) || !c.started:
		fmt.Fprintf(c.err, "%s: %s\nSee '%s --help'.\n", name, err, cmd.CommandPath())
		return 2
	}
	fmt.Fprintf(c.err, "%s: %s\n", name, describe(err))
	return 1
}

// root is the program gateway.
func (c *command) root() *cobra.Command {
	cmd := group(programCLI, "Tokligence Gateway: one door between AI clients and model providers",
		c.initCommand(), c.serveCommand("serve"), c.startCommand(), c.stopCommand(), c.statusCommand(), c.serviceCommand(), c.usersCommand(), c.keysCommand(), c.usageCommand(),
		c.ledgerCommand(), c.modelsCommand(), c.routeCommand(), c.translateCommand(), c.configCommand(), c.migrateCommand(),
		c.doctorCommand(), c.healthcheckCommand(), c.versionCommand(),
	)
	cmd.Version = version.Version()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	c.globals(cmd)
	return cmd
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			near := ""
			if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
				near = "; did you mean " + strings.Join(names, " or ") + "?"
			}
			return usageError{fmt.Errorf("%s has no command %q%s", cmd.CommandPath(), args[0], near)}
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

// watchStart notes when a command starts to run. What fails before that is a
// command line that makes no sense.
func (c *command) watchStart(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			c.started = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		c.watchStart(sub)
	}
}

// daemon is the program gatewayd: gateway serve under a name of its own.
func (c *command) daemon() *cobra.Command {
	cmd := c.serveCommand(programDaemon)
	cmd.Version = version.Version()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.CompletionOptions.DisableDefaultCmd = true
	c.globals(cmd)
	return cmd
}

func (c *command) globals(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&c.flags.config, "config", "", "configuration file (TOKLIGENCE_CONFIG)")
	f.StringVar(&c.flags.dataDir, "data-dir", "", "data folder (TOKLIGENCE_DATA_DIR, default ~/.tokligence)")
	f.BoolVar(&c.flags.json, "json", false, "print JSON instead of text for people")
}
