package gemini

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// statusClientLeft is the vendor's status for a call that its client gave up.
const statusClientLeft = 499

// statusOf returns the HTTP status and the vendor's word for a kind of error.
func statusOf(kind llm.ErrorKind) (status int, word string) {
	switch kind {
	case llm.Invalid, llm.ContextTooLong, llm.ContentPolicy:
		return http.StatusBadRequest, "INVALID_ARGUMENT"
	case llm.TooLarge:
		return http.StatusRequestEntityTooLarge, "INVALID_ARGUMENT"
	case llm.UnsupportedMedia:
		return http.StatusUnsupportedMediaType, "INVALID_ARGUMENT"
	case llm.Unauthenticated:
		return http.StatusUnauthorized, "UNAUTHENTICATED"
	case llm.Forbidden:
		return http.StatusForbidden, "PERMISSION_DENIED"
	case llm.NotFound, llm.ModelNotFound:
		return http.StatusNotFound, "NOT_FOUND"
	case llm.RateLimited, llm.QuotaExceeded:
		return http.StatusTooManyRequests, "RESOURCE_EXHAUSTED"
	case llm.Overloaded, llm.Unavailable:
		return http.StatusServiceUnavailable, "UNAVAILABLE"
	case llm.Timeout:
		return http.StatusGatewayTimeout, "DEADLINE_EXCEEDED"
	case llm.BadUpstream:
		return http.StatusBadGateway, "INTERNAL"
	case llm.Canceled:
		return statusClientLeft, "CANCELLED"
	default:
		return http.StatusInternalServerError, "INTERNAL"
	}
}

// EncodeError returns the error answer for err.
func (*Codec) EncodeError(err *llm.Error, head protocol.Head) (int, http.Header, []byte) {
	status, _ := statusOf(err.Kind)
	header := http.Header{}
	if err.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(err.RetrySeconds(), 10))
	}
	return err.Broken(status), header, appendError(nil, err, head.RequestID)
}

// appendError appends the error object, the same in a body and in a stream.
func appendError(dst []byte, err *llm.Error, requestID string) []byte {
	status, word := statusOf(err.Kind)
	dst = strconv.AppendInt(append(dst, `{"error":{"code":`...), int64(err.Broken(status)), 10)
	dst = jsonscan.AppendString(append(dst, `,"message":`...), err.Message)
	dst = append(append(append(dst, `,"status":"`...), word...), '"')
	var details [][]byte
	if err.RetryAfter > 0 {
		details = append(details, fmt.Appendf(nil, `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"%gs"}`, err.RetryAfter.Seconds()))
	}
	if err.Field != "" {
		detail := jsonscan.AppendString([]byte(`{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":`), err.Field)
		details = append(details, append(jsonscan.AppendString(append(detail, `,"description":`...), err.Message), "}]}"...))
	}
	if requestID != "" {
		detail := jsonscan.AppendString([]byte(`{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":`), requestID)
		details = append(details, append(detail, '}'))
	}
	if len(details) > 0 {
		dst = appendArray(append(dst, `,"details":`...), details)
	}
	return append(dst, "}}"...)
}

// DecodeError reads the answer of an upstream that refused, whatever it is.
func (*Codec) DecodeError(status int, header http.Header, body []byte) *llm.Error {
	v := body
	if jsonscan.KindOf(v) == jsonscan.Array {
		if it := jsonscan.Elements(v); it.Next() {
			v = it.Value()
		}
	}
	failure := jsonscan.Get(v, "error")
	e := failureIn(failure)
	if text(jsonscan.Get(failure, "message")) == "" {
		e.Message = fmt.Sprintf("The upstream refused the request with status %d.", status)
	}
	if text(jsonscan.Get(failure, "status")) == "" {
		e.Kind = kindOf(status)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden:
		e.Kind = llm.BadUpstream // our key and our account
	case http.StatusNotFound:
		if failure == nil {
			e.Kind = llm.BadUpstream // a page, not the API
		}
	case http.StatusRequestEntityTooLarge:
		e.Kind = llm.TooLarge
	case http.StatusTooManyRequests:
		if e.RetryAfter == 0 && strings.Contains(e.Message, "exceeded your current quota") {
			e.Kind = llm.BadUpstream // no waiting helps: it is our plan
		}
	}
	switch {
	case e.Kind == llm.BadUpstream && status < http.StatusInternalServerError:
		e.Err = fmt.Errorf("upstream answered %d %s: %s", status, text(jsonscan.Get(failure, "status")), e.Message)
		e.Message = fmt.Sprintf("The upstream refused the gateway's own key or account (status %d).", status)
	case e.Kind == llm.Invalid:
		e.Code = "invalid_value"
	}
	if n, err := strconv.Atoi(header.Get("Retry-After")); err == nil && n > 0 && e.RetryAfter == 0 {
		e.RetryAfter = min(time.Duration(n)*time.Second, maxWait)
	}
	e.Upstream = &llm.Upstream{Status: status, RequestID: header.Get("X-Request-Id"), Body: body}
	return e
}

// maxWait bounds how long an upstream may tell us to stay away.
const maxWait = 24 * time.Hour

// kindOf goes by the status alone.
func kindOf(status int) llm.ErrorKind {
	switch status {
	case http.StatusBadRequest:
		return llm.Invalid
	case http.StatusRequestEntityTooLarge:
		return llm.TooLarge
	case http.StatusTooManyRequests:
		return llm.RateLimited
	case http.StatusServiceUnavailable:
		return llm.Overloaded
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return llm.Timeout
	default:
		return llm.BadUpstream
	}
}
