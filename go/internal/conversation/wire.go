package conversation

import (
	"bytes"
	"context"
	"slices"
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
	id, ok := finished(answer)
	if !ok {
		return
	}
	input := list(asked(body, id))
	if int64(len(input)+len(answer)) > r.opts.MaxBytes {
		r.opts.Log.Warn("a response is too large to be kept", "id", id, "bytes", len(input)+len(answer))
		return
	}
	r.keep(Record{ID: id, Owner: owner, Previous: previous, Input: input, Answer: bytes.Clone(answer)})
}

// finished returns the id of an answer that has ended well.
func finished(answer []byte) (id string, ok bool) {
	id, ok = idOf(answer)
	status := statusOf(answer)
	return id, ok && (status == statusCompleted || status == statusIncomplete)
}

func idOf(answer []byte) (id string, ok bool) {
	id, _ = jsonscan.Text(jsonscan.Get(answer, "id"))
	return id, id != ""
}

// The statuses of answers.
const (
	statusCompleted  = "completed"
	statusIncomplete = "incomplete"
	statusFailed     = "failed"
	statusCancelled  = "cancelled"
)

func statusOf(answer []byte) string {
	status, _ := jsonscan.Text(jsonscan.Get(answer, "status"))
	return status
}

// asked returns the items that the request of an answer brought itself.
func asked(body []byte, answer string) []Item {
	return items(asList(jsonscan.Get(body, "input")), strings.TrimPrefix(answer, "resp_")+"_in")
}

// lastAnswer returns the response object of a body or of the last event that
// carries one.
func lastAnswer(end []byte) []byte {
	if jsonscan.KindOf(end) == jsonscan.Object {
		return end
	}
	for len(end) > 0 {
		line := bytes.LastIndexByte(bytes.TrimRight(end, "\r\n"), '\n') + 1
		if data, ok := bytes.CutPrefix(end[line:], []byte("data:")); ok {
			return jsonscan.Get(bytes.TrimSpace(data), "response")
		}
		end = end[:line]
		if line == 0 {
			break
		}
	}
	return nil
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
		if _, ok := finished(rec.Answer); !ok {
			return nil, "", llm.InvalidField("previous_response_id", "Previous response with id '%s' cannot be continued: its status is '%s'.", id, statusOf(rec.Answer))
		}
		size += int64(len(rec.Input) + len(rec.Answer))
		if len(line) == maxHistory || size > r.opts.MaxBytes {
			return nil, "", llm.InvalidField("previous_response_id",
				"The conversation behind '%s' is larger than this gateway continues; send it in 'input'.", previous)
		}
		line = append(line, rec)
		id = rec.Previous
	}
	whole, err = after(appendHistory(append(make([]byte, 0, size), '['), line), body, "previous_response_id")
	return whole, "", err
}

func appendHistory(dst []byte, line []Record) []byte {
	for i := len(line) - 1; i >= 0; i-- {
		dst = appendElements(dst, line[i].Input)
		dst = appendElements(dst, jsonscan.Get(line[i].Answer, "output"))
	}
	return dst
}

// after returns a request whose input follows a history, which is a list
// without its end. The member that named the history goes.
func after(history, body []byte, name string) ([]byte, error) {
	input := append(appendElements(history, asList(jsonscan.Get(body, "input"))), ']')
	return with(body, name, member{"input", input})
}

// Foreground returns a request without the wish to be answered in the
// background.
func Foreground(body []byte) ([]byte, error) { return with(body, "background") }

// IsBackground reports whether an answer was made in the background.
func IsBackground(rec Record) bool {
	on, _ := jsonscan.Boolean(jsonscan.Get(rec.Answer, "background"))
	return on
}

// AskSummary returns a request that asks for a summary of its conversation.
func AskSummary(body []byte) ([]byte, error) {
	input := appendElements([]byte{'['}, asList(jsonscan.Get(body, "input")))
	input = append(appendElements(input, []byte(`[{"type":"compaction_trigger"}]`)), ']')
	return with(body, "", member{"input", input})
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

// member is one of an object.
type member struct {
	name  string
	value []byte // JSON
}

// object is one that is being written.
type object struct{ out []byte }

func (o *object) put(name string, value []byte) {
	if len(o.out) > 1 {
		o.out = append(o.out, ',')
	}
	o.out = append(append(jsonscan.AppendString(o.out, name), ':'), value...)
}

// with returns an object without one member, "" none, and with others set.
func with(whole []byte, without string, set ...member) ([]byte, error) {
	size := len(whole)
	for _, m := range set {
		size += len(m.name) + len(m.value) + len(`"":,`)
	}
	to := object{out: append(make([]byte, 0, size), '{')}
	it := jsonscan.Members(whole)
	for it.Next() {
		name, value := string(it.Key()), it.Value()
		if name == without {
			continue
		}
		if at := slices.IndexFunc(set, func(m member) bool { return m.name == name }); at >= 0 {
			value = set[at].value
			set = slices.Delete(slices.Clone(set), at, at+1)
		}
		to.put(name, value)
	}
	for _, m := range set {
		to.put(m.name, m.value)
	}
	return append(to.out, '}'), it.Err()
}
