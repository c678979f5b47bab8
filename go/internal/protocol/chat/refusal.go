package chat

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// complaint is what an upstream says went wrong, in any of the shapes that
// servers of this protocol use.
type complaint struct {
	message, kind, code, param string

	status int           // HTTP status, or what stands for it inside the body; 0 unknown
	wait   time.Duration // from the body
}

// DecodeError reads the answer of an upstream that refused, whatever it is.
func (*Codec) DecodeError(status int, header http.Header, body []byte) *llm.Error {
	c := complaintIn(body)
	c.status = status
	e := c.toError()
	if wait := waitIn(header, time.Now()); wait > 0 {
		e.RetryAfter = wait
	}
	e.Upstream = &llm.Upstream{Status: status, RequestID: header.Get("X-Request-Id"), Body: body}
	return e
}

// complaintIn reads an error body. What is no JSON leaves it empty.
func complaintIn(body []byte) complaint {
	if jsonscan.KindOf(body) == jsonscan.Array {
		if it := jsonscan.Elements(body); it.Next() { // Gemini's layer
			body = it.Value()
		}
	}
	if jsonscan.KindOf(body) != jsonscan.Object {
		return complaint{}
	}
	v := jsonscan.Get(body, "error")
	switch jsonscan.KindOf(v) {
	case jsonscan.Object:
		return complaintAt(v)
	case jsonscan.String:
		c := complaintAt(body)
		c.message = textOf(v)
		return c
	default:
	}
	c := complaintAt(body)
	if c.message == "" {
		c.detail(jsonscan.Get(body, "detail"))
	}
	return c
}

// complaintAt reads an error object.
func complaintAt(v []byte) complaint {
	var c complaint
	it := jsonscan.Members(v)
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "message":
			c.message = textOf(v)
		case "type":
			c.kind = textOf(v)
		case "param":
			c.param = textOf(v)
		case "code":
			c.code = textOf(v)
			if n, ok := jsonscan.Int(v); ok && n >= 100 && n < 600 { // OpenRouter: an HTTP status
				c.status = int(n)
			}
		case "status":
			c.kind += textOf(v) // Gemini's layer has no type
		case "details":
			c.wait = retryInfo(v)
		}
	}
	if c.wait == 0 {
		c.wait = waitInText(c.message)
	}
	return c
}

// detail reads what validators of Python servers say: a text, or a list of
// places and texts.
func (c *complaint) detail(v []byte) {
	if jsonscan.KindOf(v) != jsonscan.Array {
		c.message = textOf(v)
		return
	}
	it := jsonscan.Elements(v)
	if !it.Next() || jsonscan.KindOf(it.Value()) != jsonscan.Object {
		return
	}
	c.message = textOf(jsonscan.Get(it.Value(), "msg"))
	place := jsonscan.Get(it.Value(), "loc")
	if jsonscan.KindOf(place) != jsonscan.Array {
		return
	}
	steps := jsonscan.Elements(place)
	for steps.Next() {
		switch step := textOf(steps.Value()); {
		case step == "" && jsonscan.KindOf(steps.Value()) == jsonscan.Number:
			c.param += "[" + string(steps.Value()) + "]"
		case step == "body" || step == "":
		case c.param == "":
			c.param = step
		default:
			c.param += "." + step
		}
	}
}

// toError puts the complaint into the neutral words.
func (c *complaint) toError() *llm.Error {
	e := &llm.Error{Kind: c.errorKind(), Message: c.message, RetryAfter: c.wait}
	switch {
	case c.ours():
		// The vendor's words may hold a piece of our key.
		e.Message = "The upstream refused the gateway's own account; its operator must look at the key and the balance."
		e.Err = fmt.Errorf("upstream answered %d %s %s: %s", c.status, c.kind, c.code, c.message)
	case c.message == "" && c.status == 0:
		e.Message = "The upstream reported an error without words."
	case c.message == "":
		e.Message = fmt.Sprintf("The upstream answered %d %s.", c.status, http.StatusText(c.status))
	}
	switch e.Kind {
	case llm.Invalid, llm.ContextTooLong, llm.ContentPolicy:
		e.Field, e.Code = c.param, c.code
	default:
	}
	return e
}

// ours reports whether the error is about our account at the vendor, which no
// client can mend.
func (c *complaint) ours() bool {
	switch c.status {
	case http.StatusUnauthorized, http.StatusPaymentRequired:
		return true
	case http.StatusForbidden:
		return !c.policy()
	}
	for _, word := range [...]string{c.code, c.kind} {
		switch word {
		case "invalid_api_key", "authentication_error", "insufficient_quota", "credit_balance_exhausted",
			"exceeded_current_quota_error", "permission_denied", "billing_error", "insufficient_balance",
			"1113": // GLM: no money
			return true
		}
	}
	return c.says("incorrect api key", "api key not valid", "insufficient balance")
}

func (c *complaint) policy() bool {
	switch c.code {
	case "content_policy_violation", "content_filter", "cyber_policy", "data_inspection_failed", "moderation_blocked":
		return true
	}
	return c.says("flagged", "content management policy", "content policy")
}

func (c *complaint) tooLong() bool {
	return c.code == "context_length_exceeded" || c.says("maximum context length", "context length exceeded",
		"exceeds the context", "exceed context", "context window", "prompt is too long", "maximum prompt length",
		"available context size")
}

func (c *complaint) says(phrases ...string) bool {
	low := strings.ToLower(c.message)
	for _, p := range phrases {
		if strings.Contains(low, p) {
			return true
		}
	}
	return false
}

// errorKind goes by what the vendor says, then by the status.
func (c *complaint) errorKind() llm.ErrorKind {
	switch {
	case c.ours():
		return llm.BadUpstream
	case c.status >= 500:
		return c.serverKind()
	case c.policy():
		return llm.ContentPolicy
	case c.tooLong():
		return llm.ContextTooLong
	}
	switch c.status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		if kind := c.wordKind(); kind != llm.BadUpstream {
			return kind
		}
		return llm.Invalid
	case http.StatusNotFound:
		return c.notFound()
	case http.StatusRequestTimeout:
		return llm.Timeout
	case http.StatusConflict:
		return llm.Overloaded
	case http.StatusRequestEntityTooLarge:
		return llm.TooLarge
	case http.StatusTooManyRequests:
		return llm.RateLimited
	}
	return c.wordKind()
}

func (c *complaint) serverKind() llm.ErrorKind {
	switch c.status {
	case http.StatusServiceUnavailable, 529:
		return llm.Overloaded
	case http.StatusGatewayTimeout, 522, 524:
		return llm.Timeout
	}
	if kind := c.wordKind(); kind == llm.Overloaded || kind == llm.RateLimited || kind == llm.Timeout {
		return kind
	}
	return llm.BadUpstream
}

func (c *complaint) notFound() llm.ErrorKind {
	switch {
	case c.code == "model_not_found" || c.says("model"):
		return llm.ModelNotFound
	case c.message == "":
		return llm.BadUpstream // a page, not the API: the address is wrong
	}
	return llm.NotFound
}

// wordKind goes by the vendor's words alone, as an error inside an answer must.
func (c *complaint) wordKind() llm.ErrorKind {
	for _, word := range [...]string{c.code, c.kind} {
		switch word {
		case "rate_limit_exceeded", "rate_limit_reached_error", "rate_limit_error", "RESOURCE_EXHAUSTED", "1302", "1303":
			return llm.RateLimited
		case "server_is_overloaded", "slow_down", "overloaded_error", "engine_overloaded_error", "overloaded", "UNAVAILABLE":
			return llm.Overloaded
		case "timeout", "timeout_error", "DEADLINE_EXCEEDED":
			return llm.Timeout
		case "model_not_found":
			return llm.ModelNotFound
		case "request_too_large":
			return llm.TooLarge
		case "invalid_request_error", "INVALID_ARGUMENT":
			return llm.Invalid
		}
	}
	return llm.BadUpstream
}
