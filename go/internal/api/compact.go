package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// compact puts a summary in the place of a conversation. The provider of the
// model makes it where it can: only it can read it then, and better than
// words. Any other model is asked for words.
func (d *Door) compact(c *gin.Context) {
	codec := d.codecs[llm.Responses]
	body := d.newBody()
	defer body.release()
	call, err := d.admit(c, codec, llm.Compact, asked{}, body)
	call.Head.Stream = false // there is no streamed form
	if err == nil {
		err = d.converse(c.Request.Context(), call, body)
	}
	if err == nil {
		err = d.condense(c.Request.Context(), c.Writer, call)
	}
	if err != nil {
		d.refuse(c.Writer, codec, call.Head, err)
	}
}

func (d *Door) condense(ctx context.Context, w http.ResponseWriter, call *proxy.Call) error {
	plan, err := d.router.Plan(ctx, route.Query{
		Principal: call.Principal, Protocol: llm.Responses, Operation: llm.Generate,
		Model: call.Head.Model, SessionID: call.Head.SessionID, Pin: call.Pin,
	})
	if err != nil {
		return err
	}
	pin, first := call.Pin, plan[0].Provider
	if plan[0].Protocol == llm.Responses && slices.Contains(first.Speaks(llm.Compact), llm.Responses) {
		call.Pin = cmp.Or(pin, first.Name()) // whoever answers next must be able to read it
		err := d.proxy.Serve(ctx, w, call)
		if pin != "" || !cannotCount(err, false) { // what it keeps cannot be summed up elsewhere
			return err
		}
	}
	body, err := conversation.AskSummary(call.Body)
	if err != nil {
		return err
	}
	call.Head.Operation = llm.Generate
	if err := replace(call, body); err != nil {
		return err
	}
	call.Head.Operation, call.Head.Stream, call.Head.Compaction = llm.Generate, false, protocol.CompactionObject
	call.Pin, call.Translate = pin, true
	return d.proxy.Serve(ctx, w, call)
}
