package messages_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// kinds are what the fixture's errors mean when an upstream says them.
var kinds = map[string]llm.ErrorKind{
	"authentication": llm.BadUpstream, "permission": llm.BadUpstream, "quota": llm.BadUpstream, "server": llm.BadUpstream,
	"context_length": llm.ContextTooLong, "invalid_request": llm.Invalid, "model_not_found": llm.ModelNotFound,
	"overloaded": llm.Overloaded, "rate_limit": llm.RateLimited, "timeout": llm.Timeout, "too_large": llm.TooLarge,
}

// own are the same errors when they are the client's or ours.
var own = map[string]llm.ErrorKind{
	"authentication": llm.Unauthenticated, "permission": llm.Forbidden, "quota": llm.QuotaExceeded, "server": llm.Internal,
	"context_length": llm.ContextTooLong, "invalid_request": llm.Invalid, "model_not_found": llm.ModelNotFound,
	"overloaded": llm.Overloaded, "rate_limit": llm.RateLimited, "timeout": llm.Timeout, "too_large": llm.TooLarge,
}

func TestErrorsOfTheFixtures(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(fixtures, "20-errors", "*.json"))
	if err != nil || len(paths) != len(kinds) {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, p := range paths {
		var c struct {
			Kind     string
			Messages struct {
				Status  int
				Headers map[string]string
				Body    json.RawMessage
			}
		}
		if err := json.Unmarshal(read(t, p), &c); err != nil {
			t.Fatal(err)
		}
		t.Run(c.Kind, func(t *testing.T) {
			header := http.Header{}
			for k, v := range c.Messages.Headers {
				header.Set(k, v)
			}
			got := codec.DecodeError(c.Messages.Status, header, c.Messages.Body)
			if got.Kind != kinds[c.Kind] {
				t.Errorf("kind %v, want %v", got.Kind, kinds[c.Kind])
			}
			if wait := c.Messages.Headers["retry-after"]; wait != "" && got.RetryAfter.String() != wait+"s" {
				t.Errorf("retry after %v, want %s", got.RetryAfter, wait)
			}
			if got.Kind == llm.BadUpstream {
				want := 502
				if c.Messages.Status >= 500 {
					want = c.Messages.Status // the vendor failed by itself
				}
				if status, _, body := codec.EncodeError(got, protocol.Head{}); status != want || strings.Contains(string(body), "x-api-key") {
					t.Errorf("the client sees %d %s", status, body)
				}
			}
			message, _ := at(t, value(t, c.Messages.Body), "error", "message").(string)
			e := &llm.Error{Kind: own[c.Kind], Message: message, RetryAfter: got.RetryAfter}
			status, out, body := codec.EncodeError(e, protocol.Head{RequestID: "req_fixture"})
			if status != c.Messages.Status || out.Get("Retry-After") != c.Messages.Headers["retry-after"] {
				t.Errorf("status %d, header %v", status, out)
			}
			same(t, value(t, body), value(t, c.Messages.Body))
		})
	}
}

func TestErrorsOfOddUpstreams(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		kind   llm.ErrorKind
		wait   time.Duration
		field  string
	}{
		"html":               {503, nil, "<html>busy</html>", llm.Overloaded, 0, ""},
		"empty":              {500, nil, "", llm.BadUpstream, 0, ""},
		"array":              {400, nil, `[{"error":{"message":"no"}}]`, llm.Invalid, 0, ""},
		"text":               {400, nil, `{"error":"no"}`, llm.Invalid, 0, ""},
		"message alone":      {422, nil, `{"message":"no"}`, llm.Invalid, 0, ""},
		"page not found":     {404, nil, "<html>", llm.BadUpstream, 0, ""},
		"redirect":           {302, nil, "", llm.BadUpstream, 0, ""},
		"cut":                {400, nil, `{"error":{"message":"no`, llm.Invalid, 0, ""},
		"another envelope":   {401, nil, `{"error":{"message":"bad key sk-1","type":"invalid_request_error"}}`, llm.BadUpstream, 0, ""},
		"no money in a 400":  {400, nil, `{"error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}`, llm.BadUpstream, 0, ""},
		"spend limit":        {429, nil, `{"error":{"type":"rate_limit_error","message":"enforced_spend_limit_reached"}}`, llm.BadUpstream, 0, ""},
		"overload in a 500":  {500, nil, `{"error":{"type":"overloaded_error","message":"x"}}`, llm.Overloaded, 0, ""},
		"context limit":      {400, nil, `{"error":{"type":"invalid_request_error","message":"input length and max_tokens exceed context limit"}}`, llm.ContextTooLong, 0, ""},
		"field":              {400, nil, `{"error":{"type":"invalid_request_error","message":"messages.0.content.12.text: too short"}}`, llm.Invalid, 0, "messages[0].content[12].text"},
		"wait in ms":         {429, http.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"9"}}, `{}`, llm.RateLimited, 1500 * time.Millisecond, ""},
		"wait in words":      {429, nil, `{"error":{"message":"Please try again in 2.5s."}}`, llm.RateLimited, 2500 * time.Millisecond, ""},
		"wait until a date":  {429, http.Header{"Retry-After": {"Mon, 01 Jan 2001 00:00:00 GMT"}}, `{}`, llm.RateLimited, 0, ""},
		"wait for ever":      {429, http.Header{"Retry-After": {"1e300"}}, `{}`, llm.RateLimited, 24 * time.Hour, ""},
		"wait before now":    {429, http.Header{"Retry-After": {"-3"}}, `{}`, llm.RateLimited, 0, ""},
		"wait for nonsense":  {429, http.Header{"Retry-After": {"soon"}}, `{}`, llm.RateLimited, 0, ""},
		"gateway before it":  {524, nil, "<html>", llm.Timeout, 0, ""},
		"unsupported coding": {415, nil, "", llm.UnsupportedMedia, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := codec.DecodeError(c.status, c.header, []byte(c.body))
			if e.Kind != c.kind || e.RetryAfter != c.wait || e.Field != c.field || e.Message == "" {
				t.Errorf("got %+v", e)
			}
			if strings.Contains(e.Message, "sk-1") {
				t.Error("a key leaks")
			}
		})
	}
}

func TestEveryKindHasAnAnswer(t *testing.T) {
	for kind := llm.Internal; kind <= llm.Canceled; kind++ {
		status, _, body := codec.EncodeError(llm.Errorf(kind, "why \"x\""), protocol.Head{RequestID: "req"})
		got := value(t, body)
		if status < 400 || at(t, got, "type") != "error" || at(t, got, "error", "type") == "" || at(t, got, "request_id") != "req" {
			t.Errorf("%v: %d %s", kind, status, body)
		}
	}
	_, _, body := codec.EncodeError(llm.Errorf(llm.ContextTooLong, "too many words"), protocol.Head{})
	if at(t, value(t, body), "error", "message") != "prompt is too long: too many words" {
		t.Errorf("clients will not compact: %s", body)
	}
}

func FuzzDecodeError(f *testing.F) {
	f.Add(429, "7", []byte(`{"error":{"type":"rate_limit_error","message":"try again in 5 s"}}`))
	f.Add(500, "x", []byte(`[[`))
	f.Fuzz(func(t *testing.T, status int, wait string, body []byte) {
		e := codec.DecodeError(status, http.Header{"Retry-After": {wait}}, body)
		if e == nil || e.Message == "" || e.RetryAfter < 0 || e.RetryAfter > 24*time.Hour {
			t.Fatalf("%+v", e)
		}
		if _, _, out := codec.EncodeError(e, protocol.Head{}); !json.Valid(out) {
			t.Fatalf("not JSON: %s", out)
		}
	})
}
