package upstreamtest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// rule says why a vendor refuses a call, "" if it does not.
type rule func(*Call) string

// refuses are top-level fields that the vendor answers with 400 or 422.
func refuses(fields ...string) rule {
	return func(c *Call) string {
		for _, f := range fields {
			if has(c.Body, f) {
				return "unsupported field: " + f
			}
		}
		return ""
	}
}

// choices are the words that tool_choice may say; an object may not come.
func choices(words ...string) rule {
	return func(c *Call) string {
		choice, ok := c.Body["tool_choice"]
		if !ok || oneOf(text(choice), words...) {
			return ""
		}
		return fmt.Sprintf("tool_choice %v is not supported", choice)
	}
}

func oneChoice(c *Call) string {
	if n, ok := c.Body["n"]; ok && n != 1.0 {
		return "n must be 1"
	}
	return ""
}

func noStrict(c *Call) string {
	for _, tool := range objects(c.Body["tools"]) {
		if has(object(tool["function"]), "strict") {
			return "unknown name strict in a tool"
		}
	}
	return ""
}

// compatible are the rules of servers that speak Chat as it once was.
func compatible(more ...rule) []rule {
	return slices.Concat(tidyTools(), []rule{oldRoles, textToolResults, noCustomTools}, more)
}

func oldRoles(c *Call) string {
	for i, m := range objects(c.Body["messages"]) {
		if !oneOf(text(m["role"]), "system", "user", "assistant", "tool") {
			return fmt.Sprintf("messages[%d]: unknown role %v", i, m["role"])
		}
	}
	return ""
}

func noCustomTools(c *Call) string {
	for _, tool := range objects(c.Body["tools"]) {
		if tool["type"] != "function" {
			return fmt.Sprintf("unknown tool type %v", tool["type"])
		}
	}
	return ""
}

func textToolResults(c *Call) string {
	for i, m := range objects(c.Body["messages"]) {
		if _, ok := m["content"].(string); m["role"] == "tool" && !ok {
			return fmt.Sprintf("messages[%d]: the content of a tool message must be a string", i)
		}
	}
	return ""
}

// textOnly is a server whose content is a string and nothing else.
func textOnly(c *Call) string {
	for i, m := range objects(c.Body["messages"]) {
		if _, list := m["content"].([]any); list {
			return fmt.Sprintf("messages[%d]: content must be a string", i)
		}
	}
	return ""
}

// systemFirst is a server whose templates know instructions at the start only.
func systemFirst(c *Call) string {
	for i, m := range objects(c.Body["messages"]) {
		if m["role"] == "system" && i > 0 {
			return fmt.Sprintf("messages[%d]: System message must be at the beginning", i)
		}
	}
	return ""
}

// echoesReasoning wants the reasoning of earlier tool calls back.
func echoesReasoning(c *Call) string {
	if kind := text(object(c.Body["thinking"])["type"]); kind == "disabled" {
		return ""
	}
	thinks := has(c.Body, "thinking") || has(c.Body, "reasoning_effort")
	for i, m := range objects(c.Body["messages"]) {
		if thinks && m["role"] == "assistant" && has(m, "tool_calls") && !has(m, "reasoning_content") {
			return fmt.Sprintf("messages[%d]: thinking is enabled but reasoning_content is missing", i)
		}
	}
	return ""
}

var nine = regexp.MustCompile(`^[A-Za-z0-9]{9}$`)

func nineCharacterIDs(c *Call) string {
	for _, m := range objects(c.Body["messages"]) {
		ids := []string{}
		for _, call := range objects(m["tool_calls"]) {
			ids = append(ids, text(call["id"]))
		}
		if m["role"] == "tool" {
			ids = append(ids, text(m["tool_call_id"]))
		}
		for _, id := range ids {
			if !nine.MatchString(id) {
				return fmt.Sprintf("tool call id was %s but must be a-z, A-Z, 0-9, with a length of 9", id)
			}
		}
	}
	return ""
}

// tidyTools are the rules about tools that every Chat server has.
func tidyTools() []rule {
	return []rule{
		func(c *Call) string {
			if tools, ok := c.Body["tools"]; ok && len(objects(tools)) == 0 {
				return "tools: array too short"
			}
			if !has(c.Body, "tools") && (has(c.Body, "parallel_tool_calls") || has(c.Body, "tool_choice")) {
				return "tool_choice and parallel_tool_calls are only allowed when tools are specified"
			}
			if has(c.Body, "stream_options") && c.Body["stream"] != true {
				return "stream_options is only allowed when stream is enabled"
			}
			return ""
		},
		resultsFollowCalls,
	}
}

// resultsFollowCalls wants each call answered before anybody else speaks.
func resultsFollowCalls(c *Call) string {
	open := map[string]bool{}
	for i, m := range objects(c.Body["messages"]) {
		if m["role"] == "tool" {
			id := text(m["tool_call_id"])
			if !open[id] {
				return fmt.Sprintf("messages[%d]: no call %s precedes this tool message", i, id)
			}
			delete(open, id)
			continue
		}
		if len(open) > 0 {
			return fmt.Sprintf("messages[%d]: an assistant message with tool_calls must be followed by tool messages", i)
		}
		for _, call := range objects(m["tool_calls"]) {
			open[text(call["id"])] = true
			arguments := text(object(call["function"])["arguments"])
			if call["type"] == "function" && !json.Valid([]byte(arguments)) {
				return fmt.Sprintf("messages[%d]: the arguments %q are no JSON", i, arguments)
			}
		}
	}
	if len(open) > 0 {
		return "a tool call has no answer"
	}
	return ""
}

// objects returns the objects of an array.
func objects(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if o, ok := item.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

// deep reports whether a member of this name is anywhere below v.
func deep(v any, name string) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, member := range v {
			if k == name || deep(member, name) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if deep(item, name) {
				return true
			}
		}
	}
	return false
}

// unknown returns a member of o that is not among the known ones.
func unknown(o map[string]any, known string) string {
	words := strings.Fields(known)
	for name := range o {
		if !slices.Contains(words, name) {
			return name
		}
	}
	return ""
}
