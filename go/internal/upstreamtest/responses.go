package upstreamtest

// responses writes the answer in Responses.
func (a *answer) responses(w *writer, streamed bool) {
	usage := fields{
		"input_tokens": a.Input, "input_tokens_details": fields{"cached_tokens": a.Cached},
		"output_tokens": a.Output, "output_tokens_details": fields{"reasoning_tokens": 0}, "total_tokens": a.Input + a.Output,
	}
	object := func(status string, output []any, usage any) fields {
		return fields{
			"id": "resp_up", "object": "response", "created_at": 1700000000, "status": status, "model": a.model,
			"output": output, "usage": usage, "error": nil, "incomplete_details": nil, "parallel_tool_calls": true, "tools": []any{},
		}
	}
	items := a.items()
	if !streamed {
		w.json(object("completed", items, usage))
		return
	}
	w.open(responses)
	n := 0
	event := func(kind string, f fields) {
		f["type"], f["sequence_number"] = kind, n
		n++
		w.frame(kind, f)
	}
	event("response.created", fields{"response": object("in_progress", []any{}, nil)})
	for i, item := range items {
		a.streamItem(event, i, item.(fields))
	}
	event("response.completed", fields{"response": object("completed", items, usage)})
}

func (a *answer) items() []any {
	items := []any{}
	if a.Thought != "" {
		items = append(items, fields{
			"id": "rs_up", "type": "reasoning", "summary": []any{fields{"type": "summary_text", "text": a.Thought}}, "encrypted_content": "c2VhbGVk",
		})
	}
	if a.Text != "" {
		items = append(items, fields{
			"id": "msg_up", "type": "message", "role": "assistant", "status": "completed",
			"content": []any{fields{"type": "output_text", "text": a.Text, "annotations": []any{}}},
		})
	}
	for _, c := range a.Calls {
		items = append(items, fields{
			"id": "fc_" + c.ID, "type": "function_call", "call_id": c.ID, "name": c.Name, "arguments": c.Arguments, "status": "completed",
		})
	}
	return items
}

func (a *answer) streamItem(event func(string, fields), i int, item fields) {
	begun := fields{}
	for k, v := range item {
		begun[k] = v
	}
	id := item["id"]
	at := func(f fields) fields {
		f["item_id"], f["output_index"] = id, i
		return f
	}
	switch item["type"] {
	case "reasoning":
		begun["summary"] = []any{}
		event("response.output_item.added", fields{"output_index": i, "item": begun})
		part := fields{"type": "summary_text", "text": ""}
		event("response.reasoning_summary_part.added", at(fields{"summary_index": 0, "part": part}))
		for _, piece := range words(a.Thought) {
			event("response.reasoning_summary_text.delta", at(fields{"summary_index": 0, "delta": piece}))
		}
		event("response.reasoning_summary_text.done", at(fields{"summary_index": 0, "text": a.Thought}))
	case "message":
		begun["content"], begun["status"] = []any{}, "in_progress"
		event("response.output_item.added", fields{"output_index": i, "item": begun})
		event("response.content_part.added", at(fields{"content_index": 0, "part": fields{"type": "output_text", "text": "", "annotations": []any{}}}))
		for _, piece := range words(a.Text) {
			event("response.output_text.delta", at(fields{"content_index": 0, "delta": piece}))
		}
		event("response.output_text.done", at(fields{"content_index": 0, "text": a.Text}))
	case "function_call":
		begun["arguments"], begun["status"] = "", "in_progress"
		event("response.output_item.added", fields{"output_index": i, "item": begun})
		for _, piece := range words(item["arguments"].(string)) {
			event("response.function_call_arguments.delta", at(fields{"delta": piece}))
		}
		event("response.function_call_arguments.done", at(fields{"arguments": item["arguments"]}))
	}
	event("response.output_item.done", fields{"output_index": i, "item": item})
}
