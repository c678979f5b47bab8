package ledger

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// maxText bounds each text of a row, in bytes. Some of them come from clients
// and upstreams, who could fill the disk with one.
const maxText = 200

var errRow = errors.New("a journal record is not a ledger row")

// wire writes fields one after the other or reads them back, so that both
// directions are one list.
type wire struct {
	b       []byte
	text    string // when reading: what is left of b, shared by the texts
	reading bool
	bad     bool
}

func writing(dst []byte) *wire { return &wire{b: dst} }

func reading(b []byte) *wire { return &wire{text: string(b), reading: true} }

// uvarint reads a number off the text.
func (w *wire) uvarint() (v uint64) {
	for shift := 0; shift < 64; shift += 7 {
		if len(w.text) == 0 {
			break
		}
		c := w.text[0]
		w.text = w.text[1:]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	w.bad = true
	return 0
}

func (w *wire) number(n *int64) {
	if w.reading {
		u := w.uvarint()
		*n = int64(u>>1) ^ -int64(u&1)
		return
	}
	w.b = binary.AppendVarint(w.b, *n)
}

func (w *wire) small(n *int) {
	v := int64(*n)
	w.number(&v)
	*n = int(v)
}

func (w *wire) str(s *string) {
	if !w.reading {
		w.b = binary.AppendUvarint(w.b, uint64(len(*s)))
		w.b = append(w.b, *s...)
		return
	}
	n := w.uvarint()
	if n > uint64(len(w.text)) {
		w.bad = true
		return
	}
	*s, w.text = w.text[:n], w.text[n:]
}

// count writes an absent count as 0 and a known one as 1 and its value.
func (w *wire) count(c *llm.Count) {
	known := int64(0)
	if c.Known {
		known = 1
	}
	w.number(&known)
	if c.Known = known == 1; c.Known {
		w.number(&c.N)
	}
}

func (w *wire) duration(d *time.Duration) { w.number((*int64)(d)) }

func (w *wire) time(t *time.Time) {
	us := t.UnixMicro()
	w.number(&us)
	if w.reading {
		*t = time.UnixMicro(us).UTC()
	}
}

// rowVersion names the list of fields in row. A list is never changed: a
// column more is a version more, so that old rows keep their hash.
const rowVersion = 1

// row goes through the columns of an entry, but for its place in a chain.
func (w *wire) row(e *Entry) {
	version := int64(rowVersion)
	w.number(&version)
	if version != rowVersion {
		w.bad = true
		return
	}
	w.str(&e.RequestID)
	w.small(&e.Attempt)
	w.str(&e.OrgID)
	w.str(&e.TeamID)
	w.str(&e.UserID)
	w.str(&e.KeyID)
	w.str(&e.KeyName)
	w.str((*string)(&e.Operation))
	w.str((*string)(&e.ClientProtocol))
	w.str((*string)(&e.UpstreamProtocol))
	w.str(&e.Provider)
	w.str(&e.ModelRequested)
	w.str(&e.ModelSent)
	w.str(&e.ModelServed)
	w.str(&e.UpstreamID)
	w.str(&e.Tier)
	w.usage(&e.Usage)
	w.count(&e.Cost)
	w.str(&e.PriceVersion)
	w.str((*string)(&e.Outcome))
	w.small(&e.Status)
	w.str(&e.ErrorKind)
	w.str((*string)(&e.Stop))
	w.time(&e.Started)
	w.duration(&e.FirstToken)
	w.duration(&e.Duration)
	w.number(&e.BytesIn)
	w.number(&e.BytesOut)
	w.small(&e.Findings)
}

func (w *wire) usage(u *llm.Usage) {
	w.count(&u.Input)
	w.count(&u.CacheRead)
	w.count(&u.CacheWrite5m)
	w.count(&u.CacheWrite1h)
	w.count(&u.Output)
	w.count(&u.Reasoning)
	w.count(&u.AudioIn)
	w.count(&u.AudioOut)
	w.count(&u.ImageIn)
	w.count(&u.ImageOut)
	w.count(&u.ProviderCost)
	source := int64(u.Source)
	w.number(&source)
	u.Source = llm.UsageSource(source)
}

// end reports whether all was read and nothing is left.
func (w *wire) end() error {
	if w.bad || len(w.text) > 0 {
		return errRow
	}
	return nil
}

// tidy gives an entry the form in which it is kept: what a database would
// change or refuse may not differ between the journal and the database.
func (e *Entry) tidy() {
	for _, s := range [...]*string{
		&e.RequestID, &e.OrgID, &e.TeamID, &e.UserID, &e.KeyID, &e.KeyName, &e.Provider,
		&e.ModelRequested, &e.ModelSent, &e.ModelServed, &e.UpstreamID, &e.Tier, &e.PriceVersion, &e.ErrorKind,
		(*string)(&e.Operation), (*string)(&e.ClientProtocol), (*string)(&e.UpstreamProtocol),
		(*string)(&e.Outcome), (*string)(&e.Stop),
	} {
		*s = tidyText(*s)
	}
	u := &e.Usage
	for _, c := range [...]*llm.Count{
		&u.Input, &u.CacheRead, &u.CacheWrite5m, &u.CacheWrite1h, &u.Output, &u.Reasoning,
		&u.AudioIn, &u.AudioOut, &u.ImageIn, &u.ImageOut, &u.ProviderCost, &e.Cost,
	} {
		if !c.Known || c.N < 0 { // less than nothing is no number of tokens
			*c = llm.Count{}
		}
	}
	if u.Source > llm.Reported {
		u.Source = llm.Estimated
	}
	e.Started = e.Started.UTC().Truncate(time.Microsecond)
	e.FirstToken, e.Duration = max(0, e.FirstToken), max(0, e.Duration)
	e.BytesIn, e.BytesOut = max(0, e.BytesIn), max(0, e.BytesOut)
}

// tidyText returns text of bounded length that every database takes.
func tidyText(s string) string {
	if len(s) > maxText {
		n := maxText
		for n > maxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	s = strings.ToValidUTF8(s, "?")
	return strings.ReplaceAll(s, "\x00", "?")
}
