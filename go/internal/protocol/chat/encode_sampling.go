package chat

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func (e *encoder) sampling() {
	s := &e.req.Sampling
	e.maxTokens()
	e.float("temperature", s.Temperature, 1)
	e.float("top_p", s.TopP, 1)
	e.float("presence_penalty", s.PresencePenalty, 0)
	e.float("frequency_penalty", s.FrequencyPenalty, 0)
	if s.Seed != nil && e.may("seed") {
		e.b = number(e.b, "seed", *s.Seed)
	}
	if s.TopK != nil {
		e.find(llm.Dropped, "top_k", "not_supported")
	}
	e.stop()
	if s.LogitBias != nil && e.suits("logit_bias", llm.Lost) {
		e.b = append(key(e.b, "logit_bias"), s.LogitBias...)
	}
	// One answer without probabilities is all that the events of an answer
	// hold, so nobody should pay for more.
	if s.N != nil && *s.N > 1 {
		e.find(llm.Lost, "n", "one_choice")
	}
	if s.Logprobs != nil && *s.Logprobs {
		e.find(llm.Lost, "logprobs", "not_translated")
	} else if s.TopLogprobs != nil && *s.TopLogprobs > 0 {
		e.find(llm.Lost, "top_logprobs", "not_translated")
	}
}

// maxTokens writes the output cap, within what the model can do.
func (e *encoder) maxTokens() {
	n := e.req.Sampling.MaxTokens
	if n == nil {
		return
	}
	tokens := *n
	switch most := e.to.MaxOutput; {
	case most > 0 && tokens > most:
		tokens = most
		e.find(llm.Approximated, "max_tokens", "clamped")
	case tokens < 1: // asks only to warm a cache
		tokens = 1
		e.find(llm.Approximated, "max_tokens", "raised")
	}
	name := "max_completion_tokens"
	if e.to.Quirks.OldMaxTokens {
		name = "max_tokens"
	}
	if e.may(name) {
		e.b = number(e.b, name, int64(tokens))
	}
}

// float writes a sampling parameter. Models that reason take none but the
// default.
func (e *encoder) float(name string, v *float64, standard float64) {
	if v == nil || *v != standard && !e.suits(name, llm.Dropped) || !e.may(name) {
		return
	}
	e.b = strconv.AppendFloat(key(e.b, name), *v, 'g', -1, 64)
}

// suits reports whether the model takes a sampling parameter at all.
func (e *encoder) suits(name string, class llm.FindingClass) bool {
	if e.to.Reasoning {
		e.find(class, name, "refused_by_reasoning_models")
		return false
	}
	return e.may(name)
}

func (e *encoder) stop() {
	stops := e.req.Sampling.Stop
	if len(stops) == 0 || !e.suits("stop", llm.Lost) {
		return
	}
	if len(stops) > maxStops {
		e.find(llm.Lost, "stop", "more_than_four")
		stops = stops[:maxStops]
	}
	e.b = append(key(e.b, "stop"), '[')
	for _, s := range stops {
		e.b = jsonscan.AppendString(next(e.b), s)
	}
	e.b = append(e.b, ']')
}

// format writes the shape that the answer must have.
func (e *encoder) format() {
	f := e.req.Format
	if f == nil || !e.may("response_format") {
		return
	}
	e.b = append(key(e.b, "response_format"), '{')
	if f.Schema == nil || e.looseSchema() {
		e.b = append(text(e.b, "type", "json_object"), '}')
		return
	}
	name := f.Name
	if name == "" {
		name = "response"
	}
	e.b = text(e.b, "type", "json_schema")
	e.b = append(key(e.b, "json_schema"), '{')
	e.b = text(e.b, "name", name)
	if f.Description != "" {
		e.b = text(e.b, "description", f.Description)
	}
	e.b = append(key(e.b, "schema"), f.Schema...)
	if f.Strict != nil && *f.Strict || f.Strict == nil && protocol.CanBeStrict(f.Schema) {
		e.b = append(key(e.b, "strict"), "true"...)
	}
	e.b = append(e.b, '}', '}')
}

// looseSchema reports whether the model can be told of a schema, but not be
// held to it.
func (e *encoder) looseSchema() bool {
	f := e.req.Format
	return f != nil && f.Schema != nil && e.to.Schemas != nil && !*e.to.Schemas
}

// formatHint is what a model is told that cannot be held to a schema, "" for
// all others.
func (e *encoder) formatHint() string {
	if !e.looseSchema() {
		return ""
	}
	e.find(llm.Approximated, "response_format", "schema_not_enforced")
	return "Answer with nothing but JSON that fits this schema:\n" + string(e.req.Format.Schema)
}
