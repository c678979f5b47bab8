package gemini

import (
	"strings"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// failureIn returns the error of an error object inside an answer.
func failureIn(v []byte) *llm.Error {
	e := &llm.Error{Kind: llm.BadUpstream, Message: text(jsonscan.Get(v, "message"))}
	if e.Message == "" {
		e.Message = "The upstream reported an error without words."
	}
	switch text(jsonscan.Get(v, "status")) {
	case "INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE":
		e.Kind = llm.Invalid
		switch {
		case strings.Contains(e.Message, "API key"):
			e.Kind = llm.BadUpstream
		case strings.Contains(e.Message, "token count"):
			e.Kind = llm.ContextTooLong
		}
	case "NOT_FOUND":
		e.Kind = llm.ModelNotFound
	case "RESOURCE_EXHAUSTED":
		e.Kind = llm.RateLimited
	case "UNAVAILABLE":
		e.Kind = llm.Overloaded
	case "DEADLINE_EXCEEDED":
		e.Kind = llm.Timeout
	}
	e.RetryAfter = retryDelay(jsonscan.Get(v, "details"))
	return e
}

// retryDelay returns the wait that a RetryInfo asks for.
func retryDelay(details []byte) time.Duration {
	it := jsonscan.Elements(details)
	for it.Next() {
		d, err := time.ParseDuration(text(jsonscan.Get(it.Value(), "retryDelay")))
		if err == nil && d > 0 {
			return d
		}
	}
	return 0
}
