package messages

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// DecodeError reads the answer of an upstream that refused, whatever it is.
func (*Codec) DecodeError(status int, header http.Header, body []byte) *llm.Error {
	word, message := errorWords(body)
	e := upstreamError(status, word, message, retryAfter(header, message, time.Now()))
	e.Upstream = &llm.Upstream{Status: status, RequestID: header.Get("Request-Id"), Body: body}
	return e
}

// errorWords returns the type and the message of an error body, "" for what it
// does not hold. An array of one error is an error too.
func errorWords(body []byte) (word, message string) {
	if jsonscan.KindOf(body) == jsonscan.Array {
		if it := jsonscan.Elements(body); it.Next() {
			body = it.Value()
		}
	}
	v := jsonscan.Get(body, "error")
	if text, ok := jsonscan.Text(v); ok {
		return "", text
	}
	if jsonscan.KindOf(v) != jsonscan.Object {
		message, _ = jsonscan.Text(jsonscan.Get(body, "message"))
		return "", message
	}
	word, _ = jsonscan.Text(jsonscan.Get(v, "type"))
	message, _ = jsonscan.Text(jsonscan.Get(v, "message"))
	return word, message
}

// upstreamError is the error for an upstream that said word and message. A
// status of 0 is that of an error inside an answer.
func upstreamError(status int, word, message string, wait time.Duration) *llm.Error {
	kind := kindOf(status, word, message)
	e := &llm.Error{Kind: kind, Message: message, RetryAfter: wait}
	switch {
	case account(status) || ours(word, message):
		// The vendor's words may hold a piece of our key.
		e.Message = "The upstream refused the gateway's own account; its operator must look at the key and the balance."
		e.Err = fmt.Errorf("upstream answered %d %s: %s", status, word, message)
	case message == "":
		e.Message = fmt.Sprintf("The upstream answered %d %s.", status, http.StatusText(status))
		if status == 0 {
			e.Message = "The upstream reported an error without words."
		}
	case kind == llm.Invalid:
		e.Field = fieldIn(message)
	}
	return e
}

// kindOf goes by the status where it says enough, else by the word.
func kindOf(status int, word, message string) llm.ErrorKind {
	if account(status) || ours(word, message) {
		return llm.BadUpstream
	}
	switch status {
	case http.StatusNotFound:
		if word == "" && message == "" {
			return llm.BadUpstream // a page, not the API
		}
		return llm.ModelNotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout, 522, 524:
		return llm.Timeout
	case http.StatusRequestEntityTooLarge:
		return llm.TooLarge
	case http.StatusUnsupportedMediaType:
		return llm.UnsupportedMedia
	case http.StatusTooManyRequests:
		return llm.RateLimited
	case http.StatusServiceUnavailable, statusOverloaded:
		return llm.Overloaded
	}
	switch word {
	case "overloaded_error":
		return llm.Overloaded
	case "rate_limit_error":
		return llm.RateLimited
	case "timeout_error":
		return llm.Timeout
	case "not_found_error":
		return llm.ModelNotFound
	case "request_too_large":
		return llm.TooLarge
	}
	if status >= 500 || status < 400 && word != "invalid_request_error" {
		return llm.BadUpstream
	}
	if strings.Contains(message, tooLong) || strings.Contains(message, "exceed context limit") {
		return llm.ContextTooLong
	}
	return llm.Invalid
}

// account reports whether the status alone blames the key or the money.
func account(status int) bool {
	return status >= http.StatusUnauthorized && status <= http.StatusForbidden
}

// ours reports whether the error is about our account at the vendor, which no
// client can mend.
func ours(word, message string) bool {
	switch word {
	case "authentication_error", "billing_error", "permission_error":
		return true
	}
	return strings.Contains(message, "credit balance is too low") || strings.Contains(message, "spend_limit_reached")
}

var (
	fieldPrefix = regexp.MustCompile(`^([a-z_]+(?:\.[a-z0-9_]+)*): `)
	arrayIndex  = regexp.MustCompile(`\.(\d+)`)
	waitInText  = regexp.MustCompile(`(?i)try again in (\d+(?:\.\d+)?) ?(ms|m|s)`)
)

// fieldIn returns the field that the vendor's message begins with:
// "messages.0.content: …" is about messages[0].content.
func fieldIn(message string) string {
	m := fieldPrefix.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return arrayIndex.ReplaceAllString(m[1], "[$1]")
}

// maxWait bounds how long an upstream may tell us to stay away.
const maxWait = 24 * time.Hour

// retryAfter returns how long the upstream wants to be left alone, 0 if it
// does not say.
func retryAfter(header http.Header, message string, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil {
		return bounded(ms, time.Millisecond)
	}
	if v := header.Get("Retry-After"); v != "" {
		if s, err := strconv.ParseFloat(v, 64); err == nil {
			return bounded(s, time.Second)
		}
		if at, err := http.ParseTime(v); err == nil {
			return min(max(0, at.Sub(now)), maxWait)
		}
	}
	if m := waitInText.FindStringSubmatch(message); m != nil {
		n, _ := strconv.ParseFloat(m[1], 64) // the pattern takes numbers only
		unit := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute}
		return bounded(n, unit[strings.ToLower(m[2])])
	}
	return 0
}

func bounded(n float64, unit time.Duration) time.Duration {
	if !(n > 0) { // NaN too
		return 0
	}
	return time.Duration(min(n*float64(unit), float64(maxWait)))
}
