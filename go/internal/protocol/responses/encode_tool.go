package responses

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// planTools decides which tools are written at the top. Those that a search
// has loaded travel in its output, where the upstream takes that; those that
// wait to be loaded stay away where it has no search.
func (e *encoder) planTools() {
	e.plan = make([]bool, len(e.req.Tools))
	loaded, inOutput := e.loaded()
	for i := range e.req.Tools {
		t := &e.req.Tools[i]
		name := e.names.Out(t.Namespace, t.Name)
		switch {
		case inOutput[name] && e.searches():
		case t.Deferred && !e.searches() && !loaded[name]:
			e.found(llm.Approximated, fmt.Sprintf("tools[%d]", i), "deferred_tool_withheld")
		default:
			e.plan[i] = true
		}
	}
}

// loaded returns the tools that the conversation has loaded, and which of them
// a search of this protocol's own kind has.
func (e *encoder) loaded() (all, inOutput map[string]bool) {
	all, inOutput = map[string]bool{}, map[string]bool{}
	for _, turn := range e.req.Turns {
		for _, b := range turn.Blocks {
			r, ok := b.(llm.ToolResult)
			if !ok {
				continue
			}
			for _, b := range r.Blocks {
				if ref, ok := b.(llm.ToolReference); ok {
					all[ref.Name] = true
					inOutput[ref.Name] = inOutput[ref.Name] || r.Kind == llm.SearchTool
				}
			}
		}
	}
	return all, inOutput
}

// searches reports whether the upstream takes deferred tools: it has a search.
func (e *encoder) searches() bool {
	if !e.to.Native {
		return false
	}
	return slices.ContainsFunc(e.req.Tools, func(t llm.Tool) bool {
		return t.Origin == llm.Responses && (t.Kind == llm.SearchTool ||
			t.Kind == llm.HostedTool && hostedType(&t) == nameSearch)
	})
}

func hostedType(t *llm.Tool) string { return text(jsonscan.Get(t.Raw, "type")) }

// loadedTools writes the tools of a search's output.
func (w *items) loadedTools(blocks []llm.Block) []byte {
	var list []*llm.Tool
	for _, b := range blocks {
		ref, ok := b.(llm.ToolReference)
		if !ok {
			continue
		}
		for i := range w.req.Tools {
			t := &w.req.Tools[i]
			if w.names.Out(t.Namespace, t.Name) == ref.Name {
				list = append(list, t)
				break
			}
		}
	}
	return w.toolArray(list)
}

// tools writes the tools and what is said about their use. Without tools
// nothing may be said.
func (e *encoder) tools() error {
	var list []*llm.Tool
	for i := range e.req.Tools {
		if !e.plan[i] {
			continue
		}
		t := &e.req.Tools[i]
		e.marked(t.Cache, fmt.Sprintf("tools[%d]", i))
		if t.Kind == llm.HostedTool && t.Origin != llm.Responses && !e.foreignTool(i) {
			if e.forces(t) {
				return llm.InvalidField(fmt.Sprintf("tools[%d]", i), "The tool that must be called does not exist at the model answering this request.")
			}
			continue
		}
		list = append(list, t)
	}
	if len(list) == 0 {
		if c := e.req.ToolChoice; c != nil && (c.Mode == llm.ToolsAny || c.Mode == llm.ToolsNamed) {
			e.found(llm.Dropped, "tool_choice", "no_tools")
		}
		return nil
	}
	e.raw("tools", e.toolArray(list))
	e.toolChoice()
	return nil
}

// foreignTool reports whether a tool of another vendor has a counterpart here.
func (e *encoder) foreignTool(i int) bool {
	t, field := &e.req.Tools[i], fmt.Sprintf("tools[%d]", i)
	switch {
	case t.Schema != nil && t.Name != "":
		e.found(llm.Approximated, field, "typed_tool_as_function")
	case isWebSearch(t) && e.to.Native:
		e.found(llm.Approximated, field, "web_search_of_the_upstream")
	case isWebSearch(t):
		e.found(llm.Dropped, field, "web_search_not_configured")
		return false
	default:
		e.found(llm.Lost, field, reasonUnsupported)
		return false
	}
	return true
}

func isWebSearch(t *llm.Tool) bool {
	return bytes.HasPrefix([]byte(hostedType(t)), []byte("web_search"))
}

// forces reports whether the choice leaves no way around the tool.
func (e *encoder) forces(t *llm.Tool) bool {
	c := e.req.ToolChoice
	return c != nil && c.Mode == llm.ToolsNamed && t.Name != "" && slices.Contains(c.Names, t.Name)
}

// toolArray writes tools. Neighbours of one namespace are written as its
// members where the upstream knows namespaces.
func (e *encoder) toolArray(list []*llm.Tool) []byte {
	out := []byte{'['}
	space := ""
	for i, t := range list {
		inside := t.Namespace != "" && e.to.Native
		if space != "" && (!inside || t.Namespace != space) {
			out = append(out, "]}"...)
			space = ""
		}
		switch {
		case inside && space == "":
			out = separate(out, i)
			out = append(out, `{"type":"namespace","name":`...)
			out = jsonscan.AppendString(out, t.Namespace)
			out = appendMember(out, []byte("description"), jsonscan.AppendString(nil, t.NamespaceNote))
			out = append(out, `,"tools":[`...)
			space = t.Namespace
		default:
			out = separate(out, i)
		}
		out = append(out, e.tool(t)...)
	}
	if space != "" {
		out = append(out, "]}"...)
	}
	return append(out, ']')
}

func separate(out []byte, i int) []byte {
	if i > 0 {
		out = append(out, ',')
	}
	return out
}

// tool writes one tool.
func (e *encoder) tool(t *llm.Tool) []byte {
	kind := e.nativeKind(t.Kind, t.Name, t.Namespace)
	switch {
	case t.Kind == llm.HostedTool && t.Origin == llm.Responses:
		return t.Raw
	case t.Kind == llm.HostedTool && t.Schema == nil:
		return []byte(`{"type":"web_search"}`)
	case kind != llm.FunctionTool && kind != llm.CustomTool:
		return t.Raw
	}
	name := t.Name
	if t.Namespace == "" || !e.to.Native {
		name = e.names.Out(t.Namespace, t.Name)
	}
	out := append([]byte(`{"type":"`), kind...)
	out = append(out, `","name":`...)
	out = jsonscan.AppendString(out, name)
	description, schema := t.Description, []byte(t.Schema)
	if t.Kind == llm.CustomTool && kind == llm.FunctionTool {
		description, schema = e.customHint(t), []byte(protocol.CustomSchema)
	}
	if description != "" {
		out = appendMember(out, []byte("description"), jsonscan.AppendString(nil, description))
	}
	if kind == llm.CustomTool {
		out = appendGrammar(out, t.Grammar)
	} else {
		out = e.appendSchema(out, t, schema)
	}
	if t.Deferred && e.searches() {
		out = append(out, `,"defer_loading":true`...)
	}
	return append(out, '}')
}

// toolField names the place of a tool in the request.
func (e *encoder) toolField(t *llm.Tool) string {
	for i := range e.req.Tools {
		if &e.req.Tools[i] == t {
			return fmt.Sprintf("tools[%d]", i)
		}
	}
	return "tools"
}

// customHint tells the model what a free-form tool wants where only words can.
func (e *encoder) customHint(t *llm.Tool) string {
	if t.Grammar != nil {
		e.found(llm.Approximated, e.toolField(t)+".format", "grammar_not_enforced")
	}
	return protocol.CustomHint(t)
}

// appendSchema writes parameters and strict. Strict is always said: left out,
// it would mean try.
func (e *encoder) appendSchema(out []byte, t *llm.Tool, schema []byte) []byte {
	if len(schema) == 0 {
		schema = []byte(`{"type":"object","properties":{}}`)
	}
	out = appendMember(out, []byte("parameters"), schema)
	strict := t.Strict != nil && *t.Strict
	if e.to.Quirks.NoStrict {
		if strict {
			e.found(llm.Approximated, e.toolField(t)+".strict", reasonUnsupported)
		}
		return out
	}
	return appendMember(out, []byte("strict"), strconv.AppendBool(nil, strict))
}

func appendGrammar(out []byte, g *llm.Grammar) []byte {
	if g == nil {
		return append(out, `,"format":{"type":"text"}`...)
	}
	out = append(out, `,"format":{"type":"grammar","syntax":`...)
	out = jsonscan.AppendString(out, g.Syntax)
	out = appendMember(out, []byte("definition"), jsonscan.AppendString(nil, g.Definition))
	return append(out, '}')
}

// toolChoice writes which tools may or must be called.
func (e *encoder) toolChoice() {
	c := e.req.ToolChoice
	if c == nil {
		return
	}
	switch {
	case e.own["tool_choice"] != nil:
		e.raw("tool_choice", e.own["tool_choice"])
	case c.Mode == "":
	case e.to.Quirks.NoForcedTool && (c.Mode == llm.ToolsAny || c.Mode == llm.ToolsNamed):
		e.found(llm.Approximated, "tool_choice", "auto_instead_of_forced")
		e.string("tool_choice", "auto")
	case c.Mode == llm.ToolsNamed && len(c.Names) > 0:
		e.raw("tool_choice", e.named(c.Names[0]))
	case len(c.Names) > 0:
		e.raw("tool_choice", e.allowed(c))
	default:
		e.string("tool_choice", e.mode(c.Mode))
	}
	switch {
	case c.Parallel == nil:
	case e.to.Quirks.NoParallelTools:
		e.found(llm.Dropped, "parallel_tool_calls", reasonUnsupported)
	default:
		e.raw("parallel_tool_calls", strconv.AppendBool(nil, *c.Parallel))
	}
}

func (e *encoder) mode(mode string) string {
	if mode != llm.ToolsAny {
		return mode
	}
	if e.to.Quirks.ToolChoiceAny {
		return "any"
	}
	return "required"
}

// named is the choice of one tool.
func (e *encoder) named(name string) []byte {
	kind := llm.FunctionTool
	for i := range e.req.Tools {
		if t := &e.req.Tools[i]; t.Name == name {
			if t.Kind == llm.HostedTool && t.Origin != llm.Responses && t.Schema == nil && isWebSearch(t) {
				return []byte(`{"type":"web_search"}`)
			}
			kind = e.nativeKind(t.Kind, t.Name, t.Namespace)
			if t.Namespace != "" && !e.to.Native {
				name = e.names.Out(t.Namespace, t.Name)
			}
			break
		}
	}
	if kind != llm.FunctionTool && kind != llm.CustomTool {
		return []byte(`{"type":"` + string(kind) + `"}`)
	}
	out := []byte(`{"type":"` + string(kind) + `","name":`)
	return append(jsonscan.AppendString(out, protocol.ToolName(name)), '}')
}

func (e *encoder) allowed(c *llm.ToolChoice) []byte {
	out := []byte(`{"type":"allowed_tools","mode":"` + e.mode(c.Mode) + `","tools":[`)
	for i, name := range c.Names {
		out = append(separate(out, i), e.named(name)...)
	}
	return append(out, "]}"...)
}
