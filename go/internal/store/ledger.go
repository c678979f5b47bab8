package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"gorm.io/gorm"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
)

// Apply adds the entries that are not there yet and returns how many were new.
func (s *Store) Apply(ctx context.Context, batch []ledger.Entry) (int, error) {
	rows := make([]entryRow, len(batch))
	for i := range batch {
		rows[i] = rowOfEntry(&batch[i])
	}
	// In one order, so that two appliers with rows in common wait for each
	// other and never both. Stable: of the same key twice the first stays.
	slices.SortStableFunc(rows, func(a, b entryRow) int {
		return cmp.Or(cmp.Compare(a.RequestID, b.RequestID), cmp.Compare(a.Attempt, b.Attempt))
	})
	var added int64
	err := s.entries.ready(ctx, s.write, rows)
	if err == nil {
		err = s.transact(ctx, func(tx *gorm.DB) (err error) {
			added, err = s.entries.insertNew(tx, rows)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("add %d ledger rows: %w", len(batch), err)
	}
	return int(added), nil
}

const pageRows = 500

// Entries yields the rows that match, oldest first, a page at a time.
func (s *Store) Entries(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		left := f.Limit
		var last *entryRow
		for {
			size := pageRows
			if f.Limit > 0 {
				size = min(size, left)
			}
			rows, err := s.page(ctx, f, last, size)
			if err != nil {
				yield(ledger.Entry{}, fmt.Errorf("read ledger rows: %w", err))
				return
			}
			for i := range rows {
				e, err := rows[i].entry()
				if !yield(e, err) || err != nil {
					return
				}
			}
			left -= len(rows)
			if len(rows) < size || f.Limit > 0 && left == 0 {
				return
			}
			last = &rows[len(rows)-1]
		}
	}
}

// page returns the next rows after the last one seen.
func (s *Store) page(ctx context.Context, f ledger.Filter, last *entryRow, size int) ([]entryRow, error) {
	ctx, cancel := s.longer(ctx)
	defer cancel()
	place := "started_us"
	if f.Chain != "" {
		place = "seq"
	}
	query := narrow(s.read.WithContext(ctx), f)
	if last != nil {
		at := last.StartedUS
		if f.Chain != "" {
			at = last.Seq
		}
		query = query.Where("("+place+", request_id, attempt) > (?, ?, ?)", at, last.RequestID, last.Attempt)
	}
	var rows []entryRow
	err := query.Order(place + ", request_id, attempt").Limit(size).Find(&rows).Error
	return rows, err
}

// narrow adds the conditions of a filter to a query.
func narrow(query *gorm.DB, f ledger.Filter) *gorm.DB {
	// The rows have whole microseconds: a bound between two means the later.
	if !f.From.IsZero() {
		query = query.Where("started_us >= ?", ceilMicros(f.From))
	}
	if !f.Until.IsZero() {
		query = query.Where("started_us < ?", ceilMicros(f.Until))
	}
	for _, equal := range [...]struct{ column, value string }{
		{"request_id", f.RequestID},
		{"chain", f.Chain},
		{"org_id", f.OrgID},
		{"user_id", f.UserID},
		{"key_id", f.KeyID},
		{"provider", f.Provider},
		{"outcome", string(f.Outcome)},
	} {
		if equal.value != "" {
			query = query.Where(equal.column+" = ?", storable(equal.value))
		}
	}
	if f.Model != "" {
		model := storable(f.Model)
		query = query.Where("(model_requested = ? OR model_served = ?)", model, model)
	}
	return query
}

// Has tells which of the keys are in the database.
func (s *Store) Has(ctx context.Context, keys []ledger.EntryKey) (map[ledger.EntryKey]bool, error) {
	ctx, cancel := s.longer(ctx)
	defer cancel()
	found := make(map[ledger.EntryKey]bool, len(keys))
	for chunk := range slices.Chunk(keys, 1000) {
		ids := make([]string, 0, len(chunk))
		wanted := make(map[ledger.EntryKey]bool, len(chunk))
		for _, k := range chunk {
			ids = append(ids, storable(k.RequestID))
			wanted[k] = true
		}
		var rows []entryRow
		err := s.read.WithContext(ctx).Select("request_id", "attempt").Where("request_id IN ?", ids).Find(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("look up ledger rows: %w", err)
		}
		for i := range rows {
			if k := (ledger.EntryKey{RequestID: rows[i].RequestID, Attempt: int(rows[i].Attempt)}); wanted[k] {
				found[k] = true
			}
		}
	}
	return found, nil
}

// Heads returns the last row of every chain, by chain.
func (s *Store) Heads(ctx context.Context) ([]ledger.Head, error) {
	ctx, cancel := s.longer(ctx)
	defer cancel()
	var rows []struct {
		Chain string
		Seq   int64
		Hash  []byte
		Total int64
	}
	err := s.read.WithContext(ctx).Raw(`
		SELECT chains.chain, chains.seq, entries.hash, chains.total
		FROM (SELECT chain, MAX(seq) AS seq, COUNT(*) AS total FROM ledger_entries GROUP BY chain) AS chains
		JOIN ledger_entries AS entries ON entries.chain = chains.chain AND entries.seq = chains.seq
		ORDER BY chains.chain`).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read the ends of the ledger's chains: %w", err)
	}
	heads := make([]ledger.Head, len(rows))
	for i, r := range rows {
		heads[i] = ledger.Head{Chain: r.Chain, Seq: r.Seq, Rows: r.Total}
		if err := hashInto(&heads[i].Hash, r.Hash, "of chain "+r.Chain); err != nil {
			return nil, err
		}
	}
	return heads, nil
}
