package gemini

import (
	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// checkSettings reports the settings that have no place here.
func (e *encoder) checkSettings() error {
	s := &e.req.Sampling
	if s.N != nil && *s.N > 1 {
		return llm.InvalidField("n", "n: this model gives one answer at a time.")
	}
	if s.Logprobs != nil && *s.Logprobs || s.TopLogprobs != nil && *s.TopLogprobs > 0 {
		e.note(llm.Lost, "logprobs", notSupported)
	}
	if len(s.LogitBias) > 0 && string(s.LogitBias) != "{}" {
		e.note(llm.Lost, "logit_bias", notSupported)
	}
	for _, left := range [...]struct {
		said  bool
		field string
	}{
		{e.req.Verbosity != "", "verbosity"},
		{len(e.req.Metadata) > 0, "metadata"},
		{e.req.Store != nil && *e.req.Store, "store"},
		{e.req.CacheKey != "", "prompt_cache_key"},
		{e.req.EndUser != "", "user"},
	} {
		if left.said {
			e.note(llm.Dropped, left.field, notSupported)
		}
	}
	return nil
}

// maxStops is how many stop sequences the vendor takes.
const maxStops = 5

// writeGeneration writes generationConfig.
func (e *encoder) writeGeneration() {
	e.out = append(e.key(e.out, "generationConfig"), '{')
	start := len(e.out)
	s := &e.req.Sampling
	if s.MaxTokens != nil {
		n := *s.MaxTokens
		if e.to.MaxOutput > 0 && n > e.to.MaxOutput {
			n = e.to.MaxOutput
			e.note(llm.Approximated, "max_tokens", "clamped")
		}
		e.out = appendInt(e.key(e.out, "maxOutputTokens"), int64(n))
	}
	for _, f := range [...]struct {
		name, field string
		value       *float64
	}{
		{"temperature", "temperature", s.Temperature},
		{"topP", "top_p", s.TopP},
		{"presencePenalty", "presence_penalty", s.PresencePenalty},
		{"frequencyPenalty", "frequency_penalty", s.FrequencyPenalty},
	} {
		switch {
		case f.value == nil:
		case e.to.Reasoning:
			e.note(llm.Dropped, f.field, "refused_by_reasoning_model")
		default:
			e.out = appendFloat(e.key(e.out, f.name), *f.value)
		}
	}
	if s.TopK != nil {
		e.out = appendInt(e.key(e.out, "topK"), int64(*s.TopK))
	}
	if s.Seed != nil {
		e.out = appendInt(e.key(e.out, "seed"), int64(int32(*s.Seed))) // #nosec G115 -- the vendor takes 32 bits; any fixed choice of them is a seed
	}
	e.writeStops(s.Stop)
	e.writeFormat()
	e.writeThinking()
	for _, x := range e.extras["generationConfig"] {
		e.out = append(e.key(e.out, x.Field), x.Raw...)
	}
	if len(e.out) > start {
		e.out = append(e.out, '}')
		return
	}
	e.out = e.out[:start-len(`"generationConfig":{`)] // nothing to say
	if n := len(e.out); e.out[n-1] == ',' {
		e.out = e.out[:n-1]
	}
}

func (e *encoder) writeStops(stops []string) {
	if len(stops) > maxStops {
		e.note(llm.Approximated, "stop", "too_many_stop_sequences")
		stops = stops[:maxStops]
	}
	if len(stops) == 0 {
		return
	}
	list := make([][]byte, len(stops))
	for i, s := range stops {
		list[i] = jsonscan.AppendString(nil, s)
	}
	e.out = appendArray(e.key(e.out, "stopSequences"), list)
}

func (e *encoder) writeFormat() {
	f := e.req.Format
	if f == nil || e.formatByWords() {
		return
	}
	e.out = append(e.key(e.out, "responseMimeType"), `"application/json"`...)
	if f.Schema != nil {
		e.out = append(e.key(e.out, "responseJsonSchema"), f.Schema...)
	}
}

// formatByWords reports whether the format is part of the system prompt: models
// from before those that think by levels refuse one beside functions.
func (e *encoder) formatByWords() bool {
	older := e.to.Thinking == "budget" || e.to.Thinking == "none"
	return e.req.Format != nil && older && len(e.tools.functions) > 0
}

// writeThinking writes thinkingConfig: a level where the model is known to
// take one, else a budget, which all take. Never both.
func (e *encoder) writeThinking() {
	r := e.req.Reasoning
	extra := e.extras["generationConfig.thinkingConfig"]
	if r == nil {
		return
	}
	if e.to.Thinking == "none" {
		if !off(r) {
			e.note(llm.Approximated, "reasoning", "model_does_not_think")
		}
		return
	}
	config := []byte{'{'}
	switch r.Summary {
	case "":
		if !off(r) && (r.Effort != "" || r.Adaptive || r.Budget != nil) {
			config = append(config, `"includeThoughts":true`...)
		}
	case "omitted":
	default:
		config = append(config, `"includeThoughts":true`...)
	}
	config = e.appendDepth(config, r)
	for _, x := range extra {
		config = append(e.key(config, x.Field), x.Raw...)
	}
	if len(config) > 1 {
		e.out = append(append(e.key(e.out, "thinkingConfig"), config...), '}')
	}
}

// off reports whether the client wants no thinking.
func off(r *llm.Reasoning) bool {
	return r.Disabled || r.Budget != nil && *r.Budget == 0 || r.Budget == nil && !r.Adaptive && r.Effort == "none"
}

// appendDepth appends how much to think.
func (e *encoder) appendDepth(dst []byte, r *llm.Reasoning) []byte {
	if e.to.Thinking == "adaptive" {
		level := levelOf(r)
		if off(r) {
			e.note(llm.Approximated, "reasoning", "lowest_effort")
		}
		if level == "" {
			return dst
		}
		return jsonscan.AppendString(e.key(dst, "thinkingLevel"), level)
	}
	budget, ok := budgetOf(r)
	if !ok {
		return dst
	}
	if off(r) && e.to.LeastThought > 0 {
		e.note(llm.Approximated, "reasoning", "lowest_effort")
		return appendInt(e.key(dst, "thinkingBudget"), int64(e.to.LeastThought))
	}
	if r.Budget != nil && *r.Budget != budget && !r.Disabled {
		e.note(llm.Approximated, "reasoning", "clamped")
	}
	return appendInt(e.key(dst, "thinkingBudget"), int64(budget))
}

// levelOf maps what was asked to the words of newer models.
func levelOf(r *llm.Reasoning) string {
	switch {
	case off(r):
		return "LOW" // the lowest that all of them take
	case r.Effort == "minimal":
		return "MINIMAL"
	case r.Effort == "low":
		return "LOW"
	case r.Effort == "medium":
		return "MEDIUM"
	case r.Effort == "high", r.Effort == "xhigh", r.Effort == "max":
		return "HIGH"
	case r.Budget == nil:
		return ""
	case *r.Budget <= 4096:
		return "LOW"
	case *r.Budget <= 12288:
		return "MEDIUM"
	}
	return "HIGH"
}

// Every model that thinks by budget takes these tokens to think with, some a
// few more or less.
const (
	minBudget = 512
	maxBudget = 24576
)

// budgetOf returns the tokens to think with, as the vendor's own layer for
// other protocols maps efforts; -1 leaves it to the model.
func budgetOf(r *llm.Reasoning) (int, bool) {
	switch {
	case off(r):
		return 0, true
	case r.Budget != nil && *r.Budget < 0:
		return -1, true
	case r.Budget != nil:
		return max(minBudget, min(*r.Budget, maxBudget)), true
	}
	switch r.Effort {
	case "minimal", "low":
		return 1024, true
	case "medium":
		return 8192, true
	case "high", "xhigh", "max":
		return maxBudget, true
	}
	return -1, r.Adaptive
}
