package responses

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Reasons of findings.
const (
	reasonUnsupported = "not_supported"
	reasonForeign     = "foreign_reasoning"
	reasonModel       = "not_supported_by_model"
	reasonRaised      = "raised_to_minimum"
	reasonClamped     = "clamped"
)

// encoder writes one request.
type encoder struct {
	req      *llm.Request
	to       protocol.Target
	names    *protocol.NameMap
	out      []byte
	findings []llm.Finding

	plan     []bool // which tools are written, by index
	own      map[string][]byte
	reasoned bool // reasoning was asked for
}

// EncodeRequest writes req for an upstream of this protocol. Nothing is stored
// there unless the client said so: sealed reasoning carries the state.
func (*Codec) EncodeRequest(req *llm.Request, to protocol.Target) ([]byte, []llm.Finding, error) {
	names, err := protocol.Names(req)
	if err != nil {
		return nil, nil, err
	}
	if err := protocol.CheckState(req, llm.Responses); err != nil {
		return nil, nil, err
	}
	e := &encoder{req: req, to: to, names: names, own: map[string][]byte{}}
	e.planTools()
	if err := e.refuse(); err != nil {
		return nil, nil, err
	}
	e.out = append(e.out, '{')
	e.string("model", to.Model)
	e.sortExtra()
	if err := e.input(); err != nil {
		return nil, nil, err
	}
	if err := e.tools(); err != nil {
		return nil, nil, err
	}
	e.sampling()
	e.reasoning()
	e.text()
	e.identity()
	e.rest()
	if req.Stream {
		e.raw("stream", []byte("true"))
	}
	return append(e.out, '}'), e.findings, nil
}

// found notes what could not be carried.
func (e *encoder) found(class llm.FindingClass, field, reason string) {
	e.findings = append(e.findings, llm.Finding{Class: class, Field: e.req.Field(field), Reason: reason})
}

// raw writes a top-level member, unless the server refuses it.
func (e *encoder) raw(name string, value []byte) {
	if slices.Contains(e.to.Quirks.DropFields, name) {
		e.found(llm.Dropped, name, reasonUnsupported)
		return
	}
	e.out = appendMember(e.out, []byte(name), value)
}

func (e *encoder) string(name, value string) { e.raw(name, jsonscan.AppendString(nil, value)) }

func (e *encoder) int(name string, n int) { e.raw(name, strconv.AppendInt(nil, int64(n), 10)) }

func (e *encoder) float(name string, f float64) {
	e.raw(name, strconv.AppendFloat(nil, f, 'g', -1, 64))
}

// refuse returns the error for a request that no answer could satisfy.
func (e *encoder) refuse() error {
	if n := e.req.Sampling.N; n != nil && *n > 1 {
		return llm.InvalidField("n", "This model gives one answer a request; 'n' may not exceed 1.")
	}
	return nil
}

// sampling writes how tokens are drawn.
func (e *encoder) sampling() {
	s := &e.req.Sampling
	e.outputCap(s.MaxTokens)
	for _, f := range [...]struct {
		name  string
		value *float64
	}{{"temperature", s.Temperature}, {"top_p", s.TopP}} {
		switch {
		case f.value == nil:
		case e.to.Reasoning && *f.value != 1:
			e.found(llm.Dropped, f.name, reasonModel)
		default:
			e.float(f.name, *f.value)
		}
	}
	if s.TopLogprobs != nil && s.Logprobs == nil {
		e.int("top_logprobs", *s.TopLogprobs)
	}
	for _, f := range [...]struct {
		name  string
		set   bool
		class llm.FindingClass
	}{
		{"top_k", s.TopK != nil, llm.Dropped},
		{"seed", s.Seed != nil, llm.Dropped},
		{"stop", len(s.Stop) > 0, llm.Lost},
		{"logit_bias", len(s.LogitBias) > 0, llm.Lost},
		{"logprobs", s.Logprobs != nil && *s.Logprobs, llm.Lost},
		{"presence_penalty", s.PresencePenalty != nil && *s.PresencePenalty != 0, llm.Approximated},
		{"frequency_penalty", s.FrequencyPenalty != nil && *s.FrequencyPenalty != 0, llm.Approximated},
	} {
		if f.set {
			e.found(f.class, f.name, reasonUnsupported)
		}
	}
}

func (e *encoder) outputCap(most *int) {
	if most == nil {
		return
	}
	n := *most
	switch {
	case n < minOutputTokens:
		n = minOutputTokens
		e.found(llm.Approximated, "max_tokens", reasonRaised)
	case e.to.MaxOutput >= minOutputTokens && n > e.to.MaxOutput:
		n = e.to.MaxOutput
		e.found(llm.Approximated, "max_tokens", reasonClamped)
	}
	e.int("max_output_tokens", n)
}

// identity writes who asks and how the request is to be treated.
func (e *encoder) identity() {
	if id := e.req.EndUser; id != "" {
		switch {
		case !e.to.Native:
			e.found(llm.Dropped, "user", reasonUnsupported)
		case len(id) > 64, strings.HasPrefix(id, "{"): // JSON may hold more than an id
			sum := sha256.Sum256([]byte(id))
			e.string("safety_identifier", hex.EncodeToString(sum[:]))
		default:
			e.string("safety_identifier", id)
		}
	}
	if e.req.CacheKey != "" {
		e.string("prompt_cache_key", e.req.CacheKey)
	}
	if len(e.req.Metadata) > 0 {
		e.raw("metadata", appendTextMap(nil, e.req.Metadata))
	}
	switch tier := e.req.ServiceTier; tier {
	case "":
	case "auto", "default", "flex", "scale", "priority", "fast", "ultrafast":
		e.string("service_tier", tier)
	case "standard_only":
		e.string("service_tier", "default")
	default:
		e.found(llm.Dropped, "service_tier", reasonUnsupported)
	}
	if e.req.AutoCache != nil {
		e.found(llm.Dropped, "cache_control", reasonUnsupported)
	}
}

func appendTextMap(dst []byte, m map[string]string) []byte {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for _, k := range keys {
		dst = appendMember(dst, []byte(k), jsonscan.AppendString(nil, m[k]))
	}
	return append(dst, '}')
}
