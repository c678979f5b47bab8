package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// statused is an error with a status that no protocol's table holds. Only the
// doors make such errors; what an upstream says never is one.
type statused interface {
	error
	HTTPStatus() int
}

// odd is a statused error of this door.
type odd struct {
	words  *llm.Error
	status int
}

func (o *odd) Error() string { return o.words.Error() }

// HTTPStatus implements statused.
func (o *odd) HTTPStatus() int { return o.status }

// Unwrap gives the error in the words of a protocol.
func (o *odd) Unwrap() error { return o.words }

// Refuse answers err in the protocol of the request's path.
func (d *Door) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	d.refuse(w, d.codecs[family(r)], protocol.Head{RequestID: RequestID(w)}, err)
}

// refuse answers a request that failed before its answer began.
func (d *Door) refuse(w http.ResponseWriter, codec protocol.Codec, head protocol.Head, err error) {
	failure := llm.AsError(err)
	d.watch.Refused(failure.Kind)
	status, header, body := codec.EncodeError(failure, head)
	if own := statused(nil); errors.As(err, &own) {
		status = own.HTTPStatus()
	}
	d.tell(codec, head, failure, status)
	if own := upstreamWords(failure); own != nil {
		status, body = failure.Upstream.Status, own
	}
	out := w.Header()
	for name, values := range header {
		out[name] = values
	}
	if failure.RetryAfter > 0 && out.Get("Retry-After") == "" {
		out.Set("Retry-After", strconv.FormatInt(failure.RetrySeconds(), 10))
	}
	if failure.Upstream != nil && failure.Upstream.RequestID != "" {
		out.Set("X-Upstream-Request-Id", failure.Upstream.RequestID)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(restTime)) // a writer without deadlines has its own
	send(w, status, body)
}

// tell logs a refusal, so that whoever is asked about a request finds it by
// its id. What an upstream refused has been logged with the attempt.
func (d *Door) tell(codec protocol.Codec, head protocol.Head, failure *llm.Error, status int) {
	level := slog.LevelInfo
	switch {
	case failure.Kind == llm.Internal:
		level = slog.LevelError
	case failure.Upstream != nil:
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", head.RequestID), slog.String("protocol", string(codec.Name())), slog.String("model", head.Model),
		slog.Int("status", status), slog.String("kind", failure.Kind.String()), slog.String("error", failure.Message),
	}
	if failure.Err != nil {
		attrs = append(attrs, slog.String("cause", failure.Err.Error()))
	}
	d.log.LogAttrs(context.Background(), level, "refused", attrs...)
}

// restTime bounds the wait for what is left of the body of a request that is
// refused: the server reads it before it lets the refusal out.
const restTime = time.Second

// sendTime bounds how long a client may take for an answer of the door's own.
const sendTime = 30 * time.Second

// send answers with a JSON body.
func send(w http.ResponseWriter, status int, body []byte) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(sendTime)) // a writer without deadlines has its own
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
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
