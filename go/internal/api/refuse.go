package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Codes of errors whose status no protocol table holds.
const (
	codeMethod   = "method_not_allowed"
	codeSlowBody = "request_timeout"
	codeHost     = "host_not_allowed"
)

// Refuse answers err in the protocol of the request's path.
func (d *Door) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	d.refuse(w, d.codecs[family(r)], protocol.Head{RequestID: RequestID(w)}, err)
}

// refuse answers a request that failed before its answer began.
func (d *Door) refuse(w http.ResponseWriter, codec protocol.Codec, head protocol.Head, err error) {
	failure := llm.AsError(err)
	d.watch.Refused(failure.Kind)
	if failure.Kind == llm.Internal {
		d.log.Error("internal error", "request_id", head.RequestID, "error", err.Error())
	}
	status, header, body := codec.EncodeError(failure, head)
	switch failure.Code {
	case codeMethod:
		status = http.StatusMethodNotAllowed
	case codeSlowBody:
		status = http.StatusRequestTimeout
	case codeHost:
		status = http.StatusMisdirectedRequest
	}
	if own := upstreamWords(failure); own != nil {
		status, body = failure.Upstream.Status, own
	}
	out := w.Header()
	for name, values := range header {
		out[name] = values
	}
	if failure.RetryAfter > 0 && out.Get("Retry-After") == "" {
		out.Set("Retry-After", strconv.Itoa(int((failure.RetryAfter+time.Second-1)/time.Second)))
	}
	if failure.Upstream != nil && failure.Upstream.RequestID != "" {
		out.Set("X-Upstream-Request-Id", failure.Upstream.RequestID)
	}
	out.Set("Content-Type", "application/json")
	out.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// upstreamWords returns the upstream's own error body, which is only kept
// where client and upstream speak one protocol. What is ours to mend, such as
// our key, and what is no error object, is told in our words.
func upstreamWords(e *llm.Error) []byte {
	if e.Upstream == nil || len(e.Upstream.Body) == 0 || e.Upstream.Status < 400 {
		return nil
	}
	if (e.Kind == llm.BadUpstream || e.Kind == llm.Internal) && e.Upstream.Status < 500 {
		return nil
	}
	if jsonscan.Valid(e.Upstream.Body) != nil || jsonscan.KindOf(jsonscan.Get(e.Upstream.Body, "error")) != jsonscan.Object {
		return nil
	}
	return e.Upstream.Body
}
