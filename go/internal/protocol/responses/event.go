package responses

import (
	"bytes"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// event holds the members of a streamed event that matter, as they came.
type event struct {
	kind []byte // the type, without quotes

	output, part int // the indices of the item and of its part

	delta, text, arguments, input, refusal []byte
	item, partObj, response, failure       []byte
	raw                                    []byte
}

// readEvent takes the data of a frame apart in one pass. Name is the frame's
// own, for servers that say the type only there.
func readEvent(name, data []byte) (event, error) {
	ev := event{kind: name, raw: data}
	it := jsonscan.Members(data)
	for it.Next() {
		v := it.Value()
		switch string(it.Key()) {
		case "type":
			if inner, ok := jsonscan.Inner(v); ok {
				ev.kind = inner
			}
		case "output_index":
			ev.output = small(v)
		case "content_index", "summary_index":
			ev.part = small(v)
		case "delta":
			ev.delta, _ = jsonscan.Inner(v)
		case "text":
			ev.text, _ = jsonscan.Inner(v)
		case "arguments":
			ev.arguments, _ = jsonscan.Inner(v)
		case "input":
			ev.input, _ = jsonscan.Inner(v)
		case "refusal":
			ev.refusal, _ = jsonscan.Inner(v)
		case "item":
			ev.item = v
		case "part":
			ev.partObj = v
		case "response":
			ev.response = v
		case "error":
			ev.failure = v
		}
	}
	return ev, it.Err()
}

// small reads an index; whatever is none is 0.
func small(v []byte) int {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<20 {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// How a frame begins, as OpenAI writes it and as servers do that leave out
// the name.
const (
	eventPrefix = "event: "
	typePrefix  = `data: {"type":"`
)

// frameKind returns the type of the event in a frame, where it can be seen at
// a glance, else nil.
func frameKind(frame []byte) []byte {
	if rest, ok := bytes.CutPrefix(frame, []byte(eventPrefix)); ok {
		if end := bytes.IndexByte(rest, '\n'); end > 0 {
			return bytes.TrimRight(rest[:end], "\r")
		}
		return nil
	}
	if rest, ok := bytes.CutPrefix(frame, []byte(typePrefix)); ok {
		if end := bytes.IndexByte(rest, '"'); end > 0 {
			return rest[:end]
		}
	}
	return nil
}
