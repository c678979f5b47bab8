package ledger

import (
	"cmp"
	"time"
)

// Matches reports whether the filter lets an entry through. It does not look
// at Limit.
func (f *Filter) Matches(e *Entry) bool {
	for _, want := range [...]struct{ want, is string }{
		{f.RequestID, e.RequestID},
		{f.Chain, e.Chain},
		{f.OrgID, e.OrgID},
		{f.UserID, e.UserID},
		{f.KeyID, e.KeyID},
		{f.Provider, e.Provider},
		{string(f.Outcome), string(e.Outcome)},
	} {
		if want.want != "" && want.want != want.is {
			return false
		}
	}
	return (f.Model == "" || f.Model == e.ModelRequested || f.Model == e.ModelServed) &&
		(f.From.IsZero() || !e.Started.Before(f.From)) &&
		(f.Until.IsZero() || e.Started.Before(f.Until))
}

// compare orders entries as a Store yields them for the filter.
func (f *Filter) compare(a, b *Entry) int {
	place := a.Started.Compare(b.Started)
	if f.Chain != "" {
		place = cmp.Compare(a.Seq, b.Seq)
	}
	return cmp.Or(place, cmp.Compare(a.RequestID, b.RequestID), cmp.Compare(a.Attempt, b.Attempt))
}

// key names an entry.
func (e *Entry) key() EntryKey { return EntryKey{e.RequestID, e.Attempt} }

// Value returns what an entry is grouped by in a dimension.
func (d Dimension) Value(e *Entry) string {
	switch d {
	case ByDay:
		return e.Started.UTC().Format(time.DateOnly)
	case ByUser:
		return e.UserID
	case ByKey:
		return e.KeyID
	case ByTeam:
		return e.TeamID
	case ByProvider:
		return e.Provider
	case ByModel:
		return cmp.Or(e.ModelServed, e.ModelSent)
	case ByOutcome:
		return string(e.Outcome)
	}
	return ""
}
