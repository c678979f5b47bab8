package chat

import (
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// maxWait bounds how long an upstream may tell us to stay away.
const maxWait = 24 * time.Hour

var waitPhrase = regexp.MustCompile(`(?i)(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|[hms]))+|\d+(?:\.\d+)? ?s)`)

// waitIn returns how long the headers ask to be left alone, 0 if they do not.
func waitIn(header http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil {
		return bounded(ms, time.Millisecond)
	}
	v := header.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return bounded(s, time.Second)
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(0, at.Sub(now)), maxWait)
	}
	return 0
}

func bounded(n float64, unit time.Duration) time.Duration {
	if !(n > 0) { // NaN too
		return 0
	}
	return time.Duration(min(n*float64(unit), float64(maxWait)))
}

// waitInText returns the wait that a message names: "Please try again in
// 1m12.5s.".
func waitInText(message string) time.Duration {
	m := waitPhrase.FindStringSubmatch(message)
	if m == nil {
		return 0
	}
	return span(m[1])
}

func span(s string) time.Duration {
	if n := len(s); n > 2 && s[n-2] == ' ' {
		s = s[:n-2] + s[n-1:]
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return min(max(0, d), maxWait)
}

// retryInfo returns the delay in Google's error details.
func retryInfo(v []byte) time.Duration {
	if jsonscan.KindOf(v) != jsonscan.Array {
		return 0
	}
	it := jsonscan.Elements(v)
	for it.Next() {
		if jsonscan.KindOf(it.Value()) != jsonscan.Object {
			continue
		}
		if delay := textOf(jsonscan.Get(it.Value(), "retryDelay")); delay != "" {
			return span(delay)
		}
	}
	return 0
}
