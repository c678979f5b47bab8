package agents_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// openaiResponses speaks Responses and nothing else.
type openaiResponses struct{}

func (openaiResponses) place(a *asked) error     { return a.inBody("/v1/responses") }
func (openaiResponses) key(h http.Header) string { return bearer(h) }

func (openaiResponses) refuse(status int, message string) any {
	return obj{"error": obj{"message": message, "type": openaiErrorType(status), "param": nil, "code": nil}}
}

// sealed is the encrypted state under every thought.
const sealed = "gAAAAABsealed=="

func (p openaiResponses) read(a *asked) error {
	if err := only("request", a.Raw, "model input instructions tools tool_choice parallel_tool_calls reasoning include store stream text max_output_tokens prompt_cache_key "+
		"client_metadata metadata temperature top_p safety_identifier user service_tier truncation prompt_cache_retention"); err != nil {
		return err
	}
	tools, given := a.Raw["tools"].([]any)
	if _, ok := a.Raw["tool_choice"]; ok && len(tools) == 0 && given {
		return errors.New("tool_choice without tools")
	}
	for _, v := range tools {
		if err := p.tool(a, object(v)); err != nil {
			return err
		}
	}
	return p.input(a)
}

func (openaiResponses) tool(a *asked, t map[string]any) error {
	fields := map[string]string{
		"function": "type name description parameters strict defer_loading", "custom": "type name description format defer_loading", "namespace": "type name description tools",
		"web_search": "type external_web_access search_content_types filters", "tool_search": "type execution description parameters",
	}[text(t, "type")]
	if fields == "" {
		return fmt.Errorf("tool type %q", text(t, "type"))
	}
	if err := only(text(t, "type"), t, fields); err != nil {
		return err
	}
	if name := text(t, "name"); name != "" {
		a.Tools[name] = tool{Custom: text(t, "type") == "custom", Arg: onlyArg(object(t["parameters"]))}
	}
	return nil
}

// input checks the items and gathers the rounds.
func (p openaiResponses) input(a *asked) error {
	open := round{}
	end := func() error {
		if len(open.Calls) == 0 && len(open.Results) == 0 {
			return nil
		}
		err := open.complete()
		a.Rounds, open = append(a.Rounds, open), round{}
		return err
	}
	for i, v := range list(a.Raw, "input") {
		item := object(v)
		kind := text(item, "type")
		isCall := kind == "function_call" || kind == "custom_tool_call"
		isOutput := kind == "function_call_output" || kind == "custom_tool_call_output"
		if isCall && len(open.Results) > 0 || !isCall && !isOutput && len(open.Results) > 0 {
			if err := end(); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		switch {
		case isCall:
			open.Calls = append(open.Calls, call{text(item, "call_id"), text(item, "name"), text(item, "arguments") + text(item, "input"), kind == "custom_tool_call"})
		case isOutput:
			said, media := p.output(item["output"])
			open.Results = append(open.Results, result{text(item, "call_id"), said, media})
		case kind == "message" || kind == "":
			if err := p.message(a, item); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		case kind == "reasoning":
			if text(item, "encrypted_content") != sealed {
				return fmt.Errorf("item %d: reasoning sealed with %q", i, text(item, "encrypted_content"))
			}
		default:
			return fmt.Errorf("item %d has type %q", i, kind)
		}
	}
	return end()
}

func (openaiResponses) output(v any) (said string, media int) {
	if s, ok := v.(string); ok {
		return s, 0
	}
	parts, _ := v.([]any)
	for _, v := range parts {
		part := object(v)
		said += text(part, "text")
		if kind := text(part, "type"); kind == "input_image" || kind == "input_file" {
			media++
		}
	}
	return said, media
}

func (openaiResponses) message(a *asked, item map[string]any) error {
	role := text(item, "role")
	for _, v := range list(item, "content") {
		part := object(v)
		kind := text(part, "type")
		if err := only(kind, part, "type text annotations logprobs refusal image_url detail file_data filename file_url file_id"); err != nil {
			return err
		}
		if want := map[bool]string{true: "output_", false: "input_"}[role == "assistant"]; !strings.HasPrefix(kind, want) && kind != "refusal" {
			return fmt.Errorf("part %q of %s", kind, role)
		}
		if kind == "input_file" && part["file_data"] != nil && text(part, "filename") == "" {
			return errors.New("a file without filename")
		}
		if (kind == "input_image" || kind == "input_file") && len(a.Rounds) > 0 {
			r := a.Rounds[len(a.Rounds)-1].Results
			r[len(r)-1].Media++
		}
	}
	return nil
}

// items is the output of an answer.
func (openaiResponses) items(a *asked, r reply) (items []obj) {
	n := a.Number
	if r.Thought != "" {
		items = append(items, obj{
			"id": fmt.Sprintf("rs_%d", n), "type": "reasoning", "summary": []obj{{"type": "summary_text", "text": r.Thought}}, "encrypted_content": sealed,
		})
	}
	if r.Text != "" {
		items = append(items, obj{
			"id": fmt.Sprintf("msg_%d", n), "type": "message", "status": "completed", "role": "assistant",
			"content": []obj{{"type": "output_text", "text": r.Text, "annotations": []any{}, "logprobs": []any{}}},
		})
	}
	for i, c := range r.Calls {
		item := obj{"id": fmt.Sprintf("fc_%d_%d", n, i), "type": "function_call", "status": "completed", "call_id": fmt.Sprintf("call_%d_%d", n, i), "name": c.Name, "arguments": c.Input}
		if c.Custom {
			item = obj{"id": fmt.Sprintf("ctc_%d_%d", n, i), "type": "custom_tool_call", "status": "completed", "call_id": fmt.Sprintf("call_%d_%d", n, i), "name": c.Name, "input": c.Input}
		}
		items = append(items, item)
	}
	return items
}

func (openaiResponses) envelope(a *asked, status string, output []obj) obj {
	r := obj{
		"id": fmt.Sprintf("resp_%d", a.Number), "object": "response", "created_at": 1776000000, "status": status, "model": a.Model, "output": output,
		"error": nil, "incomplete_details": nil, "instructions": nil, "tools": []any{}, "tool_choice": "auto", "parallel_tool_calls": true, "usage": nil,
	}
	if status == "completed" {
		r["usage"] = obj{
			"input_tokens": 1000, "input_tokens_details": obj{"cached_tokens": 200}, "output_tokens": 50, "output_tokens_details": obj{"reasoning_tokens": 0}, "total_tokens": 1050,
		}
	}
	return r
}

func (p openaiResponses) whole(a *asked, r reply) any {
	return p.envelope(a, "completed", p.items(a, r))
}

func (p openaiResponses) stream(a *asked, r reply) []string {
	var frames []string
	event := func(name string, v obj) {
		v["type"], v["sequence_number"] = name, len(frames)
		frames = append(frames, frame(name, v))
	}
	items := p.items(a, r)
	event("response.created", obj{"response": p.envelope(a, "in_progress", []obj{})})
	for i, item := range items {
		at := func(more obj) obj {
			more["output_index"], more["item_id"] = i, item["id"]
			return more
		}
		begun := obj{}
		for k, v := range item {
			begun[k] = v
		}
		switch item["type"] {
		case "message":
			begun["status"], begun["content"] = "in_progress", []any{}
			part := item["content"].([]obj)[0]
			event("response.output_item.added", obj{"output_index": i, "item": begun})
			event("response.content_part.added", at(obj{"content_index": 0, "part": obj{"type": "output_text", "text": "", "annotations": []any{}}}))
			for _, s := range halves(text(part, "text")) {
				event("response.output_text.delta", at(obj{"content_index": 0, "delta": s, "logprobs": []any{}}))
			}
			event("response.output_text.done", at(obj{"content_index": 0, "text": part["text"], "logprobs": []any{}}))
			event("response.content_part.done", at(obj{"content_index": 0, "part": part}))
		case "reasoning":
			begun["summary"] = []any{}
			part := item["summary"].([]obj)[0]
			event("response.output_item.added", obj{"output_index": i, "item": begun})
			event("response.reasoning_summary_part.added", at(obj{"summary_index": 0, "part": obj{"type": "summary_text", "text": ""}}))
			event("response.reasoning_summary_text.delta", at(obj{"summary_index": 0, "delta": part["text"]}))
			event("response.reasoning_summary_text.done", at(obj{"summary_index": 0, "text": part["text"]}))
			event("response.reasoning_summary_part.done", at(obj{"summary_index": 0, "part": part}))
		default:
			field, name := "arguments", "response.function_call_arguments"
			if item["type"] == "custom_tool_call" {
				field, name = "input", "response.custom_tool_call_input"
			}
			begun["status"], begun[field] = "in_progress", ""
			event("response.output_item.added", obj{"output_index": i, "item": begun})
			for _, s := range halves(text(item, field)) {
				event(name+".delta", at(obj{"delta": s}))
			}
			event(name+".done", at(obj{field: item[field]}))
		}
		event("response.output_item.done", obj{"output_index": i, "item": item})
	}
	event("response.completed", obj{"response": p.envelope(a, "completed", items)})
	return frames
}
