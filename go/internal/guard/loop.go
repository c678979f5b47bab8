// Package guard looks at calls before they go upstream. It reads the bytes of
// a request in place, decodes nothing and keeps nothing from one call to the
// next, so it sees the same on every instance.
package guard

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Loop says when an agent that repeats itself is told, and when it is stopped.
// A number of zero switches the one or the other off.
type Loop struct {
	Tell   int      // repeats after which the model is told
	Stop   int      // repeats after which the turn ends
	Exempt []string // tools that may repeat themselves, such as those that poll
}

// Action is what becomes of a call.
type Action string

// The actions.
const (
	Pass Action = ""
	Tell Action = "told"
	Stop Action = "ended"
)

// Run is a tool call that was made so many times in a row, with the same
// arguments and the same result each time.
type Run struct {
	Action Action
	Tool   string
	Times  int // no more than the larger of the two limits
}

// Look counts the run at the end of a history: the value of the member that
// holds the conversation, as the protocol writes it.
func (l *Loop) Look(p llm.Protocol, history []byte) Run {
	most := max(l.Tell, l.Stop)
	if most == 0 || len(history) == 0 {
		return Run{}
	}
	c := counter{most: most, exempt: l.Exempt}
	walk(p, history, &c)
	run := Run{Tool: c.tool, Times: c.times}
	switch {
	case l.Stop > 0 && c.times >= l.Stop:
		run.Action = Stop
	case l.Tell > 0 && c.times >= l.Tell:
		run.Action = Tell
	}
	return run
}

// Warning is what the model is told.
func (r Run) Warning() string {
	return fmt.Sprintf("Note from the gateway: the tool %q was called %d times in a row with the same arguments, and gave the same result "+
		"each time. Calling it once more will not change that. Use the result, try something else, or say what is missing.", r.Tool, r.Times)
}

// Ending is what the client reads when the turn ends.
func (r Run) Ending() string {
	return fmt.Sprintf("The gateway has ended this turn: the tool %q was called %d times in a row with the same arguments, and gave the same "+
		"result each time. Say what to do differently to go on. A tool that is meant to be polled can be exempted by name (loop_breaker.exempt).",
		r.Tool, r.Times)
}

// kind is what a step of the history is.
type kind uint8

const (
	said     kind = iota // words of the model or of the system: they neither count nor end a run
	asked                // words of the user: they end it
	called               // a call of a tool
	answered             // the result of one
)

// step is a piece of the history, in the words of its protocol.
type step struct {
	kind   kind
	id     []byte // of the call, as JSON; nil: the protocol gives none
	name   []byte // of the tool, as JSON
	space  []byte // its namespace or its type, as JSON
	args   []byte // as JSON
	result []byte // the whole element, as JSON
}

// maxParallel bounds the results that may stand between a call and its own.
const maxParallel = 16

// waiting is a result whose call has not been met yet.
type waiting struct{ id, name, result []byte }

// counter takes the steps of a history from the last to the first.
type counter struct {
	most   int
	exempt []string

	waiting [maxParallel]waiting // results whose calls are still to come
	waits   int
	call    step // the one that is repeated
	result  []byte
	tool    string
	times   int
}

// add takes a step and reports whether there may be more to count.
func (c *counter) add(s *step) bool {
	switch s.kind {
	case said:
		return c.waits > 0 || c.times > 0 // after the last result the model has gone on already
	case answered:
		if c.waits == maxParallel {
			return false
		}
		c.waiting[c.waits] = waiting{s.id, s.name, s.result}
		c.waits++
		return true
	case called:
		result := c.resultOf(s)
		return result != nil && c.count(s, result)
	case asked:
	}
	return false
}

// count adds a call with its result to the run, or ends it.
func (c *counter) count(s *step, result []byte) bool {
	if c.times == 0 {
		c.tool, _ = jsonscan.Text(s.name)
		if slices.Contains(c.exempt, c.tool) {
			return false
		}
		c.call, c.result = *s, result
	} else if !bytes.Equal(s.name, c.call.name) || !bytes.Equal(s.space, c.call.space) ||
		!bytes.Equal(s.args, c.call.args) || !alike(result, c.result, true) {
		return false
	}
	c.times++
	return c.times < c.most
}

// resultOf takes the result of a call from those that wait, or returns nil.
func (c *counter) resultOf(call *step) []byte {
	for i := c.waits - 1; i >= 0; i-- {
		w := &c.waiting[i]
		mine := bytes.Equal(w.id, call.id)
		if len(call.id) == 0 {
			mine = len(w.id) == 0 && bytes.Equal(w.name, call.name)
		}
		if mine {
			result := w.result
			copy(c.waiting[i:c.waits], c.waiting[i+1:c.waits])
			c.waits--
			return result
		}
	}
	return nil
}

// alike compares two results. Ids differ between any two, and cache markers
// move with the end of the history; neither is a part of the result.
func alike(a, b []byte, top bool) bool {
	if bytes.Equal(a, b) {
		return true
	}
	kind := jsonscan.KindOf(a)
	if kind != jsonscan.KindOf(b) {
		return false
	}
	switch kind {
	case jsonscan.Object:
		x, y := jsonscan.Members(a), jsonscan.Members(b)
		for {
			more, other := nextMember(&x, top), nextMember(&y, top)
			if !more || !other {
				return more == other
			}
			if !bytes.Equal(x.Key(), y.Key()) || !alike(x.Value(), y.Value(), false) {
				return false
			}
		}
	case jsonscan.Array:
		x, y := jsonscan.Elements(a), jsonscan.Elements(b)
		for {
			more, other := x.Next(), y.Next()
			if !more || !other {
				return more == other
			}
			if !alike(x.Value(), y.Value(), false) {
				return false
			}
		}
	default:
		return false
	}
}

// nextMember moves to the next member that is compared. Ids are left out of a
// result itself, not of what the tool has written into it.
func nextMember(it *jsonscan.Iter, top bool) bool {
	for it.Next() {
		switch string(it.Key()) {
		case "cache_control":
		case "id", "call_id", "tool_call_id", "tool_use_id", "status":
			if !top {
				return true
			}
		default:
			return true
		}
	}
	return false
}
