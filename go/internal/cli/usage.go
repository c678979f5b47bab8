package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
)

// filterFlags narrow down rows of the ledger.
type filterFlags struct {
	since, until, user, key, provider, model, request string
}

func (f *filterFlags) add(cmd *cobra.Command, since string) {
	flags := cmd.Flags()
	flags.StringVar(&f.since, "since", since, "from when: 24h, 30d, 2026-11-01 or a time as in RFC 3339; empty is the beginning")
	flags.StringVar(&f.until, "until", "", "until when, not included; empty is now")
	flags.StringVar(&f.user, "user", "", "only this user, by name or id")
	flags.StringVar(&f.key, "key", "", "only this key, by id")
	flags.StringVar(&f.provider, "provider", "", "only this provider")
	flags.StringVar(&f.model, "model", "", "only this model, as requested or served")
	flags.StringVar(&f.request, "request", "", "only this request id")
}

func (f *filterFlags) filter(cmd *cobra.Command, d *app.Data, now time.Time) (ledger.Filter, error) {
	out := ledger.Filter{Provider: f.provider, Model: f.model, KeyID: f.key, RequestID: f.request, UserID: f.user}
	var err error
	if out.From, err = moment("since", f.since, now, -1); err != nil {
		return out, err
	}
	if out.Until, err = moment("until", f.until, now, -1); err != nil {
		return out, err
	}
	if f.user != "" && f.user != identity.LocalUser {
		u, err := d.Registry.FindUser(cmd.Context(), identity.LocalOwner(), f.user)
		if err != nil {
			return out, err
		}
		out.UserID = u.ID
	}
	return out, nil
}

var dimensions = []ledger.Dimension{
	ledger.ByDay, ledger.ByUser, ledger.ByKey, ledger.ByTeam, ledger.ByProvider, ledger.ByModel, ledger.ByOutcome,
}

func (c *command) usageCommand() *cobra.Command {
	var f filterFlags
	var by []string
	cmd := &cobra.Command{
		Use: "usage", Short: "What was used and what it cost", Args: cobra.NoArgs,
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, _ []string) error {
			dims := make([]ledger.Dimension, len(by))
			for i, name := range by {
				dims[i] = ledger.Dimension(name)
				if !slices.Contains(dimensions, dims[i]) {
					return usageError{fmt.Errorf("--by %q: choose among %v", name, dimensions)}
				}
			}
			filter, err := f.filter(cmd, d, time.Now())
			if err != nil {
				return err
			}
			sums, err := d.Reader().Sums(cmd.Context(), filter, dims)
			if err != nil {
				return err
			}
			if c.flags.json {
				return c.printJSON(viewSums(sums))
			}
			return c.usageTable(cmd, d, sums, dims)
		}),
	}
	f.add(cmd, "30d")
	cmd.Flags().StringSliceVar(&by, "by", []string{"provider", "model"}, "group by: day, user, key, team, provider, model, outcome")
	return cmd
}

// sumView is a group as --json shows it. Cost is of the rows with a price.
type sumView struct {
	Group     map[ledger.Dimension]string `json:"group"`
	Requests  int64                       `json:"requests"`
	Attempts  int64                       `json:"attempts"`
	Failures  int64                       `json:"failures"`
	Input     int64                       `json:"input_tokens"`
	Read      int64                       `json:"cache_read_tokens"`
	Write     int64                       `json:"cache_write_tokens"`
	Output    int64                       `json:"output_tokens"`
	Reasoning int64                       `json:"reasoning_tokens"`
	Media     int64                       `json:"media_tokens"`
	Cost      int64                       `json:"cost_nano_usd"`
	Unpriced  int64                       `json:"unpriced_attempts"`
	Estimated int64                       `json:"estimated_attempts"`
	First     *time.Time                  `json:"first"`
	Last      *time.Time                  `json:"last"`
}

func viewSums(sums []ledger.Sum) []sumView {
	out := make([]sumView, len(sums))
	for i, s := range sums {
		out[i] = sumView{
			s.Group, s.Requests, s.Attempts, s.Failures, s.Input, s.CacheRead, s.CacheWrite, s.Output, s.Reasoning,
			s.Media, s.Cost, s.Unpriced, s.Estimated, stamp(s.First), stamp(s.Last),
		}
	}
	return out
}

func (c *command) usageTable(cmd *cobra.Command, d *app.Data, sums []ledger.Sum, dims []ledger.Dimension) error {
	names, err := userNames(cmd, d)
	if err != nil {
		return err
	}
	head := make([]string, 0, len(dims)+8)
	for _, dim := range dims {
		head = append(head, strings.ToUpper(string(dim)))
	}
	head = append(head, "REQUESTS", "FAILED TRIES", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST")
	rows, unpriced := make([][]string, len(sums)), int64(0)
	for i, s := range sums {
		row := make([]string, 0, len(head))
		for _, dim := range dims {
			value := s.Group[dim]
			if name := names[value]; dim == ledger.ByUser && name != "" {
				value = name
			}
			row = append(row, orDash(value))
		}
		rows[i] = append(row, fmt.Sprint(s.Requests), fmt.Sprint(s.Failures), fmt.Sprint(s.Input+s.CacheWrite), fmt.Sprint(s.CacheRead),
			fmt.Sprint(s.Output), fmt.Sprint(s.Reasoning), costOf(s))
		unpriced += s.Unpriced
	}
	if err := c.table(strings.Join(head, "|"), rows, "Nothing was used in this time."); err != nil {
		return err
	}
	if unpriced > 0 {
		c.say(c.out, "\n%s used something that has no price; the cost of that is unknown, not zero.", counted(unpriced, "attempt"))
	}
	return nil
}

// costOf tells an unknown cost from none.
func costOf(s ledger.Sum) string {
	switch {
	case s.Unpriced == 0:
		return dollars(s.Cost)
	case s.Cost == 0:
		return "unknown"
	}
	return dollars(s.Cost) + " + unknown"
}
