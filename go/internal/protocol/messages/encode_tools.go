package messages

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// sentTool is a tool as it will be sent.
type sentTool struct {
	name string
	raw  []byte
}

// planTools writes the tools and finds out whether the one that is forced is
// among them.
func (e *encoder) planTools() error {
	loaded := protocol.LoadedTools(e.req.Turns)
	deferred := 0
	for i := range e.req.Tools {
		t := &e.req.Tools[i]
		at := fmt.Sprintf("tools[%d]", i)
		name := e.names.Out(t.Namespace, protocol.NameOf(t.Kind, t.Name))
		switch {
		case name == jsonTool:
			return llm.InvalidField(at+".name", "%s.name: %q is reserved for this kind of model; name the tool differently.", at, jsonTool)
		case !e.chosen(t):
			e.note(llm.Approximated, at, "not_among_allowed_tools")
		case t.Kind == llm.HostedTool && t.Origin != origin:
			e.note(llm.Dropped, at, hostedReason(t))
		case t.Deferred && !e.to.Native && !loaded[t.Name]:
			e.note(llm.Approximated, at, "deferred_tool_withheld")
		default:
			if t.Deferred {
				deferred++
			}
			e.tools = append(e.tools, sentTool{name, e.toolJSON(t, name, at)})
		}
	}
	if deferred > 0 && deferred == len(e.tools) && e.req.ToolChoice != nil && e.req.ToolChoice.Mode == llm.ToolsAny {
		return llm.InvalidField("tools", "tools: at least one tool must not be deferred.")
	}
	if err := e.checkForced(); err != nil {
		return err
	}
	e.declareCalled()
	return nil
}

// chosen reports whether the client's list of allowed tools has t.
func (e *encoder) chosen(t *llm.Tool) bool {
	c := e.req.ToolChoice
	return c == nil || c.Mode == llm.ToolsNamed || c.Names == nil || slices.Contains(c.Names, t.Name)
}

func hostedReason(t *llm.Tool) string {
	if kind, _ := jsonscan.Text(jsonscan.Get(t.Raw, "type")); strings.HasPrefix(kind, "web_search") || strings.HasPrefix(t.Name, "web_search") {
		return "web_search_not_configured"
	}
	return "hosted_tool_of_another_vendor"
}

// checkForced refuses a request that forces a tool which cannot run here.
func (e *encoder) checkForced() error {
	c := e.req.ToolChoice
	if c == nil || c.Mode != llm.ToolsNamed && c.Mode != llm.ToolsAny || len(e.req.Tools) == 0 {
		return nil
	}
	if c.Mode == llm.ToolsAny && len(e.tools) > 0 {
		return nil
	}
	if c.Mode == llm.ToolsNamed && len(c.Names) > 0 {
		if i := slices.IndexFunc(e.tools, func(t sentTool) bool { return t.name == e.names.Meant(e.req.Tools, e.req.ToolChoice.Names[0]) }); i >= 0 {
			return nil
		}
	}
	return llm.InvalidField("tool_choice", "tool_choice: the tool that must be called is not available with this model.")
}

// declareCalled declares what the history has called, where the client sent no
// tools: the protocol wants them declared.
func (e *encoder) declareCalled() {
	if len(e.tools) > 0 {
		return
	}
	for _, s := range e.speeches {
		for _, it := range s.Items {
			call, ok := it.Block.(llm.ToolCall)
			if !ok {
				continue
			}
			name := e.names.Out(call.Namespace, protocol.NameOf(call.Kind, call.Name))
			if slices.ContainsFunc(e.tools, func(t sentTool) bool { return t.name == name }) {
				continue
			}
			raw := jsonscan.AppendString([]byte(`{"name":`), name)
			e.tools = append(e.tools, sentTool{name, append(raw, `,"input_schema":`+anyObject+`}`...)})
		}
	}
	if len(e.tools) > 0 {
		e.note(llm.Approximated, "tools", "tools_of_the_history_declared")
	}
}

// anyObject is the schema of arguments that nothing is known of.
const anyObject = `{"type":"object","properties":{}}`

func (e *encoder) toolJSON(t *llm.Tool, name, at string) []byte {
	if t.Origin == origin && t.Raw != nil && (t.Kind == llm.HostedTool || name == t.Name) {
		return t.Raw
	}
	dst := jsonscan.AppendString([]byte(`{"name":`), name)
	if description := e.description(t, at); description != "" {
		dst = jsonscan.AppendString(append(dst, `,"description":`...), description)
	}
	dst = append(dst, `,"input_schema":`...)
	dst = append(dst, schemaOf(t)...)
	if t.Strict != nil && *t.Strict && t.Kind == llm.FunctionTool {
		if e.to.Quirks.NoStrict || e.to.Schemas != nil && !*e.to.Schemas {
			e.note(llm.Dropped, at+".strict", notSupported)
		} else {
			dst = append(dst, `,"strict":true`...)
		}
	}
	switch {
	case t.Deferred && e.to.Native:
		dst = append(dst, `,"defer_loading":true`...)
	default:
		dst = e.appendMark(dst, t.Cache, at+".cache_control")
	}
	return append(dst, '}')
}

// description tells the model what a free-form tool wants, which only the
// words can say here.
func (e *encoder) description(t *llm.Tool, at string) string {
	if t.Kind != llm.CustomTool {
		return t.Description
	}
	if t.Grammar != nil {
		e.note(llm.Approximated, at+".format", "grammar_not_enforced")
	}
	return protocol.CustomHint(t)
}

// schemaOf returns the schema of a tool's arguments: always of an object.
func schemaOf(t *llm.Tool) []byte {
	switch {
	case t.Kind == llm.CustomTool:
		return []byte(protocol.CustomSchema)
	case len(t.Schema) == 0 || jsonscan.KindOf(t.Schema) != jsonscan.Object:
		return []byte(standIn(t.Kind))
	case jsonscan.Get(t.Schema, "type") != nil:
		return t.Schema
	}
	rest := strings.TrimSpace(string(t.Schema))[1:]
	if strings.TrimSpace(rest) == "}" {
		return []byte(anyObject)
	}
	return []byte(`{"type":"object",` + rest)
}

// standIn is the schema of the function that takes the place of a tool which
// another vendor's models know by heart.
func standIn(kind llm.ToolKind) string {
	switch kind {
	case llm.LocalShellTool:
		return `{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"}},` +
			`"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"},` +
			`"env":{"type":"object","additionalProperties":{"type":"string"}}},"required":["command"]}`
	case llm.ShellTool:
		return `{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"}},` +
			`"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},"required":["commands"]}`
	case llm.PatchTool:
		return `{"type":"object","properties":{"operation":{"type":"object","properties":{` +
			`"type":{"type":"string","enum":["create_file","update_file","delete_file"]},` +
			`"path":{"type":"string"},"diff":{"type":"string"}},"required":["type","path"]}},"required":["operation"]}`
	default:
		return anyObject
	}
}

func (e *encoder) writeTools() {
	if len(e.tools) == 0 || !e.member("tools") {
		return
	}
	raws := make([][]byte, len(e.tools))
	for i, t := range e.tools {
		raws[i] = t.raw
	}
	e.out = appendList(e.out, raws)
}

// writeToolChoice writes the choice, which must not stand without tools.
func (e *encoder) writeToolChoice() {
	if len(e.tools) == 0 {
		return
	}
	mode, name, parallel := "", "", true
	if c := e.req.ToolChoice; c != nil {
		mode, parallel = c.Mode, c.Parallel == nil || *c.Parallel
		if mode == llm.ToolsNamed && len(c.Names) > 0 {
			name = e.names.Meant(e.req.Tools, e.req.ToolChoice.Names[0])
		}
	}
	switch {
	case e.shape.forced:
		mode, name = llm.ToolsNamed, jsonTool
	case len(e.req.Tools) == 0:
		mode = llm.ToolsNone // the tools are there for the history only
	case (mode == llm.ToolsAny || mode == llm.ToolsNamed) && (e.thinking.on() || e.to.Quirks.NoForcedTool):
		e.note(llm.Approximated, "tool_choice", "forced_tool_as_auto")
		mode = llm.ToolsAuto
	}
	if mode == "" {
		if parallel {
			return
		}
		mode = llm.ToolsAuto
	}
	if !e.member("tool_choice") {
		return
	}
	switch mode {
	case llm.ToolsNamed:
		e.out = append(jsonscan.AppendString(append(e.out, `{"type":"tool","name":`...), name), choiceEnd(parallel)...)
	case llm.ToolsNone:
		e.out = append(e.out, `{"type":"none"}`...)
	default:
		e.out = append(append(append(e.out, `{"type":"`...), mode...), '"')
		e.out = append(e.out, choiceEnd(parallel)...)
	}
}

func choiceEnd(parallel bool) string {
	if parallel {
		return "}"
	}
	return `,"disable_parallel_tool_use":true}`
}
