package chat

import (
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// encoder writes one request for one target.
type encoder struct {
	req      *llm.Request
	to       protocol.Target
	names    *protocol.NameMap
	b        []byte
	findings []llm.Finding
	err      error // the first reason for which no useful answer is possible

	tools    []int           // indices of the tools that are offered
	answered map[[2]int]bool // tool results already written, by turn and block
	carry    []part          // content for the head of the next user message
}

// EncodeRequest writes req for a server of this protocol.
func (c *Codec) EncodeRequest(req *llm.Request, to protocol.Target) ([]byte, []llm.Finding, error) {
	names, err := protocol.Names(req)
	if err != nil {
		return nil, nil, err
	}
	if err := protocol.CheckState(req, origin); err != nil {
		return nil, nil, err
	}
	e := &encoder{req: req, to: to, names: names, answered: map[[2]int]bool{}}
	e.b = append(make([]byte, 0, 4<<10), '{')
	model := to.Model
	if model == "" {
		model = req.Model
	}
	e.b = text(e.b, "model", model)
	e.messages()
	e.sampling()
	e.reasoning()
	e.format()
	e.toolList()
	e.stream()
	e.account()
	e.extra()
	if e.err != nil {
		return nil, nil, e.err
	}
	return append(e.b, '}'), e.findings, nil
}

// find reports what the target cannot carry.
func (e *encoder) find(class llm.FindingClass, field, reason string) {
	e.findings = append(e.findings, llm.Finding{Class: class, Field: e.req.Field(field), Reason: reason})
}

// refuse ends the encoding: no answer would be of use.
func (e *encoder) refuse(field, format string, args ...any) {
	if e.err == nil {
		e.err = llm.InvalidField(field, format, args...)
	}
}

// may reports whether the server takes a top-level field.
func (e *encoder) may(field string) bool {
	if !slices.Contains(e.to.Quirks.DropFields, field) {
		return true
	}
	class := llm.Dropped
	switch field {
	case "tools", "tool_choice", "response_format", "stop", "logit_bias", "max_tokens", "max_completion_tokens":
		class = llm.Lost
	}
	e.find(class, field, "refused_by_provider")
	return false
}

func (e *encoder) stream() {
	if !e.req.Stream {
		return
	}
	e.b = append(key(e.b, "stream"), "true"...)
	if e.to.Quirks.NoStreamOptions || !e.may("stream_options") {
		return
	}
	e.b = append(key(e.b, "stream_options"), '{')
	for _, x := range e.req.Extra {
		if x.Origin == origin && x.Field == "stream_options" {
			e.b = withoutUsage(e.b, x.Raw)
		}
	}
	e.b = append(key(e.b, "include_usage"), "true}"...)
}

// account writes what is about whom the request is for and how it is handled.
func (e *encoder) account() {
	r := e.req
	if r.EndUser != "" {
		name := "user"
		if e.to.Native {
			name = "safety_identifier"
		}
		if e.may(name) {
			e.b = text(e.b, name, endUser(r.EndUser))
		}
	}
	if r.CacheKey != "" && e.may("prompt_cache_key") {
		e.b = text(e.b, "prompt_cache_key", r.CacheKey)
	}
	e.tier()
	if r.Verbosity != "" && e.may("verbosity") {
		e.b = text(e.b, "verbosity", r.Verbosity)
	}
	if r.Store != nil && *r.Store { // false is the default
		if e.to.Native && e.may("store") {
			e.b = append(key(e.b, "store"), "true"...)
		} else if !e.to.Native {
			e.find(llm.Dropped, "store", "not_supported")
		}
	}
	if len(r.Metadata) > 0 && e.may("metadata") {
		e.b = append(key(e.b, "metadata"), '{')
		for _, name := range sortedKeys(r.Metadata) {
			e.b = textMember(e.b, name, r.Metadata[name])
		}
		e.b = append(e.b, '}')
	}
	if r.AutoCache != nil {
		e.find(llm.Dropped, "cache_control", "not_supported")
	}
}

// tier writes the service tier. Anthropic's word for the usual one differs.
func (e *encoder) tier() {
	tier := e.req.ServiceTier
	switch tier {
	case "":
		return
	case "standard_only":
		tier = "default"
	}
	if e.may("service_tier") {
		e.b = text(e.b, "service_tier", tier)
	}
}

// extra gives this protocol's own fields back and reports those of others.
func (e *encoder) extra() {
	for _, x := range e.req.Extra {
		own := x.Origin == origin
		switch {
		case own && x.Field == "stream_options":
			if !e.req.Stream {
				e.find(llm.Dropped, x.Field, "not_streamed")
			}
		case own && !strings.ContainsAny(x.Field, ".["):
			if e.may(x.Field) {
				e.b = append(textKey(e.b, x.Field), x.Raw...)
			}
		case own, void(x.Field):
			e.find(llm.Dropped, x.Field, "not_supported")
		default:
			e.find(llm.Lost, x.Field, "not_supported")
		}
	}
}

// void reports whether a foreign field says nothing about the meaning of the
// answer.
func void(field string) bool {
	name, _, _ := strings.Cut(field, ".")
	switch name {
	case "context_management", "include", "client_metadata", "truncation", "metadata", "user",
		"prompt_cache_retention", "prompt_cache_options", "stream_options", "thinking", "reasoning", "safetySettings",
		"cachedContent", "labels", "inference_geo", "speed":
		return true
	}
	return strings.HasPrefix(name, "messages[") || strings.HasPrefix(name, "input[") || strings.HasPrefix(name, "tools[")
}
