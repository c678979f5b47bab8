package upstreamtest

import (
	"fmt"
	"slices"
	"strings"
)

// chatFields are all top-level fields that OpenAI's own Chat endpoint knows.
const chatFields = `model messages max_completion_tokens max_tokens temperature top_p n stop presence_penalty
frequency_penalty logit_bias logprobs top_logprobs seed response_format tools tool_choice parallel_tool_calls functions
function_call stream stream_options reasoning_effort verbosity modalities audio prediction store metadata service_tier
user safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options web_search_options moderation`

// openaiChat is what OpenAI refuses.
func openaiChat() []rule {
	return slices.Concat(tidyTools(), []rule{
		func(c *Call) string {
			if name := unknown(c.Body, chatFields); name != "" {
				return "Unknown parameter: '" + name + "'."
			}
			for _, name := range [...]string{"cache_control", "defer_loading", "reasoning_content", "input_schema"} {
				if deep(c.Body["messages"], name) || deep(c.Body["tools"], name) {
					return "Unknown parameter: '" + name + "'."
				}
			}
			return ""
		},
		reasoningModels,
		func(c *Call) string {
			if stops, ok := c.Body["stop"].([]any); ok && len(stops) > 4 {
				return "stop: at most 4"
			}
			return ""
		},
		openaiMessages,
	})
}

// reasoningModels refuse what steers sampling.
func reasoningModels(c *Call) string {
	model := text(c.Body["model"])
	reasons := strings.HasPrefix(model, "gpt-5") || strings.HasPrefix(model, "o3") || strings.HasPrefix(model, "o4")
	if !reasons {
		if has(c.Body, "reasoning_effort") {
			return "Unsupported parameter: 'reasoning_effort'"
		}
		return ""
	}
	for _, name := range [...]string{"max_tokens", "stop", "presence_penalty", "frequency_penalty", "logprobs", "top_p"} {
		if has(c.Body, name) {
			return "Unsupported parameter: '" + name + "' is not supported with this model."
		}
	}
	if t, ok := c.Body["temperature"]; ok && t != 1.0 {
		return "Unsupported value: 'temperature' does not support this value with this model."
	}
	return ""
}

func openaiMessages(c *Call) string {
	for i, m := range objects(c.Body["messages"]) {
		role := text(m["role"])
		if !oneOf(role, "developer", "system", "user", "assistant", "tool") {
			return fmt.Sprintf("messages[%d]: role %s", i, role)
		}
		for _, part := range objects(m["content"]) {
			kind := text(part["type"])
			switch {
			case kind == "text", kind == "refusal" && role == "assistant":
			case role == "user" && oneOf(kind, "image_url", "input_audio"):
			case role == "user" && kind == "file":
				file := object(part["file"])
				if has(file, "file_data") && !has(file, "filename") {
					return fmt.Sprintf("messages[%d]: a file without a filename", i)
				}
			default:
				return fmt.Sprintf("messages[%d]: a part %q in a message of %s", i, kind, role)
			}
		}
	}
	for i, tool := range objects(c.Body["tools"]) {
		if text(tool["type"]) == "function" && text(object(tool["function"])["name"]) == "" {
			return fmt.Sprintf("tools[%d].function.name is missing", i)
		}
	}
	return ""
}
