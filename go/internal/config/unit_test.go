package config

import (
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "0": 0, "1B": 1, "1KiB": 1024, "50MiB": 50 << 20, "2 GiB": 2 << 30, "1TiB": 1 << 40, "64MB": 64e6, "3kB": 3000, "3KB": 3000,
	} {
		got, err := parseSize(text)
		if err != nil || int64(got) != want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "1mib", "1 M", "9000000000TiB", "9223372036854775808", "0x10"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
	for want, size := range map[string]Size{"0B": 0, "1KiB": 1024, "1025B": 1025, "1536KiB": 1536 << 10, "1GiB": 1 << 30, "2TiB": 2 << 40} {
		if got := size.String(); got != want {
			t.Errorf("%d is %q, want %q", int64(size), got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "1m30s": 90 * time.Second, "12h": 12 * time.Hour,
		"30d": 720 * time.Hour, "1d12h": 36 * time.Hour, "1.5s": 1500 * time.Millisecond, " 2s ": 2 * time.Second,
	} {
		got, err := parseDuration(text)
		if err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "5", "s", "-1s", "+1s", "1x", "1d-1h", "99999d99999999h", "d", "1d1"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, got)
		}
	}
	for want, d := range map[string]time.Duration{
		"0s": 0, "5m": 5 * time.Minute, "2h": 2 * time.Hour, "1d": 24 * time.Hour, "1m30s": 90 * time.Second, "10s": 10 * time.Second,
		"25h": 25 * time.Hour, "1h0m10s": time.Hour + 10*time.Second, "20m": 20 * time.Minute,
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"50MiB", "1 kB", "30d", "1d12h", "250ms", "0", "-1", "99999d23h59m59s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseSize(text); err == nil {
			if again, err := parseSize(s.String()); err != nil || again != s || s < 0 {
				t.Errorf("size %q: %d, again %d, %v", text, s, again, err)
			}
		}
		if d, err := parseDuration(text); err == nil {
			if again, err := parseDuration(formatDuration(d)); err != nil || again != d || d < 0 {
				t.Errorf("duration %q: %v, again %v, %v", text, d, again, err)
			}
		}
	})
}
