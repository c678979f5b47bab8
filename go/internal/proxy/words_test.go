package proxy_test

import (
	"encoding/json"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// The pieces of scripted answers: 7 tokens in, 3 out, the text "Hello world".

const (
	chatStart  = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"
	chatHello  = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}` + "\n\n"
	chatWorld  = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{"content":" world"},"finish_reason":null}]}` + "\n\n"
	chatStop   = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	chatUsage  = `data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"real","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}` + "\n\n"
	chatDone   = "data: [DONE]\n\n"
	chatError  = `data: {"error":{"message":"the server is on fire","type":"server_error","code":null,"param":null}}` + "\n\n"
	chatAnswer = `{"id":"c1","object":"chat.completion","created":1,"model":"real","choices":[{"index":0,"message":{"role":"assistant","content":"Hello world","refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10},"unknown_field":true}`

	msgStart  = "event: message_start\n" + `data: {"type":"message_start","message":{"id":"m1","type":"message","role":"assistant","model":"real","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":7,"output_tokens":1}}}` + "\n\n"
	msgPing   = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	msgOpen   = "event: content_block_start\n" + `data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}` + "\n\n"
	msgHello  = "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}` + "\n\n"
	msgWorld  = "event: content_block_delta\n" + `data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" world"}}` + "\n\n"
	msgClose  = "event: content_block_stop\n" + `data: {"type":"content_block_stop","index":0}` + "\n\n"
	msgStop   = "event: message_delta\n" + `data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":3}}` + "\n\n"
	msgEnd    = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
	msgError  = "event: error\n" + `data: {"type":"error","error":{"type":"overloaded_error","message":"the server is on fire"}}` + "\n\n"
	msgAnswer = `{"id":"m1","type":"message","role":"assistant","model":"real","content":[{"type":"text","text":"Hello world"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":7,"output_tokens":3},"unknown_field":true}`

	page = "<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>"
)

// said are the parts of an upstream's answers by protocol.
type said struct {
	preamble, first, rest, end, failure, answer string
}

func parts(p llm.Protocol) said {
	if p == llm.Messages {
		return said{msgStart + msgPing + msgOpen, msgHello, msgWorld, msgClose + msgStop + msgEnd, msgError, msgAnswer}
	}
	return said{chatStart, chatHello, chatWorld, chatStop + chatUsage + chatDone, chatError, chatAnswer}
}

func answers(p llm.Protocol, streamed bool) play {
	s := parts(p)
	if streamed {
		return stream(s.preamble, s.first, s.rest, s.end)
	}
	return whole(s.answer)
}

// heard is what a client makes of an answer.
type heard struct {
	text         string
	ended        bool // by the last frame of its protocol, or as a whole body
	failure      string
	starts       int
	input, spent int64
}

type anyAnswer struct {
	Type    string
	Choices []struct {
		Delta, Message struct{ Content string }
	}
	Content []struct{ Text string }
	Delta   struct{ Text string }
	Message struct{ Usage usage }
	Usage   usage
	Error   *struct{ Message string }
	Object  string
	Role    string
}

type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
}

func hear(body string, streamed bool) heard {
	var h heard
	take := func(data string) {
		var a anyAnswer
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			h.failure = "no JSON: " + data
			return
		}
		for _, c := range a.Choices {
			h.text += c.Delta.Content + c.Message.Content
		}
		for _, c := range a.Content {
			h.text += c.Text
		}
		h.text += a.Delta.Text
		h.input = max(h.input, a.Usage.Prompt, a.Usage.Input, a.Message.Usage.Input)
		h.spent = max(h.spent, a.Usage.Completion, a.Usage.Output)
		if a.Error != nil {
			h.failure = a.Error.Message
		}
		if a.Type == "message_start" {
			h.starts++
		}
		h.ended = h.ended || a.Type == "message_stop" || !streamed && a.Error == nil
	}
	if !streamed {
		take(body)
		return h
	}
	for frame := range strings.SplitSeq(body, "\n\n") {
		for l := range strings.SplitSeq(frame, "\n") {
			data, ok := strings.CutPrefix(l, "data: ")
			switch {
			case !ok:
			case data == "[DONE]":
				h.ended = true
			default:
				take(data)
			}
		}
	}
	return h
}
