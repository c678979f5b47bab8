package cli

import (
	"fmt"
	"runtime"

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
			if c.flags.json {
				return c.printJSON(struct {
					Version  string `json:"version"`
					Commit   string `json:"commit"`
					Go       string `json:"go"`
					Platform string `json:"platform"`
					Prices   string `json:"prices"`
				}{version.Version(), version.Commit(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, prices})
			}
			_, err = fmt.Fprintf(c.out, "Tokligence Gateway %s (%s), %s %s/%s, prices %s\n",
				version.Version(), version.Commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH, prices)
			return err
		},
	}
}
