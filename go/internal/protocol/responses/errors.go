package responses

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Codes that clients act on.
const (
	codeServerError   = "server_error"
	codeContext       = "context_length_exceeded"
	codeModelNotFound = "model_not_found"
	codeRateLimit     = "rate_limit_exceeded"
	codeQuota         = "insufficient_quota"
	codeOverloaded    = "server_is_overloaded"
	codePrompt        = "invalid_prompt"
	codePolicy        = "content_policy_violation"

	typeInvalid = "invalid_request_error"
	typeServer  = "server_error"

	statusClosed = 499 // the client closed the request
)

// words is an error as this protocol says it.
type words struct {
	status  int
	kind    string // the member type
	code    string // "" is null
	param   string // "" is null
	message string
}

// wordsFor puts an error into the protocol's words.
func wordsFor(e *llm.Error) words {
	w := words{status: http.StatusInternalServerError, kind: typeServer, param: e.Field, message: e.Message}
	switch e.Kind {
	case llm.Internal:
	case llm.Invalid:
		w.status, w.kind, w.code = http.StatusBadRequest, typeInvalid, e.Code
		if e.Code == "" && e.Field != "" {
			w.code = "invalid_value"
		}
	case llm.Unauthenticated:
		w.status, w.kind, w.code = http.StatusUnauthorized, typeInvalid, "invalid_api_key"
	case llm.Forbidden:
		w.status, w.kind, w.code = http.StatusForbidden, typeInvalid, or(e.Code, "permission_denied")
	case llm.NotFound:
		w.status, w.kind, w.code = http.StatusNotFound, typeInvalid, or(e.Code, "not_found")
	case llm.ModelNotFound:
		w.status, w.kind, w.code, w.param = http.StatusNotFound, typeInvalid, codeModelNotFound, "model"
	case llm.TooLarge:
		w.status, w.kind, w.code = http.StatusRequestEntityTooLarge, typeInvalid, "request_too_large"
	case llm.UnsupportedMedia:
		w.status, w.kind, w.code = http.StatusUnsupportedMediaType, typeInvalid, "unsupported_media_type"
	case llm.ContextTooLong:
		w.status, w.kind, w.code, w.param = http.StatusBadRequest, typeInvalid, codeContext, or(e.Field, "input")
	case llm.ContentPolicy:
		w.status, w.kind, w.code = http.StatusBadRequest, typeInvalid, or(policyCode(e.Code), codePolicy)
	case llm.RateLimited:
		w.status, w.kind, w.code = http.StatusTooManyRequests, "requests", codeRateLimit
		w.message = withWait(e)
	case llm.QuotaExceeded:
		w.status, w.kind, w.code = http.StatusTooManyRequests, codeQuota, codeQuota
	case llm.Overloaded:
		w.status, w.code = http.StatusServiceUnavailable, codeOverloaded
	case llm.Unavailable:
		w.status, w.code = http.StatusServiceUnavailable, or(e.Code, "service_unavailable")
	case llm.Timeout:
		w.status, w.code = http.StatusGatewayTimeout, "timeout"
	case llm.BadUpstream:
		w.status = e.Broken(http.StatusBadGateway)
	case llm.Canceled:
		w.status, w.code = statusClosed, "request_canceled"
	}
	return w
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// policyCode returns the code if it is one of those that make Codex stop.
func policyCode(code string) string {
	switch code {
	case codePrompt, "bio_policy", "cyber_policy", codePolicy, "content_filter":
		return code
	}
	return ""
}

// withWait says in the message when to come back: Codex reads it there.
func withWait(e *llm.Error) string {
	if e.RetryAfter <= 0 || strings.Contains(e.Message, "try again in") {
		return e.Message
	}
	return strings.TrimRight(e.Message, " .") + ". Please try again in " + strconv.FormatInt(e.RetrySeconds(), 10) + "s."
}

// EncodeError returns OpenAI's error envelope.
func (*Codec) EncodeError(err *llm.Error, _ protocol.Head) (int, http.Header, []byte) {
	w := wordsFor(err)
	header := http.Header{"Content-Type": {"application/json"}}
	if err.RetryAfter > 0 {
		header.Set("Retry-After", strconv.FormatInt(err.RetrySeconds(), 10))
	}
	return w.status, header, append(w.append([]byte(`{"error":`)), '}')
}

// append writes the error object.
func (w *words) append(dst []byte) []byte {
	dst = append(dst, `{"message":`...)
	dst = jsonscan.AppendString(dst, w.message)
	dst = append(dst, `,"type":`...)
	dst = jsonscan.AppendString(dst, w.kind)
	return append(w.appendRest(dst), '}')
}

// appendRest writes param and code, which may be null.
func (w *words) appendRest(dst []byte) []byte {
	for _, f := range [...]struct{ name, value string }{{"param", w.param}, {"code", w.code}} {
		dst = append(append(append(dst, `,"`...), f.name...), `":`...)
		if f.value == "" {
			dst = append(dst, "null"...)
			continue
		}
		dst = jsonscan.AppendString(dst, f.value)
	}
	return dst
}

// appendFailure writes the two events that end a stream in failure. Clients of
// both kinds exist: some read the error event, Codex only response.failed.
func appendFailure(dst []byte, seq int, r *response, output []byte, err *llm.Error, usage *llm.Usage) []byte {
	w := wordsFor(err)
	if err.Kind == llm.ContentPolicy && policyCode(err.Code) == "" {
		w.code = codePrompt
	}
	dst = appendEvent(dst, "error", seq)
	dst = append(w.appendRest(dst), `,"message":`...)
	dst = jsonscan.AppendString(dst, w.message)
	dst = append(dst, `,"error":`...)
	dst = append(w.append(dst), "}\n\n"...)
	dst = appendEvent(dst, "response.failed", seq+1)
	dst = append(dst, `,"response":`...)
	dst = r.append(dst, output, ending{
		status: statusFailed, code: or(w.code, codeServerError), message: w.message, usage: usage,
	})
	return append(dst, "}\n\n"...)
}

// appendEvent begins an event; members follow, then "}" and a blank line.
func appendEvent(dst []byte, kind string, seq int) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, kind...)
	dst = append(dst, "\ndata: {\"type\":\""...)
	dst = append(dst, kind...)
	dst = append(dst, `","sequence_number":`...)
	return strconv.AppendInt(dst, int64(seq), 10)
}

// AppendKeepAlive appends a comment. A named event would be more to some
// clients, but the official JavaScript client refuses events it does not know.
func (*Codec) AppendKeepAlive(dst []byte) []byte { return append(dst, ": keep-alive\n\n"...) }
