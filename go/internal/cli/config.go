package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

func (c *command) configCommand() *cobra.Command {
	return group("config", "The configuration and where each value comes from",
		c.configShow(), c.configValidate(), c.configWrite("schema", "Print the JSON Schema of the file", config.WriteSchema),
		c.configWrite("example", "Print a commented example", config.WriteExample),
		c.configWrite("reference", "Print the reference of all settings", config.WriteReference))
}

func (c *command) configShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Print every value with its source; secrets stay hidden", Args: cobra.NoArgs,
		RunE: c.withConfig(func(_ *cobra.Command, cfg *config.Config, _ []string) error {
			values := cfg.Explain()
			if c.flags.json {
				return c.printJSON(values)
			}
			rows := make([][]string, len(values))
			for i, v := range values {
				rows[i] = []string{v.Key, orDash(v.Value), v.Source.String()}
			}
			return c.table("SETTING|VALUE|FROM", rows, "")
		}),
	}
}

// configValidate tells all problems at once, those of the routes too.
func (c *command) configValidate() *cobra.Command {
	return &cobra.Command{
		Use: "validate", Short: "Check the configuration without starting anything", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			type problem struct {
				Where   string `json:"where"`
				Warning bool   `json:"warning"`
				Message string `json:"message"`
				Fix     string `json:"fix"`
			}
			problems := []problem{}
			cfg, err := config.Load(c.configOptions(cmd))
			var invalid *config.InvalidError
			switch {
			case errors.As(err, &invalid):
				for _, p := range invalid.Problems {
					problems = append(problems, problem{p.Where, p.Warning, keyed(p), p.Fix})
				}
			case err != nil:
				return err
			default:
				for _, p := range cfg.Warnings() {
					problems = append(problems, problem{p.Where, true, keyed(p), p.Fix})
				}
				r, err := app.NewRouting(cfg)
				if err != nil {
					return err
				}
				defer r.Close()
				for _, p := range r.Router.Problems() {
					problems = append(problems, problem{p.Where, p.Warning, p.Message, p.Fix})
				}
			}
			bad := invalid != nil
			for _, p := range problems {
				bad = bad || !p.Warning
			}
			if c.flags.json {
				err = c.printJSON(struct {
					Valid    bool      `json:"valid"`
					Problems []problem `json:"problems"`
				}{!bad, problems})
			} else {
				err = nil
				for _, p := range problems {
					word := "error"
					if p.Warning {
						word = "warning"
					}
					fmt.Fprintf(c.out, "%s: %s: %s %s\n", word, p.Where, p.Message, p.Fix)
				}
				if !bad {
					fmt.Fprintln(c.out, "The configuration is valid.")
				}
			}
			if err == nil && bad {
				err = errTold
			}
			return err
		},
	}
}

// keyed puts the setting at fault before what is wrong with it.
func keyed(p config.Problem) string {
	if p.Key == "" {
		return p.Message
	}
	return p.Key + ": " + p.Message
}

func (c *command) configWrite(name, short string, write func(io.Writer) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return write(c.out) },
	}
}
