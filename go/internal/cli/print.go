package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// printJSON writes v as indented JSON.
func (c *command) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table writes rows under a head, columns lined up. Without rows it says so.
func (c *command) table(head string, rows [][]string, none string) error {
	return tableTo(c.out, head, rows, none)
}

func tableTo(out io.Writer, head string, rows [][]string, none string) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(out, none)
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(head, "|", "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// say writes a line for people; in JSON mode there are none.
func (c *command) say(w io.Writer, format string, args ...any) {
	if !c.flags.json {
		fmt.Fprintf(w, format+"\n", args...)
	}
}

// describe puts an error into words for people, on one line. The cause of what
// a person asked for in vain says nothing more.
func describe(err error) string {
	text := err.Error()
	var known *llm.Error
	if errors.As(err, &known) && known.Err != nil && (known.Kind == llm.Invalid || known.Kind == llm.NotFound) {
		text = strings.TrimSuffix(text, ": "+known.Err.Error())
	}
	return oneLine(text)
}

// oneLine joins the lines that some libraries put into their errors.
func oneLine(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, " ")
}

// shownTime is a time for people, "-" if there is none.
func shownTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// stamp is a time for programs, nil if there is none.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// counted is a number of things.
func counted(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// dollars writes nano-USD as USD, with the cents' fractions that matter.
func dollars(nano int64) string {
	sign := ""
	if nano < 0 {
		sign, nano = "-", -nano
	}
	s := fmt.Sprintf("%s$%d.%09d", sign, nano/1e9, nano%1e9)
	for strings.HasSuffix(s, "0") && len(s)-strings.IndexByte(s, '.') > 3 {
		s = s[:len(s)-1]
	}
	return s
}
