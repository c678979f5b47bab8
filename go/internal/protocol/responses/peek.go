package responses

import (
	"net"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Peek reads the head of a request. The prompt cache key stands for the
// conversation: Codex puts the conversation's id there.
func (*Codec) Peek(op llm.Operation, body []byte) (protocol.Head, error) {
	head := protocol.Head{Operation: op, WantUsage: true}
	err := protocol.Members(body, func(name string, value []byte, at protocol.Span) error {
		if name == "model" {
			head.ModelAt = at
		}
		if name == "input" {
			head.HistoryAt = at
			if endsInTrigger(value) {
				head.Compaction = protocol.CompactionItem
			}
		}
		if jsonscan.IsNull(value) {
			return nil
		}
		return peekMember(&head, name, value)
	})
	return head, err
}

func peekMember(head *protocol.Head, name string, value []byte) error {
	ok := true
	want := ""
	switch name {
	case "model":
		head.Model, ok = jsonscan.Text(value)
		want = "a string"
	case "stream":
		head.Stream, ok = jsonscan.Boolean(value)
		want = "a boolean"
	case "background":
		head.Background, ok = jsonscan.Boolean(value)
		want = "a boolean"
	case "max_output_tokens":
		var n int64
		n, ok = jsonscan.Int(value)
		head.MaxTokens = int(n)
		want = "an integer"
	case "prompt_cache_key":
		head.SessionID, ok = jsonscan.Text(value)
		want = "a string"
	case "conversation":
		if jsonscan.KindOf(value) == jsonscan.Object {
			value = jsonscan.Get(value, "id")
		}
		head.Thread, ok = jsonscan.Text(value)
		want = "a string or an object with an id"
	case "previous_response_id":
		head.Previous, ok = jsonscan.Text(value)
		want = "a string"
	case "tools":
		ok = jsonscan.KindOf(value) == jsonscan.Array
		want = "an array"
		it := jsonscan.Elements(value)
		head.Tools = ok && it.Next()
	}
	if ok {
		return nil
	}
	err := llm.AsError(protocol.WrongType(name, want, value))
	err.Code = codeInvalidType
	return err
}

// Patch sets the model. Usage needs no asking for: it always comes.
func (*Codec) Patch(body []byte, head protocol.Head, to protocol.Target) (net.Buffers, error) {
	edit, needed := protocol.SetModel(body, head, to.Model)
	if !needed {
		return net.Buffers{body}, nil
	}
	return protocol.Splice(body, edit), nil
}
