package messages

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// writeSampling writes how tokens are drawn. Models that reason refuse most of
// it, and thinking refuses it for any model.
func (e *encoder) writeSampling() {
	s := &e.req.Sampling
	fixed := e.to.Reasoning || e.thinking.on()
	if t := s.Temperature; t != nil {
		switch {
		case fixed && *t != 1:
			e.note(llm.Dropped, "temperature", notSupported)
		case *t > 1:
			e.note(llm.Approximated, "temperature", clamped)
			e.float("temperature", 1)
		default:
			e.float("temperature", *t)
		}
	}
	if p := s.TopP; p != nil {
		switch {
		case e.to.Reasoning && *p < 0.99:
			e.note(llm.Dropped, "top_p", notSupported)
		case s.Temperature != nil && *p != 1:
			e.note(llm.Dropped, "top_p", "not_beside_temperature")
		case s.Temperature == nil:
			e.float("top_p", *p)
		}
	}
	if k := s.TopK; k != nil {
		if fixed {
			e.note(llm.Dropped, "top_k", notSupported)
		} else {
			e.int("top_k", *k)
		}
	}
	e.writeStops(s.Stop)
}

func (e *encoder) writeStops(stops []string) {
	var kept [][]byte
	for i, stop := range stops {
		if blank(stop) && e.to.Native { // compatible servers know no such rule
			e.note(llm.Dropped, "stop["+strconv.Itoa(i)+"]", "whitespace_only")
			continue
		}
		kept = append(kept, jsonscan.AppendString(nil, stop))
	}
	if len(kept) > 0 && e.member("stop_sequences") {
		e.out = appendList(e.out, kept)
	}
}

// checkSampling refuses or reports what the protocol has no word for.
func (e *encoder) checkSampling() error {
	s := &e.req.Sampling
	if s.N != nil && *s.N > 1 {
		return llm.InvalidField("n", "n: this model gives one answer at a time.")
	}
	if p := s.PresencePenalty; p != nil && *p != 0 {
		e.note(llm.Approximated, "presence_penalty", notSupported)
	}
	if p := s.FrequencyPenalty; p != nil && *p != 0 {
		e.note(llm.Approximated, "frequency_penalty", notSupported)
	}
	if s.Seed != nil {
		e.note(llm.Dropped, "seed", notSupported)
	}
	if s.Logprobs != nil && *s.Logprobs || s.TopLogprobs != nil && *s.TopLogprobs > 0 {
		e.note(llm.Lost, "logprobs", notSupported)
	}
	if len(s.LogitBias) > 0 && string(s.LogitBias) != "{}" {
		e.note(llm.Lost, "logit_bias", notSupported)
	}
	if e.req.Verbosity != "" {
		e.note(llm.Dropped, "verbosity", notSupported)
	}
	if len(e.req.Metadata) > 0 {
		e.note(llm.Dropped, "metadata", notSupported)
	}
	if e.req.Store != nil && *e.req.Store {
		e.note(llm.Dropped, "store", notSupported)
	}
	if key := e.req.CacheKey; key != "" && key != sessionOf(e.req.EndUser) {
		e.note(llm.Dropped, "prompt_cache_key", notSupported)
	}
	return nil
}

func (e *encoder) writeMetadata() {
	extra := e.extras["metadata"]
	if e.req.EndUser == "" && len(extra) == 0 || !e.member("metadata") {
		return
	}
	start := len(e.out)
	if e.req.EndUser != "" {
		e.out = append(e.out, `,"user_id":`...)
		e.out = jsonscan.AppendString(e.out, e.req.EndUser)
	}
	e.out = e.appendExtra(e.out, "metadata")
	e.out[start] = '{'
	e.out = append(e.out, '}')
}

func (e *encoder) writeTier() {
	switch e.req.ServiceTier {
	case "":
	case "auto", "standard_only":
		e.raw("service_tier", strconv.Quote(e.req.ServiceTier))
	case "default":
		e.raw("service_tier", `"standard_only"`)
	default:
		e.note(llm.Dropped, "service_tier", notSupported)
	}
}
