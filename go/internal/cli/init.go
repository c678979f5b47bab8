package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

func (c *command) initCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use: "init", Short: "Write a commented configuration and prepare the database", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := c.flags.config
			if path == "" {
				dir, err := config.DataDir(c.configOptions(cmd))
				if err != nil {
					return err
				}
				path = filepath.Join(dir, "config.yaml")
			}
			written, err := writeExample(path, force)
			if err != nil {
				return err
			}
			cfg, err := c.load(cmd)
			if err != nil {
				return err
			}
			d, err := app.OpenData(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer d.Close()
			if c.flags.json {
				return c.printJSON(map[string]any{"config": path, "written": written, "data_dir": cfg.DataDir, "database": d.Store.String()})
			}
			if written {
				c.say(c.out, "Wrote %s. Every line in it is a comment until you change it.", path)
			} else {
				c.say(c.out, "%s is there already; it stays as it is (--force writes it anew).", path)
			}
			c.say(c.out, "The database is ready: %s.", d.Store)
			c.say(c.out, "Next: set a provider's key, such as TOKLIGENCE_OPENAI_API_KEY, and run 'gatewayd'. 'gateway doctor' checks the set-up.")
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that is there")
	return cmd
}

// writeExample writes the commented example unless there is a file.
func writeExample(path string, force bool) (written bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, err
	}
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("writing the configuration: %w", err)
	}
	return true, errors.Join(config.WriteExample(f), f.Close())
}
