package messages

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// readStop reads stop_reason and what belongs to it from an answer or from
// the delta of message_delta. It leaves stop alone where nothing is said.
func readStop(stop *llm.Stop, v []byte) {
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "stop_reason":
			if word, ok := jsonscan.Text(it.Value()); ok {
				stop.Raw, stop.Reason = word, reasonOf(word)
			}
		case "stop_sequence":
			if text, ok := jsonscan.Text(it.Value()); ok {
				stop.Sequence = text
			}
		case "stop_details":
			if !jsonscan.IsNull(it.Value()) {
				stop.Details = append([]byte(nil), it.Value()...)
			}
		}
	}
}

func reasonOf(word string) llm.StopReason {
	switch word {
	case "tool_use":
		return llm.StopTools
	case "max_tokens":
		return llm.StopLength
	case "stop_sequence":
		return llm.StopSequence
	case "refusal":
		return llm.StopRefusal
	case "pause_turn", "compaction":
		return llm.StopPause
	case "model_context_window_exceeded":
		return llm.StopContext
	}
	return llm.StopEnd // end_turn, and what we do not know
}

func wordOf(reason llm.StopReason) string {
	switch reason {
	case llm.StopTools:
		return "tool_use"
	case llm.StopLength:
		return "max_tokens"
	case llm.StopSequence:
		return "stop_sequence"
	case llm.StopRefusal:
		return "refusal"
	case llm.StopPause:
		return "pause_turn"
	case llm.StopContext:
		return "model_context_window_exceeded"
	default:
		return "end_turn"
	}
}

// ending is what the writer knows when the answer ends.
type ending struct {
	stop    llm.Stop
	own     bool   // the upstream spoke this protocol: its words stay
	calls   bool   // a tool call went out
	refusal []byte // what the model said instead of an answer, escaped
}

// appendStop writes stop_reason, stop_sequence and stop_details as members.
func (e *ending) appendStop(dst []byte) []byte {
	word, sequence := wordOf(e.stop.Reason), e.stop.Sequence
	switch {
	case e.own && e.stop.Raw != "":
		word = e.stop.Raw
	case len(e.refusal) > 0 && e.stop.Reason != llm.StopLength:
		word = "refusal"
	case e.stop.Reason == llm.StopSequence && sequence == "":
		word = "end_turn" // a stop sequence fired, but nobody knows which
	case e.stop.Reason == llm.StopEnd && e.calls:
		word = "tool_use"
	case e.stop.Reason == llm.StopTools && !e.calls:
		word = "end_turn"
	}
	dst = append(dst, `"stop_reason":`...)
	dst = jsonscan.AppendString(dst, word)
	dst = append(dst, `,"stop_sequence":`...)
	if sequence == "" {
		dst = append(dst, "null"...)
	} else {
		dst = jsonscan.AppendString(dst, sequence)
	}
	switch {
	case e.own && len(e.stop.Details) > 0:
		dst = append(dst, `,"stop_details":`...)
		dst = append(dst, compact(e.stop.Details)...)
	case word == "refusal" && !e.own:
		dst = append(dst, `,"stop_details":{"type":"refusal","category":null,"explanation":`...)
		if len(e.refusal) == 0 {
			dst = append(dst, "null}"...)
			break
		}
		dst = append(append(append(dst, '"'), e.refusal...), `"}`...)
	}
	return dst
}
