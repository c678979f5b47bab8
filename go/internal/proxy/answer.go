package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// answer is what the client sees. Nothing goes out before the first content,
// so that another upstream may still be tried.
type answer struct {
	mu     sync.Mutex // the keeper writes too
	w      http.ResponseWriter
	rc     *http.ResponseController
	call   *Call
	policy *Policy

	header  http.Header // of the attempt at hand
	status  int
	held    []byte // frames before any content
	begun   bool   // the client has seen something
	gone    bool   // the client has left
	done    bool   // nothing more may be written
	unsent  bool   // written but not flushed
	bytes   int64
	last    time.Time // of the latest write
	expires time.Time // of the write deadline
}

func newAnswer(w http.ResponseWriter, c *Call, policy *Policy) *answer {
	return &answer{w: w, rc: http.NewResponseController(w), call: c, policy: policy, last: time.Now()}
}

// prepare sets what goes out with the first byte.
func (a *answer) prepare(status int, header http.Header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begun {
		a.status, a.header = status, header
	}
}

// hold keeps a frame back until there is content.
func (a *answer) hold(frame []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun {
		a.write(frame)
		return
	}
	a.held = append(a.held, frame...)
}

// discard forgets what a failed attempt left behind.
func (a *answer) discard() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held, a.header = a.held[:0], nil
}

// Write sends bytes on, after what was held back. Once the client has left it
// only counts.
func (a *answer) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begin()
	a.write(b)
	return len(b), nil
}

func (a *answer) begin() {
	if a.begun || a.gone || a.done {
		return
	}
	a.begun = true
	h := a.w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	a.w.WriteHeader(a.status)
	a.write(a.held)
	a.held = nil
}

func (a *answer) write(b []byte) {
	if a.gone || a.done || len(b) == 0 {
		return
	}
	now := time.Now()
	if a.last = now; now.Add(a.policy.WriteTimeout / 2).After(a.expires) {
		a.expires = now.Add(a.policy.WriteTimeout)
		_ = a.rc.SetWriteDeadline(a.expires) // not every writer can; then nothing bounds a slow client but its own timeouts
	}
	n, err := a.w.Write(b)
	a.bytes += int64(n)
	a.unsent = true
	if err != nil {
		a.gone = true
	}
}

// flush lets out what was written. The upstream reader calls it before it
// blocks, so frames that arrive together leave together.
func (a *answer) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.send()
}

func (a *answer) send() {
	if !a.unsent || a.gone || a.done {
		return
	}
	a.unsent = false
	if a.rc.Flush() != nil {
		a.gone = true
	}
}

// leave notes that the client is no longer there.
func (a *answer) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = true
}

// committed reports whether the client has seen a part of the answer, or is
// not there to see one.
func (a *answer) committed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.begun
}

func (a *answer) left() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone
}

func (a *answer) sent() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes
}

// close ends all writing; the handler is about to return.
func (a *answer) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done = true
}

// tick gives a silent stream a sign of life, and lets the headers go when
// content is long in coming. A busy answer needs neither.
func (a *answer) tick(now time.Time) {
	if !a.mu.TryLock() {
		return
	}
	defer a.mu.Unlock()
	if a.gone || a.done || a.header == nil {
		return
	}
	silent := now.Sub(a.last)
	if !a.begun {
		if silent < a.policy.Hold {
			return
		}
		a.begin()
		a.write(a.call.Codec.AppendKeepAlive(nil))
		a.send()
		return
	}
	if silent >= a.policy.KeepAlive {
		a.write(a.call.Codec.AppendKeepAlive(nil))
		a.send()
	}
}

// travelling returns the upstream's headers that mean something to the client.
func travelling(from http.Header) http.Header {
	h := make(http.Header, 8)
	for name, values := range from {
		switch lower := strings.ToLower(name); {
		case lower == "x-request-id", lower == "request-id":
			h["X-Upstream-Request-Id"] = values
		case lower == "retry-after", lower == "retry-after-ms", lower == "x-should-retry",
			lower == "openai-version", lower == "openai-processing-ms", lower == "openai-model",
			strings.HasPrefix(lower, "x-ratelimit-"), strings.HasPrefix(lower, "anthropic-ratelimit-"):
			h[name] = values
		}
	}
	return h
}

func contentLength(h http.Header, n int) { h["Content-Length"] = []string{strconv.Itoa(n)} }
