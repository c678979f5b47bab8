package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// reply prepares the headers of a successful answer.
func (t *try) reply(from http.Header, contentType string) http.Header {
	h := travelling(from)
	values := [...]string{contentType, t.cand.Route, "no-cache", t.requestID}
	h["Content-Type"], h["X-Tokligence-Route"] = values[0:1:1], values[1:2:2]
	if t.call.Head.Stream {
		h["Cache-Control"] = values[2:3:3]
	}
	if t.requestID != "" {
		h["X-Upstream-Request-Id"] = values[3:4:4]
	}
	t.announce(h)
	return h
}

// announce names the findings in the answer's header and in the log.
func (t *try) announce(h http.Header) {
	if len(t.findings) == 0 {
		return
	}
	loss := make([]string, len(t.findings))
	for i, f := range t.findings {
		loss[i] = headerText(f.String())
	}
	h["X-Tokligence-Loss"] = loss[:min(len(loss), maxLoss)]
	t.proxy.observer.Found(t.findings)
	t.proxy.log.LogAttrs(context.Background(), slog.LevelInfo, "translation findings",
		slog.String("request_id", t.call.ID), slog.Any("findings", loss))
}

// maxLoss bounds the findings in a header: clients take 16 KB of headers at
// most. The log has all.
const maxLoss = 24

// headerText makes text fit for a header. The names of fields are the
// client's, whatever is in them.
func headerText(s string) string {
	s = s[:min(len(s), 256)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func upstreamID(h http.Header) string {
	for _, name := range [...]string{"X-Request-Id", "Request-Id"} {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}

func isStream(h http.Header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// travelling returns the upstream's headers that mean something to the client.
func travelling(from http.Header) http.Header {
	h := make(http.Header, 8)
	for name, values := range from {
		switch name {
		case "Retry-After", "Retry-After-Ms", "X-Should-Retry", "Openai-Version", "Openai-Processing-Ms", "Openai-Model":
			h[name] = values
		default:
			if strings.HasPrefix(name, "X-Ratelimit-") || strings.HasPrefix(name, "Anthropic-Ratelimit-") {
				h[name] = values
			}
		}
	}
	return h
}

func contentLength(h http.Header, n int) { h["Content-Length"] = []string{strconv.Itoa(n)} }
