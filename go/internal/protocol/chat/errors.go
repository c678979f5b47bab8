package chat

import (
	"net/http"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// statusClientClosed is for a client that has left; nobody reads it.
const statusClientClosed = 499

// form is how the vendor says a kind of error.
type form struct {
	status     int
	kind, code string
	param      string
}

func formOf(kind llm.ErrorKind) form {
	const request, server = "invalid_request_error", "server_error"
	switch kind {
	case llm.Invalid:
		return form{http.StatusBadRequest, request, "", ""}
	case llm.Unauthenticated:
		return form{http.StatusUnauthorized, request, "invalid_api_key", ""}
	case llm.Forbidden:
		return form{http.StatusForbidden, request, "permission_denied", ""}
	case llm.NotFound:
		return form{http.StatusNotFound, request, "", ""}
	case llm.ModelNotFound:
		return form{http.StatusNotFound, request, "model_not_found", "model"}
	case llm.TooLarge:
		return form{http.StatusRequestEntityTooLarge, request, "request_too_large", ""}
	case llm.UnsupportedMedia:
		return form{http.StatusUnsupportedMediaType, request, "unsupported_media_type", ""}
	case llm.ContextTooLong:
		return form{http.StatusBadRequest, request, "context_length_exceeded", "messages"}
	case llm.ContentPolicy:
		return form{http.StatusBadRequest, request, "content_policy_violation", ""}
	case llm.RateLimited:
		return form{http.StatusTooManyRequests, "requests", "rate_limit_exceeded", ""}
	case llm.QuotaExceeded:
		return form{http.StatusTooManyRequests, "insufficient_quota", "insufficient_quota", ""}
	case llm.Overloaded:
		return form{http.StatusServiceUnavailable, server, "server_is_overloaded", ""}
	case llm.Unavailable:
		return form{http.StatusServiceUnavailable, server, "service_unavailable", ""}
	case llm.Timeout:
		return form{http.StatusGatewayTimeout, server, "timeout", ""}
	case llm.BadUpstream:
		return form{http.StatusBadGateway, server, "bad_upstream", ""}
	case llm.Canceled:
		return form{statusClientClosed, server, "client_closed_request", ""}
	case llm.Internal:
	}
	return form{http.StatusInternalServerError, server, "", ""}
}

// EncodeError returns the error as the vendor would say it.
func (*Codec) EncodeError(err *llm.Error, _ protocol.Head) (int, http.Header, []byte) {
	header := http.Header{}
	if err.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(err.RetrySeconds(), 10))
	}
	if err.Kind == llm.QuotaExceeded {
		header.Set("X-Should-Retry", "false") // the SDKs would repeat any 429
	}
	return err.Broken(formOf(err.Kind).status), header, appendError(nil, err)
}

// appendError appends the body of an error.
func appendError(b []byte, err *llm.Error) []byte {
	f := formOf(err.Kind)
	switch {
	case err.Code != "":
		f.code = err.Code
	case err.Kind == llm.Invalid && err.Field != "":
		f.code = "invalid_value"
	case err.Broken(0) != 0: // the vendor's own failure has no code
		f.code = ""
	}
	if err.Field != "" {
		f.param = err.Field
	}
	b = append(b, `{"error":{`...)
	b = text(b, "message", err.Message)
	b = text(b, "type", f.kind)
	b = orNull(b, "param", f.param)
	b = orNull(b, "code", f.code)
	return append(b, '}', '}')
}

func orNull(b []byte, name, value string) []byte {
	b = key(b, name)
	if value == "" {
		return append(b, "null"...)
	}
	return jsonscan.AppendString(b, value)
}

// appendFailure appends the frame that tells of a failure in mid-stream.
// Nothing may follow it.
func appendFailure(b []byte, err *llm.Error) []byte {
	b = append(b, "data: "...)
	return append(appendError(b, err), '\n', '\n')
}
