package responses

import (
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// reasoning asks for thinking. A budget of tokens becomes an effort.
func (e *encoder) reasoning() {
	r := e.req.Reasoning
	if r == nil && !e.hasOwn("reasoning.") {
		return
	}
	obj := []byte{'{'}
	if r != nil {
		if e.to.Thinking == "none" && (r.Effort != "" || r.Budget != nil || r.Adaptive) {
			e.found(llm.Dropped, "reasoning", reasonModel)
			return
		}
		if effort := e.effort(r); effort != "" {
			obj = appendMember(obj, []byte("effort"), jsonscan.AppendString(nil, effort))
		}
		if s := summaryOf(r); s != "" {
			obj = appendMember(obj, []byte("summary"), jsonscan.AppendString(nil, s))
		}
	}
	obj = e.appendOwn(obj, "reasoning.")
	if len(obj) == 1 {
		return
	}
	e.reasoned = true
	e.raw("reasoning", append(obj, '}'))
}

// effort returns the word for how much to think; "" leaves it to the model.
func (e *encoder) effort(r *llm.Reasoning) string {
	off := r.Disabled || r.Budget != nil && *r.Budget == 0
	switch {
	case off && (r.Effort == "none" || !e.to.Reasoning):
		return r.Effort
	case off:
		e.found(llm.Approximated, "reasoning", "lowest_effort")
		return "low"
	case r.Effort != "":
		return r.Effort
	case r.Budget != nil:
		e.found(llm.Approximated, "reasoning", "budget_as_effort")
		return effortOf(*r.Budget)
	case r.Adaptive:
		return "high"
	}
	return ""
}

func effortOf(budget int) string {
	switch {
	case budget < 2048:
		return "low"
	case budget < 12288:
		return "medium"
	case budget < 28672:
		return "high"
	}
	return "xhigh"
}

// summaryOf returns the summary to ask for. Where thinking was asked for by
// budget, the thoughts are expected to be shown.
func summaryOf(r *llm.Reasoning) string {
	switch {
	case r.Summary == "omitted":
		return ""
	case r.Summary != "":
		return r.Summary
	case !r.Disabled && (r.Adaptive || r.Budget != nil && *r.Budget > 0):
		return "auto"
	}
	return ""
}

// text writes the form of the answer.
func (e *encoder) text() {
	obj := []byte{'{'}
	if f := e.req.Format; f != nil {
		obj = appendMember(obj, []byte("format"), formatOf(f))
	}
	if e.req.Verbosity != "" {
		obj = appendMember(obj, []byte("verbosity"), jsonscan.AppendString(nil, e.req.Verbosity))
	}
	obj = e.appendOwn(obj, "text.")
	if len(obj) > 1 {
		e.raw("text", append(obj, '}'))
	}
}

func formatOf(f *llm.Format) []byte {
	if f.Schema == nil {
		return []byte(`{"type":"json_object"}`)
	}
	name := f.Name
	if name == "" {
		name = "response"
	}
	out := []byte(`{"type":"json_schema"`)
	out = appendMember(out, []byte("name"), jsonscan.AppendString(nil, protocol.ToolName(name)))
	if f.Description != "" {
		out = appendMember(out, []byte("description"), jsonscan.AppendString(nil, f.Description))
	}
	out = appendMember(out, []byte("schema"), f.Schema)
	switch {
	case f.Strict != nil:
		out = appendMember(out, []byte("strict"), strconv.AppendBool(nil, *f.Strict))
	case protocol.CanBeStrict(f.Schema): // where the client comes from, every schema is
		out = appendMember(out, []byte("strict"), []byte("true"))
	}
	return append(out, '}')
}
