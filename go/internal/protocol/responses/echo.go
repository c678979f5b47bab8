package responses

import (
	"cmp"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// echo is what an answer repeats of its request: JSON values on one line.
type echo struct {
	instructions, metadata, parallel, reasoning, temperature, text, toolChoice, tools, topP, truncation string
	previous, thread                                                                                    string
	background                                                                                          bool
	stored                                                                                              bool
}

// readEcho reads what the answer to a request repeats. What was not said is
// answered as OpenAI's default, or as null where the model has its own.
func readEcho(head protocol.Head) echo {
	e := echo{previous: "null", stored: head.Kept, background: head.Background}
	it := jsonscan.Members(head.Body)
	for it.Next() {
		if jsonscan.IsNull(it.Value()) {
			continue
		}
		if dst := e.member(string(it.Key())); dst != nil {
			*dst = string(oneLine(it.Value()))
		}
	}
	if head.Previous != "" {
		e.previous = string(jsonscan.AppendString(nil, head.Previous))
	}
	if head.Thread != "" {
		e.thread = string(append(jsonscan.AppendString([]byte(`{"id":`), head.Thread), '}'))
	}
	e.instructions = cmp.Or(e.instructions, "null")
	e.metadata = cmp.Or(e.metadata, "{}")
	e.parallel = cmp.Or(e.parallel, "true")
	e.temperature = cmp.Or(e.temperature, "null")
	e.topP = cmp.Or(e.topP, "null")
	e.toolChoice = cmp.Or(e.toolChoice, `"auto"`)
	e.truncation = cmp.Or(e.truncation, `"disabled"`)
	e.reasoning = filled(cmp.Or(e.reasoning, "{}"), "effort", "null", "summary", "null")
	e.text = filled(cmp.Or(e.text, "{}"), "format", `{"type":"text"}`)
	e.tools = echoTools(cmp.Or(e.tools, "[]"))
	return e
}

// member is where a member of the request goes, nil if it is not repeated.
func (e *echo) member(name string) *string {
	switch name {
	case "instructions":
		return &e.instructions
	case "metadata":
		return &e.metadata
	case "parallel_tool_calls":
		return &e.parallel
	case "reasoning":
		return &e.reasoning
	case "temperature":
		return &e.temperature
	case "text":
		return &e.text
	case "tool_choice":
		return &e.toolChoice
	case "tools":
		return &e.tools
	case "top_p":
		return &e.topP
	case "truncation":
		return &e.truncation
	}
	return nil
}

// echoTools gives function tools the members that clients take for granted.
func echoTools(list string) string {
	out := []byte{'['}
	it := jsonscan.Elements([]byte(list))
	for it.Next() {
		if len(out) > 1 {
			out = append(out, ',')
		}
		tool := string(it.Value())
		if kind, _ := jsonscan.Text(jsonscan.Get(it.Value(), "type")); kind == "function" {
			tool = filled(tool, "parameters", "null", "strict", "null")
		}
		out = append(out, tool...)
	}
	return string(append(out, ']'))
}

// filled adds to an object the members it lacks, given as names and values.
func filled(object string, members ...string) string {
	raw := []byte(object)
	if jsonscan.KindOf(raw) != jsonscan.Object {
		return object
	}
	it := jsonscan.Members(raw)
	empty := !it.Next()
	out := raw[: len(raw)-1 : len(raw)-1]
	for i := 0; i+1 < len(members); i += 2 {
		if jsonscan.Get(raw, members[i]) != nil {
			continue
		}
		if !empty {
			out = append(out, ',')
		}
		empty = false
		out = append(append(append(append(out, '"'), members[i]...), `":`...), members[i+1]...)
	}
	return string(append(out, '}'))
}

// appendFirst writes the members before the service tier.
func (e *echo) appendFirst(dst []byte) []byte {
	dst = append(append(dst, `,"parallel_tool_calls":`...), e.parallel...)
	if e.thread != "" {
		dst = append(append(dst, `,"conversation":`...), e.thread...)
	}
	dst = append(append(dst, `,"previous_response_id":`...), e.previous...)
	return append(append(dst, `,"reasoning":`...), e.reasoning...)
}

// appendLast writes those behind it.
func (e *echo) appendLast(dst []byte) []byte {
	dst = strconv.AppendBool(append(dst, `,"store":`...), e.stored)
	dst = append(append(dst, `,"temperature":`...), e.temperature...)
	dst = append(append(dst, `,"text":`...), e.text...)
	dst = append(append(dst, `,"tool_choice":`...), e.toolChoice...)
	dst = append(append(dst, `,"tools":`...), e.tools...)
	dst = append(append(dst, `,"top_p":`...), e.topP...)
	return append(append(dst, `,"truncation":`...), e.truncation...)
}
