package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// Commands are the command trees of gateway and gatewayd, for whoever writes
// their manual pages and completions. They are for reading; run them by Main.
func Commands() []*cobra.Command {
	c := &command{out: io.Discard, err: io.Discard}
	return []*cobra.Command{c.root(), c.daemon()}
}
