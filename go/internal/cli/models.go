package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

func (c *command) modelsCommand() *cobra.Command {
	var offline bool
	cmd := &cobra.Command{
		Use: "models", Short: "List the models that can be called now", Args: cobra.NoArgs,
		RunE: c.withConfig(func(cmd *cobra.Command, cfg *config.Config, _ []string) error {
			r, err := app.NewRouting(cfg)
			if err != nil {
				return err
			}
			defer r.Close()
			cards, failures := r.Models(cmd.Context(), !offline)
			for _, f := range failures {
				c.say(c.err, "warning: %s", f)
			}
			type view struct {
				ID        string     `json:"id"`
				Provider  string     `json:"provider"`
				Created   *time.Time `json:"created"`
				MaxInput  int        `json:"max_input_tokens,omitempty"`
				MaxOutput int        `json:"max_output_tokens,omitempty"`
			}
			views, rows := make([]view, len(cards)), make([][]string, len(cards))
			for i, m := range cards {
				views[i] = view{m.ID, m.OwnedBy, stamp(m.Created), m.MaxInput, m.MaxOutput}
				rows[i] = []string{m.ID, m.OwnedBy}
			}
			if c.flags.json {
				return c.printJSON(views)
			}
			return c.table("MODEL|PROVIDER", rows, "No models.")
		}),
	}
	cmd.Flags().BoolVar(&offline, "offline", false, "do not ask the providers; list what the configuration names")
	return cmd
}
