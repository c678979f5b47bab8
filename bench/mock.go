package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"
)

var directive = regexp.MustCompile(`"model"\s*:\s*"(?:claude-)?bench(?:-n(\d+)-d(\d+))?"`)

// mock is the scripted upstream: it speaks as OpenAI does, and streams as
// Anthropic does too. The model name says how many chunks to stream and how
// many milliseconds apart.
func mock(addr string) {
	var conns atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", answerChat)
	mux.HandleFunc("POST /v1/messages", answerMessages)
	mux.HandleFunc("GET /connections", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, conns.Load()) })
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"object":"list","data":[{"id":"bench","object":"model","created":1,"owned_by":"mock"}]}`)
	})
	srv := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}}
	fmt.Println(srv.ListenAndServe())
}

const whole = `{"id":"chatcmpl-1","object":"chat.completion","created":1785000000,"model":"bench","choices":[{"index":0,` +
	`"message":{"role":"assistant","content":"Hello from the upstream, with a sentence of usual length.","refusal":null},` +
	`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":250,"completion_tokens":12,"total_tokens":262}}`

func answerChat(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if !bytes.Contains(body, []byte(`"stream":true`)) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
		_, _ = io.WriteString(w, whole)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(choices, usage string) {
		fmt.Fprintf(w, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1785000000,"model":"bench","choices":[%s],"usage":%s}`+"\n\n", choices, usage)
	}
	send(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`, "null")
	pace(w, body, func() { send(`{"index":0,"delta":{"content":" word"},"finish_reason":null}`, "null") })
	send(`{"index":0,"delta":{},"finish_reason":"stop"}`, "null")
	if bytes.Contains(body, []byte(`"include_usage":true`)) {
		send("", `{"prompt_tokens":250,"completion_tokens":30,"total_tokens":280}`)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// pace sends as many chunks as the model name says, as far apart.
func pace(w http.ResponseWriter, body []byte, send func()) {
	count, gap := 30, 10*time.Millisecond
	if m := directive.FindSubmatch(body); m != nil && len(m[1]) > 0 {
		count, _ = strconv.Atoi(string(m[1]))
		ms, _ := strconv.Atoi(string(m[2]))
		gap = time.Duration(ms) * time.Millisecond
	}
	flush := http.NewResponseController(w).Flush
	for range count {
		send()
		if flush() != nil {
			return
		}
		if gap > 0 {
			time.Sleep(gap)
		}
	}
}

func answerMessages(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind, members string) {
		fmt.Fprintf(w, "event: %s\ndata: {\"type\":%q%s}\n\n", kind, kind, members)
	}
	send("message_start", `,"message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-bench","content":[],`+
		`"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":250,"output_tokens":1}}`)
	send("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`)
	pace(w, body, func() { send("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":" word"}`) })
	send("content_block_stop", `,"index":0`)
	send("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":30}`)
	send("message_stop", "")
}
