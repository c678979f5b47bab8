package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

func (c *command) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			prices, err := app.PriceVersion()
			if err != nil {
				return err
			}
			build := version.Get()
			if c.flags.json {
				return c.printJSON(struct {
					version.Build
					Prices string `json:"prices"`
				}{build, prices})
			}
			_, err = fmt.Fprintf(c.out, "Tokligence Gateway %s, prices of %s\n", build, prices)
			return err
		},
	}
}
