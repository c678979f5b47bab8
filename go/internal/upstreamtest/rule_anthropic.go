package upstreamtest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// messagesFields are all top-level fields that Anthropic's own endpoint knows.
const messagesFields = `model messages max_tokens system temperature top_p top_k stop_sequences stream metadata tools
tool_choice thinking service_tier container mcp_servers context_management output_config cache_control inference_geo`

// versioned demands the header that says which version of the API is meant.
func versioned(c *Call) string {
	if c.Header.Get("Anthropic-Version") == "" {
		return "anthropic-version: header is required"
	}
	return ""
}

// compatibleMessages are the rules of servers that speak Messages too.
func compatibleMessages(more ...rule) []rule {
	return slices.Concat([]rule{limited, toolPairs}, more)
}

// anthropicMessages is what Anthropic refuses.
func anthropicMessages() []rule {
	return []rule{versioned, limited, knownMessages, sampled, toolPairs, fullBlocks, properThinking}
}

func limited(c *Call) string {
	n, ok := c.Body["max_tokens"].(float64)
	if !ok || n < 1 {
		return "max_tokens: Field required"
	}
	return ""
}

func knownMessages(c *Call) string {
	if name := unknown(c.Body, messagesFields); name != "" {
		return name + ": Extra inputs are not permitted"
	}
	if name := unknown(object(c.Body["metadata"]), "user_id"); name != "" {
		return "metadata." + name + ": Extra inputs are not permitted"
	}
	for i, m := range objects(c.Body["messages"]) {
		if !oneOf(text(m["role"]), "user", "assistant") && i == 0 {
			return `messages: first message must use the "user" role`
		}
		if name := unknown(m, "role content"); name != "" {
			return fmt.Sprintf("messages.%d.%s: Extra inputs are not permitted", i, name)
		}
	}
	return ""
}

func sampled(c *Call) string {
	if t, ok := c.Body["temperature"].(float64); ok && t > 1 {
		return "temperature: range: 0..1"
	}
	return ""
}

var callID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// toolPairs wants the results of all calls first in the next turn.
func toolPairs(c *Call) string {
	open := map[string]bool{}
	for i, m := range objects(c.Body["messages"]) {
		next := map[string]bool{}
		others := false
		for _, b := range objects(m["content"]) {
			switch b["type"] {
			case "tool_result":
				if !open[text(b["tool_use_id"])] {
					return fmt.Sprintf("messages.%d: unexpected tool_use_id %v", i, b["tool_use_id"])
				}
				if others {
					return fmt.Sprintf("messages.%d: tool_result blocks must come first", i)
				}
				delete(open, text(b["tool_use_id"]))
			case "tool_use":
				if !callID.MatchString(text(b["id"])) {
					return fmt.Sprintf("messages.%d: tool_use.id %v", i, b["id"])
				}
				if len(objects(c.Body["tools"])) == 0 {
					return "Requests which include tool_use blocks must define tools"
				}
				if object(b["input"]) == nil {
					return fmt.Sprintf("messages.%d: tool_use.input must be an object", i)
				}
				next[text(b["id"])] = true
			default:
				others = true
			}
		}
		if len(open) > 0 {
			return fmt.Sprintf("messages.%d: tool_use ids were found without tool_result blocks immediately after", i)
		}
		open = next
	}
	if len(open) > 0 {
		return "tool_use ids were found without tool_result blocks"
	}
	return ""
}

// fullBlocks refuses empty texts and pictures that are not where they say.
func fullBlocks(c *Call) string {
	for i, m := range objects(c.Body["messages"]) {
		if m["content"] == "" {
			return fmt.Sprintf("messages.%d: content must be non-empty", i)
		}
		for _, b := range objects(m["content"]) {
			if b["type"] == "text" && strings.TrimSpace(text(b["text"])) == "" {
				return fmt.Sprintf("messages.%d: text content blocks must be non-empty", i)
			}
			if source := object(b["source"]); source["type"] == "url" && !strings.HasPrefix(text(source["url"]), "http") {
				return fmt.Sprintf("messages.%d: only HTTP URLs are supported", i)
			}
		}
	}
	for _, b := range objects(c.Body["system"]) {
		if text(b["text"]) == "" {
			return "system: text content blocks must be non-empty"
		}
	}
	return ""
}

// properThinking refuses thinking beside what excludes it, and unsigned
// thoughts.
func properThinking(c *Call) string {
	thinking := object(c.Body["thinking"])
	if thinking["type"] == "enabled" || thinking["type"] == "adaptive" {
		if kind := text(object(c.Body["tool_choice"])["type"]); kind == "any" || kind == "tool" {
			return "Thinking may not be enabled when tool_choice forces tool use."
		}
		if t, ok := c.Body["temperature"]; ok && t != 1.0 {
			return "temperature may only be set to 1 when thinking is enabled"
		}
	}
	if budget, ok := thinking["budget_tokens"].(float64); ok && thinking["type"] == "enabled" {
		if limit, _ := c.Body["max_tokens"].(float64); budget >= limit || budget < 1024 {
			return "max_tokens must be greater than thinking.budget_tokens, and that at least 1024"
		}
	}
	for i, m := range objects(c.Body["messages"]) {
		for _, b := range objects(m["content"]) {
			if b["type"] == "thinking" && text(b["signature"]) == "" {
				return fmt.Sprintf("messages.%d: thinking.signature: Field required", i)
			}
		}
	}
	return ""
}

// noPictures is a server that reads text only.
func noPictures(c *Call) string {
	for i, m := range objects(c.Body["messages"]) {
		for _, b := range objects(m["content"]) {
			if b["type"] == "image" || b["type"] == "document" {
				return fmt.Sprintf("messages.%d: %v is not supported", i, b["type"])
			}
		}
	}
	return ""
}
