package chat

import (
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// stopOf reads a finish_reason. Some servers use the word to report that they
// failed; that is the error.
func stopOf(word string) (llm.Stop, *llm.Error) {
	stop := llm.Stop{Reason: llm.StopEnd, Raw: word}
	switch word {
	case "tool_calls", "function_call":
		stop.Reason = llm.StopTools
	case "length", "max_tokens":
		stop.Reason = llm.StopLength
	case "model_context_window_exceeded": // GLM
		stop.Reason = llm.StopContext
	case "content_filter", "sensitive": // the latter GLM
		stop.Reason = llm.StopRefusal
	case "error", "network_error": // OpenRouter, GLM
		return stop, llm.Errorf(llm.BadUpstream, "The upstream failed in the middle of its answer (%s).", word)
	case "insufficient_system_resource": // DeepSeek
		return stop, llm.Errorf(llm.Overloaded, "The upstream ran out of resources in the middle of its answer.")
	}
	return stop, nil
}

// finishReason is the client's word for a stop. Calls that were made prevail
// over a plain end, but not over a cut: a cut call must not be run.
func finishReason(stop llm.Stop, calls, own bool) string {
	switch stop.Reason {
	case llm.StopLength, llm.StopContext:
		return "length"
	case llm.StopRefusal:
		if own && stop.Raw == "stop" {
			return stop.Raw // a refusal in the shape of an answer
		}
		return "content_filter"
	case llm.StopEnd, llm.StopSequence, llm.StopTools, llm.StopPause:
	}
	if calls {
		return "tool_calls"
	}
	return "stop"
}
