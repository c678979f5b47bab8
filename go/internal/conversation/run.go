package conversation

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
)

// Run is an answer that is made while nobody waits for it. Its stream is
// written to it, and read from it by whoever follows.
type Run struct {
	record Record // as it was when it began; Answer is the response object
	most   int64  // bytes it may take
	memory Memory
	cancel context.CancelCauseFunc
	first  func(end []byte) // sees a good end before anybody else; nil none
	hidden bool             // deleted; the room's lock guards it

	mu     sync.Mutex
	part   []byte   // of a frame that is not whole yet
	frames [][]byte // by sequence number, where they are kept
	output []byte   // list of finished items, without its end
	begun  bool     // the provider has begun to answer
	held   []byte   // a good end that nobody has seen yet; nothing follows it
	sure   bool     // that it will be the end
	last   []byte   // the response object at its end; nil while it is made
	size   int64
	taken  int64         // of the memory
	grown  chan struct{} // closed when something is new
}

func newRun(rec Record, most int64, memory Memory, cancel context.CancelCauseFunc) *Run {
	x := &Run{record: rec, most: most, memory: memory, cancel: cancel, output: []byte{'['}, grown: make(chan struct{})}
	if rec.Streamed { // who follows learns the id before the provider has begun
		x.keep(frameOf(kindCreated, 0, x.now()))
	}
	return x
}

const (
	kindCreated    = "response.created"
	kindCompleted  = "response.completed"
	kindIncomplete = "response.incomplete"
	kindFailed     = "response.failed"
)

var frameEnd = []byte("\n\n")

// Write takes what comes of the stream. After its end it takes nothing in.
func (x *Run) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.part = append(x.part, b...)
	for {
		at := bytes.Index(x.part, frameEnd)
		if at < 0 {
			break
		}
		x.read(bytes.Clone(x.part[:at+len(frameEnd)]))
		x.part = x.part[at+len(frameEnd):]
	}
	switch size := x.size + int64(len(x.part)); {
	case x.last != nil, x.held != nil:
	case size > x.most:
		x.fail("The response is larger than this gateway keeps (responses.max_bytes).")
	case size > x.taken && !x.take(size-x.taken):
		x.fail("The gateway holds as much in memory as it may (limits.body_memory).")
	}
	if x.last != nil || x.held != nil {
		x.part = nil
	}
	return len(b), nil
}

// take takes memory, which is given back when the run is over.
func (x *Run) take(more int64) bool {
	if !x.memory.Take(more) {
		return false
	}
	x.taken += more
	return true
}

// fail ends it for a reason of the gateway's own; the lock is held.
func (x *Run) fail(why string) {
	x.end(statusFailed, errorWords("server_error", why))
	x.cancel(context.Canceled)
}

// release gives the memory back.
func (x *Run) release() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.memory.Give(x.taken)
	x.taken = 0
}

// read takes one frame in.
func (x *Run) read(frame []byte) {
	_, data, ok := bytes.Cut(frame, []byte("data:"))
	if x.last != nil || x.held != nil || !ok {
		return // a sign of life
	}
	data = bytes.TrimSpace(data)
	x.begun = true
	kind, _ := jsonscan.Text(jsonscan.Get(data, "type"))
	if x.first != nil && (kind == kindCompleted || kind == kindIncomplete) {
		x.held = frame
		return
	}
	if x.record.Streamed && kind != kindCreated { // which was told at the start
		x.keep(numbered(frame, data, len(x.frames)))
	}
	switch kind {
	case "response.output_item.done":
		item := jsonscan.Get(data, "item")
		if len(x.output) > 1 {
			x.output = append(x.output, ',')
		}
		x.output = append(x.output, item...)
		x.size += int64(len(item))
	case kindCompleted, kindIncomplete, kindFailed:
		x.last = bytes.Clone(jsonscan.Get(data, "response"))
	}
	x.wake()
}

// holds reports whether a good end waits to be seen.
func (x *Run) holds() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.held != nil && x.last == nil
}

// settle shows the end that is held back to first, and then to all, unless
// another end has come before. From here on it can be stopped no more.
func (x *Run) settle() {
	x.mu.Lock()
	defer x.mu.Unlock()
	end, first := x.held, x.first
	if end == nil || x.last != nil {
		return
	}
	x.sure = true
	x.mu.Unlock()
	first(end)
	x.mu.Lock()
	x.held, x.first, x.sure = nil, nil, false
	x.read(end)
}

// keep keeps a frame for those who follow.
func (x *Run) keep(frame []byte) {
	x.frames = append(x.frames, frame)
	x.size += int64(len(frame))
}

// numbered is a frame with its place in the stream for a number. A failure
// before the provider has begun counts from 0.
func numbered(frame, data []byte, seq int) []byte {
	number := strconv.AppendInt(nil, int64(seq), 10)
	if bytes.Equal(jsonscan.Get(data, "sequence_number"), number) {
		return frame
	}
	data, err := with(data, "", member{"sequence_number", number})
	if err != nil {
		return frame
	}
	head, _, _ := bytes.Cut(frame, []byte("data:"))
	return slices.Concat(head, []byte("data: "), data, frameEnd)
}

func (x *Run) wake() {
	close(x.grown)
	x.grown = make(chan struct{})
}

// end ends it from without; the lock is held. Followers are told by the one
// event that every client takes for an end without an answer.
func (x *Run) end(status string, failure []byte) {
	if x.last != nil || x.sure {
		return
	}
	x.last = ended(x.now(), status, failure)
	if x.record.Streamed {
		x.frames = append(x.frames, frameOf(kindFailed, len(x.frames), x.last))
	}
	x.wake()
}

// now is the response object; the lock is held.
func (x *Run) now() []byte {
	if x.last != nil {
		return x.last
	}
	status := []byte(`"in_progress"`)
	if !x.begun {
		status = []byte(`"queued"`)
	}
	whole, err := with(x.record.Answer, "", member{"status", status}, member{"output", append(bytes.Clone(x.output), ']')})
	if err != nil {
		return x.record.Answer
	}
	return whole
}

// Now is the answer as far as it is made.
func (x *Run) Now() Record {
	x.mu.Lock()
	defer x.mu.Unlock()
	rec := x.record
	rec.Answer = x.now()
	if x.last != nil {
		rec.Lease = time.Time{}
	}
	return rec
}

func (x *Run) over() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last != nil
}

// Cancel ends it on its owner's wish.
func (x *Run) Cancel() {
	x.mu.Lock()
	x.end(statusCancelled, nil)
	x.mu.Unlock()
	x.cancel(context.Canceled)
}

// next waits for frames from a sequence number on, for so long. Over says that
// no more will come.
func (x *Run) next(ctx context.Context, from int, patience time.Duration) (frames [][]byte, over bool) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		x.mu.Lock()
		if from < len(x.frames) {
			frames = x.frames[from:len(x.frames):len(x.frames)]
		}
		over, grown := x.last != nil, x.grown
		x.mu.Unlock()
		if over || len(frames) > 0 {
			return frames, over
		}
		select {
		case <-grown:
		case <-timer.C:
			return nil, false
		case <-ctx.Done():
			return nil, true
		}
	}
}

// events is the stream as a whole.
func (x *Run) events() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return bytes.Join(x.frames, nil)
}

// ended is a response object with an end.
func ended(answer []byte, status string, failure []byte) []byte {
	set := []member{{"status", jsonscan.AppendString(nil, status)}}
	if failure != nil {
		set = append(set, member{"error", failure})
	}
	whole, err := with(answer, "", set...)
	if err != nil {
		return answer
	}
	return whole
}

// errorWords is the error of a response object.
func errorWords(code, message string) []byte {
	whole := object{out: []byte{'{'}}
	whole.put("code", jsonscan.AppendString(nil, code))
	whole.put("message", jsonscan.AppendString(nil, message))
	return append(whole.out, '}')
}
