package cli

import (
	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

func (c *command) migrateCommand() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to date, or show how it stands", Args: cobra.NoArgs,
		RunE: c.withConfig(func(cmd *cobra.Command, cfg *config.Config, _ []string) error {
			d, err := app.OpenUnmigrated(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer d.Close()
			before, err := d.Store.Status(cmd.Context())
			if err != nil {
				return err
			}
			if !dry {
				if err := d.Store.Migrate(cmd.Context()); err != nil {
					return err
				}
			}
			after, err := d.Store.Status(cmd.Context())
			if err != nil {
				return err
			}
			if c.flags.json {
				return c.printJSON(struct {
					Database string `json:"database"`
					Before   int64  `json:"before"`
					Current  int64  `json:"current"`
					Latest   int64  `json:"latest"`
					Pending  int    `json:"pending"`
				}{d.Store.String(), before.Current, after.Current, after.Latest, after.Pending})
			}
			switch {
			case after.Pending > 0:
				c.say(c.out, "%s: schema %d of %d, %d pending.", d.Store, after.Current, after.Latest, after.Pending)
			case before.Current != after.Current:
				c.say(c.out, "%s: schema %d, brought up from %d.", d.Store, after.Current, before.Current)
			default:
				c.say(c.out, "%s: schema %d, up to date.", d.Store, after.Current)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "change nothing, only show")
	return cmd
}
