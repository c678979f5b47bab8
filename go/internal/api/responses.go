package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/identity"
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// mountKept puts the paths of answers that are kept on r.
func (d *Door) mountKept(r gin.IRouter) {
	const one = "/v1/responses/:id"
	get(r, one, d.kept("", d.retrieve))
	get(r, one+"/input_items", d.kept("/input_items", inputItems))
	r.POST(one+"/cancel", d.kept("/cancel", d.cancel))
	r.DELETE(one, d.kept("", d.forget))
}

// owner is who finds what a principal has kept: its key alone.
func owner(who identity.Principal) string { return cmp.Or(who.KeyID, who.UserID) }

// converse prepares a call that has state: it writes out the conversation
// that the call goes on from, or leads to the provider that keeps it, and has
// the answer kept. The database is asked only where an earlier answer is named.
// What is written out takes memory like the body that asked for it.
func (d *Door) converse(ctx context.Context, call *proxy.Call, memory *body) error {
	if call.Codec.Name() != llm.Responses || !d.room.Keeps() {
		return nil
	}
	previous, who := call.Head.Previous, owner(call.Principal)
	whole, err := d.room.Resolve(ctx, who, call.Body)
	if err != nil {
		return shelved(err)
	}
	if whole != nil {
		if err := memory.replace(call, whole); err != nil {
			return err
		}
	}
	asked := call.Body
	if previous != "" && call.Head.Thread != "" {
		return exclusive()
	}
	if previous != "" {
		body, provider, err := d.room.Expand(ctx, who, previous, asked)
		switch {
		case errors.Is(err, conversation.ErrNotFound):
			return noPrevious(previous)
		case err != nil:
			return shelved(err)
		case provider != "":
			call.Pin = provider
		default:
			if err := memory.replace(call, body); err != nil {
				return err
			}
		}
	}
	if call.Head.Thread != "" {
		if err := d.resume(ctx, call, memory); err != nil {
			return err
		}
	}
	if call.Head.Background && !conversation.Wants(asked) {
		return llm.InvalidField("background", "A response in the background must be stored: 'store' cannot be false.")
	}
	if call.Head.Operation == llm.Generate && conversation.Wants(asked) {
		call.Head.Kept = true
		call.Keep = func(end []byte) { d.room.Keep(who, previous, asked, end) }
		call.Note = func(provider, id string, owed bool) *proxy.Debt {
			rec, kept := d.room.Note(who, provider, id, owed)
			if !kept {
				return nil
			}
			return d.debt(ctx, rec, true)
		}
	}
	return nil
}

// noPrevious refuses to go on from an answer that is unknown or another's. A
// provider must not be asked for it: what it keeps is kept under one key of
// its own, whoever asked.
func noPrevious(id string) error {
	e := llm.InvalidField("previous_response_id", "Previous response with id '%s' not found.", id)
	e.Code = "previous_response_not_found"
	return e
}

// replace gives a call another body.
func replace(call *proxy.Call, body []byte) error {
	head, err := call.Codec.Peek(call.Head.Operation, body)
	if err != nil {
		return err
	}
	head.Previous, head.Thread = call.Head.Previous, call.Head.Thread
	head.RequestID, head.SessionID = call.Head.RequestID, call.Head.SessionID
	head.EstimatedInput = int64(len(body)+3) / 4
	call.Head, call.Body = head, body
	return nil
}

// shelved puts the failure of a database into words for a client.
func shelved(err error) error {
	var known *llm.Error
	if errors.As(err, &known) {
		return known
	}
	e := llm.Errorf(llm.Overloaded, "Kept responses cannot be read at the moment.")
	e.Err = err
	return e
}

// kept finds the answer that a path names. What the gateway keeps is handed to
// here; what a provider keeps is asked of it, with tail after the id.
func (d *Door) kept(tail string, here func(c *gin.Context, rec conversation.Record) ([]byte, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		who, err := d.principal(c.Request)
		var rec conversation.Record
		if err == nil {
			rec, err = d.room.Find(c.Request.Context(), owner(who), c.Param("id"))
			err = missing(c.Param("id"), err)
		}
		if err == nil && rec.Provider != "" {
			d.elsewhere(c, who, rec, tail)
			return
		}
		var body []byte
		if err == nil {
			body, err = here(c, rec)
		}
		if err != nil {
			d.Refuse(c.Writer, c.Request, err)
			return
		}
		if body != nil {
			send(c.Writer, http.StatusOK, body)
		}
	}
}

// missing says in a client's words why an answer was not found.
func missing(id string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, conversation.ErrNotFound):
		return llm.Errorf(llm.NotFound, "Response with id '%s' not found.", id)
	}
	return shelved(err)
}

// retrieve answers with an answer, or with its stream, which is sent here.
func (d *Door) retrieve(c *gin.Context, rec conversation.Record) ([]byte, error) {
	if c.Query("stream") != "true" {
		return rec.Answer, nil
	}
	if !rec.Streamed {
		return nil, llm.InvalidField("stream", "Only a response made with 'background' and 'stream' can be streamed again.")
	}
	from := 0
	if text := c.Query("starting_after"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, llm.InvalidField("starting_after", "Invalid value for 'starting_after': expected the sequence number of an event.")
		}
		from = n + 1
	}
	d.follow(c, rec.Owner, rec.ID, from)
	return nil, nil
}

func (d *Door) cancel(c *gin.Context, rec conversation.Record) ([]byte, error) {
	if !conversation.IsBackground(rec) {
		return nil, llm.Errorf(llm.Invalid, "Cannot cancel a synchronous response.")
	}
	rec, err := d.room.Cancel(c.Request.Context(), rec)
	if err != nil {
		return nil, missing(c.Param("id"), err)
	}
	return rec.Answer, nil
}

// defaultPage and maxPage bound how many items come at once.
const (
	defaultPage = 20
	maxPage     = 100
)

func inputItems(c *gin.Context, rec conversation.Record) ([]byte, error) {
	page, err := pageOf(c)
	if err != nil {
		return nil, err
	}
	body, err := conversation.InputItems(rec, page)
	return body, noItem(page.After, err)
}

// pageOf is the part of a list that a query asks for.
func pageOf(c *gin.Context) (conversation.Page, error) {
	page := conversation.Page{After: c.Query("after"), Limit: defaultPage, Desc: true}
	if text := c.Query("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return page, llm.InvalidField("limit", "Invalid value for 'limit': expected an integer from 1 to %d.", maxPage)
		}
		page.Limit = n
	}
	switch c.Query("order") {
	case "", "desc":
	case "asc":
		page.Desc = false
	default:
		return page, llm.InvalidField("order", "Invalid value for 'order': expected 'asc' or 'desc'.")
	}
	return page, nil
}

// noItem says that a page cannot begin after an item.
func noItem(after string, err error) error {
	if errors.Is(err, conversation.ErrNoItem) {
		return llm.InvalidField("after", "There is no item with id '%s'.", after)
	}
	return err
}

// forget deletes an answer.
func (d *Door) forget(c *gin.Context, rec conversation.Record) ([]byte, error) {
	if err := d.room.Delete(c.Request.Context(), rec.Owner, rec.ID); err != nil {
		return nil, missing(rec.ID, err)
	}
	body := jsonscan.AppendString([]byte(`{"id":`), rec.ID)
	return append(body, `,"object":"response","deleted":true}`...), nil
}
