package protocoltest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// A client that goes on: it takes an answer in its own protocol as programs
// do, with no help of the codecs, calls the tools and sends all of it back.

type object = map[string]any

// tell writes events to a client.
func tell(t *testing.T, events []llm.Event, from, client side, stream bool) []byte {
	t.Helper()
	head := protocol.Head{Operation: llm.Generate, Model: "m", Stream: stream, WantUsage: true, RequestID: "req", Tools: true}
	return protocoltest.Write(t, client.codec.NewWriter(head), served(events, from))
}

// goOn returns the request that a client sends after an answer: what it has
// asked, what it was told, and a result for each call.
func goOn(t *testing.T, client side, answer []byte, stream bool) []byte {
	t.Helper()
	var next object
	switch client.name {
	case "chat":
		next = chatGoesOn(chatMessage(t, answer, stream))
	case "messages":
		next = messagesGoOn(messagesContent(t, answer, stream))
	case "gemini":
		next = geminiGoOn(geminiParts(t, answer, stream))
	default:
		next = responsesGoOn(responsesOutput(t, answer, stream))
	}
	body, err := json.Marshal(next)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func parsed(t *testing.T, body []byte) object {
	t.Helper()
	var m object
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func member(v any, names ...string) any {
	for _, name := range names {
		m, _ := v.(object)
		v = m[name]
	}
	return v
}

func word(v any, names ...string) string {
	s, _ := member(v, names...).(string)
	return s
}

func chatGoesOn(message object) object {
	messages := []any{object{"role": "user", "content": "q"}, message}
	for _, call := range list(message["tool_calls"]) {
		messages = append(messages, object{"role": "tool", "tool_call_id": member(call, "id"), "content": "done"})
	}
	return object{"model": "m", "messages": messages, "reasoning_effort": "medium", "tools": []any{
		object{"type": "function", "function": object{"name": "get", "parameters": object{"type": "object"}}},
	}}
}

// chatMessage is the message of an answer, or what its pieces add up to.
func chatMessage(t *testing.T, answer []byte, stream bool) object {
	t.Helper()
	if !stream {
		message, _ := member(list(parsed(t, answer)["choices"])[0], "message").(object)
		return message
	}
	message := object{"role": "assistant"}
	var calls, details []any
	_, data := frames(t, answer)
	for _, chunk := range data {
		if string(chunk) == "[DONE]" {
			continue
		}
		for _, choice := range list(parsed(t, chunk)["choices"]) {
			for _, name := range []string{"content", "reasoning_content"} {
				if piece := word(choice, "delta", name); piece != "" {
					message[name] = word(message, name) + piece
				}
			}
			details = append(details, list(member(choice, "delta", "reasoning_details"))...)
			for _, piece := range list(member(choice, "delta", "tool_calls")) {
				calls = addPiece(calls, piece.(object))
			}
		}
	}
	if len(calls) > 0 {
		message["tool_calls"] = calls
	}
	if len(details) > 0 {
		message["reasoning_details"] = details
	}
	return message
}

// addPiece adds a piece of a call to the calls so far.
func addPiece(calls []any, piece object) []any {
	at := int(piece["index"].(float64))
	if at == len(calls) {
		delete(piece, "index")
		return append(calls, piece)
	}
	call := calls[at].(object)
	if more := piece["extra_content"]; more != nil {
		call["extra_content"] = more
	}
	function := call["function"].(object)
	function["arguments"] = word(function, "arguments") + word(piece, "function", "arguments")
	return calls
}

func messagesGoOn(content []any) object {
	var results []any
	for _, block := range content {
		if word(block, "type") == "tool_use" {
			results = append(results, object{"type": "tool_result", "tool_use_id": member(block, "id"), "content": "done"})
		}
	}
	return object{
		"model": "m", "max_tokens": 20000, "thinking": object{"type": "enabled", "budget_tokens": 10240},
		"messages": []any{object{"role": "user", "content": "q"}, object{"role": "assistant", "content": content}, object{"role": "user", "content": results}},
		"tools":    []any{object{"name": "get", "input_schema": object{"type": "object"}}},
	}
}

// messagesContent is the content of an answer, or what its pieces add up to.
func messagesContent(t *testing.T, answer []byte, stream bool) []any {
	t.Helper()
	if !stream {
		return list(parsed(t, answer)["content"])
	}
	var content []any
	input := ""
	_, data := frames(t, answer)
	for _, frame := range data {
		ev := parsed(t, frame)
		switch word(ev, "type") {
		case "content_block_start":
			content = append(content, ev["content_block"])
			input = ""
		case "content_block_delta":
			block := content[len(content)-1].(object)
			for _, name := range []string{"text", "thinking", "signature"} {
				if piece := word(ev, "delta", name); piece != "" {
					block[name] = word(block, name) + piece
				}
			}
			input += word(ev, "delta", "partial_json")
		case "content_block_stop":
			if block := content[len(content)-1].(object); block["type"] == "tool_use" {
				block["input"] = parsed(t, []byte(input))
			}
		}
	}
	return content
}

func responsesGoOn(output []any) object {
	input := []any{object{"role": "user", "content": "q"}}
	input = append(input, output...)
	for _, item := range output {
		if kind := word(item, "type"); strings.HasSuffix(kind, "_call") {
			input = append(input, object{"type": kind + "_output", "call_id": member(item, "call_id"), "output": "done"})
		}
	}
	return object{
		"model": "m", "input": input, "store": false, "reasoning": object{"effort": "medium"}, "include": []any{"reasoning.encrypted_content"},
		"tools": []any{object{"type": "function", "name": "get", "parameters": object{"type": "object"}, "strict": false}},
	}
}

// responsesOutput is the output of an answer. From a stream it takes the items
// that are done, as Codex does.
func responsesOutput(t *testing.T, answer []byte, stream bool) []any {
	t.Helper()
	if !stream {
		return list(parsed(t, answer)["output"])
	}
	var output []any
	_, data := frames(t, answer)
	for _, frame := range data {
		if ev := parsed(t, frame); word(ev, "type") == "response.output_item.done" {
			output = append(output, ev["item"])
		}
	}
	return output
}

func geminiGoOn(parts []any) object {
	var results []any
	for _, part := range parts {
		if call, ok := member(part, "functionCall").(object); ok {
			results = append(results, object{"functionResponse": object{"id": call["id"], "name": call["name"], "response": object{"output": "done"}}})
		}
	}
	return object{
		"contents": []any{
			object{"role": "user", "parts": []any{object{"text": "q"}}},
			object{"role": "model", "parts": parts},
			object{"role": "user", "parts": results},
		},
		"generationConfig": object{"thinkingConfig": object{"thinkingLevel": "MEDIUM"}},
		"tools":            []any{object{"functionDeclarations": []any{object{"name": "get", "parameters": object{"type": "OBJECT"}}}}},
	}
}

// geminiParts are the parts of an answer: those of all chunks, as they came.
func geminiParts(t *testing.T, answer []byte, stream bool) []any {
	t.Helper()
	chunks := [][]byte{answer}
	if stream {
		_, chunks = frames(t, answer)
	}
	var parts []any
	for _, chunk := range chunks {
		for _, candidate := range list(parsed(t, chunk)["candidates"]) {
			for _, part := range list(member(candidate, "content", "parts")) {
				if p := part.(object); len(p) > 1 || p["text"] != "" {
					parts = append(parts, part)
				}
			}
		}
	}
	return parts
}
