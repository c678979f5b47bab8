package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/app"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// protocolNames are the protocols as people write them.
const protocolNames = "chat, responses, messages or gemini"

// protocolOf understands the short names and the long ones.
func protocolOf(flag, name string) (llm.Protocol, error) {
	switch strings.ToLower(name) {
	case "chat", string(llm.Chat):
		return llm.Chat, nil
	case "responses", string(llm.Responses):
		return llm.Responses, nil
	case "messages", string(llm.Messages):
		return llm.Messages, nil
	case string(llm.Gemini):
		return llm.Gemini, nil
	}
	return "", usageError{fmt.Errorf("--%s %q: it is one of %s", flag, name, protocolNames)}
}

// translatedView is what --json shows. Body is set for one JSON body, stream
// for the text of a stream.
type translatedView struct {
	From     llm.Protocol    `json:"from"`
	To       llm.Protocol    `json:"to"`
	Provider string          `json:"provider"`
	Model    string          `json:"model"`
	Body     json.RawMessage `json:"body,omitempty"`
	Stream   string          `json:"stream,omitempty"`
	Findings []findingView   `json:"findings"`
	Refused  *refusedView    `json:"refused,omitempty"`
}

type findingView struct {
	Class  string `json:"class"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

type refusedView struct {
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

func (c *command) translateCommand() *cobra.Command {
	var from, to string
	var answer bool
	var o app.TranslateOptions
	cmd := &cobra.Command{
		Use:   "translate --from PROTOCOL --to PROTOCOL",
		Short: "Show what becomes of a request in another protocol, and what is lost",
		Long: "Show what becomes of a request in another protocol, and what is lost. The request is read from the input; nothing is sent\n" +
			"anywhere. What it becomes goes to the output, the findings to people beside it. A protocol is one of " + protocolNames + ".",
		Example: "  gateway translate --from responses --to messages --model claude-sonnet-4-5 < request.json\n" +
			"  gateway translate --from gemini --to chat --model gpt-5 --stream < request.json\n" +
			"  gateway translate --answer --from messages --to chat < stream.sse",
		Args: cobra.NoArgs,
		RunE: c.withConfig(func(_ *cobra.Command, cfg *config.Config, _ []string) error {
			var err1, err2 error
			o.From, err1 = protocolOf("from", from)
			o.To, err2 = protocolOf("to", to)
			if err := errors.Join(err1, err2); err != nil {
				return usageError{err}
			}
			switch {
			case answer && o.Stream:
				return usageError{errors.New("--stream is for requests: an answer shows itself whether it is a stream")}
			case !answer && o.From == llm.Gemini && o.Model == "":
				return usageError{errors.New("a request of gemini names its model in the path, not in the body: give it with --model")}
			}
			text, err := io.ReadAll(io.LimitReader(c.in, int64(cfg.Limits.BodyBytes)+1))
			if err == nil && len(text) > int(cfg.Limits.BodyBytes) {
				err = errors.New("the input is larger than limits.body_bytes")
			}
			if err != nil {
				return err
			}
			o.Strict = o.Strict || cfg.Translation.Strict
			translate := app.TranslateRequest
			if answer {
				translate = app.TranslateAnswer
			}
			out, err := translate(cfg, o, text)
			return c.showTranslated(&o, &out, err)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "what the input is written in: "+protocolNames)
	f.StringVar(&to, "to", "", "what it is to become: "+protocolNames)
	f.StringVar(&o.Model, "model", "", "the model that is asked (default: that of the request)")
	f.StringVar(&o.Provider, "provider", "", "the provider whose quirks count (default: the vendor of the protocol)")
	f.BoolVar(&o.Stream, "stream", false, "ask for a stream (default: as the request says; one of gemini says it in its path)")
	f.BoolVar(&o.Strict, "strict", false, "refuse what would be lost, as translation.strict does")
	f.BoolVar(&answer, "answer", false, "the input is the answer of a provider, a body or a stream")
	_ = errors.Join(cmd.MarkFlagRequired("from"), cmd.MarkFlagRequired("to")) // they exist
	return cmd
}

// showTranslated prints a translation or why there is none. A refusal is told
// with the findings that led to it, the failure of a stream with what the
// client got of it.
func (c *command) showTranslated(o *app.TranslateOptions, out *app.Translated, failure error) error {
	var refusal *llm.Error
	if failure != nil && !errors.As(failure, &refusal) {
		return failure
	}
	if c.flags.json {
		return c.translatedJSON(o, out, refusal)
	}
	text := out.Text
	if json.Valid(text) {
		var b bytes.Buffer
		if err := json.Indent(&b, text, "", "  "); err != nil {
			return err
		}
		text = append(b.Bytes(), '\n')
	}
	if _, err := c.out.Write(text); err != nil {
		return err
	}
	if refusal != nil && len(out.Findings) == 0 {
		return refusal
	}
	if err := c.findings(out.Findings); err != nil || refusal == nil {
		return err
	}
	return refusal
}

func (c *command) findings(all []llm.Finding) error {
	rows := make([][]string, len(all))
	for i, f := range all {
		rows[i] = []string{f.Class.String(), f.Field, f.Reason}
	}
	return tableTo(c.err, "CLASS|FIELD|REASON", rows, "Everything is carried as it is.")
}

func (c *command) translatedJSON(o *app.TranslateOptions, out *app.Translated, refusal *llm.Error) error {
	v := translatedView{From: o.From, To: o.To, Provider: out.Provider, Model: out.Model, Findings: make([]findingView, len(out.Findings))}
	for i, f := range out.Findings {
		v.Findings[i] = findingView{f.Class.String(), f.Field, f.Reason}
	}
	if json.Valid(out.Text) {
		v.Body = out.Text
	} else {
		v.Stream = string(out.Text)
	}
	if refusal != nil {
		v.Refused = &refusedView{refusal.Message, refusal.Field}
	}
	err := c.printJSON(v)
	if err == nil && refusal != nil {
		err = errTold
	}
	return err
}
