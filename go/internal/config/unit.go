package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

// sizeUnits, the longest first: a suffix of one must not hide another.
var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{
	{"KiB", kib},
	{"MiB", mib},
	{"GiB", gib},
	{"TiB", tib},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"B", 1},
}

// String writes the size with the largest unit that divides it.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if u := sizeUnits[i]; s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// parseSize reads a size such as 50MiB, 64MB or 1048576.
func parseSize(text string) (Size, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || int64(n) > math.MaxInt64/unit {
		return 0, flaw(fmt.Sprintf("%q is no size.", text), "Write a whole number with a unit: B, KiB, MiB, GiB, TiB, or kB, MB, GB, TB.")
	}
	return Size(int64(n) * unit), nil
}

var days = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// parseDuration reads a duration such as 250ms, 1m30s, 12h or 30d.
func parseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	var whole time.Duration
	rest := text
	if m := days.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		whole, rest = time.Duration(n)*24*time.Hour, m[2]
		if rest == "" {
			return whole, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if _, bare := strconv.Atoi(rest); bare == nil && rest != "0" {
		return 0, flaw(fmt.Sprintf("%q is a duration without a unit.", text), fmt.Sprintf("Write %ss, if seconds are meant.", rest))
	}
	if err != nil || d < 0 || rest[0] == '+' || whole > math.MaxInt64-d {
		return 0, flaw(fmt.Sprintf("%q is no duration.", text), "Write numbers with units: ms, s, m, h, d.")
	}
	return whole + d, nil
}

// formatDuration writes d as parseDuration reads it, without empty parts.
func formatDuration(d time.Duration) string {
	if d > 0 && d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// parseBool reads what people write for yes and no.
func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, flaw(fmt.Sprintf("%q is neither true nor false.", text), "Write true or false.")
}

// parseCount reads a whole number.
func parseCount(text string) (int, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil {
		return 0, flaw(fmt.Sprintf("%q is no whole number.", text), "Write digits only.")
	}
	return int(n), nil
}

func formatNanos(n int64) string { return formatDuration(time.Duration(n)) }
