package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/update"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

func (c *command) versionCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version; with --check, whether a newer one is out", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			prices, err := app.PriceVersion()
			if err != nil {
				return err
			}
			v := versionSaid{Build: version.Get(), Prices: prices}
			if check {
				if err := c.checkVersion(cmd, &v); err != nil {
					return err
				}
			}
			if c.flags.json {
				return c.printJSON(v)
			}
			fmt.Fprintf(c.out, "Tokligence Gateway %s, prices of %s\n", v.Build, prices)
			switch {
			case !check:
			case *v.Newer:
				fmt.Fprintf(c.out, "Version %s is out; docs/upgrading.md says how to get it.\n", v.Latest)
			default:
				fmt.Fprintf(c.out, "This is the latest version (%s is the last release).\n", v.Latest)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "ask for the latest release, as update_check.url says")
	return cmd
}

// versionSaid is what gateway version prints.
type versionSaid struct {
	version.Build
	Prices string `json:"prices"`
	Latest string `json:"latest,omitempty"` // release; with --check only
	Newer  *bool  `json:"update_available,omitempty"`
}

// checkVersion asks for the latest release. What it sends and to whom is that
// of the daily check.
func (c *command) checkVersion(cmd *cobra.Command, v *versionSaid) error {
	o := c.configOptions(cmd)
	o.Offline = true
	cfg, err := c.loadWith(o)
	if err != nil {
		return err
	}
	s, err := app.CheckUpdate(cmd.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	newer := update.Newer(s.Latest, v.Version)
	v.Latest, v.Newer = s.Latest, &newer
	return nil
}
