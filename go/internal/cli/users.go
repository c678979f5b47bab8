package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
)

// userView is a user as --json shows it.
type userView struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	Role     identity.Role `json:"role"`
	Team     string        `json:"team,omitempty"`
	Disabled bool          `json:"disabled"`
	Created  *time.Time    `json:"created"`
}

func viewUser(u identity.User) userView {
	return userView{u.ID, u.Name, u.Role, u.TeamID, u.Disabled, stamp(u.Created)}
}

func (c *command) usersCommand() *cobra.Command {
	return group("users", "Users and their roles", c.usersList(), c.usersCreate(), c.usersChange(), c.usersDelete())
}

func (c *command) usersList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List all users", Args: cobra.NoArgs,
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, _ []string) error {
			users, err := d.Registry.ListUsers(cmd.Context(), identity.LocalOwner())
			if err != nil {
				return err
			}
			views, rows := make([]userView, len(users)), make([][]string, len(users))
			for i, u := range users {
				views[i] = viewUser(u)
				rows[i] = []string{u.Name, string(u.Role), orDash(u.TeamID), strconv.FormatBool(!u.Disabled), shownTime(u.Created), u.ID}
			}
			if c.flags.json {
				return c.printJSON(views)
			}
			return c.table("NAME|ROLE|TEAM|ENABLED|CREATED|ID", rows, "No users. Create one with 'gateway users create NAME'.")
		}),
	}
}

func (c *command) usersCreate() *cobra.Command {
	var role, team string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Create a user", Args: exactly(1, "the user's name"),
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, args []string) error {
			u, err := d.Registry.CreateUser(cmd.Context(), identity.LocalOwner(),
				identity.NewUser{Name: args[0], TeamID: team, Role: identity.Role(role)})
			if err != nil {
				return err
			}
			return c.tellUser(u, "Created user %s with role %s. Give it a key with 'gateway keys create --user %s'.", u.Name, u.Role, u.Name)
		}),
	}
	cmd.Flags().StringVar(&role, "role", string(identity.Ordinary), "root, admin or user")
	cmd.Flags().StringVar(&team, "team", "", "team the user belongs to")
	return cmd
}

func (c *command) usersChange() *cobra.Command {
	var role, team string
	var disable, enable bool
	cmd := &cobra.Command{
		Use: "change NAME", Short: "Change a user's role or team, disable or enable it", Args: exactly(1, "the user's name or id"),
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, args []string) error {
			change := identity.UserChange{}
			if cmd.Flags().Changed("role") {
				r := identity.Role(role)
				change.Role = &r
			}
			if cmd.Flags().Changed("team") {
				change.TeamID = &team
			}
			if disable || enable {
				change.Disabled = &disable
			}
			u, err := d.Registry.ChangeUser(cmd.Context(), identity.LocalOwner(), args[0], change)
			if err != nil {
				return err
			}
			return c.tellUser(u, "Changed user %s. A running daemon follows within 5 s.", u.Name)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&role, "role", "", "root, admin or user")
	f.StringVar(&team, "team", "", "team the user belongs to")
	f.BoolVar(&disable, "disable", false, "refuse the user's keys")
	f.BoolVar(&enable, "enable", false, "take the user's keys again")
	cmd.MarkFlagsMutuallyExclusive("disable", "enable")
	cmd.MarkFlagsOneRequired("role", "team", "disable", "enable")
	return cmd
}

func (c *command) usersDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME", Short: "Delete a user and all its keys; the ledger keeps what it used", Args: exactly(1, "the user's name or id"),
		RunE: c.withData(func(cmd *cobra.Command, d *app.Data, args []string) error {
			u, err := d.Registry.DeleteUser(cmd.Context(), identity.LocalOwner(), args[0])
			if err != nil {
				return err
			}
			return c.tellUser(u, "Deleted user %s and its keys.", u.Name)
		}),
	}
}

func (c *command) tellUser(u identity.User, format string, args ...any) error {
	if c.flags.json {
		return c.printJSON(viewUser(u))
	}
	c.say(c.out, format, args...)
	return nil
}
