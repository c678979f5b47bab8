package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/conversation"
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
)

// threadCall is one request about a conversation.
type threadCall struct {
	*gin.Context

	owner string
	id    string
	body  []byte // "" of a request that has none
}

// mountThreads puts the paths of conversation objects on r.
func (d *Door) mountThreads(r gin.IRouter) {
	const all, one = "/v1/conversations", "/v1/conversations/:id"
	r.POST(all, d.threaded(d.beginThread))
	get(r, one, d.threaded(d.showThread))
	r.POST(one, d.threaded(d.labelThread))
	r.DELETE(one, d.threaded(d.endThread))
	r.POST(one+"/items", d.threaded(d.addItems))
	get(r, one+"/items", d.threaded(d.listItems))
	get(r, one+"/items/:item", d.threaded(d.showItem))
	r.DELETE(one+"/items/:item", d.threaded(d.removeItem))
}

// threaded authenticates and reads a request about a conversation.
func (d *Door) threaded(do func(c *threadCall) ([]byte, error)) gin.HandlerFunc {
	return func(c *gin.Context) {
		body := d.newBody()
		defer body.release()
		who, err := d.principal(c.Request)
		t := &threadCall{Context: c, owner: owner(who), id: c.Param("id")}
		if err == nil && !d.room.Keeps() {
			err = llm.Errorf(llm.Invalid, "This gateway keeps no conversations (responses.ttl is 0); send the whole of it in 'input'.")
		}
		if err == nil && c.Request.Method == http.MethodPost {
			t.body, err = body.read(c.Writer, c.Request)
		}
		if err == nil && len(t.body) > 0 {
			err = wholeObject(t.body)
		}
		var out []byte
		if err == nil {
			out, err = do(t)
			err = t.missing(err)
		}
		if err != nil {
			d.Refuse(c.Writer, c.Request, err)
			return
		}
		send(c.Writer, http.StatusOK, out)
	}
}

// wholeObject refuses what is no JSON object, or is one twice over.
func wholeObject(body []byte) error {
	err := jsonscan.Valid(body)
	if err == nil {
		err = protocol.Members(body, func(string, []byte, protocol.Span) error { return nil })
	}
	if err != nil {
		return protocol.BodyError(body, err)
	}
	return nil
}

// missing puts the errors of the room into a client's words.
func (c *threadCall) missing(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, conversation.ErrNotFound):
		return noThread(c.id)
	case errors.Is(err, conversation.ErrNoItem):
		return llm.Errorf(llm.NotFound, "Item with id '%s' not found in conversation with id '%s'.", c.Param("item"), c.id)
	case errors.Is(err, conversation.ErrTaken):
		return llm.InvalidField("items", "The conversation '%s' has an item with one of these ids already.", c.id)
	}
	return shelved(err)
}

func noThread(id string) error {
	return llm.Errorf(llm.NotFound, "Conversation with id '%s' not found.", id)
}

// resume writes the conversation that a call names out before its input, and
// has the answer added to it.
func (d *Door) resume(ctx context.Context, call *proxy.Call, memory *body) error {
	x, err := d.room.Resume(ctx, owner(call.Principal), call.Head.Thread, freshID(call.ID), call.Body)
	switch {
	case errors.Is(err, conversation.ErrNotFound):
		return noThread(call.Head.Thread)
	case err != nil:
		return shelved(err)
	}
	if call.Head.Operation == llm.Generate {
		call.Ended = x.Close
	}
	return memory.replace(call, x.Body)
}

// exclusive refuses to go on from two places.
func exclusive() error {
	e := llm.InvalidField("previous_response_id", "Mutually exclusive parameters: ensure you are only providing one of: "+
		"'previous_response_id' or 'conversation'.")
	e.Code = "mutually_exclusive_parameters"
	return e
}

// threadObject is a conversation as clients read it.
type threadObject struct {
	ID        string          `json:"id"`
	Object    string          `json:"object"`
	CreatedAt int64           `json:"created_at"`
	Metadata  json.RawMessage `json:"metadata"`
}

func shown(t conversation.Thread) ([]byte, error) {
	return json.Marshal(threadObject{ID: t.ID, Object: "conversation", CreatedAt: t.Created.Unix(), Metadata: t.Metadata})
}

// freshID is what ids made for a request begin with, after their prefix.
func freshID(request string) string { return protocol.CallID(strings.TrimPrefix(request, "req_")) }

func (d *Door) beginThread(c *threadCall) ([]byte, error) {
	metadata, err := metadataIn(c.body)
	if err != nil {
		return nil, err
	}
	if metadata == nil {
		metadata = []byte("{}")
	}
	first := jsonscan.Get(c.body, "items")
	if !jsonscan.IsNull(first) {
		if err := checkItems(first); err != nil {
			return nil, err
		}
	}
	t, err := d.room.Begin(c.Request.Context(), c.owner, freshID(RequestID(c.Writer)), metadata, first)
	if err != nil {
		return nil, err
	}
	return shown(t)
}

func (d *Door) showThread(c *threadCall) ([]byte, error) {
	t, err := d.room.Thread(c.Request.Context(), c.owner, c.id)
	if err != nil {
		return nil, err
	}
	return shown(t)
}

func (d *Door) labelThread(c *threadCall) ([]byte, error) {
	metadata, err := metadataIn(c.body)
	if err == nil && metadata == nil {
		missing := llm.InvalidField("metadata", "Missing required parameter: 'metadata'.")
		missing.Code = "missing_required_parameter"
		err = missing
	}
	if err == nil {
		err = d.room.Label(c.Request.Context(), c.owner, c.id, metadata)
	}
	if err != nil {
		return nil, err
	}
	return d.showThread(c)
}

func (d *Door) endThread(c *threadCall) ([]byte, error) {
	if err := d.room.End(c.Request.Context(), c.owner, c.id); err != nil {
		return nil, err
	}
	return append(jsonscan.AppendString([]byte(`{"id":`), c.id), `,"object":"conversation.deleted","deleted":true}`...), nil
}

func (d *Door) addItems(c *threadCall) ([]byte, error) {
	more := jsonscan.Get(c.body, "items")
	if err := checkItems(more); err != nil {
		return nil, err
	}
	added, err := d.room.Add(c.Request.Context(), c.owner, c.id, freshID(RequestID(c.Writer)), more)
	if err != nil {
		return nil, err
	}
	return conversation.Page{Limit: maxPage}.Of(added)
}

func (d *Door) listItems(c *threadCall) ([]byte, error) {
	page, err := pageOf(c.Context)
	if err != nil {
		return nil, err
	}
	all, err := d.room.Items(c.Request.Context(), c.owner, c.id)
	if err != nil {
		return nil, err
	}
	body, err := page.Of(all)
	return body, noItem(page.After, err)
}

func (d *Door) showItem(c *threadCall) ([]byte, error) {
	all, err := d.room.Items(c.Request.Context(), c.owner, c.id)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(item conversation.Item) bool { return item.ID == c.Param("item") })
	if at < 0 {
		return nil, conversation.ErrNoItem
	}
	return all[at].Body, nil
}

func (d *Door) removeItem(c *threadCall) ([]byte, error) {
	if err := d.room.Remove(c.Request.Context(), c.owner, c.id, c.Param("item")); err != nil {
		return nil, err
	}
	return d.showThread(c)
}

// The vendor's bounds on what a client may put into a conversation.
const (
	maxNewItems = 20
	maxPairs    = 16
	maxLabel    = 64  // characters of a key of metadata
	maxValue    = 512 // characters of a value
)

// checkItems refuses a list that is none of items.
func checkItems(list []byte) error {
	if jsonscan.KindOf(list) != jsonscan.Array {
		return protocol.WrongType("items", "an array of items", list)
	}
	n := 0
	for it := jsonscan.Elements(list); it.Next(); n++ {
		item, at := it.Value(), "items["+strconv.Itoa(n)+"]"
		switch {
		case jsonscan.KindOf(item) != jsonscan.Object:
			return protocol.WrongType(at, "an object", item)
		case jsonscan.IsNull(jsonscan.Get(item, "type")) && jsonscan.IsNull(jsonscan.Get(item, "role")):
			return llm.InvalidField(at+".type", "Missing required parameter: '%s.type'.", at)
		}
	}
	if n == 0 || n > maxNewItems {
		return llm.InvalidField("items", "Invalid value for 'items': expected from 1 to %d items, but got %d.", maxNewItems, n)
	}
	return nil
}

// metadataIn returns the metadata of a request, nil if it has none.
func metadataIn(body []byte) ([]byte, error) {
	v := jsonscan.Get(body, "metadata")
	if jsonscan.IsNull(v) {
		return nil, nil
	}
	if jsonscan.KindOf(v) != jsonscan.Object {
		return nil, protocol.WrongType("metadata", "an object", v)
	}
	pairs := 0
	for it := jsonscan.Members(v); it.Next(); pairs++ {
		value, ok := jsonscan.Text(it.Value())
		if !ok || utf8.RuneCountInString(value) > maxValue || utf8.RuneCount(it.Key()) > maxLabel || pairs == maxPairs {
			return nil, llm.InvalidField("metadata", "Invalid value for 'metadata': expected at most %d texts of at most %d characters, under keys of at most %d.",
				maxPairs, maxValue, maxLabel)
		}
	}
	return v, nil
}
