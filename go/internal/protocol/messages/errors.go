package messages

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// statusOf returns the HTTP status and the vendor's word for a kind of error.
func statusOf(kind llm.ErrorKind) (status int, word string) {
	switch kind {
	case llm.Invalid, llm.ContextTooLong, llm.ContentPolicy:
		return http.StatusBadRequest, "invalid_request_error"
	case llm.Unauthenticated:
		return http.StatusUnauthorized, "authentication_error"
	case llm.QuotaExceeded:
		return http.StatusPaymentRequired, "billing_error"
	case llm.Forbidden:
		return http.StatusForbidden, "permission_error"
	case llm.NotFound, llm.ModelNotFound:
		return http.StatusNotFound, "not_found_error"
	case llm.TooLarge:
		return http.StatusRequestEntityTooLarge, "request_too_large"
	case llm.UnsupportedMedia:
		return http.StatusUnsupportedMediaType, "invalid_request_error"
	case llm.RateLimited:
		return http.StatusTooManyRequests, "rate_limit_error"
	case llm.Overloaded:
		return statusOverloaded, "overloaded_error"
	case llm.Unavailable:
		return http.StatusServiceUnavailable, "api_error"
	case llm.Timeout:
		return http.StatusGatewayTimeout, "timeout_error"
	case llm.BadUpstream:
		return http.StatusBadGateway, "api_error"
	case llm.Canceled:
		return statusClientLeft, "api_error"
	default:
		return http.StatusInternalServerError, "api_error"
	}
}

// Statuses that net/http has no name for.
const (
	statusClientLeft = 499
	statusOverloaded = 529
)

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
	_, word := statusOf(err.Kind)
	dst = append(dst, `{"type":"error","error":{"type":"`...)
	dst = append(dst, word...)
	dst = append(dst, `","message":`...)
	dst = jsonscan.AppendString(dst, messageOf(err))
	if err.Code == codeThread {
		dst = append(dst, `,"details":{"error_code":"`+codeThread+`","unsupported":["thread"]}`...)
	}
	dst = append(dst, '}')
	if requestID != "" {
		dst = append(dst, `,"request_id":`...)
		dst = jsonscan.AppendString(dst, requestID)
	}
	return append(dst, '}')
}

// tooLong are the words by which clients know that they must compact.
const tooLong = "prompt is too long"

func messageOf(err *llm.Error) string {
	if err.Kind == llm.ContextTooLong && !strings.Contains(err.Message, tooLong) {
		return tooLong + ": " + err.Message
	}
	return err.Message
}

// appendFailure appends the frame that ends a stream with an error. There is
// no message_stop after it.
func appendFailure(dst []byte, err *llm.Error, requestID string) []byte {
	dst = append(dst, "event: error\ndata: "...)
	dst = appendError(dst, err, requestID)
	return append(dst, "\n\n"...)
}
