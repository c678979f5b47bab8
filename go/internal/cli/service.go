package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/service"
)

// serviceFlags are those of all commands on the service.
type serviceFlags struct {
	user, system, dryRun bool
}

func (c *command) serviceCommand() *cobra.Command {
	var f serviceFlags
	step := func(use, short, done string, steps func(*service.Unit) []service.Step) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				u, err := c.unit(cmd, f)
				if err != nil {
					return err
				}
				if f.dryRun {
					return c.showSteps(steps(u))
				}
				if err := service.Do(cmd.Context(), steps(u)); err != nil {
					return err
				}
				c.say(c.out, "%s", done)
				if use == "install" {
					c.say(c.out, "%s\n'gateway service start' starts it; it starts with the system from now on.", u.Hint)
				}
				return nil
			},
		}
	}
	install := step("install", "Let the system start the gateway and keep it running", "The service is installed.",
		func(u *service.Unit) []service.Step { return u.Install })
	placeFlags(install)
	cmd := group("service", "The gateway as a service of the system: systemd, launchd or Windows",
		install,
		step("uninstall", "Undo that; configuration and data stay", "The service is removed; configuration and data are still there.",
			func(u *service.Unit) []service.Step { return u.Uninstall }),
		step("start", "Start the service", "The service is started.", func(u *service.Unit) []service.Step { return u.Start }),
		step("stop", "Stop the service", "The service is stopped.", func(u *service.Unit) []service.Step { return u.Stop }),
		c.serviceStatus(&f))
	flags := cmd.PersistentFlags()
	flags.BoolVar(&f.user, "user", false, "the service of this user (default, unless root runs this)")
	flags.BoolVar(&f.system, "system", false, "the service of the machine (default for root, and on Windows)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would be done, and do nothing")
	return cmd
}

// unit is the service as this system would run it.
func (c *command) unit(cmd *cobra.Command, f serviceFlags) (*service.Unit, error) {
	if f.user && f.system {
		return nil, usageError{errors.New("--user and --system exclude each other")}
	}
	o := service.Options{UID: os.Getuid(), Flags: c.configOptions(cmd).Flags, System: f.system}
	if !f.user && !f.system {
		o.System = o.UID == 0 || runtime.GOOS == "windows"
	}
	var err error
	if o.Program, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	for _, name := range [...]string{"config", "data-dir"} {
		if o.Flags[name] == "" {
			continue
		}
		if o.Flags[name], err = filepath.Abs(o.Flags[name]); err != nil {
			return nil, err
		}
	}
	if o.Data, err = service.DataFolder(); err != nil {
		return nil, fmt.Errorf("finding a folder for data: %w", err)
	}
	if !o.System {
		if o.Home, err = os.UserHomeDir(); err == nil {
			o.Config, err = os.UserConfigDir()
		}
		if err != nil {
			return nil, fmt.Errorf("finding the folders of this user: %w", err)
		}
	}
	if file, ok := service.Packaged(); ok && o.System && cmd.Name() == "install" {
		return nil, fmt.Errorf("a package has brought the service already (%s): 'gateway service start' starts it, 'systemctl enable gatewayd' makes it start with the system", file)
	}
	return service.New(runtime.GOOS, o)
}

// showSteps prints what would be done.
func (c *command) showSteps(steps []service.Step) error {
	if c.flags.json {
		return c.printJSON(steps)
	}
	for _, s := range steps {
		switch {
		case s.Write != "":
			fmt.Fprintf(c.out, "write %s:\n\n%s\n", s.Write, indented(s.Text))
		case s.Folder != "":
			fmt.Fprintf(c.out, "make the folder %s\n", s.Folder)
		case s.Remove != "":
			fmt.Fprintf(c.out, "remove %s\n", s.Remove)
		default:
			fmt.Fprintf(c.out, "run %s\n", strings.Join(s.Run, " "))
		}
	}
	return nil
}

func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}

func (c *command) serviceStatus(f *serviceFlags) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say whether the service is installed and runs; exit with 0 if it runs, else with 1", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			u, err := c.unit(cmd, *f)
			if err != nil {
				return err
			}
			s, err := u.State(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case c.flags.json:
				err = c.printJSON(s)
			case !s.Installed:
				c.say(c.out, "The service is not installed.")
			case s.Running:
				c.say(c.out, "The service is running (process %d).", s.PID)
			default:
				c.say(c.out, "The service is not running (the system calls it %s).", orDash(s.Word))
			}
			if err == nil && !s.Running {
				return errTold
			}
			return err
		},
	}
}
