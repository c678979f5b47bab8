package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

// keyView is a key as --json shows it. Key is set once, when it is created.
type keyView struct {
	ID       string     `json:"id"`
	User     string     `json:"user"`
	Name     string     `json:"name"`
	Shown    string     `json:"shown"`
	Key      string     `json:"key,omitempty"`
	Models   []string   `json:"models"` // null: all
	Created  *time.Time `json:"created"`
	Expires  *time.Time `json:"expires"`
	Revoked  *time.Time `json:"revoked"`
	LastUsed *time.Time `json:"last_used"`
	Breaker  string     `json:"loop_breaker"` // on, off
}

func viewKey(k identity.Key, user string) keyView {
	breaker := breakerOn
	if k.MayLoop {
		breaker = breakerOff
	}
	return keyView{
		Breaker: breaker,
		ID:      k.ID, User: user, Name: k.Name, Shown: k.Shown(), Models: k.Models,
		Created: stamp(k.Created), Expires: stamp(k.Expires), Revoked: stamp(k.Revoked), LastUsed: stamp(k.LastUsed),
	}
}

// The loop breaker, for one key.
const (
	breakerOn  = "on"
	breakerOff = "off"
)

func (c *command) keysCommand() *cobra.Command {
	return group("keys", "API keys",
		c.keysList(), c.keysCreate(),
		c.keysEnd("revoke", "Revoke a key: it is refused within 5 s and stays listed", (*identity.Registry).RevokeKey),
		c.keysEnd("delete", "Delete a key: it is refused within 5 s and forgotten", (*identity.Registry).DeleteKey),
	)
}

func (c *command) keysList() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use: "list", Short: "List keys", Args: cobra.NoArgs,
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, _ []string) error {
			keys, err := d.Registry.ListKeys(cmd.Context(), identity.LocalOwner(), user)
			if err != nil {
				return err
			}
			names, err := userNames(cmd, d)
			if err != nil {
				return err
			}
			views, rows := make([]keyView, len(keys)), make([][]string, len(keys))
			for i, k := range keys {
				views[i] = viewKey(k, names[k.UserID])
				rows[i] = []string{k.Shown(), k.Name, names[k.UserID], modelsOf(k), standing(k), shownTime(k.LastUsed), k.ID}
			}
			if c.flags.json {
				return c.printJSON(views)
			}
			return c.table("KEY|NAME|USER|MODELS|STATE|LAST USED|ID", rows,
				"No keys. Create one with 'gateway keys create --user NAME'.")
		}),
	}
	cmd.Flags().StringVar(&user, "user", "", "only the keys of this user")
	return cmd
}

func userNames(cmd *cobra.Command, d *app.Data) (map[string]string, error) {
	users, err := d.Registry.ListUsers(cmd.Context(), identity.LocalOwner())
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(users))
	for _, u := range users {
		names[u.ID] = u.Name
	}
	return names, nil
}

func modelsOf(k identity.Key) string {
	switch {
	case k.Models == nil:
		return "all"
	case len(k.Models) == 0:
		return "none"
	}
	return strings.Join(k.Models, ",")
}

func standing(k identity.Key) string {
	switch now := time.Now(); {
	case !k.Revoked.IsZero():
		return "revoked " + shownTime(k.Revoked)
	case !k.Live(now):
		return "expired " + shownTime(k.Expires)
	case !k.Expires.IsZero():
		return "until " + shownTime(k.Expires)
	}
	return "live"
}

func (c *command) keysCreate() *cobra.Command {
	var user, name, expires, breaker string
	var models []string
	cmd := &cobra.Command{
		Use: "create", Short: "Create a key and show it, this once", Args: cobra.NoArgs,
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, _ []string) error {
			until, err := moment("expires", expires, time.Now(), 1)
			if err == nil && cmd.Flags().Changed("expires") && until.IsZero() {
				err = usageError{errors.New("--expires is empty; leave it out for a key without an end")}
			}
			if err != nil {
				return err
			}
			if breaker != breakerOn && breaker != breakerOff {
				return usageError{errors.New("--loop-breaker is on or off")}
			}
			n := identity.NewKey{User: user, Name: name, Expires: until, MayLoop: breaker == breakerOff}
			if cmd.Flags().Changed("models") {
				n.Models = append([]string{}, models...)
			}
			k, token, err := d.Registry.CreateKey(cmd.Context(), identity.LocalOwner(), n)
			if err != nil {
				return err
			}
			if c.flags.json {
				view := viewKey(k, user)
				view.Key = token.Reveal()
				return c.printJSON(view)
			}
			_, err = fmt.Fprintln(c.out, token.Reveal())
			c.say(c.err, "This is the only time the key is shown. A running daemon takes it within 5 s.")
			return err
		}),
	}
	f := cmd.Flags()
	f.StringVar(&user, "user", "", "user the key belongs to")
	f.StringVar(&name, "name", "", "what to call the key")
	f.StringVar(&expires, "expires", "", "when it expires: 12h, 30d, 2027-01-31 or a time as in RFC 3339")
	f.StringSliceVar(&models, "models", nil, "model patterns it may use, such as 'claude*,gpt-4o' (default: all)")
	f.StringVar(&breaker, "loop-breaker", breakerOn, "whether agents with this key are stopped when they repeat themselves: on or off")
	_ = cmd.MarkFlagRequired("user") // it exists
	return cmd
}

// whichKey says how a key is named.
const whichKey = "the key's id, its name, the part that 'gateway keys list' shows, or the key itself"

func (c *command) keysEnd(
	verb, short string, end func(*identity.Registry, ctxType, identity.Principal, string) (identity.Key, error),
) *cobra.Command {
	return &cobra.Command{
		Use: verb + " KEY", Short: short, Long: short + ".\n\nKEY is " + whichKey + ".", Args: exactly(1, whichKey),
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, args []string) error {
			k, err := end(d.Registry, cmd.Context(), identity.LocalOwner(), args[0])
			if err != nil {
				return err
			}
			names, err := userNames(cmd, d)
			if err != nil {
				return err
			}
			if c.flags.json {
				return c.printJSON(viewKey(k, names[k.UserID]))
			}
			c.say(c.out, "%sd key %s (%s) of user %s.", strings.ToUpper(verb[:1])+verb[1:], k.Shown(), k.Name, names[k.UserID])
			return nil
		}),
	}
}
