package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// moment reads a date, a time or how far it is from now, in days too: ago if
// sign is -1, ahead if it is 1. Text that is empty is the zero time.
func moment(flag, text string, now time.Time, sign int) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil {
			return now.AddDate(0, 0, sign*n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(time.Duration(sign) * d), nil
	}
	for _, layout := range [...]string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("--%s %q: write 12h, 30d, 2027-01-31 or 2027-01-31T12:00:00Z", flag, text)}
}
