package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

func (c *command) routeCommand() *cobra.Command {
	return group("route", "Where models lead", c.routeExplain())
}

func (c *command) routeExplain() *cobra.Command {
	var model, protocol, operation string
	cmd := &cobra.Command{
		Use: "explain --model MODEL", Short: "Say which provider would answer a model, and why the others would not", Args: exactly(0, "the model behind --model"),
		RunE: c.withConfig(func(_ *cobra.Command, cfg *config.Config, _ []string) error {
			r, err := app.NewRouting(cfg)
			if err != nil {
				return err
			}
			defer r.Close()
			if err := oneOf("protocol", protocol, llm.Chat, llm.Responses, llm.Messages, llm.Gemini); err != nil {
				return err
			}
			if err := oneOf("operation", operation, llm.Generate, llm.CountTokens, llm.Embed); err != nil {
				return err
			}
			e := r.Router.Explain(route.Query{
				Principal: identity.LocalOwner(), Protocol: llm.Protocol(protocol), Operation: llm.Operation(operation), Model: model,
			})
			if c.flags.json {
				err = c.printJSON(e)
			} else {
				err = c.explain(e)
			}
			if err == nil && e.Error != nil {
				err = errTold
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&model, "model", "", "the model as a client writes it")
	cmd.Flags().StringVar(&protocol, "protocol", string(llm.Chat), "what the client speaks: openai-chat, openai-responses, anthropic-messages or gemini")
	cmd.Flags().StringVar(&operation, "operation", string(llm.Generate), "generate, count_tokens or embed")
	_ = cmd.MarkFlagRequired("model") // it exists
	return cmd
}

func (c *command) explain(e route.Explanation) error {
	if e.Alias != "" {
		fmt.Fprintf(c.out, "%s is an alias for %s.\n", e.Alias, e.Resolved)
	}
	if e.Error != nil {
		fmt.Fprintf(c.out, "Nobody answers %s: %s\n", e.Model, e.Error.Message)
	} else {
		fmt.Fprintf(c.out, "%s is answered by way of %q: %s.\n\n", e.Model, e.Via, e.Decision)
	}
	rows := make([][]string, 0, len(e.Candidates))
	for i, cand := range e.Candidates {
		how := "bytes pass"
		if cand.Translate {
			how = "translated"
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), cand.Provider, cand.Model, cand.Protocol, how, cand.Why})
	}
	if len(rows) > 0 {
		if err := c.table("#|PROVIDER|MODEL|PROTOCOL|HOW|WHY", rows, ""); err != nil {
			return err
		}
	}
	if len(e.Lost) == 0 {
		return nil
	}
	fmt.Fprintln(c.out, "\nNot asked:")
	lost := make([][]string, len(e.Lost))
	for i, l := range e.Lost {
		lost[i] = []string{l.What, l.Why}
	}
	return c.table("WHAT|WHY", lost, "")
}

// oneOf refuses a flag whose value is none of those it can have.
func oneOf[T ~string](flag, value string, known ...T) error {
	if slices.Contains(known, T(value)) {
		return nil
	}
	return usageError{fmt.Errorf("--%s %q: it is one of %v", flag, value, known)}
}
