package chat

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// toolList writes the tools and which of them may be called.
func (e *encoder) toolList() {
	e.offer()
	if len(e.tools) > 0 && e.may("tools") {
		e.b = append(key(e.b, "tools"), '[')
		for _, i := range e.tools {
			e.tool(i)
		}
		e.b = append(e.b, ']')
	} else {
		e.tools = nil
	}
	e.toolChoice()
}

// offer decides which tools the model gets to see.
func (e *encoder) offer() {
	loaded := e.loaded()
	for i, t := range e.req.Tools {
		at := fmt.Sprintf("tools[%d]", i)
		e.uncached(at, t.Cache)
		switch {
		case t.Kind == llm.HostedTool && t.Origin != origin:
			e.find(hostedLoss(t), at, "hosted_tool_not_supported")
		case t.Deferred && !loaded[t.Name]:
			e.find(llm.Approximated, at, "deferred_tool_withheld")
		case e.excluded(t):
			e.find(llm.Approximated, at, "not_among_allowed_tools")
		default:
			e.tools = append(e.tools, i)
		}
	}
}

// hostedLoss says what it means that a tool which runs at another vendor is
// not there. Codex offers a search with everything; what Messages names by a
// type of its own is a tool that the client counts on.
func hostedLoss(t llm.Tool) llm.FindingClass {
	if t.Origin == llm.Messages && !strings.HasPrefix(t.Name, "web_search") {
		return llm.Lost
	}
	return llm.Dropped
}

// loaded returns the deferred tools that the conversation has asked for.
func (e *encoder) loaded() map[string]bool {
	names := map[string]bool{}
	var scan func([]llm.Block)
	scan = func(blocks []llm.Block) {
		for _, b := range blocks {
			switch b := b.(type) {
			case llm.ToolReference:
				names[b.Name] = true
			case llm.ToolResult:
				scan(b.Blocks)
			default:
			}
		}
	}
	for _, t := range e.req.Turns {
		scan(t.Blocks)
	}
	return names
}

// excluded reports whether a tool is not in the allowed subset. Only the
// vendor itself knows subsets; others are not shown the rest.
func (e *encoder) excluded(t llm.Tool) bool {
	c := e.req.ToolChoice
	return c != nil && c.Names != nil && c.Mode != llm.ToolsNamed && !e.to.Native && !slices.Contains(c.Names, t.Name)
}

func (e *encoder) tool(i int) {
	t := e.req.Tools[i]
	e.b = next(e.b)
	if t.Kind == llm.HostedTool {
		e.b = append(e.b, t.Raw...)
		return
	}
	if t.Kind == llm.CustomTool && e.to.Quirks.CustomTools {
		e.custom(t)
		return
	}
	description, schema := t.Description, t.Schema
	if t.Kind == llm.CustomTool {
		description, schema = protocol.CustomHint(&t), []byte(protocol.CustomSchema)
		if t.Grammar != nil {
			e.find(llm.Approximated, fmt.Sprintf("tools[%d].format", i), "grammar_not_enforced")
		}
	}
	e.b = append(e.b, `{"type":"function","function":{`...)
	e.b = text(e.b, "name", e.wireName(t))
	if description != "" {
		e.b = text(e.b, "description", description)
	}
	if schema != nil {
		e.b = append(key(e.b, "parameters"), schema...)
	}
	if t.Strict != nil && *t.Strict {
		if e.to.Quirks.NoStrict {
			e.find(llm.Approximated, fmt.Sprintf("tools[%d].strict", i), "not_supported")
		} else {
			e.b = append(key(e.b, "strict"), "true"...)
		}
	}
	e.b = append(e.b, '}', '}')
}

// wireName is the name of a tool as the model sees it. A tool that has none is
// called by its kind.
func (e *encoder) wireName(t llm.Tool) string {
	name := t.Name
	if name == "" {
		name = string(t.Kind)
	}
	return e.names.Out(t.Namespace, name)
}

func (e *encoder) custom(t llm.Tool) {
	e.b = append(e.b, `{"type":"custom","custom":{`...)
	e.b = text(e.b, "name", e.wireName(t))
	if t.Description != "" {
		e.b = text(e.b, "description", t.Description)
	}
	if g := t.Grammar; g != nil {
		e.b = append(key(e.b, "format"), `{"type":"grammar","grammar":{`...)
		e.b = append(text(text(e.b, "syntax", g.Syntax), "definition", g.Definition), '}', '}')
	}
	e.b = append(e.b, '}', '}')
}

func (e *encoder) toolChoice() {
	c := e.req.ToolChoice
	if c == nil {
		return
	}
	if len(e.tools) == 0 {
		if c.Mode == llm.ToolsAny || c.Mode == llm.ToolsNamed {
			e.refuse("tool_choice", "A tool must be called, but none of the tools can be offered to this model.")
		}
		return // without tools both fields are refused
	}
	e.choice(c)
	switch {
	case c.Parallel == nil || *c.Parallel: // the default
	case e.to.Quirks.NoParallelTools:
		e.find(llm.Lost, "parallel_tool_calls", "not_supported")
	case e.may("parallel_tool_calls"):
		e.b = append(key(e.b, "parallel_tool_calls"), "false"...)
	}
}

func (e *encoder) choice(c *llm.ToolChoice) {
	forced := c.Mode == llm.ToolsAny || c.Mode == llm.ToolsNamed
	var named *llm.Tool
	if c.Mode == llm.ToolsNamed {
		if named = e.offered(c.Names); named == nil {
			e.refuse("tool_choice", "The tool that must be called is not among the tools that this model can be offered.")
			return
		}
	}
	if c.Mode == "" || !e.may("tool_choice") {
		return
	}
	mode := c.Mode
	if forced && e.to.Quirks.NoForcedTool {
		e.find(llm.Approximated, "tool_choice", "forced_choice_as_auto")
		mode = llm.ToolsAuto
	}
	e.b = key(e.b, "tool_choice")
	switch {
	case mode == llm.ToolsNamed:
		e.b = e.reference(append(e.b, '{'), *named)
	case c.Names != nil && c.Mode != llm.ToolsNamed && e.to.Native:
		e.allowed(c)
	default:
		e.b = jsonscan.AppendString(e.b, e.modeWord(mode))
	}
}

func (e *encoder) modeWord(mode string) string {
	switch {
	case mode == llm.ToolsAny && e.to.Quirks.ToolChoiceAny:
		return "any"
	case mode == llm.ToolsAny:
		return "required"
	}
	return mode
}

// offered returns the first tool of that name that the model sees.
func (e *encoder) offered(names []string) *llm.Tool {
	for _, i := range e.tools {
		t := &e.req.Tools[i]
		if slices.Contains(names, t.Name) || slices.Contains(names, e.wireName(*t)) {
			return t
		}
	}
	return nil
}

// reference completes an object that names a tool.
func (e *encoder) reference(b []byte, t llm.Tool) []byte {
	kind := "function"
	if t.Kind == llm.CustomTool && e.to.Quirks.CustomTools {
		kind = "custom"
	}
	b = append(key(text(b, "type", kind), kind), '{')
	return append(text(b, "name", e.wireName(t)), '}', '}')
}

// allowed writes the choice among a subset.
func (e *encoder) allowed(c *llm.ToolChoice) {
	e.b = append(e.b, `{"type":"allowed_tools","allowed_tools":{`...)
	e.b = text(e.b, "mode", e.modeWord(c.Mode))
	e.b = append(key(e.b, "tools"), '[')
	for _, i := range e.tools {
		if t := e.req.Tools[i]; slices.Contains(c.Names, t.Name) {
			e.b = e.reference(append(next(e.b), '{'), t)
		}
	}
	e.b = append(e.b, ']', '}', '}')
}
