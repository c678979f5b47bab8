package agents_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// openaiChat speaks Chat Completions and nothing else.
type openaiChat struct{}

func (openaiChat) place(a *asked) error     { return a.inBody("/v1/chat/completions") }
func (openaiChat) key(h http.Header) string { return bearer(h) }

func (openaiChat) refuse(status int, message string) any {
	return obj{"error": obj{"message": message, "type": openaiErrorType(status), "param": nil, "code": nil}}
}

func openaiErrorType(status int) string {
	if status == http.StatusTooManyRequests {
		return "requests"
	}
	if status >= http.StatusInternalServerError {
		return "server_error"
	}
	return "invalid_request_error"
}

func (p openaiChat) read(a *asked) error {
	if err := only("request", a.Raw, "model messages tools tool_choice stream stream_options max_completion_tokens temperature top_p stop reasoning_effort response_format "+
		"parallel_tool_calls prompt_cache_key prompt_cache_retention safety_identifier user verbosity metadata store service_tier seed n"); err != nil {
		return err
	}
	if _, ok := a.Raw["stream_options"]; ok && !a.Stream {
		return errors.New("stream_options without stream")
	}
	if t, ok := a.Raw["temperature"].(float64); ok && t != 1 && strings.HasPrefix(a.Model, "gpt-5") {
		return fmt.Errorf("temperature %v for %s", t, a.Model)
	}
	if err := p.tools(a); err != nil {
		return err
	}
	return p.messages(a)
}

func (openaiChat) tools(a *asked) error {
	tools, given := a.Raw["tools"].([]any)
	if given && len(tools) == 0 {
		return errors.New("tools: []")
	}
	for _, name := range []string{"tool_choice", "parallel_tool_calls"} {
		if _, ok := a.Raw[name]; ok && !given {
			return fmt.Errorf("%s without tools", name)
		}
	}
	for _, v := range tools {
		t := object(v)
		kind := text(t, "type")
		body := object(t[kind])
		fields := map[string]string{"function": "name description parameters strict", "custom": "name description format"}[kind]
		if fields == "" {
			return fmt.Errorf("tool type %q", kind)
		}
		if err := errors.Join(only("tool", t, "type "+kind), only("tool", body, fields)); err != nil {
			return err
		}
		if _, twice := a.Tools[text(body, "name")]; twice {
			return fmt.Errorf("two tools %s", text(body, "name"))
		}
		a.Tools[text(body, "name")] = tool{Custom: kind == "custom", Arg: onlyArg(object(body["parameters"]))}
	}
	return nil
}

// messages checks that results stand right after their calls, and gathers the
// rounds.
func (p openaiChat) messages(a *asked) error {
	open := round{}
	for i, v := range list(a.Raw, "messages") {
		m := object(v)
		role := text(m, "role")
		if role != "tool" && len(open.Calls) > 0 {
			if err := open.complete(); err != nil {
				return fmt.Errorf("message %d: %w", i, err)
			}
			a.Rounds, open = append(a.Rounds, open), round{}
		}
		fields := map[string]string{
			"system": "role content", "developer": "role content", "user": "role content", "tool": "role content tool_call_id",
			"assistant": "role content tool_calls refusal",
		}[role]
		if fields == "" {
			return fmt.Errorf("message %d has role %q", i, role)
		}
		if err := only(role, m, fields); err != nil {
			return err
		}
		said, media, err := p.content(role, m)
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		switch {
		case role == "tool":
			open.Results = append(open.Results, result{CallID: text(m, "tool_call_id"), Text: said})
		case role == "user" && media > 0 && len(a.Rounds) > 0:
			r := a.Rounds[len(a.Rounds)-1].Results
			r[len(r)-1].Media += media
		}
		open.Calls = append(open.Calls, chatCalls(m)...)
	}
	if len(open.Calls) > 0 || len(open.Results) > 0 {
		if err := open.complete(); err != nil {
			return err
		}
		a.Rounds = append(a.Rounds, open)
	}
	return nil
}

func chatCalls(m map[string]any) (calls []call) {
	for _, v := range list(m, "tool_calls") {
		c := object(v)
		if body := object(c["custom"]); body != nil {
			calls = append(calls, call{text(c, "id"), text(body, "name"), text(body, "input"), true})
			continue
		}
		body := object(c["function"])
		calls = append(calls, call{text(c, "id"), text(body, "name"), text(body, "arguments"), false})
	}
	return calls
}

// content reads the text of a message and counts its media.
func (openaiChat) content(role string, m map[string]any) (said string, media int, err error) {
	if s, ok := m["content"].(string); ok {
		return s, 0, nil
	}
	parts := list(m, "content")
	if len(parts) == 0 && (role != "assistant" || len(list(m, "tool_calls")) == 0) {
		return "", 0, fmt.Errorf("%s says nothing", role)
	}
	for _, v := range parts {
		part := object(v)
		kind := text(part, "type")
		if err := only(kind, part, "type "+kind); err != nil {
			return "", 0, err
		}
		switch {
		case kind == "text":
			said += text(part, "text")
		case role == "user" && kind == "image_url":
			media++
		case role == "user" && kind == "file":
			media++
			if file := object(part["file"]); file["file_data"] != nil && text(file, "filename") == "" {
				return "", 0, errors.New("a file without filename")
			}
		default:
			return "", 0, fmt.Errorf("part %q of %s", kind, role)
		}
	}
	return said, media, nil
}

func chatToolCalls(a *asked, r reply, indexed bool) (calls []obj) {
	for i, c := range r.Calls {
		body := obj{"name": c.Name, "arguments": c.Input}
		kind := "function"
		if c.Custom {
			kind, body = "custom", obj{"name": c.Name, "input": c.Input}
		}
		out := obj{"id": fmt.Sprintf("call_%d_%d", a.Number, i), "type": kind, kind: body}
		if indexed {
			out["index"] = i
		}
		calls = append(calls, out)
	}
	return calls
}

func chatUsage() obj {
	return obj{"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": obj{"cached_tokens": 200}}
}

func chatStop(r reply) string {
	if len(r.Calls) > 0 {
		return "tool_calls"
	}
	return "stop"
}

func (openaiChat) whole(a *asked, r reply) any {
	message := obj{"role": "assistant", "content": r.Text, "refusal": nil}
	if len(r.Calls) > 0 {
		message["tool_calls"] = chatToolCalls(a, r, false)
	}
	return obj{
		"id": fmt.Sprintf("chatcmpl-%d", a.Number), "object": "chat.completion", "created": 1776000000, "model": a.Model, "usage": chatUsage(),
		"choices": []obj{{"index": 0, "message": message, "logprobs": nil, "finish_reason": chatStop(r)}},
	}
}

func (openaiChat) stream(a *asked, r reply) []string {
	chunk := func(delta obj, stop any) string {
		return data(obj{"id": fmt.Sprintf("chatcmpl-%d", a.Number), "object": "chat.completion.chunk", "created": 1776000000, "model": a.Model, "choices": []obj{{"index": 0, "delta": delta, "finish_reason": stop}}})
	}
	frames := []string{chunk(obj{"role": "assistant", "content": ""}, nil)}
	if r.Text != "" {
		for _, s := range halves(r.Text) {
			frames = append(frames, chunk(obj{"content": s}, nil))
		}
	}
	for i, c := range chatToolCalls(a, r, true) {
		kind := text(c, "type")
		body, arg := c[kind].(obj), "arguments"
		if kind == "custom" {
			arg = "input"
		}
		input := text(body, arg)
		body[arg] = ""
		frames = append(frames, chunk(obj{"tool_calls": []obj{c}}, nil))
		for _, s := range halves(input) {
			frames = append(frames, chunk(obj{"tool_calls": []obj{{"index": i, kind: obj{arg: s}}}}, nil))
		}
	}
	frames = append(frames, chunk(obj{}, chatStop(r)))
	if options := object(a.Raw["stream_options"]); options["include_usage"] == true {
		frames = append(frames, data(obj{"id": fmt.Sprintf("chatcmpl-%d", a.Number), "object": "chat.completion.chunk", "created": 1776000000, "model": a.Model, "choices": []obj{}, "usage": chatUsage()}))
	}
	return slices.Concat(frames, []string{"data: [DONE]"})
}
