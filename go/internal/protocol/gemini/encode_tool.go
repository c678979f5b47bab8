package gemini

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// tools are the tools as they will be sent.
type tools struct {
	names     []string // of functions, on the wire
	functions [][]byte
	hosted    [][]byte
}

// planTools writes the tools. What the vendor runs itself stands beside
// functions only where its own client says so: most models refuse that.
func (e *encoder) planTools() error {
	loaded := protocol.LoadedTools(e.req.Turns)
	for i := range e.req.Tools {
		t := &e.req.Tools[i]
		at := fmt.Sprintf("tools[%d]", i)
		switch {
		case t.Kind == llm.HostedTool && t.Origin == origin:
			e.tools.hosted = append(e.tools.hosted, t.Raw)
		case t.Kind == llm.HostedTool:
		case t.Deferred && !loaded[t.Name]:
			e.note(llm.Approximated, at, "deferred_tool_withheld")
		default:
			name := e.names.Out(t.Namespace, protocol.NameOf(t.Kind, t.Name))
			e.tools.names = append(e.tools.names, name)
			e.tools.functions = append(e.tools.functions, e.function(t, name, at))
		}
	}
	for i := range e.req.Tools {
		if t := &e.req.Tools[i]; t.Kind == llm.HostedTool && t.Origin != origin {
			e.planHosted(t, fmt.Sprintf("tools[%d]", i))
		}
	}
	return e.checkForced()
}

// planHosted gives a tool of another vendor the place of one that does the
// same here.
func (e *encoder) planHosted(t *llm.Tool, at string) {
	kind := text(jsonscan.Get(t.Raw, "type"))
	own := ""
	switch {
	case strings.HasPrefix(kind, "web_search"):
		own = `{"googleSearch":{}}`
	case strings.HasPrefix(kind, "code_interpreter"), strings.HasPrefix(kind, "code_execution"):
		own = `{"codeExecution":{}}`
	case strings.HasPrefix(kind, "web_fetch"):
		own = `{"urlContext":{}}`
	}
	switch {
	case own == "":
		e.note(llm.Dropped, at, "hosted_tool_of_another_vendor")
	case len(e.tools.functions) > 0:
		e.note(llm.Dropped, at, "hosted_tool_beside_functions")
	default:
		e.tools.hosted = append(e.tools.hosted, []byte(own))
		e.note(llm.Approximated, at, "hosted_tool_of_the_upstream")
	}
}

// checkForced refuses a request that forces a tool which cannot run here.
func (e *encoder) checkForced() error {
	c := e.req.ToolChoice
	if c == nil || len(e.req.Tools) == 0 || c.Mode != llm.ToolsNamed && c.Mode != llm.ToolsAny {
		return nil
	}
	if c.Mode == llm.ToolsAny && len(e.tools.functions) > 0 {
		return nil
	}
	if c.Mode == llm.ToolsNamed && len(c.Names) > 0 && slices.Contains(e.tools.names, e.names.Meant(e.req.Tools, c.Names[0])) {
		return nil
	}
	return llm.InvalidField("tool_choice", "tool_choice: the tool that must be called is not available with this model.")
}

func (e *encoder) function(t *llm.Tool, name, at string) []byte {
	dst := jsonscan.AppendString([]byte(`{"name":`), name)
	if description := e.description(t, at); description != "" {
		dst = jsonscan.AppendString(append(dst, `,"description":`...), description)
	}
	if t.Strict != nil && *t.Strict {
		e.note(llm.Dropped, at+".strict", notSupported)
	}
	if schema := schemaOf(t); schema != nil {
		dst = append(append(dst, `,"parametersJsonSchema":`...), schema...)
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

// schemaOf returns the schema of a tool's arguments, nil for one without any.
func schemaOf(t *llm.Tool) []byte {
	switch {
	case t.Kind == llm.CustomTool:
		return []byte(protocol.CustomSchema)
	case jsonscan.KindOf(t.Schema) == jsonscan.Object:
		return t.Schema
	}
	switch t.Kind {
	case llm.LocalShellTool:
		return []byte(`{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"}},` +
			`"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"}},"required":["command"]}`)
	case llm.ShellTool:
		return []byte(`{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"}},` +
			`"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},"required":["commands"]}`)
	case llm.PatchTool:
		return []byte(`{"type":"object","properties":{"operation":{"type":"object","properties":{` +
			`"type":{"type":"string","enum":["create_file","update_file","delete_file"]},` +
			`"path":{"type":"string"},"diff":{"type":"string"}},"required":["type","path"]}},"required":["operation"]}`)
	default:
		return nil
	}
}

// writeTools writes the tools and which of them may be called.
func (e *encoder) writeTools() {
	entries := e.tools.hosted
	if len(e.tools.functions) > 0 {
		functions := append(appendArray([]byte(`{"functionDeclarations":`), e.tools.functions), '}')
		entries = append([][]byte{functions}, entries...)
	}
	if len(entries) > 0 {
		e.out = appendArray(e.key(e.out, "tools"), entries)
	}
	config := []byte{'{'}
	if len(e.tools.functions) > 0 {
		config = e.appendChoice(config)
	}
	for _, x := range e.extras["toolConfig"] {
		config = append(e.key(config, x.Field), x.Raw...)
	}
	if len(config) > 1 {
		e.out = append(append(e.key(e.out, "toolConfig"), config...), '}')
	}
}

func (e *encoder) appendChoice(dst []byte) []byte {
	c := e.req.ToolChoice
	if c == nil {
		return dst
	}
	if c.Parallel != nil && !*c.Parallel {
		e.note(llm.Approximated, "parallel_tool_calls", notSupported)
	}
	mode, names := "", []string(nil)
	switch c.Mode {
	case llm.ToolsNone:
		mode = "NONE"
	case llm.ToolsAny, llm.ToolsNamed:
		mode, names = "ANY", c.Names
	case llm.ToolsAuto:
		if mode = "AUTO"; c.Names != nil {
			mode, names = "VALIDATED", c.Names // the one free mode that takes a list
		}
	default:
		return dst
	}
	dst = append(e.key(dst, "functionCallingConfig"), `{"mode":"`...)
	dst = append(append(dst, mode...), '"')
	if len(names) > 0 {
		list := make([][]byte, len(names))
		for i, name := range names {
			list[i] = jsonscan.AppendString(nil, e.names.Meant(e.req.Tools, name))
		}
		dst = appendArray(append(dst, `,"allowedFunctionNames":`...), list)
	}
	return append(dst, '}')
}
