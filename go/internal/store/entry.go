package store

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// entryRow is a row of the ledger.
type entryRow struct {
	RequestID string `gorm:"primaryKey"`
	Attempt   int64  `gorm:"primaryKey;autoIncrement:false"`

	Chain string
	Seq   int64
	Hash  []byte

	OrgID, TeamID, UserID, KeyID, KeyName string

	Operation, ClientProtocol, UpstreamProtocol string
	Provider                                    string
	ModelRequested, ModelSent, ModelServed      string
	UpstreamID, Tier                            string

	InputTokens, CacheReadTokens count
	CacheWrite5m                 count `gorm:"column:cache_write_5m_tokens"`
	CacheWrite1h                 count `gorm:"column:cache_write_1h_tokens"`
	OutputTokens                 count
	ReasoningTokens              count
	AudioInTokens                count
	AudioOutTokens               count
	ImageInTokens                count
	ImageOutTokens               count
	UsageSource                  string
	ProviderCost                 count `gorm:"column:provider_cost_nusd"`
	Cost                         count `gorm:"column:cost_nusd"`
	PriceVersion                 string

	Outcome    string
	Status     int64
	ErrorKind  string
	Stop       string
	StartedUS  int64 `gorm:"column:started_us"`
	Day        string
	FirstToken int64 `gorm:"column:first_token_ns"`
	Duration   int64 `gorm:"column:duration_ns"`
	BytesIn    int64
	BytesOut   int64
	Findings   int64
}

// TableName implements gorm's tabler.
func (entryRow) TableName() string { return "ledger_entries" }

// count keeps an absent count as NULL.
type count llm.Count

// Value implements driver.Valuer.
func (c count) Value() (driver.Value, error) { return c.arg(), nil }

// Scan implements sql.Scanner.
func (c *count) Scan(value any) error {
	switch n := value.(type) {
	case nil:
		*c = count{}
	case int64:
		*c = count(llm.Known(n))
	default:
		return fmt.Errorf("a count is stored as %T", value)
	}
	return nil
}

// appendTo implements row. A test holds the order.
func (r entryRow) appendTo(to *arguments) {
	to.text(r.RequestID)
	to.number(r.Attempt)
	to.text(r.Chain)
	to.number(r.Seq)
	to.list = append(to.list, r.Hash)
	to.texts(
		r.OrgID, r.TeamID, r.UserID, r.KeyID, r.KeyName, r.Operation, r.ClientProtocol, r.UpstreamProtocol,
		r.Provider, r.ModelRequested, r.ModelSent, r.ModelServed, r.UpstreamID, r.Tier)
	to.counts(
		r.InputTokens, r.CacheReadTokens, r.CacheWrite5m, r.CacheWrite1h, r.OutputTokens, r.ReasoningTokens,
		r.AudioInTokens, r.AudioOutTokens, r.ImageInTokens, r.ImageOutTokens)
	to.text(r.UsageSource)
	to.counts(r.ProviderCost, r.Cost)
	to.texts(r.PriceVersion, r.Outcome)
	to.number(r.Status)
	to.texts(r.ErrorKind, r.Stop)
	to.number(r.StartedUS)
	to.text(r.Day)
	for _, n := range [...]int64{r.FirstToken, r.Duration, r.BytesIn, r.BytesOut, r.Findings} {
		to.number(n)
	}
}

// arg is the count as a driver takes it.
func (c count) arg() any {
	if !c.Known {
		return nil
	}
	return c.N
}

func rowOfEntry(e *ledger.Entry) entryRow {
	u := &e.Usage
	return entryRow{
		RequestID: storable(e.RequestID), Attempt: int64(e.Attempt),
		Chain: storable(e.Chain), Seq: e.Seq, Hash: e.Hash[:],
		OrgID: storable(e.OrgID), TeamID: storable(e.TeamID), UserID: storable(e.UserID),
		KeyID: storable(e.KeyID), KeyName: storable(e.KeyName),
		Operation: string(e.Operation), ClientProtocol: string(e.ClientProtocol),
		UpstreamProtocol: string(e.UpstreamProtocol), Provider: storable(e.Provider),
		ModelRequested: storable(e.ModelRequested), ModelSent: storable(e.ModelSent),
		ModelServed: storable(e.ModelServed), UpstreamID: storable(e.UpstreamID), Tier: storable(e.Tier),
		InputTokens: count(u.Input), CacheReadTokens: count(u.CacheRead),
		CacheWrite5m: count(u.CacheWrite5m), CacheWrite1h: count(u.CacheWrite1h),
		OutputTokens: count(u.Output), ReasoningTokens: count(u.Reasoning),
		AudioInTokens: count(u.AudioIn), AudioOutTokens: count(u.AudioOut),
		ImageInTokens: count(u.ImageIn), ImageOutTokens: count(u.ImageOut),
		UsageSource: u.Source.String(), ProviderCost: count(u.ProviderCost),
		Cost: count(e.Cost), PriceVersion: storable(e.PriceVersion),
		Outcome: string(e.Outcome), Status: int64(e.Status), ErrorKind: storable(e.ErrorKind),
		Stop: storable(string(e.Stop)), StartedUS: micros(e.Started), Day: e.Started.UTC().Format(time.DateOnly),
		FirstToken: int64(e.FirstToken), Duration: int64(e.Duration),
		BytesIn: e.BytesIn, BytesOut: e.BytesOut, Findings: int64(e.Findings),
	}
}

func (r *entryRow) entry() (ledger.Entry, error) {
	e := ledger.Entry{
		RequestID: r.RequestID, Attempt: int(r.Attempt), Chain: r.Chain, Seq: r.Seq,
		OrgID: r.OrgID, TeamID: r.TeamID, UserID: r.UserID, KeyID: r.KeyID, KeyName: r.KeyName,
		Operation: llm.Operation(r.Operation), ClientProtocol: llm.Protocol(r.ClientProtocol),
		UpstreamProtocol: llm.Protocol(r.UpstreamProtocol), Provider: r.Provider,
		ModelRequested: r.ModelRequested, ModelSent: r.ModelSent, ModelServed: r.ModelServed,
		UpstreamID: r.UpstreamID, Tier: r.Tier,
		Usage: llm.Usage{
			Input: llm.Count(r.InputTokens), CacheRead: llm.Count(r.CacheReadTokens),
			CacheWrite5m: llm.Count(r.CacheWrite5m), CacheWrite1h: llm.Count(r.CacheWrite1h),
			Output: llm.Count(r.OutputTokens), Reasoning: llm.Count(r.ReasoningTokens),
			AudioIn: llm.Count(r.AudioInTokens), AudioOut: llm.Count(r.AudioOutTokens),
			ImageIn: llm.Count(r.ImageInTokens), ImageOut: llm.Count(r.ImageOutTokens),
			Source: sourceOf(r.UsageSource), ProviderCost: llm.Count(r.ProviderCost),
		},
		Cost: llm.Count(r.Cost), PriceVersion: r.PriceVersion,
		Outcome: ledger.Outcome(r.Outcome), Status: int(r.Status), ErrorKind: r.ErrorKind,
		Stop: llm.StopReason(r.Stop), Started: fromMicros(r.StartedUS),
		FirstToken: time.Duration(r.FirstToken), Duration: time.Duration(r.Duration),
		BytesIn: r.BytesIn, BytesOut: r.BytesOut, Findings: int(r.Findings),
	}
	return e, hashInto(&e.Hash, r.Hash, r.RequestID)
}

func hashInto(hash *[32]byte, stored []byte, what string) error {
	if len(stored) != len(hash) {
		return fmt.Errorf("ledger row %s: its hash has %d bytes", what, len(stored))
	}
	copy(hash[:], stored)
	return nil
}

// sourceOf is the inverse of String; a word that is not known is no claim.
func sourceOf(word string) llm.UsageSource {
	for source := llm.Reported; source > llm.Estimated; source-- {
		if source.String() == word {
			return source
		}
	}
	return llm.Estimated
}

// storable returns text that both databases take: PostgreSQL refuses bytes
// that are no UTF-8, and zero bytes, in which case a name that a client sent
// would stop the ledger.
func storable(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	return strings.ReplaceAll(s, "\x00", string(utf8.RuneError))
}
