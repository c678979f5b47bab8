package chat_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol/protocoltest"
)

// TestErrorFixtures writes each kind of error as the fixtures have it, and
// reads it back as an upstream's.
func TestErrorFixtures(t *testing.T) {
	for name, c := range map[string]struct {
		kind     llm.ErrorKind
		field    string
		code     string
		upstream llm.ErrorKind
	}{
		"authentication":  {llm.Unauthenticated, "", "", llm.BadUpstream},
		"context_length":  {llm.ContextTooLong, "", "", llm.ContextTooLong},
		"invalid_request": {llm.Invalid, "temperature", "", llm.Invalid},
		"model_not_found": {llm.ModelNotFound, "", "", llm.ModelNotFound},
		"overloaded":      {llm.Overloaded, "", "", llm.Overloaded},
		"permission":      {llm.Forbidden, "", "", llm.BadUpstream},
		"quota":           {llm.QuotaExceeded, "", "", llm.BadUpstream},
		"rate_limit":      {llm.RateLimited, "", "", llm.RateLimited},
		"server":          {llm.Internal, "", "", llm.BadUpstream},
		"timeout":         {llm.Timeout, "", "", llm.Timeout},
		"too_large":       {llm.TooLarge, "", "", llm.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			var file struct {
				Chat struct {
					Status  int               `json:"status"`
					Headers map[string]string `json:"headers"`
					Body    json.RawMessage   `json:"body"`
				} `json:"chat_and_responses"`
			}
			if err := json.Unmarshal(protocoltest.File("20-errors", name+".json"), &file); err != nil {
				t.Fatal(err)
			}
			var said struct {
				Error struct {
					Message string `json:"message"`
				} `json:"error"`
			}
			if err := json.Unmarshal(file.Chat.Body, &said); err != nil {
				t.Fatal(err)
			}
			header := http.Header{}
			for k, v := range file.Chat.Headers {
				header.Set(k, v)
			}
			e := codec().DecodeError(file.Chat.Status, header, file.Chat.Body)
			if e.Kind != c.upstream || e.Upstream.Status != file.Chat.Status {
				t.Errorf("as an upstream's: %v %+v", e.Kind, e)
			}
			if wait := header.Get("Retry-After"); wait != "" && fmt.Sprint(int(e.RetryAfter.Seconds())) != wait {
				t.Errorf("wait %v", e.RetryAfter)
			}
			status, out, body := codec().EncodeError(&llm.Error{
				Kind: c.kind, Message: said.Error.Message, Field: c.field, Code: c.code, RetryAfter: e.RetryAfter,
			}, protocol.Head{})
			if status != file.Chat.Status || out.Get("Retry-After") != header.Get("Retry-After") {
				t.Errorf("status %d, header %v", status, out)
			}
			if got, want := protocoltest.Canonical(body), protocoltest.Canonical(file.Chat.Body); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestEveryKindHasAForm(t *testing.T) {
	seen := map[string]llm.ErrorKind{}
	for kind := llm.Internal; kind <= llm.Canceled; kind++ {
		status, _, body := codec().EncodeError(&llm.Error{Kind: kind, Message: "m"}, protocol.Head{})
		if status < 400 || status > 599 {
			t.Errorf("%v: status %d", kind, status)
		}
		object(t, body)
		form := fmt.Sprint(status, string(body))
		if other, twice := seen[form]; twice && kind != llm.NotFound {
			t.Errorf("%v and %v look alike: %s", kind, other, form)
		}
		seen[form] = kind
	}
}

func TestDecodeError(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		kind    llm.ErrorKind
		message string // contained
		wait    time.Duration
	}{
		"html":             {502, "<html>Bad gateway</html>", llm.BadUpstream, "502 Bad Gateway", 0},
		"empty":            {500, "", llm.BadUpstream, "500 Internal", 0},
		"no API there":     {404, "<html>", llm.BadUpstream, "404", 0},
		"array":            {400, `[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]`, llm.Invalid, "bad", 0},
		"empty array":      {400, `[]`, llm.Invalid, "400", 0},
		"key":              {401, `{"error":{"message":"Incorrect API key provided: sk-abc"}}`, llm.BadUpstream, "gateway's own account", 0},
		"key, as 400":      {400, `{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xai-1"}`, llm.BadUpstream, "gateway's own account", 0},
		"money":            {402, `{"error":{"message":"Insufficient Balance"}}`, llm.BadUpstream, "gateway's own account", 0},
		"quota":            {429, `{"error":{"message":"You exceeded","code":"insufficient_quota"}}`, llm.BadUpstream, "gateway's own account", 0},
		"GLM, money":       {429, `{"error":{"code":"1113","message":"x"}}`, llm.BadUpstream, "gateway's own account", 0},
		"GLM, rate":        {400, `{"error":{"code":"1302","message":"x"}}`, llm.RateLimited, "x", 0},
		"moderation":       {403, `{"error":{"message":"Your input was flagged"}}`, llm.ContentPolicy, "flagged", 0},
		"country":          {403, `{"error":{"message":"Country not supported"}}`, llm.BadUpstream, "gateway's own account", 0},
		"DashScope":        {400, `{"error":{"code":"data_inspection_failed","message":"x"},"request_id":"r"}`, llm.ContentPolicy, "x", 0},
		"too long":         {400, `{"error":{"message":"This model's maximum context length is 8192 tokens"}}`, llm.ContextTooLong, "8192", 0},
		"too long, vLLM":   {400, `{"object":"error","message":"maximum context length is 8192","type":"BadRequestError","code":400}`, llm.ContextTooLong, "8192", 0},
		"Mistral":          {422, `{"detail":[{"loc":["body","messages",0,"content"],"msg":"Field required","type":"missing"}]}`, llm.Invalid, "Field required", 0},
		"detail":           {404, `{"detail":"Not Found"}`, llm.NotFound, "Not Found", 0},
		"model":            {404, `{"error":{"message":"model 'x' not found"}}`, llm.ModelNotFound, "not found", 0},
		"loading":          {503, `{"error":{"message":"Loading model"}}`, llm.Overloaded, "Loading", 0},
		"overloaded 500":   {500, `{"error":{"message":"x","type":"engine_overloaded_error"}}`, llm.Overloaded, "x", 0},
		"rate with text":   {429, `{"error":{"message":"Rate limit reached. Please try again in 1m2.5s."}}`, llm.RateLimited, "again", 62500 * time.Millisecond},
		"rate with detail": {429, `[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"7s"}]}}]`, llm.RateLimited, "m", 7 * time.Second},
		"cloudflare":       {524, "", llm.Timeout, "524", 0},
		"redirect":         {302, "", llm.BadUpstream, "302", 0},
		"wrong types":      {400, `{"error":{"message":7,"type":[],"code":{},"param":1}}`, llm.Invalid, "400", 0},
	} {
		e := codec().DecodeError(c.status, http.Header{}, []byte(c.body))
		if e.Kind != c.kind || !strings.Contains(e.Message, c.message) || e.RetryAfter != c.wait {
			t.Errorf("%s: %v %q %v", name, e.Kind, e.Message, e.RetryAfter)
		}
		if e.Kind == llm.BadUpstream && (strings.Contains(e.Message, "sk-") || strings.Contains(e.Message, "xai-")) {
			t.Errorf("%s: a piece of a key in %q", name, e.Message)
		}
	}
	if e := codec().DecodeError(422, http.Header{}, []byte(`{"detail":[{"loc":["body","messages",0,"content"],"msg":"m"}]}`)); e.Field != "messages[0].content" {
		t.Errorf("field %q", e.Field)
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{"7": 7 * time.Second, "0.5": 500 * time.Millisecond, "-1": 0, "soon": 0, "NaN": 0, "1e99": 24 * time.Hour} {
		if e := codec().DecodeError(429, http.Header{"Retry-After": {value}}, nil); e.RetryAfter != want {
			t.Errorf("%s: %v", value, e.RetryAfter)
		}
	}
	if e := codec().DecodeError(429, http.Header{"Retry-After-Ms": {"120"}, "Retry-After": {"7"}}, nil); e.RetryAfter != 120*time.Millisecond {
		t.Errorf("milliseconds: %v", e.RetryAfter)
	}
	at := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	if e := codec().DecodeError(429, http.Header{"Retry-After": {at}}, nil); e.RetryAfter < 50*time.Second || e.RetryAfter > time.Minute {
		t.Errorf("a date: %v", e.RetryAfter)
	}
}
