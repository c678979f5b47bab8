package proxy

import (
	"net/http"
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
	cut     bool   // what the client got is not whole, and nothing in it says so
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

// maxHeld bounds the frames that are kept back, in bytes. An upstream that
// says so much has begun, whatever it says.
const maxHeld = 256 << 10

// hold keeps a frame back until there is content.
func (a *answer) hold(frame []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.begun && len(a.held)+len(frame) <= maxHeld {
		a.held = append(a.held, frame...)
		return
	}
	a.begin()
	a.write(frame)
}

// abandon forgets what a failed attempt left behind, so that another may
// answer. It reports false when the client has seen a part of it.
func (a *answer) abandon() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun {
		return false
	}
	a.held, a.header = a.held[:0], nil
	return true
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

// maxPiece is written at once, in bytes: the deadline is for a client that
// takes nothing, not for one that takes long for much.
const maxPiece = 256 << 10

func (a *answer) write(b []byte) {
	for len(b) > 0 && !a.gone && !a.done {
		piece := b[:min(len(b), maxPiece)]
		b = b[len(piece):]
		now := time.Now()
		if a.last = now; now.Add(a.policy.WriteTimeout / 2).After(a.expires) {
			a.expires = now.Add(a.policy.WriteTimeout)
			_ = a.rc.SetWriteDeadline(a.expires) // not every writer can; then nothing bounds a slow client but its own timeouts
		}
		n, err := a.w.Write(piece)
		a.bytes += int64(n)
		a.unsent = true
		a.gone = err != nil
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

// committed reports whether the client has been sent a part of the answer.
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

// size returns how many bytes the client gets when further ones follow what
// was written: the row of a call is written before its last frame.
func (a *answer) size(further int) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone || a.done {
		return a.bytes
	}
	return a.bytes + int64(len(a.held)+further)
}

// close ends all writing; the handler is about to return.
func (a *answer) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done = true
}

// tick gives a silent stream a sign of life, and lets the headers go when
// content is long in coming. A busy answer needs neither. It does not block:
// the writing is done aside, and close waits for it.
func (a *answer) tick(now time.Time) {
	if !a.mu.TryLock() {
		return
	}
	if !a.due(now) {
		a.mu.Unlock()
		return
	}
	go func() {
		defer a.mu.Unlock()
		a.begin()
		a.write(a.call.Codec.AppendKeepAlive(nil))
		a.send()
	}()
}

// due reports whether the client has heard nothing for too long.
func (a *answer) due(now time.Time) bool {
	if a.gone || a.done || a.header == nil {
		return false
	}
	patience := a.policy.KeepAlive
	if !a.begun {
		patience = a.policy.Hold
	}
	return now.Sub(a.last) >= patience
}
