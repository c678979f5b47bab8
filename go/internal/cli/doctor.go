package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

func (c *command) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Find out what is wrong with the set-up and how to mend it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := c.examine(cmd)
			if err != nil {
				return err
			}
			if c.flags.json {
				err = c.printJSON(checks)
			} else {
				for _, check := range checks {
					fmt.Fprintf(c.out, "%-8s %s: %s\n", check.Status, check.Name, oneLine(check.Detail))
					if check.Fix != "" {
						fmt.Fprintf(c.out, "         %s\n", check.Fix)
					}
				}
			}
			for _, check := range checks {
				if check.Status == app.Broken {
					return errors.Join(err, errTold)
				}
			}
			return err
		},
	}
}

// examine turns a configuration that cannot be loaded into checks as well.
func (c *command) examine(cmd *cobra.Command) ([]app.Check, error) {
	cfg, err := config.Load(c.configOptions(cmd))
	var invalid *config.InvalidError
	if errors.As(err, &invalid) {
		checks := make([]app.Check, len(invalid.Problems))
		for i, p := range invalid.Problems {
			status := app.Broken
			if p.Warning {
				status = app.Odd
			}
			checks[i] = app.Check{Name: "configuration", Status: status, Detail: p.Where + ": " + keyed(p), Fix: p.Fix}
		}
		return checks, nil
	}
	if err != nil {
		return nil, err
	}
	return app.Examine(cmd.Context(), cfg), nil
}
