package messages

import (
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Peek reads the head of a request. max_tokens must be there for Generate, as
// the protocol wants it.
func (*Codec) Peek(op llm.Operation, body []byte) (protocol.Head, error) {
	head := protocol.Head{Operation: op, WantUsage: true}
	limited := false
	err := protocol.Members(body, func(name string, v []byte, at protocol.Span) error {
		if jsonscan.IsNull(v) {
			return nil
		}
		limited = limited || name == "max_tokens"
		return peekMember(&head, name, v, at)
	})
	if err == nil && op == llm.Generate && !limited {
		err = protocol.Missing((*protocol.Path)(nil).Member("max_tokens"))
	}
	return head, inWords(err)
}

func peekMember(head *protocol.Head, name string, v []byte, at protocol.Span) error {
	ok, want := true, ""
	switch name {
	case "model":
		want = "a string"
		head.Model, ok = jsonscan.Text(v)
		head.ModelAt = at
	case "stream":
		want = "a boolean"
		head.Stream, ok = jsonscan.Boolean(v)
	case "max_tokens":
		want = "an integer"
		var n int64
		n, ok = jsonscan.Int(v)
		head.MaxTokens = int(n)
	case "tools":
		want = "an array"
		ok = jsonscan.KindOf(v) == jsonscan.Array
		it := jsonscan.Elements(v)
		head.Tools = ok && it.Next()
	case "messages":
		want = "an array"
		ok = jsonscan.KindOf(v) == jsonscan.Array
		head.HistoryAt = at
	case "metadata":
		if user, isText := jsonscan.Text(jsonscan.Get(v, "user_id")); isText {
			head.SessionID = sessionOf(user)
		}
	}
	if !ok {
		return protocol.Wrong((*protocol.Path)(nil).Member(name), want, v)
	}
	return nil
}

// sessionOf returns the conversation that Claude Code names in its user id:
// JSON with a session_id, or text ending in _session_ and the id. It returns
// "" for any other user id.
func sessionOf(userID string) string {
	if strings.HasPrefix(userID, "{") {
		session, _ := jsonscan.Text(jsonscan.Get([]byte(userID), "session_id"))
		return session
	}
	if _, session, ok := strings.Cut(userID, "_session_"); ok {
		return session
	}
	return ""
}
