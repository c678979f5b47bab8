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

var directive = regexp.MustCompile(`"model"\s*:\s*"bench(?:-n(\d+)-d(\d+))?"`)

// mock is the scripted upstream: an OpenAI-shaped server. The model name says
// how many chunks to stream and how many milliseconds apart.
func mock(addr string) {
	var conns atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", answerChat)
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
	count, gap := 30, 10*time.Millisecond
	if m := directive.FindSubmatch(body); m != nil && len(m[1]) > 0 {
		count, _ = strconv.Atoi(string(m[1]))
		ms, _ := strconv.Atoi(string(m[2]))
		gap = time.Duration(ms) * time.Millisecond
	}
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	send := func(choices, usage string) {
		fmt.Fprintf(w, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1785000000,"model":"bench","choices":[%s],"usage":%s}`+"\n\n", choices, usage)
	}
	send(`{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}`, "null")
	for range count {
		send(`{"index":0,"delta":{"content":" word"},"finish_reason":null}`, "null")
		if flush() != nil {
			return
		}
		if gap > 0 {
			time.Sleep(gap)
		}
	}
	send(`{"index":0,"delta":{},"finish_reason":"stop"}`, "null")
	if bytes.Contains(body, []byte(`"include_usage":true`)) {
		send("", `{"prompt_tokens":250,"completion_tokens":30,"total_tokens":280}`)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}
