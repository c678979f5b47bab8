package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// scenario is one kind of load. nginx always gets the pass-through form.
type scenario struct {
	name, unit string
	run        func(t, up *process, slice time.Duration) (result, error)
}

// result gathers the cost of a unit over rounds.
type result struct {
	costs  []float64
	errors int64
}

func (r result) add(next result) result {
	return result{append(r.costs, next.costs...), r.errors + next.errors}
}

func (r result) middle() float64 {
	if len(r.costs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.costs))
	return sorted[len(sorted)/2]
}

func scenarios() []scenario {
	const paced, fast, chat, messages = "bench-n30-d10", "bench-n100-d0", "/v1/chat/completions", "/v1/messages"
	return []scenario{
		{"chat-json-c32", "µs CPU/request", jsonLoad(32, 1<<10)},
		{"chat-json-c1", "µs CPU/request", jsonLoad(1, 1<<10)},
		{"body-200k-c4", "µs CPU/request", jsonLoad(4, 200<<10)},
		{"stream-paced-c16", "µs CPU/chunk", streamLoad(16, chatBody(paced, true, 1<<10), chat)},
		{"messages-to-openai-paced-c16", "µs CPU/chunk", streamLoad(16, messagesBody(paced, 1<<10), messages)},
		{"stream-unpaced-c16", "µs CPU/chunk", streamLoad(16, chatBody(fast, true, 1<<10), chat)},
		{"messages-to-openai-unpaced-c16", "µs CPU/chunk", streamLoad(16, messagesBody(fast, 1<<10), messages)},
		{"chat-to-anthropic-unpaced-c16", "µs CPU/chunk", streamLoad(16, chatBody("claude-"+fast, true, 1<<10), chat)},
		{"responses-to-anthropic-unpaced-c16", "µs CPU/chunk", streamLoad(16, responsesBody("claude-"+fast, 1<<10), "/v1/responses")},
		{"messages-to-openai-first-c16", "µs to the first word", firstWord(16, messagesBody(paced, 1<<10), messages)},
		{"open-streams-1000", "KB/stream", openStreams(1000)},
		{"upstream-connections", "new per 100 requests", connectionLoad},
	}
}

func prompt(size int) string { return strings.Repeat("lorem ipsum dolor sit amet, ", size/28+1)[:size] }

func chatBody(model string, stream bool, size int) []byte {
	return fmt.Appendf(nil, `{"model":%q,"stream":%v,"messages":[{"role":"user","content":%q}]}`, model, stream, prompt(size))
}

func messagesBody(model string, size int) []byte {
	return fmt.Appendf(nil, `{"model":%q,"stream":true,"max_tokens":100,"messages":[{"role":"user","content":%q}]}`, model, prompt(size))
}

func responsesBody(model string, size int) []byte {
	return fmt.Appendf(nil, `{"model":%q,"stream":true,"store":false,"input":%q}`, model, prompt(size))
}

// closedLoop runs workers for a slice and returns the CPU of t for each unit
// that work reports.
func closedLoop(t *process, workers int, slice time.Duration, work func() (int64, error)) (result, error) {
	var units, failures atomic.Int64
	var wg sync.WaitGroup
	before, end := t.cpu(), time.Now().Add(slice)
	for range workers {
		wg.Go(func() {
			for time.Now().Before(end) {
				n, err := work()
				units.Add(n)
				if err != nil {
					failures.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if units.Load() == 0 {
		return result{}, fmt.Errorf("no answer: %d errors", failures.Load())
	}
	return result{[]float64{(t.cpu() - before) / float64(units.Load())}, failures.Load()}, nil
}

func jsonLoad(workers, size int) func(t, up *process, slice time.Duration) (result, error) {
	body := chatBody("bench", false, size)
	return func(t, _ *process, slice time.Duration) (result, error) {
		return closedLoop(t, workers, slice, func() (int64, error) {
			if err := t.once(body); err != nil {
				return 0, err
			}
			return 1, nil
		})
	}
}

func streamLoad(workers int, body []byte, path string) func(t, up *process, slice time.Duration) (result, error) {
	return func(t, _ *process, slice time.Duration) (result, error) {
		path, body := yardstick(t, path, body)
		return closedLoop(t, workers, slice, func() (int64, error) { return readStream(t, path, body, nil) })
	}
}

// yardstick is the same stream passed on, where a target translates nothing.
func yardstick(t *process, path string, body []byte) (string, []byte) {
	if t.name != "nginx" || path == "/v1/chat/completions" {
		return path, body
	}
	model := directive.FindSubmatch(body)
	return "/v1/chat/completions", chatBody(fmt.Sprintf("bench-n%s-d%s", model[1], model[2]), true, 1<<10)
}

// firstWord measures the time to the first word of a stream, the middle one of
// a slice.
func firstWord(workers int, body []byte, path string) func(t, up *process, slice time.Duration) (result, error) {
	return func(t, _ *process, slice time.Duration) (result, error) {
		path, body := yardstick(t, path, body)
		var mu sync.Mutex
		var times []float64
		r, err := closedLoop(t, workers, slice, func() (int64, error) {
			asked := time.Now()
			return readStream(t, path, body, func() {
				mu.Lock()
				defer mu.Unlock()
				times = append(times, float64(time.Since(asked).Microseconds()))
			})
		})
		r.costs = []float64{result{costs: times}.middle()}
		return r, err
	}
}

// ends are what only the last frames of streams hold.
var ends = [][]byte{[]byte("[DONE]"), []byte(`"message_stop"`), []byte(`"response.completed"`)}

// readStream returns the chunks of text in one stream, and an error if it has
// no proper end. First, if there is one, is called at the first.
func readStream(t *process, path string, body []byte, first func()) (int64, error) {
	resp, err := t.post(path, body)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var chunks int64
	ended := false
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		last := slices.ContainsFunc(ends, func(end []byte) bool { return bytes.Contains(line, end) })
		if bytes.Contains(line, []byte(" word")) && !last && !bytes.Contains(line, []byte(`.done"`)) {
			if chunks++; chunks == 1 && first != nil {
				first()
			}
		}
		ended = ended || last
		if err == io.EOF {
			break
		}
		if err != nil {
			return chunks, err
		}
	}
	if !ended {
		return chunks, fmt.Errorf("stream without an end (status %d)", resp.StatusCode)
	}
	return chunks, nil
}

// openStreams holds n quiet streams open and returns the memory each takes.
func openStreams(n int) func(t, up *process, slice time.Duration) (result, error) {
	body := chatBody("bench-n4-d1000", true, 1<<10)
	return func(t, _ *process, _ time.Duration) (result, error) {
		before := t.rss()
		var wg sync.WaitGroup
		var failures atomic.Int64
		for range n {
			wg.Go(func() {
				if _, err := readStream(t, "/v1/chat/completions", body, nil); err != nil {
					failures.Add(1)
				}
			})
		}
		time.Sleep(2 * time.Second)
		during := t.rss()
		wg.Wait()
		return result{[]float64{float64(during-before) / 1024 / float64(n)}, failures.Load()}, nil
	}
}

// connectionLoad counts the connections made to the upstream in steady state.
func connectionLoad(t, up *process, slice time.Duration) (result, error) {
	load := jsonLoad(32, 1<<10)
	if _, err := load(t, up, slice/2); err != nil {
		return result{}, err
	}
	before, err := up.connections()
	if err != nil {
		return result{}, err
	}
	var requests atomic.Int64
	body := chatBody("bench", false, 1<<10)
	r, err := closedLoop(t, 32, slice, func() (int64, error) {
		if err := t.once(body); err != nil {
			return 0, err
		}
		requests.Add(1)
		return 1, nil
	})
	if err != nil {
		return result{}, err
	}
	after, err := up.connections()
	if err != nil {
		return result{}, err
	}
	// The count itself takes a connection of its own only the first time.
	r.costs = []float64{100 * float64(after-before) / float64(requests.Load())}
	return r, nil
}
