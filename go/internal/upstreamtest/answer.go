package upstreamtest

import (
	"fmt"
	"math"
	"strings"
)

// answer writes a reply in any protocol.
type answer struct {
	Reply
	habits habits
	model  string
}

type fields = map[string]any

func (a *answer) stop(tools, end string) string {
	if len(a.Calls) > 0 {
		return tools
	}
	return end
}

// words cuts a text into pieces, as a stream does.
func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.SplitAfter(s, " ")
}

// chat writes the answer in Chat.
func (a *answer) chat(w *writer, streamed bool, asked map[string]any) {
	if !streamed {
		message := fields{"role": "assistant", "content": a.Text, "refusal": nil}
		a.think(message, a.Thought)
		if len(a.Calls) > 0 {
			calls := []any{}
			for _, c := range a.Calls {
				calls = append(calls, fields{"id": c.ID, "type": "function", "function": fields{"name": c.Name, "arguments": c.Arguments}})
			}
			message["tool_calls"] = calls
			if a.Text == "" {
				message["content"] = nil
			}
		}
		w.json(a.chatObject("chat.completion", "message", message, a.stop("tool_calls", "stop"), a.chatUsage()))
		return
	}
	w.open(chat)
	delta := func(d fields) { w.frame("", a.chunk(d, nil, nil)) }
	delta(fields{"role": "assistant", "content": ""})
	a.chatText(delta)
	for i, c := range a.Calls {
		delta(fields{"tool_calls": []any{fields{"index": i, "id": c.ID, "type": "function", "function": fields{"name": c.Name, "arguments": ""}}}})
		for _, piece := range words(c.Arguments) {
			delta(fields{"tool_calls": []any{fields{"index": i, "function": fields{"arguments": piece}}}})
		}
	}
	wanted, _ := object(asked["stream_options"])["include_usage"].(bool)
	switch {
	case a.habits.usageOnce || a.habits.xGroq:
		w.frame("", a.chunk(fields{}, a.stop("tool_calls", "stop"), a.chatUsage()))
	default:
		w.frame("", a.chunk(fields{}, a.stop("tool_calls", "stop"), nil))
		if wanted {
			last := a.chunk(fields{}, nil, a.chatUsage())
			last["choices"] = []any{}
			w.frame("", last)
		}
	}
	w.frame("", "[DONE]")
}

// chatText streams thought and text.
func (a *answer) chatText(delta func(fields)) {
	thought, text := words(a.Thought), words(a.Text)
	if a.habits.thought == "think" && a.Thought != "" {
		text = append(append([]string{"<thi", "nk>"}, thought...), append([]string{"</th", "ink>"}, text...)...)
		thought = nil
	}
	for _, piece := range thought {
		d := fields{}
		a.think(d, piece)
		delta(d)
	}
	for _, piece := range text {
		delta(fields{"content": piece})
	}
}

// think adds a thought to a message, or to a part of one.
func (a *answer) think(message fields, thought string) {
	if thought == "" {
		return
	}
	switch a.habits.thought {
	case "":
	case "think":
		message["content"] = "<think>" + thought + "</think>" + a.Text
	case "list":
		parts := []any{fields{"type": "thinking", "thinking": []any{fields{"type": "text", "text": thought}}}}
		if text, ok := message["content"].(string); ok && text != "" {
			parts = append(parts, fields{"type": "text", "text": text})
		}
		message["content"] = parts
	default:
		message[a.habits.thought] = thought
	}
}

func (a *answer) chunk(delta fields, finish, usage any) fields {
	c := a.chatObject("chat.completion.chunk", "delta", delta, finish, usage)
	if a.habits.xGroq && usage != nil {
		delete(c, "usage")
		c["x_groq"] = fields{"id": "req_groq", "usage": usage}
	}
	return c
}

func (a *answer) chatObject(object, part string, message fields, finish, usage any) fields {
	out := fields{
		"id": "chatcmpl-up", "object": object, "created": 1700000000, "model": a.model,
		"choices": []any{fields{"index": 0, part: message, "finish_reason": finish, "logprobs": nil}},
	}
	if usage != nil {
		out["usage"] = usage
	}
	return out
}

func (a *answer) chatUsage() fields {
	u := fields{
		"prompt_tokens": a.Input, "completion_tokens": a.Output, "total_tokens": a.Input + a.Output,
		"prompt_tokens_details": fields{"cached_tokens": a.Cached},
	}
	switch {
	case a.habits.hitMiss:
		delete(u, "prompt_tokens_details")
		u["prompt_cache_hit_tokens"], u["prompt_cache_miss_tokens"] = a.Cached, a.Input-a.Cached
	case a.habits.topCached:
		delete(u, "prompt_tokens_details")
		u["cached_tokens"] = a.Cached
	}
	if a.habits.cost {
		u["cost"] = 0.000123
	}
	return u
}

// messages writes the answer in Messages.
func (a *answer) messages(w *writer, streamed bool) {
	usage := fields{
		"input_tokens": a.Input - a.Cached, "cache_read_input_tokens": a.Cached, "cache_creation_input_tokens": 0, "output_tokens": a.Output,
	}
	message := fields{
		"id": "msg_up", "type": "message", "role": "assistant", "model": a.model, "content": a.blocks(),
		"stop_reason": a.stop("tool_use", "end_turn"), "stop_sequence": nil, "usage": usage,
	}
	if !streamed {
		w.json(message)
		return
	}
	w.open(messages)
	blocks := a.blocks()
	start := fields{}
	for k, v := range message {
		start[k] = v
	}
	start["content"], start["stop_reason"] = []any{}, nil
	start["usage"] = fields{"input_tokens": a.Input - a.Cached, "cache_read_input_tokens": a.Cached, "cache_creation_input_tokens": 0, "output_tokens": 1}
	w.frame("message_start", fields{"type": "message_start", "message": start})
	w.frame("ping", fields{"type": "ping"})
	for i, b := range blocks {
		a.streamBlock(w, i, b.(fields))
	}
	w.frame("message_delta", fields{
		"type": "message_delta", "delta": fields{"stop_reason": a.stop("tool_use", "end_turn"), "stop_sequence": nil},
		"usage": fields{"output_tokens": a.Output},
	})
	w.frame("message_stop", fields{"type": "message_stop"})
}

func (a *answer) blocks() []any {
	blocks := []any{}
	if a.Thought != "" {
		blocks = append(blocks, fields{"type": "thinking", "thinking": a.Thought, "signature": "c2lnbmVk"})
	}
	if a.Text != "" {
		blocks = append(blocks, fields{"type": "text", "text": a.Text})
	}
	for _, c := range a.Calls {
		blocks = append(blocks, fields{"type": "tool_use", "id": c.ID, "name": c.Name, "input": raw(c.Arguments)})
	}
	return blocks
}

func (a *answer) streamBlock(w *writer, i int, b fields) {
	begin := func(block fields) {
		w.frame("content_block_start", fields{"type": "content_block_start", "index": i, "content_block": block})
	}
	delta := func(d fields) {
		w.frame("content_block_delta", fields{"type": "content_block_delta", "index": i, "delta": d})
	}
	switch b["type"] {
	case "thinking":
		begin(fields{"type": "thinking", "thinking": "", "signature": ""})
		for _, piece := range words(a.Thought) {
			delta(fields{"type": "thinking_delta", "thinking": piece})
		}
		delta(fields{"type": "signature_delta", "signature": b["signature"]})
	case "text":
		begin(fields{"type": "text", "text": ""})
		for _, piece := range words(a.Text) {
			delta(fields{"type": "text_delta", "text": piece})
		}
	case "tool_use":
		begin(fields{"type": "tool_use", "id": b["id"], "name": b["name"], "input": fields{}})
		delta(fields{"type": "input_json_delta", "partial_json": ""})
		for _, piece := range words(string(b["input"].(raw))) {
			delta(fields{"type": "input_json_delta", "partial_json": piece})
		}
	}
	w.frame("content_block_stop", fields{"type": "content_block_stop", "index": i})
}

// raw is JSON that is there already.
type raw string

// MarshalJSON returns the text itself.
func (r raw) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// embedding answers a request for embeddings with one vector for each input.
func embedding(body map[string]any) fields {
	n := 1
	if list, ok := body["input"].([]any); ok {
		n = len(list)
	}
	data := []any{}
	for i := range n {
		data = append(data, fields{"object": "embedding", "index": i, "embedding": []any{math.Sqrt2 / 2, math.Sqrt2 / 2}})
	}
	return fields{
		"object": "list", "model": body["model"], "data": data,
		"usage": fields{"prompt_tokens": 4 * n, "total_tokens": 4 * n},
	}
}

// list is the vendor's list of models.
func (s *Server) list() any {
	data := []any{}
	for _, id := range s.script.Models {
		if s.vendor.habits.prefixed {
			id = "models/" + id
		}
		data = append(data, fields{"id": id, "object": "model", "created": 1700000000, "owned_by": s.script.Like, "display_name": fmt.Sprint("The ", id)})
	}
	if s.vendor.habits.bareList {
		return data
	}
	return fields{"object": "list", "data": data, "has_more": false}
}
