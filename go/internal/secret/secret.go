// Package secret holds the type of every value that must never be shown. It
// knows nothing of where secrets come from or what they open.
package secret

import "log/slog"

const redacted = "[redacted]"

// Secret is a value that prints as [redacted] in every format: fmt, JSON,
// YAML, text and slog. Reveal is the one way to the value.
type Secret struct{ value string }

// New returns a secret holding value.
func New(value string) Secret { return Secret{value: value} }

// Reveal returns the value itself. Call it where the value is used, never
// where it could be kept or printed.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether no value is held.
func (s Secret) Empty() bool { return s.value == "" }

// String returns [redacted], or nothing for an empty secret.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the value.
func (s Secret) GoString() string { return s.String() }

// MarshalText keeps JSON and YAML from writing the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the value in.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}

// LogValue keeps structured logs from writing the value.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
