package guard

import (
	"bytes"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// walk hands the steps of a history to c, from the last to the first, until it
// has seen enough.
func walk(p llm.Protocol, history []byte, c *counter) {
	it := jsonscan.Backward(history)
	for more := true; more && it.Next(); {
		switch p {
		case llm.Chat:
			more = chatMessage(it.Value(), c)
		case llm.Responses:
			more = responsesItem(it.Value(), c)
		case llm.Messages:
			more = messagesTurn(it.Value(), c)
		case llm.Gemini:
			more = geminiContent(it.Value(), c)
		default:
			return
		}
	}
}

// members reads the named members of an object.
func members(v []byte, names []string, into []*[]byte) {
	for it := jsonscan.Members(v); it.Next(); {
		for i, name := range names {
			if string(it.Key()) == name {
				*into[i] = it.Value()
			}
		}
	}
}

func is(v []byte, word string) bool {
	inner, ok := jsonscan.Inner(v)
	return ok && string(inner) == word
}

func chatMessage(v []byte, c *counter) bool {
	var role, id, calls []byte
	members(v, []string{"role", "tool_call_id", "tool_calls"}, []*[]byte{&role, &id, &calls})
	switch {
	case is(role, "tool"):
		return c.add(&step{kind: answered, id: id, result: v})
	case is(role, "assistant"):
		for it := jsonscan.Backward(calls); it.Next(); {
			if !chatCall(it.Value(), c) {
				return false
			}
		}
		return c.add(&step{kind: said})
	case is(role, "system"), is(role, "developer"):
		return c.add(&step{kind: said})
	}
	return c.add(&step{kind: asked})
}

func chatCall(v []byte, c *counter) bool {
	s := step{kind: called}
	var function, custom []byte
	members(v, []string{"id", "type", "function", "custom"}, []*[]byte{&s.id, &s.space, &function, &custom})
	if function == nil {
		function = custom
	}
	var input []byte
	members(function, []string{"name", "arguments", "input"}, []*[]byte{&s.name, &s.args, &input})
	if s.args == nil {
		s.args = input
	}
	return c.add(&s)
}

// responsesItem takes any call that the client answers, whatever its kind:
// they all name their call_id.
func responsesItem(v []byte, c *counter) bool {
	var form, role, id, name, space, args, input, action, operation []byte
	members(v, []string{"type", "role", "call_id", "name", "namespace", "arguments", "input", "action", "operation"},
		[]*[]byte{&form, &role, &id, &name, &space, &args, &input, &action, &operation})
	word, _ := jsonscan.Inner(form)
	switch {
	case bytes.HasSuffix(word, []byte("_output")):
		return c.add(&step{kind: answered, id: id, result: v})
	case bytes.HasSuffix(word, []byte("_call")):
		if name == nil {
			name = form // a tool of the protocol itself is called what it is
		}
		if space == nil {
			space = form
		}
		for _, other := range [...][]byte{input, action, operation} {
			if args == nil {
				args = other
			}
		}
		return c.add(&step{kind: called, id: id, name: name, space: space, args: args})
	case is(role, "user"):
		return c.add(&step{kind: asked})
	}
	return c.add(&step{kind: said})
}

// messagesTurn takes words beside a result for a reminder of the client's.
func messagesTurn(v []byte, c *counter) bool {
	var role, content []byte
	members(v, []string{"role", "content"}, []*[]byte{&role, &content})
	results := false
	for it := jsonscan.Backward(content); it.Next(); {
		block := it.Value()
		s := step{kind: said}
		var form, answers []byte
		members(block, []string{"type", "id", "name", "input", "tool_use_id"}, []*[]byte{&form, &s.id, &s.name, &s.args, &answers})
		switch {
		case is(form, "tool_result"):
			s = step{kind: answered, id: answers, result: block}
			results = true
		case is(form, "tool_use"), is(form, "server_tool_use"), is(form, "mcp_tool_use"):
			s.kind = called
		default:
			continue
		}
		if !c.add(&s) {
			return false
		}
	}
	if is(role, "user") && !results {
		return c.add(&step{kind: asked})
	}
	return results || c.add(&step{kind: said})
}

func geminiContent(v []byte, c *counter) bool {
	var role, parts []byte
	members(v, []string{"role", "parts"}, []*[]byte{&role, &parts})
	results := false
	for it := jsonscan.Backward(parts); it.Next(); {
		var call, response []byte // in either spelling
		members(it.Value(), []string{"functionCall", "function_call", "functionResponse", "function_response"},
			[]*[]byte{&call, &call, &response, &response})
		s := step{kind: called}
		switch {
		case call != nil:
			members(call, []string{"id", "name", "args"}, []*[]byte{&s.id, &s.name, &s.args})
		case response != nil:
			s = step{kind: answered, result: response}
			members(response, []string{"id", "name"}, []*[]byte{&s.id, &s.name})
			results = true
		default:
			continue
		}
		if !c.add(&s) {
			return false
		}
	}
	if !is(role, "model") && !results {
		return c.add(&step{kind: asked})
	}
	return results || c.add(&step{kind: said})
}
