package protocoltest_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// flow is a stream without an end: how it begins, and a delta again and again.
type flow struct {
	rest  []byte
	delta []byte
}

func (f *flow) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		f.rest = f.delta
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// flows are streams of each protocol by what they tell. Gemini has no pieces
// of a call.
func flows() map[string]map[string]flow {
	of := func(begin, delta string) flow { return flow{[]byte(begin), []byte(delta)} }
	const (
		chat  = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-5.5","choices":[{"index":0,"delta":%s,"finish_reason":null}]}` + "\n\n"
		start = "event: message_start\n" + `data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"c","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}` + "\n\n"
		block = "event: content_block_start\n" + `data: {"type":"content_block_start","index":0,"content_block":%s}` + "\n\n"
		piece = "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":%s}` + "\n\n"
		born  = "event: response.created\n" + `data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"model":"g","status":"in_progress","output":[]}}` + "\n\n"
		item  = "event: response.output_item.added\n" + `data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":%s}` + "\n\n"
		part  = "event: %[1]s\n" + `data: {"type":"%[1]s","sequence_number":2,"item_id":"i","output_index":0,"content_index":0,"summary_index":0,"delta":" word"}` + "\n\n"
		chunk = `data: {"candidates":[{"content":{"parts":[%s],"role":"model"},"index":0}],"modelVersion":"gemini-3","responseId":"r"}` + "\n\n"
	)
	return map[string]map[string]flow{
		"chat": {
			"text":    of("", fmt.Sprintf(chat, `{"content":" word"}`)),
			"thought": of("", fmt.Sprintf(chat, `{"reasoning_content":" word"}`)),
			"call": of(fmt.Sprintf(chat, `{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":""}}]}`),
				fmt.Sprintf(chat, `{"tool_calls":[{"index":0,"function":{"arguments":" word"}}]}`)),
		},
		"messages": {
			"text":    of(start+fmt.Sprintf(block, `{"type":"text","text":""}`), fmt.Sprintf(piece, `{"type":"text_delta","text":" word"}`)),
			"thought": of(start+fmt.Sprintf(block, `{"type":"thinking","thinking":""}`), fmt.Sprintf(piece, `{"type":"thinking_delta","thinking":" word"}`)),
			"call":    of(start+fmt.Sprintf(block, `{"type":"tool_use","id":"toolu_1","name":"f","input":{}}`), fmt.Sprintf(piece, `{"type":"input_json_delta","partial_json":" word"}`)),
		},
		"responses": {
			"text":    of(born+fmt.Sprintf(item, `{"type":"message","id":"i","role":"assistant","content":[]}`), fmt.Sprintf(part, "response.output_text.delta")),
			"thought": of(born+fmt.Sprintf(item, `{"type":"reasoning","id":"i","summary":[]}`), fmt.Sprintf(part, "response.reasoning_summary_text.delta")),
			"call":    of(born+fmt.Sprintf(item, `{"type":"function_call","id":"i","call_id":"call_1","name":"f","arguments":""}`), fmt.Sprintf(part, "response.function_call_arguments.delta")),
		},
		"gemini": {
			"text":    of("", fmt.Sprintf(chunk, `{"text":" word"}`)),
			"thought": of("", fmt.Sprintf(chunk, `{"text":" word","thought":true}`)),
		},
	}
}

// relay returns a step that carries one delta from an upstream to a client.
func relay(tb testing.TB, from, to side, f flow) func() {
	r := from.codec.NewReader(&f, true, from.target)
	w := to.codec.NewWriter(protocol.Head{Operation: llm.Generate, Model: "m", Stream: true, WantUsage: true, RequestID: "req"})
	out := make([]byte, 0, 1<<12)
	step := func() {
		for {
			ev, err := r.Next()
			if err != nil {
				tb.Fatal(err)
			}
			if ev.Type == llm.Failed {
				tb.Fatal(ev.Err)
			}
			if out, err = w.Append(out[:0], ev); err != nil {
				tb.Fatal(err)
			}
			if ev.Type == llm.BlockDelta && bytes.Contains(ev.Delta, []byte("word")) {
				return
			}
		}
	}
	for range 64 {
		step() // buffers have grown
	}
	return step
}

// maxAllocs bounds what carrying one delta may allocate, for any pair.
const maxAllocs = 2

// TestAllocationsPerDelta holds every pair to it, for text, thoughts and calls.
func TestAllocationsPerDelta(t *testing.T) {
	for name, kinds := range flows() {
		for kind, f := range kinds {
			for _, to := range sides() {
				t.Run(fmt.Sprintf("%s of %s to %s", kind, name, to.name), func(t *testing.T) {
					if n := testing.AllocsPerRun(400, relay(t, sideOf(name), to, f)); n > maxAllocs {
						t.Errorf("%v allocations", n)
					}
				})
			}
		}
	}
}

// BenchmarkDelta carries text between every pair.
func BenchmarkDelta(b *testing.B) {
	for _, from := range sides() {
		for _, to := range sides() {
			b.Run(from.name+"-to-"+to.name, func(b *testing.B) {
				step := relay(b, from, to, flows()[from.name]["text"])
				b.ReportAllocs()
				for b.Loop() {
					step()
				}
			})
		}
	}
}
