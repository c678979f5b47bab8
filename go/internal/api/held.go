package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// debt is what an answer uses that a provider makes later. If it is deleted
// meanwhile, the maker books: the one who began it and sees its end.
func (d *Door) debt(ctx context.Context, rec conversation.Record, maker bool) *proxy.Debt {
	return &proxy.Debt{
		Claim:  func() bool { return d.room.Claim(ctx, rec, maker) },
		Return: func() { d.room.Return(ctx, rec) },
	}
}

// elsewhere hands what is asked of an answer to the provider that keeps it.
// The asker owns it. Once deleted there it is forgotten here.
func (d *Door) elsewhere(c *gin.Context, who identity.Principal, rec conversation.Record, tail string) {
	r, codec := c.Request, d.codecs[llm.Plain]
	call := &proxy.Call{
		ID: RequestID(c.Writer), Codec: codec, Started: time.Now(), Principal: who, Provider: rec.Provider,
		Method: asGet(r.Method), Header: travelling(r.Header),
		Query: queryOf(r, "stream", "starting_after", "include", "include[]", "include_obfuscation", "after", "before", "limit", "order"),
		Head: protocol.Head{
			Operation: llm.Recall, RequestID: RequestID(c.Writer), Verbatim: true,
			Owed:   rec.Owed,
			Stream: r.Method == http.MethodGet && c.Query("stream") == "true",
		},
	}
	call.Debt = d.debt(r.Context(), rec, false)
	var err error
	if call.Path, err = below(rec.ID, tail); err == nil {
		err = d.proxy.Serve(r.Context(), c.Writer, call)
	}
	if err != nil {
		if llm.AsError(err).Code == route.CodeUnsupported {
			err = missing(rec.ID, conversation.ErrNotFound) // it keeps none
		}
		d.refuse(c.Writer, codec, call.Head, err)
		return
	}
	if r.Method != http.MethodDelete {
		return
	}
	if err := d.room.Delete(context.WithoutCancel(r.Context()), rec.Owner, rec.ID); err != nil {
		d.log.Warn("a deleted response is remembered until it expires", "id", rec.ID, "error", err.Error())
	}
}
