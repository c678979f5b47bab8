package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
)

func (c *command) ledgerCommand() *cobra.Command {
	return group("ledger", "The record of every attempt", c.ledgerExport(), c.ledgerVerify())
}

// ledgerExport writes one row a line, those included that are still in a
// journal.
func (c *command) ledgerExport() *cobra.Command {
	var f filterFlags
	var output string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the rows as CSV, or with --json as one JSON object a line", Args: cobra.NoArgs,
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, _ []string) error {
			filter, err := f.filter(cmd, d, time.Now())
			if err != nil {
				return err
			}
			rows := d.Reader().Entries(cmd.Context(), filter)
			return c.withFile(output, func(w io.Writer) error {
				if c.flags.json {
					return ledger.WriteJSON(w, rows)
				}
				return ledger.WriteCSV(w, rows)
			})
		}),
	}
	f.add(cmd, "")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write; the standard output if empty")
	return cmd
}

func (c *command) ledgerVerify() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Check that no row was changed or is missing", Args: cobra.NoArgs,
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, _ []string) error {
			report, err := d.Reader().Verify(cmd.Context())
			if err != nil {
				return err
			}
			if c.flags.json {
				err = c.printJSON(report)
			} else {
				for _, fault := range report.Faults {
					fmt.Fprintln(c.out, fault)
				}
				fmt.Fprintf(c.out, "%s in %s: ", counted(report.Rows, "row"), counted(int64(report.Chains), "chain"))
				if len(report.Faults) == 0 {
					fmt.Fprintln(c.out, "complete and unchanged.")
				} else {
					fmt.Fprintf(c.out, "%s.\n", counted(int64(len(report.Faults))+report.More, "fault"))
				}
			}
			if err == nil && len(report.Faults) > 0 {
				err = errTold
			}
			return err
		}),
	}
}
