package upstreamtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Fault is one way to fail. The zero value is none.
type Fault struct {
	// A refusal in the vendor's envelope.
	Status     int
	RetryAfter string // header, such as "7"
	Message    string // default: the status text

	Page bool // a web page, with Status or 200

	Delay time.Duration // before the answer begins

	// What happens after this many frames of a stream, or this many bytes of
	// a whole answer.
	Then  Then
	After int
}

// Then is how an answer that began well ends.
type Then int

// The ways to end.
const (
	Finish     Then = iota // well
	Stall                  // silence until the gateway goes
	Reset                  // the connection is reset
	Cut                    // the connection is closed before the body's end
	Stop                   // a clean end of the body, without the protocol's own
	HalfEvent              // half a frame, then closed
	Endless                // a line that does not end
	ErrorEvent             // the vendor's error in mid-stream
	Garbage                // a frame that is no JSON, then the rest
)

// refuse answers with the fault where that needs no answer of the vendor.
func (f Fault) refuse(s *Server, w http.ResponseWriter, d door) bool {
	if f.Delay > 0 {
		select {
		case <-s.done:
		case <-time.After(f.Delay):
		}
	}
	switch {
	case f.Page:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(max(f.Status, http.StatusOK))
		_, _ = io.WriteString(w, "<html><body><h1>Hello from the proxy</h1></body></html>")
	case f.Status != 0:
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		message := f.Message
		if message == "" {
			message = http.StatusText(f.Status)
		}
		s.refuse(w, d, f.Status, message)
	default:
		return false
	}
	return true
}

// refuse writes an error the way the vendor does.
func (s *Server) refuse(w http.ResponseWriter, d door, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-Id", "req_upstream")
	w.WriteHeader(status)
	_, _ = w.Write(s.failure(d, status, message))
}

func (s *Server) failure(d door, status int, message string) []byte {
	var body any
	switch {
	case d.kind == messages || d.kind == count:
		body = map[string]any{
			"type": "error", "error": map[string]any{"type": anthropicType(status), "message": message}, "request_id": "req_upstream",
		}
	case s.vendor.habits.detail && status < 500:
		body = map[string]any{"object": "error", "message": map[string]any{"detail": []any{map[string]any{"msg": message}}}}
	default:
		body = map[string]any{"error": map[string]any{"message": message, "type": openaiType(status), "param": nil, "code": nil}}
	}
	if s.vendor.habits.errorArray {
		body = []any{body}
	}
	out, _ := json.Marshal(body) // made of strings
	return out
}

func anthropicType(status int) string {
	switch status {
	case 401:
		return "authentication_error"
	case 404:
		return "not_found_error"
	case 429:
		return "rate_limit_error"
	case 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func openaiType(status int) string {
	switch {
	case status == 429:
		return "rate_limit_exceeded"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

// writer writes an answer up to where the fault takes over.
type writer struct {
	w      http.ResponseWriter
	r      *http.Request
	server *Server
	fault  Fault
	kind   kind
	frames int
	broken bool
}

// json writes a whole answer.
func (o *writer) json(body any) {
	out, _ := json.Marshal(body) // made by this package
	if o.server.vendor.habits.blank {
		out = append([]byte("\n\n\n"), out...)
	}
	o.w.Header().Set("Content-Type", "application/json")
	o.w.Header().Set("X-Request-Id", "req_upstream")
	if o.fault.Then == Finish {
		_, _ = o.w.Write(out)
		return
	}
	o.w.Header().Set("Content-Length", fmt.Sprint(len(out)))
	_, _ = o.w.Write(out[:min(o.fault.After, len(out))])
	o.fail()
}

// open begins a stream.
func (o *writer) open(k kind) {
	o.kind = k
	o.w.Header().Set("Content-Type", "text/event-stream")
	o.w.Header().Set("X-Request-Id", "req_upstream")
	if o.server.vendor.habits.blank {
		o.write(": PROCESSING\n\n")
	}
}

// frame writes one event; name is "" where the protocol has none.
func (o *writer) frame(name string, body any) {
	if o.fault.Then != Finish && o.frames == o.fault.After {
		o.fail()
	}
	o.frames++
	if s, ok := body.(string); ok {
		o.write("data: " + s + "\n\n")
		return
	}
	data, _ := json.Marshal(body) // made by this package
	head := ""
	if name != "" {
		head = "event: " + name + "\n"
	}
	o.write(head + "data: " + string(data) + "\n\n")
	if o.server.vendor.habits.blank {
		o.write(": keep-alive\n\n")
	}
}

func (o *writer) write(s string) {
	if o.broken {
		return
	}
	_, _ = io.WriteString(o.w, s) // the gateway may have gone
	if f, ok := o.w.(http.Flusher); ok {
		f.Flush()
	}
}

// end lets a fault happen that was due after more frames than there are.
func (o *writer) end() {
	if o.fault.Then != Finish && !o.broken {
		o.fail()
	}
}

// fail does what the fault says.
func (o *writer) fail() {
	if o.broken {
		return
	}
	switch o.fault.Then {
	case Finish, Stop:
	case Stall:
		o.write("") // what is there goes out
		select {
		case <-o.server.done:
		case <-o.r.Context().Done():
		}
	case Reset, Cut:
		o.hangUp(o.fault.Then == Reset)
	case HalfEvent:
		o.write("data: {\"id\":\"half")
		o.hangUp(false)
	case Endless:
		o.write("data: {\"text\":\"")
		for o.r.Context().Err() == nil {
			if _, err := io.WriteString(o.w, strings.Repeat("x", 64<<10)); err != nil {
				break
			}
		}
	case ErrorEvent:
		o.errorEvent()
	case Garbage:
		o.write("data: {not json\n\n")
		o.fault.Then = Finish
		return
	}
	o.broken = true
}

// errorEvent is how a vendor says in mid-stream that it failed.
func (o *writer) errorEvent() {
	message := o.fault.Message
	if message == "" {
		message = "Overloaded"
	}
	body := string(o.server.failure(door{kind: o.kind}, 529, message))
	switch o.kind {
	case messages:
		o.write("event: error\ndata: " + body + "\n\n")
	case responses:
		o.write(fmt.Sprintf("event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":%q,\"param\":null}\n\n", message))
	default:
		o.write("data: " + body + "\n\n")
	}
}

// hangUp ends the connection in the middle of the answer.
func (o *writer) hangUp(reset bool) {
	o.write("")
	hijacker, ok := o.w.(http.Hijacker)
	if !ok {
		return
	}
	nc, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := nc.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	_ = nc.Close()
}
