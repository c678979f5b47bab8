package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/ledger"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// dimension returns the SQL of what rows are grouped by, or "".
func dimension(d ledger.Dimension) string {
	switch d {
	case ledger.ByDay:
		return "day"
	case ledger.ByUser:
		return "user_id"
	case ledger.ByKey:
		return "key_id"
	case ledger.ByTeam:
		return "team_id"
	case ledger.ByProvider:
		return "provider"
	case ledger.ByModel:
		return "CASE WHEN model_served <> '' THEN model_served ELSE model_sent END"
	case ledger.ByOutcome:
		return "outcome"
	}
	return ""
}

const (
	withTokens = `(COALESCE(input_tokens, 0) > 0 OR COALESCE(cache_read_tokens, 0) > 0
		OR COALESCE(cache_write_5m_tokens, 0) > 0 OR COALESCE(cache_write_1h_tokens, 0) > 0
		OR COALESCE(output_tokens, 0) > 0 OR COALESCE(reasoning_tokens, 0) > 0
		OR COALESCE(audio_in_tokens, 0) > 0 OR COALESCE(audio_out_tokens, 0) > 0
		OR COALESCE(image_in_tokens, 0) > 0 OR COALESCE(image_out_tokens, 0) > 0)`
	failedOutcomes = `('failed', 'cut_by_upstream', 'gateway_crash')`
	unsaidSources  = `('estimated', 'counted')`
)

// untold is the list of the operations that may cost something without tokens.
func untold() string {
	names := make([]string, 0, len(llm.Untold()))
	for _, op := range llm.Untold() {
		names = append(names, "'"+string(op)+"'")
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// measures returns the SQL of what is added up, in the order in which scanSum
// reads it. The casts keep PostgreSQL from answering with decimals.
func measures() []string {
	sum := func(columns ...string) string {
		for i, c := range columns {
			columns[i] = "COALESCE(" + c + ", 0)"
		}
		return "CAST(COALESCE(SUM(" + strings.Join(columns, " + ") + "), 0) AS BIGINT)"
	}
	rows := func(condition string) string {
		return "COUNT(CASE WHEN " + condition + " THEN 1 END)"
	}
	return []string{
		"COUNT(*)",
		"COUNT(DISTINCT request_id)",
		rows("outcome IN " + failedOutcomes),
		sum("input_tokens"),
		sum("cache_read_tokens"),
		sum("cache_write_5m_tokens", "cache_write_1h_tokens"),
		sum("output_tokens"),
		sum("reasoning_tokens"),
		sum("audio_in_tokens", "audio_out_tokens", "image_in_tokens", "image_out_tokens"),
		sum("cost_nusd"),
		rows("cost_nusd IS NULL AND (" + withTokens + " OR outcome = 'complete' AND operation IN " + untold() + ")"),
		rows("usage_source IN " + unsaidSources + " AND " + withTokens),
		"COALESCE(MIN(started_us), 0)",
		"COALESCE(MAX(started_us), 0)",
	}
}

// Sums adds up the rows that match, by the given dimensions and in their
// order. Where nothing matches there is no sum. The Limit of the filter is one
// of rows and has no meaning here.
func (s *Store) Sums(ctx context.Context, f ledger.Filter, by []ledger.Dimension) ([]ledger.Sum, error) {
	ctx, cancel := s.longer(ctx)
	defer cancel()
	columns := measures()
	query := narrow(s.read.WithContext(ctx).Model(&entryRow{}), f)
	for _, d := range by {
		expression := dimension(d)
		if expression == "" {
			return nil, fmt.Errorf("the ledger has no dimension %q", d)
		}
		group := "by_" + string(d)
		columns = append(columns, expression+" AS "+group)
		query = query.Group(group)
	}
	rows, err := query.Select(strings.Join(columns, ", ")).Rows()
	if err != nil {
		return nil, fmt.Errorf("add up ledger rows: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var sums []ledger.Sum
	for rows.Next() {
		sum, err := scanSum(rows, by)
		if err != nil {
			return nil, fmt.Errorf("add up ledger rows: %w", err)
		}
		if sum.Attempts > 0 { // without dimensions there is always a row
			sums = append(sums, sum)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("add up ledger rows: %w", err)
	}
	// Here and not in SQL, where the order of text depends on the server.
	slices.SortFunc(sums, func(a, b ledger.Sum) int {
		for _, d := range by {
			if order := cmp.Compare(a.Group[d], b.Group[d]); order != 0 {
				return order
			}
		}
		return 0
	})
	return sums, nil
}

func scanSum(rows *sql.Rows, by []ledger.Dimension) (ledger.Sum, error) {
	sum := ledger.Sum{Group: make(map[ledger.Dimension]string, len(by))}
	var first, last int64
	targets := []any{
		&sum.Attempts, &sum.Requests, &sum.Failures,
		&sum.Input, &sum.CacheRead, &sum.CacheWrite, &sum.Output, &sum.Reasoning, &sum.Media,
		&sum.Cost, &sum.Unpriced, &sum.Estimated, &first, &last,
	}
	values := make([]string, len(by))
	for i := range values {
		targets = append(targets, &values[i])
	}
	if err := rows.Scan(targets...); err != nil {
		return ledger.Sum{}, err
	}
	for i, d := range by {
		sum.Group[d] = values[i]
	}
	sum.First, sum.Last = fromMicros(first), fromMicros(last)
	return sum, nil
}

// ceilMicros is micros, rounded up.
func ceilMicros(t time.Time) int64 { return micros(t.Add(time.Microsecond - time.Nanosecond)) }
