package h1

import (
	"sync"
	"time"
)

// earlyEvery is how often a slow send looks for an answer.
const earlyEvery = 250 * time.Millisecond

// earlyWatch ends the sending of a large body when the server has answered
// without reading it and leaves it at that. It works from a timer, so it
// costs nothing as long as the sending flows.
type earlyWatch struct {
	mu    sync.Mutex
	cn    *conn
	timer *time.Timer
	over  bool
}

// watchEarly starts a watch, unless the socket cannot be looked into or its
// bytes say nothing because they are encrypted.
func (cn *conn) watchEarly() *earlyWatch {
	if cn.raw == nil || cn.counted != nil {
		return nil
	}
	w := &earlyWatch{cn: cn}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(earlyEvery, w.look)
	return w
}

func (w *earlyWatch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.over:
	case w.cn.answered():
		w.cn.writeBy = longPast()
		_ = w.cn.nc.SetWriteDeadline(w.cn.writeBy) // fails on a closed connection only
	default:
		w.timer.Reset(earlyEvery)
	}
}

// stop ends the watch. After it the connection is the caller's alone.
func (w *earlyWatch) stop() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}

// isFinal reports whether b starts like an answer that is not an interim one.
func isFinal(b []byte) bool {
	const before = len("HTTP/1.1 ")
	return len(b) > before && couldBeHTTP(b) && b[before] >= '2'
}
