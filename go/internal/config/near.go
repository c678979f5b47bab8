package config

import "strings"

// nearest returns the candidate that text is most likely a slip for, or "".
func nearest(text string, candidates []string) string {
	limit, best := max(2, len(text)/3), ""
	folded := strings.ToLower(text)
	for _, c := range candidates {
		if d := edits(folded, strings.ToLower(c)); d <= limit && (best == "" || d < limit) {
			limit, best = d, c
		}
	}
	return best
}

// edits counts the insertions, deletions, replacements and swaps of neighbours
// that lead from a to b, in bytes.
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
