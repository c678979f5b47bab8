package responses_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

type errorCase struct {
	Kind string `json:"kind"`
	Wire struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"chat_and_responses"`
}

func errorCases(t testing.TB) map[string]errorCase {
	all := map[string]errorCase{}
	for _, kind := range []string{"authentication", "context_length", "invalid_request", "model_not_found", "overloaded", "permission", "quota", "rate_limit", "server", "timeout", "too_large"} {
		var c errorCase
		if err := json.Unmarshal(protocoltest.File("20-errors", kind+".json"), &c); err != nil {
			t.Fatal(err)
		}
		all[kind] = c
	}
	return all
}

// TestErrorsAsOthersMeanThem holds the words for each kind of error, as an
// error of the gateway's own, against the fixtures.
func TestErrorsAsOthersMeanThem(t *testing.T) {
	kinds := map[string]llm.Error{
		"authentication":  {Kind: llm.Unauthenticated},
		"context_length":  {Kind: llm.ContextTooLong, Field: "messages"},
		"invalid_request": {Kind: llm.Invalid, Field: "temperature", Code: "invalid_value"},
		"model_not_found": {Kind: llm.ModelNotFound},
		"overloaded":      {Kind: llm.Overloaded, RetryAfter: 5 * time.Second},
		"permission":      {Kind: llm.Forbidden},
		"quota":           {Kind: llm.QuotaExceeded},
		"rate_limit":      {Kind: llm.RateLimited, RetryAfter: 7 * time.Second},
		"server":          {Kind: llm.Internal},
		"timeout":         {Kind: llm.Timeout},
		"too_large":       {Kind: llm.TooLarge},
	}
	for name, c := range errorCases(t) {
		t.Run(name, func(t *testing.T) {
			e := kinds[name]
			e.Message = object(t, c.Wire.Body)["error"].(map[string]any)["message"].(string)
			checkError(t, &e, c)
			valid(t, "ErrorResponse", c.Wire.Body)
		})
	}
}

func checkError(t *testing.T, e *llm.Error, c errorCase) {
	t.Helper()
	status, header, body := codec().EncodeError(e, protocol.Head{})
	if status != c.Wire.Status || header.Get("Retry-After") != c.Wire.Headers["retry-after"] {
		t.Errorf("status %d, retry-after %q", status, header.Get("Retry-After"))
	}
	if got, want := protocoltest.Canonical(body), protocoltest.Canonical(c.Wire.Body); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestErrorsOfUpstreams reads the same errors from an upstream. What is about
// our account there is ours to mend; all else reaches the client as it was.
func TestErrorsOfUpstreams(t *testing.T) {
	ours := map[string]bool{"authentication": true, "permission": true, "quota": true}
	for name, c := range errorCases(t) {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			for k, v := range c.Wire.Headers {
				header.Set(k, v)
			}
			e := codec().DecodeError(c.Wire.Status, header, c.Wire.Body)
			if !ours[name] {
				checkError(t, e, c)
				return
			}
			status, _, body := codec().EncodeError(e, protocol.Head{})
			if e.Kind != llm.BadUpstream || status != 502 || strings.Contains(string(body), "Incorrect API key") {
				t.Errorf("%d %s", status, body)
			}
		})
	}
}

func TestAnyRefusalIsUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		kind   llm.ErrorKind
		wait   time.Duration
		words  string
	}{
		"page":              {502, nil, "<html>Bad Gateway</html>", llm.BadUpstream, 0, "The upstream answered 502 Bad Gateway."},
		"page not found":    {404, nil, "<html>", llm.BadUpstream, 0, "The upstream answered 404 Not Found."},
		"nothing":           {503, nil, "", llm.Overloaded, 0, "The upstream answered 503 Service Unavailable."},
		"array":             {429, nil, `[{"error":{"message":"slow"}}]`, llm.RateLimited, 0, "slow"},
		"text for error":    {400, nil, `{"error":"bad thing"}`, llm.Invalid, 0, "bad thing"},
		"no error member":   {422, nil, `{"detail":"bad field"}`, llm.Invalid, 0, "bad field"},
		"nothing but array": {500, nil, `[]`, llm.BadUpstream, 0, "The upstream answered 500 Internal Server Error."},
		"milliseconds":      {429, http.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"9"}}, `{}`, llm.RateLimited, 1500 * time.Millisecond, ""},
		"no number":         {429, http.Header{"Retry-After": {"NaN"}}, `{}`, llm.RateLimited, 0, ""},
		"in the text":       {429, nil, `{"error":{"message":"Please try again in 11054ms."}}`, llm.RateLimited, 11054 * time.Millisecond, ""},
		"for ever":          {429, http.Header{"Retry-After": {"1e300"}}, `{}`, llm.RateLimited, 24 * time.Hour, ""},
		"state elsewhere":   {400, nil, `{"error":{"code":"previous_response_not_found","message":"m"}}`, llm.Invalid, 0, "m"},
		"policy":            {400, nil, `{"error":{"code":"invalid_prompt","message":"m"}}`, llm.ContentPolicy, 0, "m"},
		"context by words":  {400, nil, `{"error":{"message":"exceeds the context window"}}`, llm.ContextTooLong, 0, ""},
		"slow down":         {500, nil, `{"error":{"code":"slow_down","message":"m"}}`, llm.Overloaded, 0, "m"},
	} {
		t.Run(name, func(t *testing.T) {
			e := codec().DecodeError(c.status, c.header, []byte(c.body))
			if e.Kind != c.kind || e.RetryAfter != c.wait || c.words != "" && e.Message != c.words {
				t.Errorf("%v %v %q", e.Kind, e.RetryAfter, e.Message)
			}
			_, _, body := codec().EncodeError(e, protocol.Head{})
			valid(t, "ErrorResponse", body)
		})
	}
	at := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	if e := codec().DecodeError(429, http.Header{"Retry-After": {at}}, nil); e.RetryAfter < 50*time.Second || e.RetryAfter > time.Minute {
		t.Errorf("a date: %v", e.RetryAfter)
	}
}

func TestFailureInTheMiddle(t *testing.T) {
	failure := &llm.Error{Kind: llm.RateLimited, Message: "Too many.", RetryAfter: 1300 * time.Millisecond}
	events := from(llm.Messages).block(0, llm.Text{}, "", "one").add(llm.Event{Type: llm.BlockStart, Index: 1, Block: llm.ToolCall{ID: "c", Name: "f"}}).
		add(llm.Event{Type: llm.BlockDelta, Index: 1, Delta: []byte(`{`)}).add(llm.Event{Type: llm.Failed, Err: failure}).events
	stream := rewrite(t, events, true)
	all := checkStream(t, stream)
	if n := len(all); all[n-2].Type != "error" || all[n-1].Type != "response.failed" || len(all[n-1].Response.Output) != 1 {
		t.Errorf("%s", stream)
	}
	if !strings.Contains(string(stream), `"error":{"code":"rate_limit_exceeded","message":"Too many. Please try again in 2s."}`) {
		t.Errorf("%s", stream)
	}
	if a := read(t, stream, true); a.Err == nil || a.Err.Kind != llm.RateLimited || a.Err.RetryAfter != 2*time.Second {
		t.Errorf("%+v", a.Err)
	}
	// Before anything else, and as a body.
	first := []llm.Event{{Type: llm.Failed, Err: failure}}
	checkStream(t, rewrite(t, first, true))
	_, _, want := codec().EncodeError(failure, protocol.Head{})
	if got := rewrite(t, first, false); !bytes.Equal(got, want) {
		t.Errorf("%s", got)
	}
	// Nothing follows the end.
	w := codec().NewWriter(protocol.Head{Stream: true})
	_ = protocoltest.Write(t, w, first)
	if rest, err := w.Append(nil, llm.Event{Type: llm.Finish}); err != nil || len(rest) > 0 {
		t.Errorf("%s %v", rest, err)
	}
}
