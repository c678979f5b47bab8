package conversation

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

const kindReference = "item_reference"

// Resolve returns a request with items in the place of those it only names, as
// far as they are of answers that were made here for the same owner, nil if
// there are none. What is not found stays: it may be a provider's.
func (r *Room) Resolve(ctx context.Context, owner string, body []byte) ([]byte, error) {
	if !bytes.Contains(body, []byte(kindReference)) {
		return nil, nil
	}
	answers := make(map[string]Record)
	input, found := []byte{'['}, false
	it := jsonscan.Elements(jsonscan.Get(body, "input"))
	for it.Next() {
		item, err := r.referred(ctx, owner, it.Value(), answers)
		if err != nil {
			return nil, err
		}
		found = found || item != nil
		if item == nil {
			item = it.Value()
		}
		if len(input) > 1 {
			input = append(input, ',')
		}
		input = append(input, item...)
		if found && int64(len(input)) > r.opts.MaxBytes {
			return nil, llm.InvalidField("input",
				"With the items that it names, the input is larger than the %d bytes that this gateway continues (responses.max_bytes).", r.opts.MaxBytes)
		}
	}
	if !found {
		return nil, it.Err()
	}
	return with(body, "", member{"input", append(input, ']')})
}

// referred returns the item that a reference names, nil if it is none or names
// nothing here. Answers are those that were looked at already.
func (r *Room) referred(ctx context.Context, owner string, item []byte, answers map[string]Record) ([]byte, error) {
	if kind, _ := jsonscan.Text(jsonscan.Get(item, "type")); kind != kindReference {
		return nil, nil
	}
	id, _ := jsonscan.Text(jsonscan.Get(item, "id"))
	answer := answerOf(id)
	if answer == "" {
		return nil, nil
	}
	rec, known := answers[answer]
	if !known {
		if len(answers) == maxHistory {
			return nil, llm.InvalidField("input", "The input names items of more than %d answers; send them whole.", maxHistory)
		}
		var err error
		if rec, err = r.Find(ctx, owner, answer); err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		answers[answer] = rec
	}
	all := jsonscan.Elements(jsonscan.Get(rec.Answer, "output"))
	for all.Next() {
		if own, _ := jsonscan.Text(jsonscan.Get(all.Value(), "id")); own == id {
			return all.Value(), nil
		}
	}
	return nil, nil
}

// answerOf returns the id of the answer in which an item was made, by what the
// item's id is made of; "" for an id that was not made here.
func answerOf(item string) string {
	_, rest, prefixed := strings.Cut(item, "_")
	end := strings.LastIndexByte(rest, '_')
	if !prefixed || end <= 0 || len(item) > maxID {
		return ""
	}
	return "resp_" + rest[:end]
}
