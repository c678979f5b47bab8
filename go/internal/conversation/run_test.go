package conversation

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const made = `{"id":"resp_1","status":"in_progress","background":true,"error":null,"output":[]}`

// stream is what an answer of two items looks like on the wire.
const stream = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":" + made + "}\n\n" +
	": keep-alive\n\n" +
	"event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":1,\"item\":{\"id\":\"a\"}}\n\n" +
	"event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":2,\"item\":{\"id\":\"b\"}}\n\n" +
	"event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":3,\"response\":{\"id\":\"resp_1\",\"status\":\"completed\"}}\n\n"

func begun(most int64) (run *Run, cause func() error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	rec := Record{ID: "resp_1", Owner: "a", Answer: []byte(made), Streamed: true, Lease: time.Now().Add(time.Hour)}
	return newRun(rec, most, &memory{most: 1 << 30}, cancel), func() error { return context.Cause(ctx) }
}

// memory is a budget that tells what is taken.
type memory struct {
	mu         sync.Mutex
	used, most int64
}

func (m *memory) Take(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+n > m.most {
		return false
	}
	m.used += n
	return true
}

func (m *memory) Give(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
}

// lookOf is the status of an answer and how many items it has.
func lookOf(t *testing.T, rec Record) string {
	t.Helper()
	var got struct {
		Status string
		Error  any
		Output []any
	}
	if err := json.Unmarshal(rec.Answer, &got); err != nil {
		t.Fatalf("%v in %s", err, rec.Answer)
	}
	return got.Status + " " + strconv.Itoa(len(got.Output))
}

func TestARunTellsHowFarItIs(t *testing.T) {
	run, _ := begun(1 << 20)
	if got := lookOf(t, run.Now()); got != "queued 0" {
		t.Errorf("at first it is %s", got)
	}
	for i, want := range []string{"in_progress 0", "in_progress 0", "in_progress 1", "in_progress 2", "completed 0"} {
		_, _ = run.Write([]byte(strings.SplitAfter(stream, "\n\n")[i]))
		if got := lookOf(t, run.Now()); got != want {
			t.Errorf("after frame %d it is %s, want %s", i, got, want)
		}
	}
	if !run.Now().Lease.IsZero() {
		t.Error("it has not ended")
	}
	_, _ = run.Write([]byte(stream))
	run.Cancel()
	if frames, over := run.next(t.Context(), 0, 0); !over || len(frames) != 4 {
		t.Errorf("after its end it has %d frames, over is %v", len(frames), over)
	}
}

// The first event is there before the provider has begun, and what follows
// counts on from it.
func TestTheFirstEventOfARun(t *testing.T) {
	run, _ := begun(1 << 20)
	frames, over := run.next(t.Context(), 0, 0)
	if over || len(frames) != 1 || !bytes.Contains(frames[0], []byte(`"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"queued"`)) {
		t.Fatalf("at first there is %q, over is %v", frames, over)
	}
	_, _ = run.Write([]byte("event: error\ndata: {\"type\":\"error\",\"sequence_number\":0}\n\n" +
		"event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"status\":\"failed\"}}\n\n"))
	frames, over = run.next(t.Context(), 1, 0)
	want := "event: error\ndata: {\"type\":\"error\",\"sequence_number\":1}\n\n" +
		"event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":2,\"response\":{\"id\":\"resp_1\",\"status\":\"failed\"}}\n\n"
	if got := string(bytes.Join(frames, nil)); !over || got != want {
		t.Errorf("got  %q, over is %v\nwant %q", got, over, want)
	}
}

func TestARunThatIsTooLarge(t *testing.T) {
	for name, write := range map[string]string{"frames": stream[:strings.LastIndex(stream, "event:")], "a frame without end": strings.Repeat("x", 400)} {
		run, cause := begun(300)
		_, _ = run.Write([]byte(write))
		if got := lookOf(t, run.Now()); !strings.HasPrefix(got, "failed") || cause() == nil {
			t.Errorf("%s: it is %s, stopped for %v", name, got, cause())
		}
		frames, over := run.next(t.Context(), 0, 0)
		if !over || !bytes.Contains(frames[len(frames)-1], []byte("response.failed")) {
			t.Errorf("%s: it ends in %q", name, frames)
		}
	}
}

func TestARunTakesMemory(t *testing.T) {
	run, _ := begun(1 << 20)
	budget := &memory{most: 250}
	run.memory = budget
	_, _ = run.Write([]byte(stream[:200]))
	if budget.used == 0 {
		t.Error("nothing is taken")
	}
	_, _ = run.Write([]byte(stream[200:400]))
	if got := lookOf(t, run.Now()); !strings.HasPrefix(got, "failed") {
		t.Errorf("it is %s", got)
	}
	if run.release(); budget.used != 0 {
		t.Errorf("%d bytes are still taken", budget.used)
	}
}

// A good end is seen by first before it is seen by others, and not at all
// once another one has come.
func TestAGoodEndIsHeldBack(t *testing.T) {
	for name, c := range map[string]struct {
		before, during func(run *Run)
		want           string
		told           int
	}{
		"alone":            {want: "completed 0", told: 1},
		"cancelled before": {before: (*Run).Cancel, want: "cancelled 2"},
		"cancelled during": {during: (*Run).Cancel, want: "completed 0", told: 1},
	} {
		run, _ := begun(1 << 20)
		told := 0
		run.first = func(end []byte) {
			if got := lookOf(t, run.Now()); got != "in_progress 2" {
				t.Errorf("%s: it is %s already", name, got)
			}
			if _, ok := finished(lastAnswer(end)); ok {
				told++
			}
			if c.during != nil {
				c.during(run)
			}
		}
		_, _ = run.Write([]byte(stream + stream))
		if c.before != nil {
			c.before(run)
		}
		run.settle()
		frames, over := run.next(t.Context(), 0, 0)
		if got := lookOf(t, run.Now()); got != c.want || told != c.told || !over || len(frames) != 4 {
			t.Errorf("%s: it is %s after %d calls, over is %v with %d frames", name, got, told, over, len(frames))
		}
	}
}

func TestFollowersWait(t *testing.T) {
	run, _ := begun(1 << 20)
	if frames, over := run.next(t.Context(), 1, time.Millisecond); over || len(frames) > 0 {
		t.Errorf("in vain: %d, %v", len(frames), over)
	}
	got := make(chan int)
	go func() {
		frames, _ := run.next(context.Background(), 1, time.Hour)
		got <- len(frames)
	}()
	_, _ = run.Write([]byte(stream))
	if n := <-got; n == 0 {
		t.Error("woken for nothing")
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	other, _ := begun(1 << 20)
	if _, over := other.next(ctx, 1, time.Hour); !over {
		t.Error("who has left still waits")
	}
}

// FuzzRun cuts a stream anywhere: it is the same answer.
func FuzzRun(f *testing.F) {
	f.Add([]byte(stream), 7)
	f.Add([]byte("data: {\n\ndata:\n\n\n\n"), 3)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		if at < 0 || at > len(text) {
			return
		}
		one, _ := begun(1 << 20)
		two, _ := begun(1 << 20)
		_, _ = one.Write(text)
		_, _ = two.Write(text[:at])
		_, _ = two.Write(text[at:])
		if a, b := one.Now().Answer, two.Now().Answer; !bytes.Equal(a, b) {
			t.Errorf("whole %s\ncut   %s", a, b)
		}
		if !bytes.Equal(one.events(), two.events()) {
			t.Error("the events differ")
		}
	})
}
