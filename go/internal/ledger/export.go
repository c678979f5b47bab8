package ledger

import (
	"bufio"
	"encoding/csv"
	"encoding/hex"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// column is a column of an export: text, or a number that may be absent.
type column struct {
	name   string
	text   func(*Entry) string
	number func(*Entry) string // "" is absent
}

// columns are all columns of an export, in their order. Their names are what
// other programs rely on: they may be added to and never changed.
func columns() []column {
	text := func(name string, get func(*Entry) string) column { return column{name: name, text: get} }
	number := func(name string, get func(*Entry) string) column { return column{name: name, number: get} }
	count := func(name string, get func(*Entry) llm.Count) column {
		return number(name, func(e *Entry) string { return countText(get(e)) })
	}
	return []column{
		text("request_id", func(e *Entry) string { return e.RequestID }),
		number("attempt", func(e *Entry) string { return strconv.Itoa(e.Attempt) }),
		text("started_at", func(e *Entry) string { return e.Started.UTC().Format("2006-01-02T15:04:05.000000Z") }),
		text("org_id", func(e *Entry) string { return e.OrgID }),
		text("team_id", func(e *Entry) string { return e.TeamID }),
		text("user_id", func(e *Entry) string { return e.UserID }),
		text("key_id", func(e *Entry) string { return e.KeyID }),
		text("key_name", func(e *Entry) string { return e.KeyName }),
		text("operation", func(e *Entry) string { return string(e.Operation) }),
		text("client_protocol", func(e *Entry) string { return string(e.ClientProtocol) }),
		text("upstream_protocol", func(e *Entry) string { return string(e.UpstreamProtocol) }),
		text("provider", func(e *Entry) string { return e.Provider }),
		text("model_requested", func(e *Entry) string { return e.ModelRequested }),
		text("model_sent", func(e *Entry) string { return e.ModelSent }),
		text("model_served", func(e *Entry) string { return e.ModelServed }),
		text("upstream_id", func(e *Entry) string { return e.UpstreamID }),
		text("service_tier", func(e *Entry) string { return e.Tier }),
		count("input_tokens", func(e *Entry) llm.Count { return e.Usage.Input }),
		count("cache_read_tokens", func(e *Entry) llm.Count { return e.Usage.CacheRead }),
		count("cache_write_5m_tokens", func(e *Entry) llm.Count { return e.Usage.CacheWrite5m }),
		count("cache_write_1h_tokens", func(e *Entry) llm.Count { return e.Usage.CacheWrite1h }),
		count("output_tokens", func(e *Entry) llm.Count { return e.Usage.Output }),
		count("reasoning_tokens", func(e *Entry) llm.Count { return e.Usage.Reasoning }),
		count("audio_in_tokens", func(e *Entry) llm.Count { return e.Usage.AudioIn }),
		count("audio_out_tokens", func(e *Entry) llm.Count { return e.Usage.AudioOut }),
		count("image_in_tokens", func(e *Entry) llm.Count { return e.Usage.ImageIn }),
		count("image_out_tokens", func(e *Entry) llm.Count { return e.Usage.ImageOut }),
		text("usage_source", func(e *Entry) string {
			if e.Usage == (llm.Usage{}) {
				return "" // nothing was used, and nobody said so
			}
			return e.Usage.Source.String()
		}),
		count("provider_cost_nano_usd", func(e *Entry) llm.Count { return e.Usage.ProviderCost }),
		count("cost_nano_usd", func(e *Entry) llm.Count { return e.Cost }),
		text("cost_usd", func(e *Entry) string { return USD(e.Cost) }),
		text("price_version", func(e *Entry) string { return e.PriceVersion }),
		text("outcome", func(e *Entry) string { return string(e.Outcome) }),
		number("status", func(e *Entry) string { return nonZero(int64(e.Status)) }),
		text("error_kind", func(e *Entry) string { return e.ErrorKind }),
		text("stop_reason", func(e *Entry) string { return string(e.Stop) }),
		number("first_token_ms", func(e *Entry) string { return milliseconds(e.FirstToken, true) }),
		number("duration_ms", func(e *Entry) string { return milliseconds(e.Duration, false) }),
		number("bytes_in", func(e *Entry) string { return strconv.FormatInt(e.BytesIn, 10) }),
		number("bytes_out", func(e *Entry) string { return strconv.FormatInt(e.BytesOut, 10) }),
		number("findings", func(e *Entry) string { return strconv.Itoa(e.Findings) }),
		text("chain", func(e *Entry) string { return e.Chain }),
		number("seq", func(e *Entry) string { return strconv.FormatInt(e.Seq, 10) }),
		text("hash", func(e *Entry) string { return hex.EncodeToString(e.Hash[:]) }),
	}
}

func countText(c llm.Count) string {
	if !c.Known {
		return ""
	}
	return strconv.FormatInt(c.N, 10)
}

func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// milliseconds has three decimals; with zeroAbsent no time is no number.
func milliseconds(d time.Duration, zeroAbsent bool) string {
	if d == 0 && zeroAbsent {
		return ""
	}
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 3, 64)
}

// USD writes nano-USD as an exact decimal number of dollars, "" if unknown.
func USD(cost llm.Count) string {
	if !cost.Known {
		return ""
	}
	sign, n := "", uint64(cost.N)
	if cost.N < 0 {
		sign, n = "-", -n
	}
	fraction := strconv.FormatUint(1e9+n%1e9, 10)[1:]
	return sign + strconv.FormatUint(n/1e9, 10) + "." + fraction
}

// WriteJSON writes one JSON object a line. What is absent is null.
func WriteJSON(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := bufio.NewWriter(w)
	cols := columns()
	var line []byte
	for e, err := range entries {
		if err != nil {
			_ = out.Flush() // what came before the error is of use
			return err
		}
		line = append(line[:0], '{')
		for i, c := range cols {
			if i > 0 {
				line = append(line, ',')
			}
			line = append(line, '"')
			line = append(line, c.name...)
			line = append(line, `":`...)
			line = appendValue(line, &c, &e)
		}
		line = append(line, "}\n"...)
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

func appendValue(line []byte, c *column, e *Entry) []byte {
	value := ""
	if c.text != nil {
		value = c.text(e)
	} else {
		value = c.number(e)
	}
	switch {
	case value == "":
		return append(line, "null"...)
	case c.text != nil:
		return jsonscan.AppendString(line, value)
	default:
		return append(line, value...)
	}
}

// WriteCSV writes a heading and one line a row. What is absent is empty. Text
// that a spreadsheet would take for a formula gets an apostrophe in front, and
// line breaks become spaces: some of it was written by clients and upstreams.
func WriteCSV(w io.Writer, entries iter.Seq2[Entry, error]) error {
	out := csv.NewWriter(w)
	cols := columns()
	line := make([]string, len(cols))
	for i, c := range cols {
		line[i] = c.name
	}
	if err := out.Write(line); err != nil {
		return err
	}
	for e, err := range entries {
		if err != nil {
			out.Flush()
			return err
		}
		for i, c := range cols {
			if c.text != nil {
				line[i] = harmless(c.text(&e))
			} else {
				line[i] = c.number(&e)
			}
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func harmless(text string) string {
	if strings.ContainsAny(text, "\r\n") {
		text = strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
	}
	if text != "" && strings.ContainsRune("=+-@\t", rune(text[0])) {
		return "'" + text
	}
	return text
}
