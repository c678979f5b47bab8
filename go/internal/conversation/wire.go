package conversation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Wants reports whether a request asks for its answer to be kept, which is
// what saying nothing means.
func Wants(body []byte) bool {
	store, ok := jsonscan.Boolean(jsonscan.Get(body, "store"))
	return !ok || store
}

// Keep keeps the answer to a request. End is a whole body or the last frames
// of a stream. What is not a finished answer, or too large, is not kept.
func (r *Room) Keep(owner, previous string, body, end []byte) {
	answer := lastAnswer(end)
	id, _ := jsonscan.Text(jsonscan.Get(answer, "id"))
	status, _ := jsonscan.Text(jsonscan.Get(answer, "status"))
	if id == "" || status != "completed" && status != "incomplete" {
		return
	}
	input := items(jsonscan.Get(body, "input"), id)
	if int64(len(input)+len(answer)) > r.opts.MaxBytes {
		r.opts.Log.Warn("a response is too large to be kept", "id", id, "bytes", len(input)+len(answer))
		return
	}
	r.keep(Record{ID: id, Owner: owner, Previous: previous, Input: input, Answer: bytes.Clone(answer)})
}

// lastAnswer returns the response object of a body or of the last event that
// carries one.
func lastAnswer(end []byte) []byte {
	if jsonscan.KindOf(end) == jsonscan.Object {
		return end
	}
	at := bytes.LastIndex(end, []byte("\ndata: "))
	if at < 0 {
		return nil
	}
	data, _, _ := bytes.Cut(end[at+len("\ndata: "):], []byte("\n"))
	return jsonscan.Get(data, "response")
}

// items returns the input of a request as an array whose items have ids.
func items(input []byte, id string) []byte {
	base := strings.TrimPrefix(id, "resp_")
	if jsonscan.KindOf(input) == jsonscan.String {
		out := append([]byte(`[{"id":"msg_`), base...)
		out = append(out, `_in_0","type":"message","role":"user","status":"completed","content":[{"type":"input_text","text":`...)
		return append(append(out, input...), `}]}]`...)
	}
	out := []byte{'['}
	it := jsonscan.Elements(input)
	for n := 0; it.Next(); n++ {
		if n > 0 {
			out = append(out, ',')
		}
		item := it.Value()
		if jsonscan.KindOf(item) != jsonscan.Object {
			out = append(out, item...)
			continue
		}
		out = append(out, '{')
		if jsonscan.IsNull(jsonscan.Get(item, "id")) {
			out = append(append(out, `"id":"item_`...), base...)
			out = append(strconv.AppendInt(append(out, "_in_"...), int64(n), 10), '"')
		}
		out = append(appendMembers(out, item, "", "id"), '}')
	}
	return append(out, ']')
}

// appendMembers appends the members of an object to those of the object that
// dst ends in, but for skip, and for an idle one that is null.
func appendMembers(dst, object []byte, skip, idle string) []byte {
	it := jsonscan.Members(object)
	for it.Next() {
		name := string(it.Key())
		if name == skip || name == idle && jsonscan.IsNull(it.Value()) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(jsonscan.AppendString(dst, name), ':')
		dst = append(dst, it.Value()...)
	}
	return dst
}

// Expand returns a request with the conversation it goes on from written out
// in its input. It is ErrNotFound if any part is not here. Where a provider
// keeps the conversation, that is named and there is nothing to write out.
func (r *Room) Expand(ctx context.Context, owner, previous string, body []byte) (whole []byte, provider string, err error) {
	var line []Record // latest first
	var size int64
	for id := previous; id != ""; {
		rec, err := r.Find(ctx, owner, id)
		switch {
		case err != nil:
			return nil, "", err
		case rec.Provider != "" && len(line) == 0:
			return nil, rec.Provider, nil
		case rec.Provider != "":
			return nil, "", ErrNotFound
		}
		size += int64(len(rec.Input) + len(rec.Answer))
		if len(line) == maxHistory || size > r.opts.MaxBytes {
			return nil, "", llm.InvalidField("previous_response_id",
				"The conversation behind '%s' is larger than this gateway continues; send it in 'input'.", previous)
		}
		line = append(line, rec)
		id = rec.Previous
	}
	input := appendHistory(append(make([]byte, 0, size), '['), line)
	input = append(appendElements(input, asList(jsonscan.Get(body, "input"))), ']')
	whole, err = with(body, "previous_response_id", member{"input", input})
	return whole, "", err
}

// member is one of an object.
type member struct {
	name  string
	value []byte // JSON
}

// with returns an object without one member, "" none, and with others set.
func with(object []byte, without string, set ...member) ([]byte, error) {
	size := len(object)
	for _, m := range set {
		size += len(m.name) + len(m.value) + len(`"":,`)
	}
	out := append(make([]byte, 0, size), '{')
	put := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(jsonscan.AppendString(out, name), ':'), value...)
	}
	it := jsonscan.Members(object)
	for it.Next() {
		name, value := string(it.Key()), it.Value()
		if name == without {
			continue
		}
		if at := slices.IndexFunc(set, func(m member) bool { return m.name == name }); at >= 0 {
			value = set[at].value
			set = slices.Delete(slices.Clone(set), at, at+1)
		}
		put(name, value)
	}
	for _, m := range set {
		put(m.name, m.value)
	}
	return append(out, '}'), it.Err()
}

// AskSummary returns a request that asks for a summary of its conversation.
func AskSummary(body []byte) ([]byte, error) {
	input := appendElements([]byte{'['}, asList(jsonscan.Get(body, "input")))
	input = append(appendElements(input, []byte(`[{"type":"compaction_trigger"}]`)), ']')
	return with(body, "", member{"input", input})
}

func appendHistory(dst []byte, line []Record) []byte {
	for i := len(line) - 1; i >= 0; i-- {
		dst = appendElements(dst, line[i].Input)
		dst = appendElements(dst, jsonscan.Get(line[i].Answer, "output"))
	}
	return dst
}

// asList returns an input as a list.
func asList(input []byte) []byte {
	if jsonscan.KindOf(input) != jsonscan.String {
		return input
	}
	out := append([]byte(`[{"role":"user","content":`), input...)
	return append(out, `}]`...)
}

// appendElements appends the elements of a list to the list dst ends in.
func appendElements(dst, list []byte) []byte {
	it := jsonscan.Elements(list)
	for it.Next() {
		if dst[len(dst)-1] != '[' {
			dst = append(dst, ',')
		}
		dst = append(dst, it.Value()...)
	}
	return dst
}

// Page is a part of a list.
type Page struct {
	After string // id of the item before the first, "" none
	Limit int    // from 1 to 100
	Desc  bool   // latest first
}

// inputList is the answer to a question for input items.
type inputList struct {
	Object  string            `json:"object"`
	Data    []json.RawMessage `json:"data"`
	FirstID *string           `json:"first_id"`
	LastID  *string           `json:"last_id"`
	HasMore bool              `json:"has_more"`
}

// ErrNoItem says that a page is to begin after an item that is not there.
var ErrNoItem = errors.New("no such item")

// InputItems writes a page of the items of an answer's own request.
func InputItems(rec Record, p Page) ([]byte, error) {
	list := inputList{Object: "list", Data: []json.RawMessage{}}
	it := jsonscan.Elements(rec.Input)
	var all []json.RawMessage
	for it.Next() {
		all = append(all, json.RawMessage(it.Value()))
	}
	if p.Desc {
		for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
			all[i], all[j] = all[j], all[i]
		}
	}
	if p.After != "" {
		at := -1
		for i, item := range all {
			if itemID(item) == p.After {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("after %q: %w", p.After, ErrNoItem)
		}
		all = all[at+1:]
	}
	if len(all) > p.Limit {
		all, list.HasMore = all[:p.Limit], true
	}
	if len(all) > 0 {
		first, last := itemID(all[0]), itemID(all[len(all)-1])
		list.Data, list.FirstID, list.LastID = all, &first, &last
	}
	return json.Marshal(list)
}

func itemID(item []byte) string {
	id, _ := jsonscan.Text(jsonscan.Get(item, "id"))
	return id
}
