package llm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is a failure in words that every protocol can say.
type Error struct {
	Kind       ErrorKind
	Message    string // safe for the client: what happened, where, what to do
	Field      string // the request field at fault
	Code       string // the vendor's finer word, where clients depend on it
	RetryAfter time.Duration
	Upstream   *Upstream // nil unless an upstream failed
	Err        error     // cause, for the log only
}

// ErrorKind says what went wrong and whose turn it is to mend it.
type ErrorKind uint8

// The kinds of error.
const (
	Internal ErrorKind = iota
	Invalid
	Unauthenticated
	Forbidden
	NotFound      // no such path or object
	ModelNotFound // no such model, or no route to it
	TooLarge
	UnsupportedMedia // content encoding or type
	ContextTooLong
	ContentPolicy // the request was refused for its content
	RateLimited
	QuotaExceeded
	Overloaded
	Unavailable // ours: journal full, database needed and down
	Timeout
	BadUpstream // wrong key, no money, nonsense: ours to mend, never the client's
	Canceled    // the client left
)

var kindNames = [...]string{
	"internal", "invalid", "unauthenticated", "forbidden", "not_found", "model_not_found",
	"too_large", "unsupported_media", "context_too_long", "content_policy", "rate_limited",
	"quota_exceeded", "overloaded", "unavailable", "timeout", "bad_upstream", "canceled",
}

func (k ErrorKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Upstream is what a failing upstream said.
type Upstream struct {
	Provider, RequestID string
	Status              int
	Body                []byte
}

// Errorf returns an Error of the given kind.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// InvalidField returns the error for a request field that is wrong.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	if e.Err != nil {
		return strings.TrimSuffix(e.Message, ".") + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether another upstream may succeed.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case RateLimited, Overloaded, Timeout, BadUpstream:
		return true
	default:
		return false
	}
}

// RetrySeconds is RetryAfter in whole seconds, rounded up.
func (e *Error) RetrySeconds() int64 { return int64((e.RetryAfter + time.Second - 1) / time.Second) }

// Broken returns the status of an upstream that failed by itself, with 5xx,
// which a client is told as it is; otherwise the status given. What is ours
// to mend, such as our key, does not count.
func (e *Error) Broken(otherwise int) int {
	if e.Kind == BadUpstream && e.Upstream != nil && e.Upstream.Status >= 500 && e.Upstream.Status < 600 {
		return e.Upstream.Status
	}
	return otherwise
}

// AsError returns err as an *Error; whatever it does not know is Internal.
func AsError(err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Canceled, Message: "the client closed the request", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Timeout, Message: "the request took too long", Err: err}
	}
	return &Error{Kind: Internal, Message: "internal error", Err: err}
}
