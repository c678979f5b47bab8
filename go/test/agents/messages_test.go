package agents_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// anthropic speaks Messages. It signs its thoughts, and takes back no other.
type anthropic struct{}

// signed is the signature under every thought.
const signed = "RXFvQkNrWUlDeGdDS2tBLysvPT0="

var callID = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (anthropic) place(a *asked) error     { return a.inBody("/v1/messages") }
func (anthropic) key(h http.Header) string { return h.Get("X-Api-Key") }

func (anthropic) refuse(status int, message string) any {
	kind := map[int]string{400: "invalid_request_error", 429: "rate_limit_error", 503: "overloaded_error"}[status]
	return obj{"type": "error", "error": obj{"type": kind, "message": message}, "request_id": "req_1"}
}

func (p anthropic) read(a *asked) error {
	if a.Header.Get("Anthropic-Version") == "" {
		return errors.New("no anthropic-version")
	}
	if err := only("request", a.Raw, "model messages system max_tokens metadata stop_sequences stream temperature top_p top_k tools tool_choice thinking context_management output_config service_tier"); err != nil {
		return err
	}
	most, _ := a.Raw["max_tokens"].(float64)
	if most <= 0 {
		return errors.New("no max_tokens")
	}
	if err := only("metadata", object(a.Raw["metadata"]), "user_id"); err != nil {
		return err
	}
	thinking := object(a.Raw["thinking"])
	if budget, _ := thinking["budget_tokens"].(float64); budget >= most {
		return errors.New("budget_tokens ≥ max_tokens")
	}
	if kind := text(object(a.Raw["tool_choice"]), "type"); thinking != nil && text(thinking, "type") != "disabled" && (kind == "any" || kind == "tool") {
		return errors.New("a forced tool together with thinking")
	}
	if t, ok := a.Raw["temperature"].(float64); ok && (t > 1 || t != 1 && thinking != nil && text(thinking, "type") != "disabled") {
		return fmt.Errorf("temperature %v", t)
	}
	if err := p.tools(a); err != nil {
		return err
	}
	for _, b := range list(a.Raw, "system") {
		if err := p.block(object(b)); err != nil {
			return err
		}
	}
	return p.messages(a)
}

func (anthropic) tools(a *asked) error {
	for _, v := range list(a.Raw, "tools") {
		t := object(v)
		if err := only("tool", t, "name description input_schema cache_control type strict defer_loading eager_input_streaming allowed_callers max_uses"); err != nil {
			return err
		}
		if text(t, "type") == "" || text(t, "type") == "custom" {
			if text(object(t["input_schema"]), "type") != "object" {
				return fmt.Errorf("tool %s: the schema is no object", text(t, "name"))
			}
		}
		if _, twice := a.Tools[text(t, "name")]; twice {
			return fmt.Errorf("two tools %s", text(t, "name"))
		}
		if !regexp.MustCompile(`^[a-zA-Z0-9_-]{1,128}$`).MatchString(text(t, "name")) {
			return fmt.Errorf("tool name %q", text(t, "name"))
		}
		a.Tools[text(t, "name")] = tool{Arg: onlyArg(object(t["input_schema"]))}
	}
	return nil
}

// messages checks the turns and gathers the rounds.
func (p anthropic) messages(a *asked) error {
	var open *round
	for i, v := range list(a.Raw, "messages") {
		m := object(v)
		role := text(m, "role")
		fields := "role content"
		if role == "system" {
			fields += " output_config"
		}
		if err := only(role, m, fields); err != nil {
			return err
		}
		if i == 0 && role != "user" || role != "user" && role != "assistant" && role != "system" {
			return fmt.Errorf("message %d has role %q", i, role)
		}
		blocks := list(m, "content")
		if s, ok := m["content"].(string); ok {
			blocks = []any{obj{"type": "text", "text": s}}
		}
		if len(blocks) == 0 {
			return fmt.Errorf("message %d is empty", i)
		}
		calls, results, err := p.turn(blocks)
		if err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
		if open != nil || len(results) > 0 {
			if open == nil {
				return fmt.Errorf("message %d: results without calls", i)
			}
			open.Results = results
			if err := open.complete(); err != nil {
				return fmt.Errorf("message %d: %w", i, err)
			}
			a.Rounds, open = append(a.Rounds, *open), nil
		}
		if len(calls) > 0 {
			open = &round{Calls: calls}
			if role != "assistant" || len(a.Tools) == 0 {
				return fmt.Errorf("message %d: tool_use by %s with %d tools", i, role, len(a.Tools))
			}
		}
	}
	if open != nil {
		return errors.New("the last calls have no results")
	}
	return nil
}

// turn reads the blocks of one message.
func (p anthropic) turn(blocks []any) (calls []call, results []result, err error) {
	for i, v := range blocks {
		b := object(v)
		if err := p.block(b); err != nil {
			return nil, nil, err
		}
		switch text(b, "type") {
		case "tool_use":
			input, err := json.Marshal(b["input"])
			if err != nil {
				return nil, nil, err
			}
			calls = append(calls, call{ID: text(b, "id"), Name: text(b, "name"), Input: string(input)})
		case "tool_result":
			if len(results) != i {
				return nil, nil, errors.New("a tool_result behind other blocks")
			}
			results = append(results, p.result(b))
		case "image", "document":
			if len(results) > 0 {
				results[len(results)-1].Media++
			}
		}
	}
	return calls, results, nil
}

func (anthropic) result(b map[string]any) result {
	r := result{CallID: text(b, "tool_use_id"), Text: text(b, "content")}
	for _, v := range list(b, "content") {
		part := object(v)
		r.Text += text(part, "text")
		if kind := text(part, "type"); kind == "image" || kind == "document" {
			r.Media++
		}
	}
	return r
}

// block checks one block by itself.
func (p anthropic) block(b map[string]any) error {
	kind := text(b, "type")
	fields := map[string]string{
		"text": "type text cache_control citations", "thinking": "type thinking signature", "image": "type source cache_control",
		"document": "type source cache_control title context citations", "tool_use": "type id name input cache_control caller",
		"tool_result": "type tool_use_id content is_error cache_control",
	}[kind]
	if fields == "" {
		return fmt.Errorf("unknown block %q", kind)
	}
	if err := only(kind, b, fields); err != nil {
		return err
	}
	switch kind {
	case "text":
		if strings.TrimSpace(text(b, "text")) == "" {
			return errors.New("an empty text block")
		}
	case "thinking":
		if text(b, "signature") != signed {
			return fmt.Errorf("a thought signed %q", text(b, "signature"))
		}
	case "image", "document":
		if source := object(b["source"]); text(source, "type") == "url" && strings.HasPrefix(text(source, "url"), "data:") {
			return errors.New("a data: URL as URL")
		}
	case "tool_use", "tool_result":
		if id := text(b, "id") + text(b, "tool_use_id"); !callID.MatchString(id) {
			return fmt.Errorf("call id %q", id)
		}
		if _, ok := b["input"].(map[string]any); kind == "tool_use" && !ok {
			return errors.New("an input that is no object")
		}
	}
	for _, v := range list(b, "content") {
		if err := p.block(object(v)); err != nil {
			return fmt.Errorf("in a result: %w", err)
		}
	}
	return nil
}

// blocks is the content of an answer.
func (anthropic) blocks(a *asked, r reply) (blocks []obj, stop string) {
	kind := text(object(a.Raw["thinking"]), "type")
	if r.Thought != "" && (kind == "enabled" || kind == "adaptive") {
		blocks = append(blocks, obj{"type": "thinking", "thinking": r.Thought, "signature": signed})
	}
	if r.Text != "" {
		blocks = append(blocks, obj{"type": "text", "text": r.Text})
	}
	stop = "end_turn"
	for i, c := range r.Calls {
		stop = "tool_use"
		blocks = append(blocks, obj{"type": "tool_use", "id": fmt.Sprintf("toolu_%d_%d", a.Number, i), "name": c.Name, "input": json.RawMessage(c.Input)})
	}
	return blocks, stop
}

func (p anthropic) whole(a *asked, r reply) any {
	blocks, stop := p.blocks(a, r)
	return obj{
		"id": fmt.Sprintf("msg_%d", a.Number), "type": "message", "role": "assistant", "model": a.Model, "content": blocks, "stop_reason": stop, "stop_sequence": nil,
		"usage": obj{"input_tokens": 1000, "output_tokens": 50, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
	}
}

func (p anthropic) stream(a *asked, r reply) []string {
	blocks, stop := p.blocks(a, r)
	frames := []string{frame("message_start", obj{"type": "message_start", "message": obj{
		"id": fmt.Sprintf("msg_%d", a.Number), "type": "message", "role": "assistant", "model": a.Model, "content": []any{}, "stop_reason": nil, "stop_sequence": nil,
		"usage": obj{"input_tokens": 1000, "output_tokens": 1, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
	}}), frame("ping", obj{"type": "ping"})}
	for i, b := range blocks {
		start, deltas := b, []obj{}
		switch b["type"] {
		case "thinking":
			start = obj{"type": "thinking", "thinking": "", "signature": ""}
			deltas = append(deltas, obj{"type": "thinking_delta", "thinking": b["thinking"]}, obj{"type": "signature_delta", "signature": signed})
		case "text":
			start = obj{"type": "text", "text": ""}
			for _, s := range halves(text(b, "text")) {
				deltas = append(deltas, obj{"type": "text_delta", "text": s})
			}
		case "tool_use":
			start = obj{"type": "tool_use", "id": b["id"], "name": b["name"], "input": obj{}}
			for _, s := range halves(string(b["input"].(json.RawMessage))) {
				deltas = append(deltas, obj{"type": "input_json_delta", "partial_json": s})
			}
		}
		frames = append(frames, frame("content_block_start", obj{"type": "content_block_start", "index": i, "content_block": start}))
		for _, d := range deltas {
			frames = append(frames, frame("content_block_delta", obj{"type": "content_block_delta", "index": i, "delta": d}))
		}
		frames = append(frames, frame("content_block_stop", obj{"type": "content_block_stop", "index": i}))
	}
	return append(frames,
		frame("message_delta", obj{"type": "message_delta", "delta": obj{"stop_reason": stop, "stop_sequence": nil}, "usage": obj{"output_tokens": 50}}),
		frame("message_stop", obj{"type": "message_stop"}))
}
