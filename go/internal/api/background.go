package api

import (
	"context"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// inBackground answers at once and has the answer made while nobody waits. A
// provider that speaks the protocol and keeps answers does both by itself,
// unless the answer belongs to a conversation, of which only the gateway
// knows. Asked is the request as the client sent it.
func (d *Door) inBackground(c *gin.Context, call *proxy.Call, asked []byte, body *body) error {
	plan, err := d.router.Plan(c.Request.Context(), route.Query{
		Principal: call.Principal, Protocol: llm.Responses, Operation: llm.Generate,
		Model: call.Head.Model, SessionID: call.Head.SessionID, Pin: call.Pin,
	})
	if err != nil {
		return err
	}
	if first := &plan[0]; call.Head.Thread == "" && first.Protocol == llm.Responses && !first.Translate && !first.Target.Quirks.Stateless {
		call.Pin = first.Provider.Name() // the others would not know of it
		return d.proxy.Serve(c.Request.Context(), c.Writer, call)
	}
	order := conversation.Order{
		Owner: owner(call.Principal), Previous: call.Head.Previous, Body: asked, Streamed: call.Head.Stream, Ended: call.Ended,
	}
	if order.Begun, err = detach(call); err != nil {
		return err
	}
	memory := body.handOver()
	order.Work = func(ctx context.Context, w io.Writer) {
		defer memory.release()
		d.make(ctx, w, call)
	}
	rec, err := d.room.Start(c.Request.Context(), order)
	if err != nil {
		memory.release()
		return shelved(err)
	}
	if rec.Streamed {
		d.follow(c, rec.Owner, rec.ID, 0)
		return nil
	}
	send(c.Writer, http.StatusOK, rec.Answer)
	return nil
}

// detach makes a call one whose answer is a stream for nobody in particular,
// and returns how that stream begins. What is wrong with it is said now.
func detach(call *proxy.Call) (begun []byte, err error) {
	body, err := conversation.Foreground(call.Body)
	if err == nil {
		err = replace(call, body)
	}
	if err == nil {
		call.Head.Stream, call.Head.Background, call.Head.Kept = true, true, true
		call.Keep, call.Note, call.Ended, call.Translate = nil, nil, nil, true
		_, err = call.Request()
	}
	if err != nil {
		return nil, err
	}
	head := call.Head
	head.Body = call.Body
	head.Compaction = protocol.NoCompaction
	return call.Codec.NewWriter(head).Append(nil, llm.Event{
		Type: llm.Start, Meta: &llm.Meta{Model: head.Model, Created: time.Now()},
	})
}

// make has an answer made and sees that its stream has an end.
func (d *Door) make(ctx context.Context, w io.Writer, call *proxy.Call) {
	defer func() {
		if cause := recover(); cause != nil {
			d.log.Error("a background response has crashed", "request_id", call.ID, "cause", cause, "stack", string(debug.Stack()))
		}
	}()
	err := d.proxy.Serve(ctx, &detached{Writer: w, header: http.Header{}}, call)
	if err == nil {
		return
	}
	failure := llm.AsError(err)
	d.watch.Refused(failure.Kind)
	d.tell(call.Codec, call.Head, failure, http.StatusOK)
	head := call.Head
	head.Body = call.Body
	_, _ = w.Write(call.Codec.NewMeter(head).AppendFailure(nil, failure)) // never fails
}

// detached is the client of an answer that is made for nobody in particular.
type detached struct {
	io.Writer

	header http.Header
}

// Header implements http.ResponseWriter.
func (d *detached) Header() http.Header { return d.header }

// WriteHeader implements http.ResponseWriter.
func (*detached) WriteHeader(int) {}

// Flush implements http.Flusher.
func (*detached) Flush() {}
