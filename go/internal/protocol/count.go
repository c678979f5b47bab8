package protocol

import (
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Counter is a codec whose protocol can be asked how many tokens a prompt is.
type Counter interface {
	// EncodeCountRequest writes the question for the target: req without what
	// has no place in a count.
	EncodeCountRequest(req *llm.Request, to Target) ([]byte, []llm.Finding, error)

	// DecodeCount reads an upstream's answer; false if it is none.
	DecodeCount(body []byte) (n int64, ok bool)

	// EncodeCount returns the answer for a prompt of n tokens.
	EncodeCount(n int64) []byte
}

// ReadCount reads the member of that name of an answer to a count.
func ReadCount(body []byte, name string) (int64, bool) {
	if jsonscan.KindOf(body) != jsonscan.Object || jsonscan.Valid(body) != nil {
		return 0, false
	}
	n, ok := jsonscan.Int(jsonscan.Get(body, name))
	return n, ok && n >= 0
}

// Keep returns the object with only the members of these names.
func Keep(object []byte, names ...string) []byte {
	out := []byte{'{'}
	for it := jsonscan.Members(object); it.Next(); {
		if !slices.Contains(names, string(it.Key())) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, '"'), it.Key()...), `":`...)
		out = append(out, it.Value()...)
	}
	return append(out, '}')
}
