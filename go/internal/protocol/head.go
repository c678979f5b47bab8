package protocol

import (
	"errors"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Head is what can be known of a request without decoding it.
type Head struct {
	Operation llm.Operation
	Model     string
	Stream    bool
	WantUsage bool // the client asked for usage in its stream
	Tools     bool
	MaxTokens int    // 0 if not said
	SessionID string // conversation, where the client names one
	Base64    bool   // embeddings as base64
	Batch     bool   // embeddings of several inputs, for which Gemini has a method of its own

	// OldFunctions says that the client asked with Chat's deprecated functions
	// and reads function_call instead of tool_calls.
	OldFunctions bool

	// Array says that the stream is to be one JSON array, which is how Gemini
	// streams to clients that do not ask for server-sent events.
	Array bool

	// Verbatim says that the answer goes on as the upstream sent it, streamed
	// or whole, under the type that the upstream gives it.
	Verbatim bool

	// Unread says that the answer holds nothing to be read, such as sound; it
	// goes on as it comes, however large it is.
	Unread bool

	// Compaction says that the model is to sum the conversation up, and in
	// what the summary goes to the client.
	Compaction Compaction

	Boundary string // of a multipart body; "" where the body is JSON

	RequestID string // ours; set after Peek, for error bodies that carry it

	// EstimatedInput is a guess at the prompt's tokens, set after Peek, for
	// answers that must name a number before the upstream does.
	EstimatedInput int64

	Body       []byte // the request, given to a writer whose answers repeat its settings
	Previous   string // id of the answer that the request goes on from, "" none
	Kept       bool   // the gateway keeps the answer; set after Peek
	Background bool   // the answer is made while nobody waits for it
	Owed       bool   // of what is recalled: its usage is still to be told; set after Peek
	Thread     string // id of the conversation object that the answer is added to, "" none

	ModelAt   Span // of the value of "model", empty if absent
	OptionsAt Span // of the value of "stream_options", empty if absent
	HistoryAt Span // of the list that holds the conversation, empty if absent
}

// Compaction is the form in which a client gets a summary.
type Compaction uint8

// The forms.
const (
	NoCompaction     Compaction = iota
	CompactionItem              // the one item of an ordinary answer
	CompactionObject            // an object of its own
)

// Span is a range of byte offsets in a body.
type Span struct{ Start, End int }

// Empty reports whether there is nothing.
func (s Span) Empty() bool { return s.End <= s.Start }

// Members walks the top-level members of a request body and calls visit for
// each. It refuses what two JSON readers could understand differently: a
// member given twice, or once more with other capitals. Otherwise the model
// that was authorised and the model that is billed might differ.
func Members(body []byte, visit func(name string, value []byte, at Span) error) error {
	var seen [32]string
	names := seen[:0]
	it := jsonscan.Members(body)
	for it.Next() {
		name := intern(it.Key())
		for _, other := range names {
			if strings.EqualFold(other, name) {
				return llm.InvalidField(name, "The member %q is given more than once.", name)
			}
		}
		if len(names) == 512 {
			return llm.Errorf(llm.Invalid, "The request has more than 512 top-level members.")
		}
		names = append(names, name)
		start, end := it.Span()
		if err := visit(name, it.Value(), Span{start, end}); err != nil {
			return err
		}
	}
	return BodyError(body, it.Err())
}

// intern returns the usual member names without allocating.
func intern(key []byte) string {
	switch string(key) {
	case "model":
		return "model"
	case "messages":
		return "messages"
	case "input":
		return "input"
	case "instructions":
		return "instructions"
	case "system":
		return "system"
	case "stream":
		return "stream"
	case "stream_options":
		return "stream_options"
	case "max_tokens":
		return "max_tokens"
	case "max_completion_tokens":
		return "max_completion_tokens"
	case "max_output_tokens":
		return "max_output_tokens"
	case "tools":
		return "tools"
	case "tool_choice":
		return "tool_choice"
	case "temperature":
		return "temperature"
	case "metadata":
		return "metadata"
	}
	return string(key)
}

// BodyError puts a scanning error into words for the client. A nil err is nil.
func BodyError(body []byte, err error) error {
	if err == nil {
		return nil
	}
	if len(body) == 0 {
		return &llm.Error{Kind: llm.Invalid, Message: "The request body is empty; a JSON object is expected.", Err: err}
	}
	var where *jsonscan.SyntaxError
	if errors.As(err, &where) {
		e := llm.Errorf(llm.Invalid, "The request body is not valid JSON: %s at byte %d.", where.Reason, where.Offset)
		e.Err = err
		return e
	}
	return err
}

// WrongType is the error for a member of the wrong JSON type.
func WrongType(field, want string, got []byte) error {
	return llm.InvalidField(field, "Invalid type for '%s': expected %s, but got %s instead.", field, want, jsonscan.KindOf(got))
}
