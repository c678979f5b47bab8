package responses

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

// vendorError is an error object as an upstream wrote it.
type vendorError struct{ kind, code, param, message string }

// readVendorError reads an error object, a text in its place, or a body
// without any.
func readVendorError(v []byte) vendorError {
	var e vendorError
	if s, ok := jsonscan.Text(v); ok {
		e.message = s
		return e
	}
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "type":
			e.kind = text(it.Value())
		case "code":
			e.code = text(it.Value())
		case "param":
			e.param = text(it.Value())
		case "message", "detail":
			if s := text(it.Value()); s != "" {
				e.message = s
			}
		}
	}
	return e
}

// DecodeError reads the answer of an upstream that refused, whatever it is.
func (*Codec) DecodeError(status int, header http.Header, body []byte) *llm.Error {
	v := body
	if jsonscan.KindOf(v) == jsonscan.Array {
		it := jsonscan.Elements(v)
		it.Next()
		v = it.Value()
	}
	if inner := jsonscan.Get(v, "error"); !jsonscan.IsNull(inner) {
		v = inner
	}
	e := readVendorError(v).inAnswer(status)
	e.Upstream = &llm.Upstream{Status: status, Body: body}
	if wait := retryAfter(header, time.Now()); wait > 0 {
		e.RetryAfter = wait
	}
	return e
}

// inAnswer returns the neutral error. A status of 0 is an error inside a
// successful answer, where only the words can tell.
func (v vendorError) inAnswer(status int) *llm.Error {
	e := &llm.Error{Kind: v.kindOf(status), Message: v.message, Field: v.param, Code: v.code}
	e.RetryAfter = waitIn(v.message)
	switch {
	case e.Kind == llm.BadUpstream && v.isAccount(status):
		// The vendor's words may hold a piece of the key.
		e.Err = fmt.Errorf("upstream answered %d %s: %s", status, or(v.code, v.kind), v.message)
		e.Message = "The upstream refused the gateway's own account; its operator must look at the key and the balance."
		e.Code, e.Field = "", ""
	case v.message == "" && status > 0:
		e.Message = fmt.Sprintf("The upstream answered %d %s.", status, http.StatusText(status))
	case v.message == "":
		e.Message = "The upstream reported an error without words."
	}
	return e
}

// isAccount reports whether the error is about our account at the vendor,
// which no client can mend.
func (v vendorError) isAccount(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		return true
	}
	switch v.code {
	case codeQuota, "invalid_api_key", "billing_hard_limit_reached", "billing_not_active", "account_deactivated":
		return true
	}
	return v.kind == codeQuota || v.kind == "authentication_error"
}

func (v vendorError) kindOf(status int) llm.ErrorKind {
	if v.isAccount(status) {
		return llm.BadUpstream
	}
	switch v.code {
	case codeContext:
		return llm.ContextTooLong
	case codeModelNotFound:
		return llm.ModelNotFound
	case codeRateLimit:
		return llm.RateLimited
	case codeOverloaded, "slow_down":
		return llm.Overloaded
	case "previous_response_not_found":
		return llm.Invalid
	}
	if policyCode(v.code) != "" {
		return llm.ContentPolicy
	}
	switch status {
	case http.StatusNotFound:
		return v.notFound()
	case http.StatusRequestTimeout, http.StatusGatewayTimeout, 522, 524:
		return llm.Timeout
	case http.StatusRequestEntityTooLarge:
		return llm.TooLarge
	case http.StatusUnsupportedMediaType:
		return llm.UnsupportedMedia
	case http.StatusTooManyRequests:
		return llm.RateLimited
	case http.StatusServiceUnavailable, 529:
		return llm.Overloaded
	}
	invalid := status >= 400 && status < 500 || status == 0 && (v.kind == typeInvalid || v.code == "image_parse_error")
	switch {
	case !invalid:
		return llm.BadUpstream
	case tooLong.MatchString(v.message):
		return llm.ContextTooLong
	}
	return llm.Invalid
}

// notFound tells an unknown model from a page that is no API.
func (v vendorError) notFound() llm.ErrorKind {
	switch {
	case v.message == "":
		return llm.BadUpstream
	case v.param == "model" || strings.Contains(v.message, "model"):
		return llm.ModelNotFound
	}
	return llm.NotFound
}

var (
	tooLong    = regexp.MustCompile(`(?i)maximum context length|context window|prompt is too long|context length`)
	waitInText = regexp.MustCompile(`(?i)try again in (\d+(?:\.\d+)?) ?(ms|s|m)\b`)
)

// maxWait bounds how long an upstream may tell us to stay away.
const maxWait = 24 * time.Hour

// retryAfter returns how long the headers ask to wait, 0 if they do not.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil {
		return bounded(ms * float64(time.Millisecond))
	}
	v := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return bounded(s * float64(time.Second))
	}
	if at, err := http.ParseTime(v); err == nil {
		return bounded(float64(at.Sub(now)))
	}
	return 0
}

// waitIn returns the wait that a message names.
func waitIn(message string) time.Duration {
	m := waitInText.FindStringSubmatch(message)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0
	}
	unit := time.Second
	switch strings.ToLower(m[2]) {
	case "ms":
		unit = time.Millisecond
	case "m":
		unit = time.Minute
	}
	return bounded(n * float64(unit))
}

func bounded(d float64) time.Duration {
	if !(d > 0) { // NaN too
		return 0
	}
	return time.Duration(min(d, float64(maxWait)))
}
