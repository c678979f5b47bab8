package chat

import (
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// chunk is a chunk of a stream or a whole body, told apart into members that
// alias it.
type chunk struct {
	id, model, tier, created []byte
	choices, usage, data     []byte
	errorAt, groq, base      []byte
}

func (c *chunk) read(v []byte) error {
	it := jsonscan.Members(v)
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "id":
			c.id = v
		case "model":
			c.model = v
		case "created":
			c.created = v
		case "service_tier":
			c.tier = v
		case "choices":
			c.choices = v
		case "data": // embeddings
			c.data = v
		case "usage":
			c.usage = v
		case "error":
			c.errorAt = v
		case "x_groq":
			c.groq = v
		case "base_resp":
			c.base = v
		}
	}
	return it.Err()
}

// failure returns the error that a successful answer holds, or nil.
func (c *chunk) failure() *llm.Error {
	if jsonscan.KindOf(c.base) == jsonscan.Object { // MiniMax
		if code, ok := jsonscan.Int(jsonscan.Get(c.base, "status_code")); ok && code != 0 {
			return baseFailure(code, textOf(jsonscan.Get(c.base, "status_msg")))
		}
	}
	v := c.errorAt
	if jsonscan.IsNull(v) && jsonscan.KindOf(c.groq) == jsonscan.Object {
		v = jsonscan.Get(c.groq, "error")
	}
	if jsonscan.IsNull(v) {
		return nil
	}
	said := complaint{message: textOf(v)}
	if jsonscan.KindOf(v) == jsonscan.Object {
		said = complaintAt(v)
	}
	return said.toError()
}

// baseFailure reads the status that MiniMax puts into an answer.
//
// Source: the vendor's table of error codes.
func baseFailure(code int64, message string) *llm.Error {
	said := complaint{message: message}
	switch code {
	case 1004, 2049:
		said.kind = "authentication_error"
	case 1008:
		said.kind = "insufficient_balance"
	case 1002, 1039:
		said.kind = "rate_limit_error"
	case 1001:
		said.kind = "timeout_error"
	case 1026, 1027:
		said.code = "content_policy_violation"
	case 2013:
		said.kind = "invalid_request_error"
	}
	return said.toError()
}

// metaOf is what an upstream says of an answer as a whole. Created is in Unix
// seconds, 0 if not told.
func metaOf(id, model, tier string, created int64) llm.Meta {
	m := llm.Meta{ID: id, Model: model, Tier: tier, Protocol: origin}
	if created > 0 {
		m.Created = time.Unix(created, 0)
	}
	return m
}

// choice is one of an answer's choices, told apart.
type choice struct {
	index         int64
	delta, finish []byte
}

func (c *choice) read(v []byte) error {
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "index":
			c.index, _ = jsonscan.Int(it.Value())
		case "delta", "message":
			if jsonscan.KindOf(it.Value()) == jsonscan.Object {
				c.delta = it.Value()
			}
		case "finish_reason":
			c.finish = innerOf(it.Value())
		}
	}
	return it.Err()
}
