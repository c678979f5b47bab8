package loopback

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// Bounds of the words.
const (
	maxPause  = 10 * time.Minute
	maxChunks = 100_000
	maxCalls  = 128
	wrongBy   = 10 // what usage=wrong multiplies with
)

// Grammar explains the words, for errors and help texts.
const Grammar = `loopback:WORD=VALUE,WORD=VALUE… as the model, or the same words in the header x-tokligence-loopback. ` +
	`stall=2s: be silent, at first or, with after=N, behind N pieces. ` +
	`delay=10ms: wait before every piece. ` +
	`status=429: refuse with this status (400 to 599); retry_after=3s: with this hint. ` +
	`cut=3: break the connection off behind three pieces. ` +
	`error=overloaded: fail inside the answer, at first or, with after=N, behind N pieces. ` +
	`chunks=N: send the text in N pieces. ` +
	`tool=NAME: call a tool; parallel=N: so many at once; repeat=N: again until it was called N times. ` +
	`think=TEXT: think this first. ` +
	`text=TEXT: say this instead of the echo. ` +
	`refuse: decline. ` +
	`stop=length: end for this reason (end, length, sequence, refusal, pause, context). ` +
	`swap=MODEL: say that another model served. ` +
	`usage=wrong or usage=none: report ten times the tokens, or none. ` +
	`In values, %2C stands for a comma.`

// words are what the loopback was told to do.
type words struct {
	stall, delay time.Duration
	after        int
	status       int
	retryAfter   time.Duration
	cut          int // -1: no
	errored      bool
	kind         llm.ErrorKind // of error
	chunks       int
	tool         string
	parallel     int
	repeat       int
	think        string
	text         *string
	refuse       bool
	stop         llm.StopReason
	swap         string
	usage        string
}

// parseWords reads the words behind the model's name and those of the header,
// which count more.
func parseWords(model string, header []string) (words, error) {
	w := words{cut: -1, parallel: 1, repeat: 1}
	_, told, _ := strings.Cut(model, Name+":")
	if !strings.HasPrefix(model, Name+":") {
		told = ""
	}
	for _, list := range append([]string{told}, header...) {
		for word := range strings.SplitSeq(list, ",") {
			if word = strings.TrimSpace(word); word == "" {
				continue
			}
			if err := w.set(word); err != nil {
				e := llm.InvalidField("model", "The loopback does not understand %q: %s. It knows: %s", word, err, Grammar)
				e.Code = "loopback_grammar"
				return w, e
			}
		}
	}
	if w.retryAfter > 0 && w.status == 0 {
		w.status = http.StatusTooManyRequests
	}
	return w, nil
}

func (w *words) set(word string) (err error) {
	name, value, _ := strings.Cut(word, "=")
	if plain, bad := url.PathUnescape(value); bad == nil {
		value = plain
	}
	if value == "" && name != "refuse" && name != "text" {
		return fmt.Errorf("%s wants a value", name)
	}
	switch name {
	case "stall":
		w.stall, err = pause(value)
	case "delay":
		w.delay, err = pause(value)
	case "retry_after":
		w.retryAfter, err = pause(value)
	case "after":
		w.after, err = number(value, 0, maxChunks)
	case "status":
		w.status, err = number(value, 400, 599)
	case "cut":
		w.cut, err = number(value, 0, maxChunks)
	case "chunks":
		w.chunks, err = number(value, 1, maxChunks)
	case "parallel":
		w.parallel, err = number(value, 1, maxCalls)
	case "repeat":
		w.repeat, err = number(value, 1, maxChunks)
	case "error":
		w.errored = true
		w.kind, err = errorKind(value)
	case "tool":
		w.tool = value
	case "think":
		w.think = value
	case "text":
		w.text = &value
	case "refuse":
		w.refuse = true
	case "stop":
		w.stop, err = stopReason(value)
	case "swap":
		w.swap = value
	case "usage":
		if w.usage = value; value != "wrong" && value != "none" {
			err = fmt.Errorf("usage is wrong or none")
		}
	default:
		err = fmt.Errorf("%s is no word of it", name)
	}
	return err
}

// pause reads 2s, 10ms or a plain number of seconds.
func pause(value string) (time.Duration, error) {
	if n, err := strconv.Atoi(value); err == nil && n <= int(maxPause/time.Second) {
		value = strconv.Itoa(n) + "s"
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 || d > maxPause {
		return 0, fmt.Errorf("%q is no time from 0 to %s, such as 2s or 10ms", value, maxPause)
	}
	return d, nil
}

func number(value string, low, high int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is no number from %d to %d", value, low, high)
	}
	return n, nil
}

func errorKind(value string) (llm.ErrorKind, error) {
	for k := llm.Internal; k <= llm.Canceled; k++ {
		if k.String() == value {
			return k, nil
		}
	}
	return 0, fmt.Errorf("%q is no kind of error, such as overloaded, rate_limited or internal", value)
}

func stopReason(value string) (llm.StopReason, error) {
	reasons := []llm.StopReason{
		llm.StopEnd, llm.StopLength, llm.StopSequence, llm.StopRefusal, llm.StopPause, llm.StopContext,
	}
	if r := llm.StopReason(value); slices.Contains(reasons, r) {
		return r, nil
	}
	return "", fmt.Errorf("%q is none of %v", value, reasons)
}

// failure is the error of a status.
func (w *words) failure() *llm.Error {
	kind := llm.Internal
	switch w.status {
	case http.StatusUnauthorized:
		kind = llm.Unauthenticated
	case http.StatusPaymentRequired:
		kind = llm.QuotaExceeded
	case http.StatusForbidden:
		kind = llm.Forbidden
	case http.StatusNotFound:
		kind = llm.ModelNotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		kind = llm.Timeout
	case http.StatusRequestEntityTooLarge:
		kind = llm.TooLarge
	case http.StatusTooManyRequests:
		kind = llm.RateLimited
	case http.StatusServiceUnavailable, 529:
		kind = llm.Overloaded
	default:
		if w.status < http.StatusInternalServerError {
			kind = llm.Invalid
		}
	}
	e := llm.Errorf(kind, "The loopback was told to answer with status %d.", w.status)
	e.RetryAfter = w.retryAfter
	return e
}
